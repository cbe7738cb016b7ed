-- Mesh peers of a node, over nodes and topics, as time goes.
WITH c AS (
    SELECT at_ns, degree, sum(nodes) AS nodes,
           1.0 * sum(sum(nodes)) OVER (PARTITION BY at_ns ORDER BY degree)
               / sum(sum(nodes)) OVER (PARTITION BY at_ns) AS fraction
    FROM mesh_degree GROUP BY at_ns, degree)
SELECT at_ns / 1e9 AS s, min(degree) AS least,
       min(CASE WHEN fraction >= 0.05 THEN degree END) AS p5,
       min(CASE WHEN fraction >= 0.50 THEN degree END) AS median,
       min(CASE WHEN fraction >= 0.95 THEN degree END) AS p95, max(degree) AS most,
       1.0 * sum(degree * nodes) / sum(nodes) AS mean
FROM c GROUP BY at_ns ORDER BY at_ns;
