-- What honest nodes think of honest peers and of adversaries: 5 %, median, 95 % of the scores at each time.
WITH s AS (
    SELECT CASE WHEN p.behaviour IS NULL THEN 'honest peers' ELSE 'adversaries' END AS series, s.at_ns / 1000000000 AS second, s.score,
           cume_dist() OVER (PARTITION BY p.behaviour IS NULL, s.at_ns / 1000000000 ORDER BY s.score) AS fraction
    FROM score s JOIN node n ON n.id = s.node JOIN node p ON p.id = s.peer WHERE n.behaviour IS NULL)
SELECT series, second AS s, min(CASE WHEN fraction >= 0.05 THEN score END) AS p5,
       min(CASE WHEN fraction >= 0.5 THEN score END) AS median, min(CASE WHEN fraction >= 0.95 THEN score END) AS p95
FROM s GROUP BY series, second ORDER BY series DESC, second;
