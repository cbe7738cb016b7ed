-- How many hops the first copy had made.
SELECT hops, count(*) AS deliveries, 100.0 * count(*) / sum(count(*)) OVER () AS percent
FROM delivery WHERE expected AND hops IS NOT NULL GROUP BY hops ORDER BY hops;
