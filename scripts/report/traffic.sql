-- Bytes that nodes sent and received: the share of nodes that stay below.
WITH t AS (
    SELECT 1 AS place, 'sent' AS series, total_sent AS bytes FROM traffic
    UNION ALL SELECT 2, 'received', total_received FROM traffic),
    d AS (SELECT place, series, bytes, cume_dist() OVER (PARTITION BY place ORDER BY bytes) AS fraction FROM t)
SELECT series, bytes / 1048576.0 AS mib, max(fraction) AS fraction
FROM d WHERE (SELECT max(bytes) FROM t) > 0
GROUP BY place, CAST(500 * fraction AS INTEGER) ORDER BY place, mib;
