-- Share of deliveries made within a time, by topic; thinned where the curve is smooth.
SELECT topic AS series, max(ns) / 1e6 AS ms, max(fraction) AS fraction, CASE WHEN max(fraction) < 1 THEN 1 - max(fraction) END AS beyond
FROM propagation_cdf
WHERE topic IN (SELECT topic FROM topic_summary ORDER BY deliveries DESC, topic LIMIT 8)
GROUP BY topic, CAST(500 * fraction AS INTEGER),
         CASE WHEN fraction > 0.98 THEN CAST(30 * ln(1.0000001 - fraction) AS INTEGER) END
ORDER BY topic, ms;
