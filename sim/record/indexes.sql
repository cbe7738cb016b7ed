-- Made when all rows are in: faster than keeping them up to date.
CREATE INDEX message_topic ON message (topic);
CREATE INDEX mesh_node ON mesh (node);
CREATE INDEX subscription_node ON subscription (node, topic);
CREATE INDEX connection_node ON connection (node);
PRAGMA analysis_limit = 1000;
ANALYZE;
