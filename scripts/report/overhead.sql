-- Bytes of control that honest nodes received a second, by type; 0 where there was none, so that lines end.
WITH node_count AS (SELECT count(*) AS n FROM node WHERE behaviour IS NULL),
     received AS (
    SELECT type, start_ns, sum(bytes) AS bytes FROM control JOIN node ON id = node
    WHERE NOT sent AND behaviour IS NULL GROUP BY type, start_ns),
     place AS (SELECT type, start_ns FROM (SELECT DISTINCT type FROM received), (SELECT DISTINCT start_ns FROM received))
SELECT type AS series, start_ns / 1e9 AS s,
       coalesce(bytes, 0) / 1024.0 / ((SELECT interval_ns FROM run) / 1e9) / (SELECT n FROM node_count) AS kib_per_second
FROM place LEFT JOIN received USING (type, start_ns) ORDER BY type, start_ns;
