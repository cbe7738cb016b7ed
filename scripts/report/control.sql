-- Control messages sent a second, by type, all nodes together.
SELECT type AS series, start_ns / 1e9 AS s,
       sum(items) / ((SELECT interval_ns FROM run) / 1e9) AS per_second
FROM control WHERE sent GROUP BY type, start_ns ORDER BY type, start_ns;
