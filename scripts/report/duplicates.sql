-- How many further copies of a message a node got.
SELECT duplicates, count(*) AS deliveries, 100.0 * count(*) / sum(count(*)) OVER () AS percent
FROM delivery WHERE expected GROUP BY duplicates ORDER BY duplicates;
