-- How long each message took to reach half of its receivers, 90 %, 99 % and the last one.
SELECT series, published_s, ms FROM (
    SELECT 1 AS place, 'half of the nodes' AS series, published_ns / 1e9 AS published_s, p50_ms AS ms FROM message_summary
    UNION ALL SELECT 2, '90 %', published_ns / 1e9, p90_ms FROM message_summary
    UNION ALL SELECT 3, '99 %', published_ns / 1e9, p99_ms FROM message_summary
    UNION ALL SELECT 4, 'last', published_ns / 1e9, max_ms FROM message_summary)
WHERE ms IS NOT NULL AND published_s IS NOT NULL
ORDER BY place, published_s;
