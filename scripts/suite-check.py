#!/usr/bin/env python3
"""Did every message of an experiment reach the nodes that it was meant for?

    scripts/suite-check.py FOLDER [--min-reach 1.0] [--skip 4] [--params params.json]

Reads the nodes' logs (FOLDER/**/*.stdout): JSON lines as the programs of libp2p's gossipsub-interop suite write them. The
first "Received Message" of an id in a log is its delivery there, further ones are duplicates; messages are ordered by
their first delivery anywhere, and the first ones are skipped. A message is meant for all nodes but one, or, with the
script at hand, for those in its topic but its publisher. Prints a line a message; status 1 when one fell short.
"""
import argparse
import collections
import glob
import json
import math
import sys


class Bad(Exception):
    pass


def read_logs(folder):
    """({node id: {message: first time}}, {message: duplicates}); times stay texts: they sort."""
    nodes, duplicates = {}, collections.Counter()
    for path in sorted(glob.glob(f"{glob.escape(folder)}/**/*.stdout", recursive=True)):
        node, first = None, {}
        for number, line in enumerate(open(path, encoding="utf-8"), 1):
            try:
                event = json.loads(line)
                time, msg = event["time"], event["msg"]
                if msg == "PeerID":
                    if node is not None:
                        raise Bad(f"{path}:{number}: a second PeerID")
                    node = int(event["node_id"])
                elif msg == "Received Message":
                    message = int(event["id"])
                    duplicates[message] += message in first
                    first.setdefault(message, time)
            except (ValueError, KeyError, TypeError) as error:
                raise Bad(f"{path}:{number}: {error!r}") from error
        if node is None:
            raise Bad(f"{path}: no PeerID")
        if node in nodes:
            raise Bad(f"{path}: node {node} has another log already")
        nodes[node] = first
    if not nodes:
        raise Bad(f"{folder}: no logs")
    return nodes, duplicates


def audience(path, nodes):
    """{message: nodes it is meant for}, from the script."""
    members, published = collections.defaultdict(set), {}
    for item in json.load(open(path, encoding="utf-8"))["script"]:
        who = set(nodes)
        while item["type"] == "ifNodeIDEquals":
            who &= {item["nodeID"]}
            item = item["instruction"]
        if item["type"] == "subscribeToTopic":
            members[item["topicID"]] |= who
        elif item["type"] == "publish":
            published[item["messageID"]] = (item["topicID"], who)
    return {message: members[topic] - who for message, (topic, who) in published.items()}


def seconds(time):
    """Of the day; enough for differences within an experiment."""
    hour, minute, second = time[11:].rstrip("Z").split("+")[0].split(":")
    return int(hour) * 3600 + int(minute) * 60 + float(second)


def check(a):
    nodes, duplicates = read_logs(a.folder)
    meant = audience(a.params, nodes) if a.params else None
    arrivals = collections.defaultdict(dict)
    for node, first in nodes.items():
        for message, time in first.items():
            arrivals[message][node] = time
    never = sorted(set(meant or ()) - set(arrivals))
    order = sorted(arrivals, key=lambda message: (min(arrivals[message].values()), message))
    short = len(never)
    for message in never:
        print(f"message {message}: never arrived anywhere")
    if len(order) <= a.skip:
        raise Bad(f"{len(order)} messages arrived, and {a.skip} are to be skipped")
    for message in order[a.skip:]:
        at = arrivals[message]
        times = sorted(seconds(time) for time in at.values())
        reached = len(set(at) & meant[message]) if meant else min(len(at), len(nodes) - 1)
        wanted = len(meant[message]) if meant else len(nodes) - 1
        good = reached >= math.ceil(a.min_reach * wanted - 1e-9)
        short += not good
        print(f"message {message}: {reached} of {wanted} nodes, half after {times[len(times) // 2] - times[0]:.3f} s, all "
              f"after {times[-1] - times[0]:.3f} s, {duplicates[message] / len(nodes):.2f} duplicates a node"
              f"{'' if good else '  TOO FEW'}")
    print(f"{len(nodes)} nodes, {len(order)} messages, {short} fell short of a reach of {a.min_reach}")
    return short == 0


def main():
    parser = argparse.ArgumentParser(description="Checks the reach of an experiment's messages.")
    parser.add_argument("folder")
    parser.add_argument("--min-reach", type=float, default=1.0)
    parser.add_argument("--skip", type=int, default=4)
    parser.add_argument("--params", help="the script, to know whom each message is meant for")
    a = parser.parse_args()
    try:
        return 0 if check(a) else 1
    except (Bad, OSError) as error:
        print(f"suite-check: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
