-- Publish to delivery by the receiver's region.
WITH c AS (
    SELECT region, ns,
           1.0 * sum(sum(count)) OVER (PARTITION BY region ORDER BY ns)
               / sum(sum(count)) OVER (PARTITION BY region) AS fraction
    FROM propagation_sample GROUP BY region, ns)
SELECT CASE WHEN region IS NULL OR region = '' THEN 'all' ELSE region END AS region,
       min(CASE WHEN fraction >= 0.01 THEN ns END) / 1e6 AS p1_ms,
       min(CASE WHEN fraction >= 0.25 THEN ns END) / 1e6 AS p25_ms,
       min(CASE WHEN fraction >= 0.50 THEN ns END) / 1e6 AS p50_ms,
       min(CASE WHEN fraction >= 0.75 THEN ns END) / 1e6 AS p75_ms,
       min(CASE WHEN fraction >= 0.99 THEN ns END) / 1e6 AS p99_ms,
       max(ns) / 1e6 AS max_ms
FROM c GROUP BY c.region ORDER BY p50_ms, c.region;
