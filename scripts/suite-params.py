#!/usr/bin/env python3
"""Makes an experiment of the kind of libp2p's gossipsub-interop suite: params.json, graph.gml and shadow.yaml.

    scripts/suite-params.py --out DIR [--scenario SCENARIO] [--nodes N] [--seed N] [OPTION]...

subnet-blob-msg: all nodes are in one topic, whose messages of 96 KiB take 5 ms to validate.
simple-fanout:   even nodes are in one topic, odd ones in another; anybody publishes 1 KiB to either.
partial-messages: all ask for parts of messages; each has some parts of one group, and all get all of them.
partial-messages-chain: in a line; the parts of 16 groups are dealt round.
partial-messages-fanout: node 0 is not in the topic and has all parts, of which it tells the others.
The shape of the experiments is the suite's; random choices are not those of its own generator, so the same seed gives
another network there. Standard library only.
"""
import argparse
import json
import os
import random

LOCATIONS = ["australia", "europe", "east_asia", "west_asia", "na_east", "na_west", "south_africa", "south_america"]
LOCATION_WEIGHTS = [290, 5599, 1059, 161, 2894, 1240, 47, 36]
KINDS = [("supernode", 1024, 20), ("fullnode", 50, 80)]  # Mbit both ways, weight
# One way, ms. Rows are senders, in the order of LOCATIONS.
LATENCY_MS = [
    [2, 165, 110, 180, 150, 110, 220, 190],
    [165, 2, 125, 60, 70, 110, 95, 140],
    [110, 125, 4, 110, 140, 100, 175, 175],
    [180, 60, 110, 5, 110, 150, 110, 145],
    [150, 70, 140, 110, 2, 60, 130, 100],
    [110, 110, 100, 150, 60, 2, 160, 100],
    [220, 95, 175, 110, 130, 160, 7, 190],
    [190, 140, 175, 145, 100, 100, 195, 7],
]
DEGREE = 20
PARTIAL = ("partial-messages", "partial-messages-chain", "partial-messages-fanout")
SCENARIOS = ("subnet-blob-msg", "simple-fanout", *PARTIAL)


def only(node, instruction):
    return {"type": "ifNodeIDEquals", "nodeID": node, "instruction": instruction}


def dials(rng, count):
    """Each node in turn draws new neighbours until it has enough; links that others drew count."""
    neighbours = [set() for _ in range(count)]
    drawn = [[] for _ in range(count)]
    wanted = min(DEGREE, count - 1)
    for node in range(count):
        while len(neighbours[node]) < wanted:
            other = rng.randrange(count)
            if other != node and other not in neighbours[node]:
                neighbours[node].add(other)
                neighbours[other].add(node)
                drawn[node].append(other)
    return drawn


def partial_topic(a, rng):
    """Everything of the partial-messages experiments after the links."""
    topic = "partial-msg-chain" if a.scenario == "partial-messages-chain" else "a-subnet"
    everyone = {"type": "subscribeToTopic", "topicID": topic, "partial": True}
    add = {"type": "addPartialMessage", "topicID": topic}
    publish = {"type": "publishPartial", "topicID": topic}
    if a.scenario == "partial-messages-fanout":
        script = [only(node, everyone) for node in range(1, a.nodes)] + [{"type": "waitUntil", "elapsedSeconds": 30}]
        script += [only(0, {**add, "groupID": 0, "parts": 255}),
                   only(0, {**publish, "groupID": 0, "publishToNodeIDs": list(range(1, a.nodes))})]
        return script + [{"type": "waitUntil", "elapsedSeconds": 40}]
    script = [everyone, {"type": "waitUntil", "elapsedSeconds": 30}]
    if a.scenario == "partial-messages":
        parts = [rng.randrange(256) for _ in range(a.nodes)]
        parts[0] |= 255 & ~sum(1 << bit for bit in range(8) if any(p >> bit & 1 for p in parts))  # somebody has each
        script += [only(node, {**add, "groupID": 0, "parts": p}) for node, p in enumerate(parts)]
        return script + [{**publish, "groupID": 0}, {"type": "waitUntil", "elapsedSeconds": 70}]
    for group in range(16):
        dealt = [0] * a.nodes
        for part in range(8):
            dealt[(group * 8 + part) % a.nodes] |= 1 << part
        script += [only(node, {**add, "groupID": group, "parts": p}) for node, p in enumerate(dealt)]
        script += [{**publish, "groupID": group}, {"type": "waitUntil", "elapsedSeconds": 32 + 2 * group}]
    return script + [{"type": "waitUntil", "elapsedSeconds": 62 + 30}]


def make_script(a, rng):
    script = []
    for node in range(a.nodes):
        params = {"HeartbeatInitialDelay": 100_000_000 + 100_000 * (node + 1) % 1_000_000_000}
        if a.disable_gossip:
            params.update(Dlazy=0, GossipFactor=0)
        script.append(only(node, {"type": "initGossipSub", "gossipSubParams": params}))
    if a.settle:
        script.append({"type": "waitUntil", "elapsedSeconds": a.settle})
    links = dials(rng, a.nodes)
    if a.scenario == "partial-messages-chain":
        links = [[node + 1] if node + 1 < a.nodes else [] for node in range(a.nodes)]
    script += [only(node, {"type": "connect", "connectTo": to}) for node, to in enumerate(links) if to]
    if a.scenario in PARTIAL:
        return script + partial_topic(a, rng)
    if a.scenario == "subnet-blob-msg":
        topics, size = ["a-subnet"], 2 * 1024 * 48
        script.append({"type": "setTopicValidationDelay", "topicID": topics[0], "delaySeconds": 0.005})
        script.append({"type": "subscribeToTopic", "topicID": topics[0], "partial": False})
    else:
        topics, size = ["topic-a", "topic-b"], 1024
        script += [only(node, {"type": "subscribeToTopic", "topicID": topics[node % 2], "partial": False})
                   for node in range(a.nodes)]
    elapsed = a.warmup
    script.append({"type": "waitUntil", "elapsedSeconds": elapsed})
    for message in range(a.messages):
        publish = {"type": "publish", "messageID": message, "messageSizeBytes": size, "topicID": rng.choice(topics)}
        script.append(only(rng.randrange(a.nodes), publish))
        elapsed += a.interval
        script.append({"type": "waitUntil", "elapsedSeconds": elapsed})
    script.append({"type": "waitUntil", "elapsedSeconds": elapsed + a.cooldown})
    return script


def make_graph():
    places = [(kind, mbit, place) for kind, mbit, _ in KINDS for place in range(len(LOCATIONS))]
    lines = ["graph [", "  directed 1"]
    for number, (kind, mbit, place) in enumerate(places):
        lines += ["  node [", f"    id {number}", f'    label "{LOCATIONS[place]}-{kind}"',
                  f'    host_bandwidth_up "{mbit} Mbit"', f'    host_bandwidth_down "{mbit} Mbit"', "  ]"]
    for source, (_, _, here) in enumerate(places):
        for target, (_, _, there) in enumerate(places):
            lines += ["  edge [", f"    source {source}", f"    target {target}",
                      f'    latency "{LATENCY_MS[here][there]} ms"', "    packet_loss 0.0", "  ]"]
    return "\n".join(lines + ["]"]) + "\n"


def make_hosts(a, rng):
    lines = ["general:", "  model_unblocked_syscall_latency: true", "  stop_time: 10 min",
             "experimental:", "  socket_recv_buffer: 7500000", "  socket_send_buffer: 7500000",
             "network:", "  graph:", "    type: gml", "    file:", "      path: graph.gml", "hosts:"]
    for node in range(a.nodes):
        place = rng.choices(range(len(LOCATIONS)), LOCATION_WEIGHTS)[0]
        kind = rng.choices(range(len(KINDS)), [weight for _, _, weight in KINDS])[0]
        lines += [f"  node{node}:", f"    network_node_id: {kind * len(LOCATIONS) + place}", "    processes:",
                  f"      - path: {a.program}", f"        args: interop --params {os.path.abspath(a.out)}/params.json"]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description="Makes params.json, graph.gml and shadow.yaml.")
    parser.add_argument("--out", required=True, help="folder for the three files; made when missing")
    parser.add_argument("--scenario", choices=SCENARIOS, default=SCENARIOS[0])
    parser.add_argument("--nodes", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--messages", type=int, default=16)
    parser.add_argument("--warmup", type=int, default=120, help="seconds until the first message")
    parser.add_argument("--interval", type=int, default=12, help="seconds between messages")
    parser.add_argument("--cooldown", type=int, default=30, help="seconds after the last one")
    parser.add_argument("--settle", type=int, default=0,
                        help="seconds before the connects, for processes that do not start at the same time")
    parser.add_argument("--disable-gossip", action="store_true", help="no IHAVE: Dlazy and GossipFactor are 0")
    parser.add_argument("--program", default="hearsay", help="path of the program in shadow.yaml")
    a = parser.parse_args()
    if a.nodes < 2:
        parser.error("--nodes: at least 2")
    rng = random.Random(a.seed)
    os.makedirs(a.out, exist_ok=True)
    with open(f"{a.out}/params.json", "w", encoding="utf-8") as file:
        json.dump({"script": make_script(a, rng)}, file, indent=1)
        file.write("\n")
    with open(f"{a.out}/graph.gml", "w", encoding="utf-8") as file:
        file.write(make_graph())
    with open(f"{a.out}/shadow.yaml", "w", encoding="utf-8") as file:
        file.write(make_hosts(a, rng))


if __name__ == "__main__":
    main()
