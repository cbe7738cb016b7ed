-- The database of one run. README.md beside this file explains it; version: PRAGMA user_version.
-- Times are integer nanoseconds of simulated time; nodes, topics and messages are small integers.

PRAGMA user_version = 3;

CREATE TABLE run (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    complete INTEGER NOT NULL,          -- 1 once the run ended well
    scenario TEXT, scenario_text TEXT, question TEXT,
    backend TEXT, tcp_model TEXT, encryption TEXT,
    seed,                               -- integer; text when it needs all 64 bits
    replay TEXT, version TEXT,          -- the command line that repeats the run; the program's version
    threads INTEGER, nodes INTEGER,     -- threads that ran the nodes; 0: not told
    lookahead_ns INTEGER,               -- of several threads: how long one runs without hearing of the others
    duration_ns INTEGER,
    warmup_ns INTEGER, measured_until_ns INTEGER, -- messages published in [the one, the other) are measured
    interval_ns INTEGER,                -- width of an interval of control, loss
    hop_every INTEGER,                  -- as asked for: 0 automatic, else hops of every k-th message; NULL: of none
    delivery_every INTEGER,             -- the same of deliveries; message.has_hops, has_deliveries say what came of it
    peer_every INTEGER,                 -- connection and mesh have rows of every k-th node; NULL: of none
    digest TEXT, sim_ns INTEGER, wall_s REAL, setup_wall_s REAL,
    peak_rss_bytes INTEGER, events INTEGER, connections INTEGER,
    failure TEXT                        -- why an incomplete run ended, where that is known
);

CREATE TABLE node (
    id INTEGER PRIMARY KEY,
    name TEXT, grp TEXT, region TEXT, class TEXT, peer_id TEXT, address TEXT,
    up_bps INTEGER, down_bps INTEGER, algorand INTEGER,
    behaviour TEXT                      -- of an adversary; NULL: honest
);

CREATE TABLE link (dialler INTEGER, listener INTEGER, latency_ns INTEGER); -- as planned

CREATE TABLE topic (id INTEGER PRIMARY KEY, name TEXT, protocol TEXT);

CREATE TABLE message (
    id INTEGER PRIMARY KEY,             -- 0, 1, ... in order of first appearance
    message_id BLOB, topic INTEGER, publisher INTEGER, size INTEGER, published_ns INTEGER,
    expected INTEGER,                   -- other nodes that were up and in the topic at that time
    deliveries INTEGER,                 -- to expected nodes
    unexpected INTEGER,                 -- to nodes that came later
    duplicates INTEGER, rejected INTEGER,
    copies_sent INTEGER,
    p50_ns INTEGER, p90_ns INTEGER, p99_ns INTEGER, max_ns INTEGER, -- publish to delivery
    hops_max INTEGER,
    has_deliveries INTEGER, has_hops INTEGER -- whether its rows were kept
);

CREATE TABLE delivery (
    message INTEGER, node INTEGER,
    arrived_ns INTEGER,                 -- first copy complete, before validation
    delivered_ns INTEGER,               -- accepted
    from_node INTEGER, hops INTEGER,    -- of the first copy
    duplicates INTEGER, expected INTEGER,
    PRIMARY KEY (message, node)
) WITHOUT ROWID;

CREATE TABLE hop (                      -- every copy that was received
    message INTEGER, node INTEGER,
    copy INTEGER,                       -- 0, 1, ... in order of arrival at the node
    from_node INTEGER,
    sent_ns INTEGER,                    -- handed to the sender's stream
    received_ns INTEGER, hops INTEGER, duplicate INTEGER,
    PRIMARY KEY (message, node, copy)
) WITHOUT ROWID;

CREATE TABLE control (
    start_ns INTEGER, node INTEGER, sent INTEGER, type TEXT, items INTEGER, bytes INTEGER
);

CREATE TABLE loss (                     -- messages rejected, or dropped because a queue was full
    start_ns INTEGER, node INTEGER, reason TEXT, messages INTEGER, bytes INTEGER
);

CREATE TABLE subscription (at_ns INTEGER, node INTEGER, topic INTEGER, joined INTEGER); -- joined 0: it left the topic

CREATE TABLE mesh (at_ns INTEGER, node INTEGER, peer INTEGER, topic INTEGER, graft INTEGER);

CREATE TABLE score (                    -- what a node thinks of a peer; where asked for (record: scores)
    at_ns INTEGER, node INTEGER, peer INTEGER,
    score REAL,                         -- the sum, P1 to P4 capped where there is a cap
    p1 REAL, p2 REAL, p3 REAL, p3b REAL, p4 REAL, -- with all weights, over all topics
    p5 REAL, p6 REAL, p7 REAL,
    meshes INTEGER                      -- of the node, that the peer is in
);

CREATE TABLE mesh_degree (              -- how many nodes had that many mesh peers
    at_ns INTEGER, topic INTEGER, degree INTEGER, nodes INTEGER,
    PRIMARY KEY (at_ns, topic, degree)
) WITHOUT ROWID;

CREATE TABLE connection (
    at_ns INTEGER, node INTEGER, peer INTEGER, event TEXT, dialled INTEGER, reason TEXT
);

CREATE TABLE event (at_ns INTEGER, kind TEXT, detail TEXT);

CREATE TABLE expectation (id INTEGER PRIMARY KEY, text TEXT, value TEXT, passed INTEGER);

CREATE TABLE traffic (
    node INTEGER PRIMARY KEY,
    copies_sent INTEGER, copy_bytes_sent INTEGER,
    copies_received INTEGER, copy_bytes_received INTEGER, duplicates INTEGER,
    control_sent INTEGER, control_received INTEGER,
    total_sent INTEGER, total_received INTEGER,
    copies_withheld INTEGER, copy_bytes_withheld INTEGER -- not sent: the peer had said IDONTWANT
);

CREATE TABLE propagation (              -- histogram: publish to delivery, measured period; ns is right to 0.1 %
    topic INTEGER, region TEXT, ns INTEGER, count INTEGER,
    PRIMARY KEY (topic, region, ns)
) WITHOUT ROWID;

CREATE TABLE message_propagation (      -- where asked for: the same of one message, when it was settled; ns is right to 1 %
    message INTEGER, ns INTEGER, count INTEGER,
    PRIMARY KEY (message, ns)
) WITHOUT ROWID;

-- Publish to delivery in the measured period: the histogram, or the rows of a run that did not end.
CREATE VIEW propagation_sample AS
SELECT topic, region, ns, count FROM propagation
UNION ALL
SELECT m.topic, n.region, d.delivered_ns - m.published_ns, 1
FROM delivery d JOIN message m ON m.id = d.message JOIN node n ON n.id = d.node
WHERE (SELECT complete FROM run) = 0 AND d.expected
  AND m.published_ns >= (SELECT warmup_ns FROM run)
  AND m.published_ns < (SELECT measured_until_ns FROM run);

CREATE VIEW propagation_cdf AS
SELECT t.name AS topic, s.ns, s.count,
       sum(s.count) OVER (PARTITION BY t.name ORDER BY s.ns) AS cumulative,
       1.0 * sum(s.count) OVER (PARTITION BY t.name ORDER BY s.ns)
           / sum(s.count) OVER (PARTITION BY t.name) AS fraction
FROM (SELECT topic, ns, sum(count) AS count FROM propagation_sample GROUP BY topic, ns) s
JOIN topic t ON t.id = s.topic;

-- Whom honest nodes have in their meshes, at the end of each second in which that changed (of the nodes that mesh has rows of).
-- captured: (node, topic) pairs whose mesh is not empty and holds adversaries only.
CREATE VIEW mesh_share AS
WITH change AS (
    SELECT e.at_ns, e.rowid AS place, e.node, e.topic,
           CASE WHEN p.behaviour IS NULL THEN 2 * e.graft - 1 ELSE 0 END AS honest,
           CASE WHEN p.behaviour IS NULL THEN 0 ELSE 2 * e.graft - 1 END AS adversaries
    FROM mesh e JOIN node n ON n.id = e.node LEFT JOIN node p ON p.id = e.peer WHERE n.behaviour IS NULL),
mine AS (
    SELECT at_ns, place, node, topic, honest, adversaries,
           sum(honest) OVER w = 0 AND sum(adversaries) OVER w > 0 AS captured
    FROM change WINDOW w AS (PARTITION BY node, topic ORDER BY at_ns, place)),
turn AS (
    SELECT at_ns, honest, adversaries,
           captured - coalesce(lag(captured) OVER (PARTITION BY node, topic ORDER BY at_ns, place), 0) AS captured FROM mine)
SELECT second, sum(sum(honest)) OVER t AS honest, sum(sum(adversaries)) OVER t AS adversaries, sum(sum(captured)) OVER t AS captured
FROM (SELECT at_ns / 1000000000 AS second, honest, adversaries, captured FROM turn)
GROUP BY second WINDOW t AS (ORDER BY second);

CREATE VIEW message_summary AS
SELECT m.id, t.name AS topic, m.publisher, m.size, m.published_ns,
       m.published_ns >= (SELECT warmup_ns FROM run)
           AND m.published_ns < (SELECT measured_until_ns FROM run) AS measured,
       m.expected,
       coalesce(m.deliveries, (SELECT count(*) FROM delivery d WHERE d.message = m.id AND d.expected))
           AS deliveries,
       m.duplicates, m.rejected, m.copies_sent,
       m.p50_ns / 1e6 AS p50_ms, m.p90_ns / 1e6 AS p90_ms, m.p99_ns / 1e6 AS p99_ms,
       m.max_ns / 1e6 AS max_ms, m.hops_max
FROM message m LEFT JOIN topic t ON t.id = m.topic;

CREATE VIEW topic_summary AS
SELECT s.topic, s.messages, s.expected, s.deliveries,
       1.0 * s.deliveries / nullif(s.expected, 0) AS delivery_ratio,
       1.0 * s.duplicates / nullif(s.deliveries, 0) AS duplicates_per_delivery,
       q.p50_ns / 1e6 AS p50_ms, q.p90_ns / 1e6 AS p90_ms, q.p99_ns / 1e6 AS p99_ms,
       q.max_ns / 1e6 AS max_ms
FROM (SELECT topic, count(*) AS messages, sum(expected) AS expected, sum(deliveries) AS deliveries,
             sum(duplicates) AS duplicates
      FROM message_summary WHERE measured GROUP BY topic) s
LEFT JOIN (SELECT topic, min(CASE WHEN fraction >= 0.5 THEN ns END) AS p50_ns,
                  min(CASE WHEN fraction >= 0.9 THEN ns END) AS p90_ns,
                  min(CASE WHEN fraction >= 0.99 THEN ns END) AS p99_ns, max(ns) AS max_ns
           FROM propagation_cdf GROUP BY topic) q ON q.topic = s.topic;

CREATE VIEW node_traffic AS
SELECT n.id, n.name, n.grp, n.region, n.class, t.*
FROM traffic t JOIN node n ON n.id = t.node;
