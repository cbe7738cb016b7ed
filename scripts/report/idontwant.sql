-- Copies of messages that a node did not send because the peer had said IDONTWANT: the share of nodes that stay below.
WITH t AS (
    SELECT 100.0 * copies_withheld / (copies_withheld + copies_sent) AS share FROM traffic JOIN node ON id = node
    WHERE behaviour IS NULL AND copies_withheld + copies_sent > 0)
SELECT share, max(fraction) AS fraction
FROM (SELECT share, cume_dist() OVER (ORDER BY share) AS fraction FROM t)
WHERE (SELECT sum(copies_withheld) FROM traffic) > 0
GROUP BY CAST(500 * fraction AS INTEGER) ORDER BY share;
