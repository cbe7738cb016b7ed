-- Mesh links of honest nodes that lead to adversaries, and meshes that hold nobody else, after each second of change and at the end.
WITH meshes AS (SELECT count(*) AS n FROM (SELECT DISTINCT node, topic FROM mesh JOIN node n ON n.id = node WHERE n.behaviour IS NULL)),
     at AS (
    SELECT second + 1 AS s, honest, adversaries, captured FROM mesh_share
    UNION ALL
    SELECT * FROM (SELECT (SELECT duration_ns / 1e9 FROM run), honest, adversaries, captured FROM mesh_share ORDER BY second DESC LIMIT 1))
SELECT s, 100.0 * adversaries / (honest + adversaries) AS share, 100.0 * captured / (SELECT n FROM meshes) AS captured
FROM at WHERE honest + adversaries > 0 AND EXISTS (SELECT 1 FROM node WHERE behaviour IS NOT NULL)
ORDER BY s;
