#!/usr/bin/env python3
"""Whole `hearsay node` processes talking on loopback. Ends with "N passed, N failed"; a test that fails says why.

usage: live.py PROGRAM [NAME]...      only the tests whose name has one of the words"""

import json
import os
import queue
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

PROGRAM = sys.argv[1] if len(sys.argv) > 1 else "build/hearsay"
PATIENCE = 20  # seconds until something that must happen is given up on
FOLDER = tempfile.mkdtemp(prefix="hearsay-live-")
running = []


class NotRun(Exception):
    """Why a test cannot be run here; it counts neither as passed nor as failed."""


class Node:
    """A process, and what it has said so far."""

    def __init__(self, *options):
        self.process = subprocess.Popen([PROGRAM, "node", *options], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        running.append(self)
        self.lines = queue.Queue()
        self.seen = []
        self.killed = False
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        listening = self.wait("listening")
        self.peer = listening["peer"]
        self.address = listening.get("address")

    def read(self):
        for line in self.process.stdout:
            self.lines.put(json.loads(line))
        self.lines.put(None)

    def wait(self, event, **members):
        """The first event with these members that no other wait has had."""
        end = time.monotonic() + PATIENCE

        def fits(line):
            return line["event"] == event and all(line.get(k) == v for k, v in members.items())

        for line in self.seen:
            if fits(line):
                self.seen.remove(line)
                return line
        while True:
            try:
                line = self.lines.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no {event} {members}; saw {self.seen[-8:]}") from None
            if line is None:
                self.lines.put(None)
                raise AssertionError(f"ended without {event} {members}: {self.process.stderr.read()}; {self.seen[-8:]}")
            if fits(line):
                return line
            self.seen.append(line)

    def drain(self):
        while not self.lines.empty():
            line = self.lines.get()
            if line is None:
                self.lines.put(None)
                return
            self.seen.append(line)

    def has(self, event, **members):
        self.drain()
        return [s for s in self.seen if s["event"] == event and all(s.get(k) == v for k, v in members.items())]

    def do(self, **command):
        self.write(json.dumps(command) + "\n")

    def write(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def stop(self, number=signal.SIGTERM):
        self.killed = number == signal.SIGKILL
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def stop_all():
    """Ends what still runs; a process that does not end as it should is a failure (a sanitizer's finding, say)."""
    bad = []
    for node in running:
        if node.process.poll() is None:
            node.process.terminate()
        try:
            status = node.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            node.process.kill()
            status = node.process.wait()
        if status not in (0, -signal.SIGKILL) or status and not node.killed:
            bad.append((status, node.process.stderr.read().decode()))
        node.reader.join()
        for pipe in (node.process.stdin, node.process.stdout, node.process.stderr):
            try:
                pipe.close()
            except BrokenPipeError:
                pass
    running.clear()
    assert not bad, f"ended with {bad}"


def run(*arguments, stdin=b""):
    done = subprocess.run([PROGRAM, *arguments], input=stdin, capture_output=True, timeout=PATIENCE)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def path(name):
    return os.path.join(FOLDER, name)


def equal(got, expected):
    assert got == expected, f"got {got!r}, expected {expected!r}"


def pair(*options):
    a = Node(*options)
    b = Node("--dial", a.address, *options)
    a.wait("connected", peer=b.peer, dialled=False)
    b.wait("connected", peer=a.peer, dialled=True)
    return a, b


def quiet_pair():
    """One that has nothing left to say: a kernel that closes a connection with bytes unread resets it."""
    a, b = pair()
    a.wait("identified", peer=b.peer)
    b.wait("identified", peer=a.peer)
    time.sleep(0.2)  # the last words of those streams
    return a, b


# ---- gossip ----

def messages_go_both_ways():
    a, b = pair("--topic", "news", "--show-data")
    a.wait("subscribed", peer=b.peer, topic="news")
    b.wait("subscribed", peer=a.peer, topic="news")
    a.wait("graft", peer=b.peer, topic="news")
    a.do(publish={"topic": "news", "text": "from a"})
    got = b.wait("delivered", topic="news")
    equal((got["text"], got["from"], got["via"], got["size"]), ("from a", a.peer, a.peer, 6))
    equal(a.wait("published", topic="news")["id"], got["id"])
    b.do(publish={"topic": "news", "hex": "00ff80"})
    got = a.wait("delivered", topic="news", **{"from": b.peer})
    equal((got["hex"], got["size"]), ("00ff80", 3))
    a.do(publish={"topic": "news", "size": "256 KiB"})
    equal(b.wait("delivered", topic="news", size=262144)["from"], a.peer)


def identify_tells_agent_protocols_and_addresses():
    a, b = pair()
    seen = b.wait("identified", peer=a.peer)
    assert seen["agent"].startswith("hearsay/"), seen
    for protocol in ("/ipfs/id/1.0.0", "/ipfs/ping/1.0.0", "/meshsub/1.1.0", "/hearsay/echo/1.0.0", "/perf/1.0.0"):
        assert protocol in seen["protocols"], seen
    equal(seen["addresses"], [a.address.split("/p2p/")[0]])
    assert seen["observed"].startswith("/ip4/127.0.0.1/tcp/"), seen


def lines_of_input_are_published():
    a = Node("--topic", "t", "--show-data")
    b = Node("--topic", "t", "--publish", "--dial", a.address)
    b.wait("graft", peer=a.peer)
    b.write('{"not": "a command"}\r\nsecond\n')
    equal(a.wait("delivered")["text"], '{"not": "a command"}')
    equal(a.wait("delivered")["text"], "second")


def topics_can_be_joined_and_left():
    a, b = pair()
    a.do(subscribe="late")
    b.wait("subscribed", peer=a.peer, topic="late")
    a.do(subscribe="late")
    equal(a.wait("error", command="subscribe")["message"], "already subscribed to this topic")
    a.do(unsubscribe="late")
    b.wait("unsubscribed", peer=a.peer, topic="late")
    a.do(unsubscribe="late")
    equal(a.wait("error", command="unsubscribe")["message"], "not subscribed to this topic")


def policies_that_differ_reject():
    a = Node("--topic", "t", "--signing", "strict-no-sign", "--message-id", "sha256")
    b = Node("--topic", "t", "--dial", a.address)
    b.wait("graft", peer=a.peer)
    b.do(publish={"topic": "t", "text": "signed"})
    equal(a.wait("rejected", topic="t")["reason"], "unexpected signature")


def a_restarted_node_with_its_key_is_heard_again():
    key = path("restart.pem")
    a = Node("--topic", "t", "--show-data")
    b = Node("--topic", "t", "--key", key, "--dial", a.address)
    b.wait("graft", peer=a.peer)
    b.do(publish={"topic": "t", "text": "one"})
    first = a.wait("delivered", text="one")
    b.stop(signal.SIGKILL)
    a.wait("disconnected", peer=b.peer)
    c = Node("--topic", "t", "--key", key, "--dial", a.address)
    equal(c.peer, b.peer)
    c.wait("graft", peer=a.peer)
    c.do(publish={"topic": "t", "text": "two"})
    second = a.wait("delivered", text="two")
    assert int(second["seqno"], 16) > int(first["seqno"], 16), (first, second)


# ---- connections ----

def a_dial_is_kept_up_through_a_crash():
    key = path("crash.pem")
    a = Node("--key", key)
    host, port = a.address.split("/")[2], a.address.split("/")[4]
    b = Node("--dial", f"{host}:{port}")
    b.wait("connected", peer=a.peer)
    a.stop(signal.SIGKILL)
    assert b.wait("disconnected", peer=a.peer)["reason"] in ("closed", "connection reset")
    equal(b.wait("dial-failed")["reason"], "connection refused")
    c = Node("--key", key, "--listen", f"/ip4/{host}/tcp/{port}")
    equal(c.peer, a.peer)
    b.wait("connected", peer=a.peer)


def the_wrong_peer_is_refused():
    a, c = Node(), Node()
    b = Node("--dial", a.address.split("/p2p/")[0] + "/p2p/" + c.peer)
    equal(b.wait("connection-failed")["reason"], "the peer is not the one that was dialled")


def closing_a_connection_ends_the_wish_for_it():
    a, b = quiet_pair()
    b.do(close=a.peer)
    b.wait("disconnected", peer=a.peer)
    equal(a.wait("disconnected", peer=b.peer)["reason"], "closed")
    time.sleep(1.5)
    assert not b.has("connected"), b.seen
    b.do(close=a.peer)
    equal(b.wait("error", command="close")["message"], "not connected to this peer")
    b.do(dial=a.address)
    b.wait("connected", peer=a.peer)


def sigterm_says_goodbye():
    a, b = quiet_pair()
    equal(a.stop(signal.SIGTERM), 0)
    a.wait("stopped")
    equal(b.wait("disconnected", peer=a.peer)["reason"], "closed")
    equal(b.stop(signal.SIGINT), 0)
    c = Node("--for", "200ms")
    equal(c.process.wait(PATIENCE), 0)
    d = Node()
    d.do(quit=True)
    equal(d.process.wait(PATIENCE), 0)


def pings_come_back():
    a, b = pair()
    b.do(ping={"peer": a.peer, "count": 3, "interval": "10ms"})
    for _ in range(3):
        assert 0 < b.wait("ping", peer=a.peer)["rtt_us"] < 1e6
    c = Node("--ping", a.address)
    c.wait("ping", peer=a.peer)
    c.wait("ping", peer=a.peer)


# ---- Algorand ----

def algorand_messages_are_relayed():
    relay = Node("--algorand", "test-v1", "--relay")
    a = Node("--algorand", "test-v1", "--dial", relay.address, "--show-data")
    b = Node("--algorand", "test-v1", "--dial", relay.address, "--show-data")
    for node in (a, b):
        assert "/algorand-ws/2.2.0" in node.wait("identified", peer=relay.peer)["protocols"]
    time.sleep(0.5)  # nothing tells that the handshakes are done
    a.do(broadcast={"tag": "AV", "text": "a vote"})
    got = b.wait("delivered", protocol="algorand", tag="AV")
    equal((got["text"], got["via"]), ("a vote", relay.peer))
    b.do(broadcast={"tag": "PP", "size": "100 KiB"})
    equal(a.wait("delivered", tag="PP")["size"], 102400)
    a.do(broadcast={"tag": "MI", "text": "x"})
    equal(a.wait("error", command="broadcast")["message"], "invalid argument")


# ---- streams ----

def transfers_of_all_kinds_arrive_whole():
    a, b = pair()
    for kind in ("send", "receive", "echo", "perf"):
        b.do(**{kind: {"peer": a.peer, "size": "8 MiB"}})
        got = b.wait("transfer", kind=kind)
        equal((got["result"], got["acknowledged"]), ("ok", 8 << 20))
        b.do(**{kind: {"peer": a.peer, "size": 0}})
        equal(b.wait("transfer", kind=kind)["result"], "ok")


def a_hundred_streams_at_once():
    a, b = pair()
    b.do(echo={"peer": a.peer, "size": "64 KiB", "streams": 100})
    b.do(send={"peer": a.peer, "size": "100 kB", "streams": 100})
    for _ in range(100):
        equal(b.wait("transfer", kind="echo")["result"], "ok")
        equal(b.wait("transfer", kind="send")["acknowledged"], 100000)


def a_reset_ends_its_stream_only():
    a, b = pair()
    b.do(echo={"peer": a.peer, "size": "4 MiB", "reset": True, "streams": 10})
    for _ in range(10):
        equal(b.wait("transfer", kind="echo")["result"], "reset as asked")
    b.do(echo={"peer": a.peer, "size": "1 MiB"})
    equal(b.wait("transfer", kind="echo")["result"], "ok")
    assert not a.has("disconnected") and not b.has("disconnected")


def pair_for_floods():
    a = Node("--set", "outbound_queue=1024")
    b = Node("--set", "outbound_queue=1024", "--dial", a.address)
    a.do(acknowledge="t")
    b.wait("subscribed", peer=a.peer, topic="t")
    return a, b


def floods_are_counted_to_the_last_message():
    a, b = pair_for_floods()
    for size in (16, 1000):
        b.do(flood={"topic": "t", "size": size, "duration": "300ms", "window": 512})
        got = b.wait("flooded", topic="t")
        equal((got["result"], got["size"], got["acknowledged"]), ("ok", size, got["messages"]))
        assert got["messages"] >= 512 and got["messages"] % 64 == 0, got
        assert got["duration_us"] >= 300000, got
    a.do(acknowledge="u")
    equal(a.wait("error")["message"], "one topic is acknowledged already")


def a_flood_that_nobody_acknowledges_gives_up():
    a, b = pair_for_floods()
    b.do(flood={"topic": "u", "duration": "100ms", "window": 64})
    b.do(flood={"topic": "t"})
    equal(b.wait("error")["message"], "one is under way")
    got = b.wait("flooded", topic="u")
    equal((got["result"], got["messages"], got["acknowledged"]), ("no acknowledgement", 64, 0))


def peak_memory(node):
    """Bytes of memory that the process had at its largest."""
    with open(f"/proc/{node.process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM:"))


def a_slow_reader_holds_its_peer_back():
    """The sink of one and the receiving of the other rest after each MiB; neither side hoards."""
    a = Node("--sink-pause", "20ms")
    b = Node("--dial", a.address)
    b.wait("identified", peer=a.peer)
    a.wait("identified", peer=b.peer)
    before = peak_memory(a), peak_memory(b)
    for kind, extra in (("send", {}), ("receive", {"pause": "20ms"}), ("perf", {"pause": "20ms"})):
        b.do(**{kind: {"peer": a.peer, "size": "64 MiB", **extra}})
        got = b.wait("transfer", kind=kind)
        equal((got["result"], got["acknowledged"]), ("ok", 64 << 20))
        assert got["duration_us"] > 63 * 20000, got
    b.do(receive={"peer": a.peer, "size": "3 MiB", "streams": 100, "pause": "1ms"})
    for _ in range(100):
        equal(b.wait("transfer", kind="receive")["result"], "ok")
    b.do(receive={"peer": a.peer, "size": 5, "pause": "1h"})  # nothing to rest after
    equal(b.wait("transfer", kind="receive")["result"], "ok")
    with open(PROGRAM, "rb") as program:
        if b"__asan_init" in program.read():
            return  # what was freed is kept for a while there
    for node, had in zip((a, b), before):
        grown = peak_memory(node) - had
        assert grown < 32 << 20, f"grew by {grown >> 20} MiB"


def a_slow_reader_can_lose_its_connection():
    a, b = pair()
    b.do(receive={"peer": a.peer, "size": "64 MiB", "pause": "1h"})
    time.sleep(0.3)
    a.stop(signal.SIGKILL)
    assert b.wait("transfer", kind="receive")["result"] in ("closed", "connection reset")


def transfers_end_with_their_connection():
    a, b = pair()
    b.do(receive={"peer": a.peer, "size": "1000 GiB"})
    time.sleep(0.2)
    a.stop(signal.SIGKILL)
    assert b.wait("transfer", kind="receive")["result"] in ("closed", "connection reset")


# ---- commands ----

COMMANDS = [
    ("nonsense", None, "not JSON:"),
    ("[1]", None, "a command is an object with one key"),
    ("{}", None, "a command is an object with one key"),
    ('{"dial": "x", "close": "y"}', None, "a command is an object with one key"),
    ('{"dance": 1}', "dance", "there is no such command"),
    ('{"publish": {"topic": "t"}}', "publish", 'needs one of "text", "hex" and "size"'),
    ('{"publish": {"topic": "t", "text": "a", "size": 1}}', "publish", 'needs one of "text", "hex" and "size"'),
    ('{"publish": {"text": "a"}}', "publish", 'needs "topic", a string'),
    ('{"publish": {"topic": "t", "hex": "abc"}}', "publish", '"hex" is not hexadecimal'),
    ('{"publish": {"topic": "t", "hex": "zz"}}', "publish", '"hex" is not hexadecimal'),
    ('{"publish": {"topic": "t", "size": "9 MiB"}}', "publish", "larger than the limit"),
    ('{"publish": {"topic": "t", "size": "1 GiB"}}', "publish", '"size" is over 64 MiB'),
    ('{"publish": {"topic": "t", "size": -1}}', "publish", '"size" is not allowed here'),
    ('{"publish": {"topic": "t", "sise": 1}}', "publish", 'does not know "sise"'),
    ('{"publish": 1}', "publish", "takes an object"),
    ('{"broadcast": {"tag": "AV", "text": "x"}}', "broadcast", "needs --algorand"),
    ('{"dial": "/dns4/a/tcp/1"}', "dial", "/dns4/a/tcp/1 is not of the form"),
    ('{"dial": "nowhere"}', "dial", "nowhere is no address"),
    ('{"dial": 1}', "dial", "needs an address"),
    ('{"close": "12D3"}', "close", "needs a peer id"),
    ('{"ping": {"peer": "PEER"}}', "ping", "not connected to this peer"),
    ('{"ping": {"peer": "PEER", "count": 0}}', "ping", '"count" is 1 to 1000000'),
    ('{"send": {"peer": "PEER", "size": 1}}', "send", "not connected to this peer"),
    ('{"send": {"peer": "PEER"}}', "send", 'needs "size"'),
    ('{"send": {"peer": "PEER", "size": 1, "streams": 300}}', "send", '"streams" is 1 to 256'),
    ('{"send": {"peer": "PEER", "size": 1, "pause": "1s"}}', "send", '"pause" is for what reads (receive, perf)'),
    ('{"receive": {"peer": "PEER", "size": 1, "pause": 5}}', "receive", '"pause" is not allowed here'),
    ('{"receive": {"peer": "PEER", "size": 1, "pause": "5"}}', "receive", '"pause": 5 has no unit'),
    ('{"serve": 1}', "serve", "needs the name of a protocol"),
    ('{"serve": "name"}', "serve", "a protocol is a slash and up to 127 printable characters"),
    ('{"serve": "/"}', "serve", "a protocol is a slash and up to 127 printable characters"),
    ('{"serve": "/a b"}', "serve", "a protocol is a slash and up to 127 printable characters"),
    ('{"serve": "/' + 128 * "x" + '"}', "serve", "a protocol is a slash and up to 127 printable characters"),
    ('{"serve": "/ipfs/ping/1.0.0"}', "serve", "this protocol is served already"),
    ('{"serve": "/hearsay/echo/1.0.0"}', "serve", "this protocol is served already"),
    ('{"announce": "/ip4/1.2.3.4/tcp/1"}', "announce", "takes a list of up to 16 addresses"),
    ('{"announce": [1]}', "announce", "takes a list of up to 16 addresses"),
    ('{"announce": [' + ", ".join(17 * ['"/ip4/1.2.3.4/tcp/1"']) + "]}", "announce", "takes a list of up to 16 addresses"),
    ('{"announce": ["nowhere"]}', "announce", "nowhere is no address"),
    ('{"announce": ["/ip4/0.0.0.0/tcp/1"]}', "announce", "/ip4/0.0.0.0/tcp/1 is nowhere"),
    ('{"announce": ["/ip4/1.2.3.4/tcp/0"]}', "announce", "/ip4/1.2.3.4/tcp/0 is nowhere"),
    ('{"announce": ["/ip4/1.2.3.4/tcp/1/p2p/PEER"]}', "announce",
     "/ip4/1.2.3.4/tcp/1/p2p/PEER: leave out /p2p/ID"),
    ('{"subscribe": ""}', "subscribe", "invalid argument"),
    ('{"flood": {"size": 16}}', "flood", 'needs "topic", a string'),
    ('{"flood": {"topic": ""}}', "flood", "invalid argument"),
    ('{"flood": {"topic": "t", "size": 15}}', "flood", '"size" is 16 to 1048576 bytes'),
    ('{"flood": {"topic": "t", "size": "2 MiB"}}', "flood", '"size" is 16 to 1048576 bytes'),
    ('{"flood": {"topic": "t", "window": 100}}', "flood", '"window" is a multiple of 64, up to 16384'),
    ('{"flood": {"topic": "t", "duration": 5}}', "flood", '"duration" is not allowed here'),
    ('{"flood": {"topic": "t", "count": 5}}', "flood", 'does not know "count"'),
    ('{"acknowledge": 1}', "acknowledge", "needs a topic"),
    ('{"acknowledge": ""}', "acknowledge", "invalid argument"),
    ('{"quit": false}', "quit", "takes true"),
]


def wrong_commands_are_told_and_survived():
    a = Node()
    for line, command, message in COMMANDS:
        a.write(line.replace("PEER", a.peer) + "\n")
        got = a.wait("error")
        assert got["message"].startswith(message.replace("PEER", a.peer)), (line, got)
        equal(got.get("command"), command)
    a.write("x" * (9 << 20) + "\n")
    equal(a.wait("error")["message"], "a line of input is too long (8 MiB)")
    a.do(counts=True)
    equal(a.wait("counts")["connections"], 0)


def input_from_a_file_works():
    name = path("commands")
    with open(name, "w") as file:
        file.write('{"publish": {"topic": "t", "text": "x"}}\n{"quit": true}')
    with open(name) as file:
        done = subprocess.run([PROGRAM, "node"], stdin=file, capture_output=True, timeout=PATIENCE)
    equal(done.returncode, 0)
    assert b'"published"' in done.stdout, done.stdout


def a_reader_that_goes_away_ends_the_node():
    process = subprocess.Popen([PROGRAM, "node"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.readline()
    process.stdout.close()
    process.stdin.write(b'{"counts": true}\n{"subscribe": "t"}\n')
    process.stdin.flush()
    equal(process.wait(PATIENCE), 1)
    equal(process.stderr.read().decode(),
          "hearsay node: cannot write standard output: nobody reads it, or the disk is full\n")
    process.stdin.close()
    process.stderr.close()


# ---- options ----

HELP = "\n`hearsay node --help` tells what is allowed.\n"
OPTIONS = [
    (["--listen", "here"], "--listen here: is no address (a multiaddr like /ip4/127.0.0.1/tcp/4001, or host:port)"),
    (["--listen", "/ip4/1.2.3.4/udp/1"], "--listen /ip4/1.2.3.4/udp/1: is not of the form /ip4/ADDRESS/tcp/PORT or "
                                         "/ip6/ADDRESS/tcp/PORT, with or without /p2p/ID"),
    (["--listen", "/ip4/1.2.3/tcp/1"], "--listen /ip4/1.2.3/tcp/1: is no multiaddr"),
    (["--listen", "1.2.3.4:70000"], "--listen 1.2.3.4:70000: has no port (0 to 65535) behind its last colon"),
    (["--listen", "localhost:1"],
     "--listen localhost:1: has no IP address before its port (names are not looked up)"),
    (["--dial", "127.0.0.1:0"], "--dial 127.0.0.1:0: port 0 cannot be dialled"),
    (["--dial"], "--dial needs a value"),
    (["--dail", "x"], "--dail is not an option of this command"),
    (["stray"], "stray: arguments without an option are not understood"),
    (["--topic", ""], "--topic: the name is empty"),
    (["--topic", "a", "--topic", "a"], "--topic a is given twice"),
    (["--publish"], "--publish needs a --topic"),
    (["--relay"], "--relay belongs to --algorand"),
    (["--algorand", ""], "--algorand: a genesis id has 1 to 128 bytes, as mainnet-v1.0"),
    (["--flood-publish", "maybe"], "--flood-publish maybe: on or off is needed"),
    (["--validation", "5"], "--validation 5: has no unit (ns, us, ms, s, m, h, d)"),
    (["--sink-pause", "5"], "--sink-pause 5: has no unit (ns, us, ms, s, m, h, d)"),
    (["--for", "soon"], None),
    (["--events", "graft,craft"], '--events: there is no event "craft"'),
    (["--set", "D"], "--set D: NAME=VALUE is needed"),
    (["--set", "D=8", "--set", "D=9"], "--set: D is given twice"),
    (["--set", "D=1"], None),
    (["--set", "E=1"], None),
    (["--signing", "loose"], None),
    (["--message-id", "md5"], None),
    (["--gossipsub-versions", "1.1,1.1"], None),
    (["--gossipsub-versions", "2.0"], None),
    (["--max-rpc", "12"], None),
    (["--signing", "no-author"], None),
]


def wrong_options_are_refused():
    for options, message in OPTIONS:
        status, out, err = run("node", *options)
        equal((status, out), (2, ""))
        if message:
            equal(err, "hearsay node: " + message + HELP)
        else:
            assert err.startswith("hearsay node: ") and err.endswith(HELP), err


def the_network_and_the_disk_can_fail():
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    at = f"/ip4/127.0.0.1/tcp/{taken.getsockname()[1]}"
    equal(run("node", "--listen", at)[::2], (1, f"hearsay node: cannot listen on {at}: address in use\n"))
    status, _, err = run("node", "--metrics", at)
    equal((status, err), (1, f"hearsay node: cannot serve metrics on {at}: address in use\n"))
    status, _, err = run("node", "--pcap", "/nowhere/x")
    equal((status, err), (1, "hearsay node: cannot write /nowhere/x: No such file or directory\n"))
    taken.close()


# ---- key files ----

def key_files_keep_the_identity():
    name = path("id.pem")
    a = Node("--key", name)
    equal(os.stat(name).st_mode & 0o777, 0o600)
    a.stop()
    equal(Node("--key", name).peer, a.peer)
    assert Node().peer != a.peer
    with open(name) as file:
        lines = file.read().split("\n")
    equal((lines[0], lines[2:]), ("-----BEGIN PRIVATE KEY-----", ["-----END PRIVATE KEY-----", ""]))
    with open(name, "w") as file:
        file.write("no key\n")
    equal(run("node", "--key", name)[::2], (1, f"hearsay node: --key {name}: holds no PRIVATE KEY block\n"))


# ---- metrics ----

def request(address, text, tail=b""):
    parts = address.split("/")
    with socket.create_connection((parts[2], int(parts[4])), PATIENCE) as s:
        for i in range(0, len(text), 1000):
            s.sendall(text[i:i + 1000].encode())
        s.sendall(tail)
        answer = b""
        try:
            while piece := s.recv(65536):
                answer += piece
        except ConnectionResetError:
            pass
    head, _, body = answer.decode().partition("\r\n\r\n")
    return head.split("\r\n"), body


def metrics_can_be_scraped():
    a = Node("--topic", 'odd"topic\\', "--metrics", "127.0.0.1:0")
    at = a.wait("metrics")["address"]
    b = Node("--dial", a.address, "--topic", 'odd"topic\\')
    b.wait("graft", peer=a.peer)
    b.do(publish={"topic": 'odd"topic\\', "size": 1000})
    a.wait("delivered")
    head, body = request(at, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    equal(head[0], "HTTP/1.1 200 OK")
    equal(int([h for h in head if h.startswith("Content-Length")][0].split()[1]), len(body))
    values = dict(line.rsplit(" ", 1) for line in body.splitlines() if not line.startswith("#"))
    equal(values["hearsay_connections"], "1")
    equal(values['hearsay_messages_total{protocol="gossipsub",kind="delivered"}'], "1")
    equal(values['hearsay_message_bytes_total{protocol="gossipsub",kind="delivered"}'], "1000")
    equal(values['hearsay_mesh_peers{topic="odd\\"topic\\\\"}'], "1")
    assert int(values["hearsay_bytes_received_total"]) > 1000
    for name in {v.split("{")[0] for v in values}:
        assert f"# TYPE {name} " in body, name
    equal(request(at, "GET /else HTTP/1.1\r\n\r\n")[0][0], "HTTP/1.1 404 Not Found")
    equal(request(at, "POST /metrics HTTP/1.1\r\n\r\n")[0][0], "HTTP/1.1 405 Method Not Allowed")
    equal(request(at, "hello\r\n\r\n")[0][0], "HTTP/1.1 400 Bad Request")
    equal(request(at, "GET /metrics HTTP/1.1\r\nX: " + "y" * 8300)[0][0],
          "HTTP/1.1 431 Request Header Fields Too Large")
    a.do(counts=True)
    a.wait("counts")


# ---- captures ----

def read_pcap(name):
    """Packets as (source port, destination port, sequence, flags, payload); checks every length and checksum."""
    data = open(name, "rb").read()
    equal(struct.unpack("<IHHIIII", data[:24]), (0xa1b23c4d, 2, 4, 0, 0, 262144, 101))
    at, packets = 24, []
    while at < len(data):
        _, fraction, size, original = struct.unpack("<IIII", data[at:at + 16])
        assert fraction < 10 ** 9 and size == original
        ip = data[at + 16:at + 16 + size]
        at += 16 + size
        equal((ip[0], struct.unpack(">H", ip[2:4])[0], ip[9]), (0x45, size, 6))
        equal(checksum(ip[:20]), 0)
        tcp = ip[20:]
        equal(checksum(ip[12:20] + struct.pack(">HH", 6, len(tcp)) + tcp), 0)
        source, target, sequence, _, offset, flags = struct.unpack(">HHIIBB", tcp[:14])
        equal(offset, 0x50)
        packets.append((source, target, sequence, flags, tcp[20:]))
    return packets


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff


def captures_follow_streams_and_decrypt():
    pcap, keys = path("a.pcap"), path("a.keys")
    a = Node("--topic", "t", "--pcap", pcap, "--keylog", keys)
    b = Node("--topic", "t", "--dial", a.address)
    b.wait("graft", peer=a.peer)
    b.do(publish={"topic": "t", "text": "a message to look for"})
    a.wait("delivered")
    b.do(send={"peer": a.peer, "size": "2 MiB"})
    b.wait("transfer")
    a.stop()
    packets = read_pcap(pcap)
    streams = {}
    for source, target, sequence, flags, payload in packets:
        if flags & 2:
            equal(sequence, 0)
            streams[source, target] = [1, b"", False]
            continue
        stream = streams[source, target]
        equal(sequence, stream[0])
        stream[0] += len(payload)
        stream[1] += payload
        stream[2] |= bool(flags & 1)
    equal(len(streams), 2)
    assert any(s[2] for s in streams.values()), "no FIN"
    for _, data, _ in streams.values():
        assert data.startswith(b"\x13/multistream/1.0.0\n\x07/noise\n"), data[:40]
        assert b"a message to look for" not in data
    assert max(len(s[1]) for s in streams.values()) > 2 << 20
    equal(os.stat(keys).st_mode & 0o777, 0o600)
    status, out, err = run("decrypt", "--pcap", pcap, "--keylog", keys, "--data")
    equal((status, err.split(" of ")[1]),
          (0, "1 connections; 0 connections without keys, 0 directions not decrypted\n"))
    frames = [json.loads(line) for line in out.splitlines()]
    equal(frames[0]["flags"], ["SYN"])
    assert any(b"a message to look for" in bytes.fromhex(f.get("hex", "")) for f in frames)
    equal(frames[-1]["type"], "go-away")
    assert sum(f["length"] for f in frames if f["type"] == "data") > 2 << 20
    with open(keys) as file:
        text = file.read()
    with open(keys, "w") as file:
        file.write(text.rstrip()[:-1] + ("0" if text.rstrip()[-1] != "0" else "1") + "\n")
    status, out, err = run("decrypt", "--pcap", pcap, "--keylog", keys)
    equal(status, 1)
    assert "1 directions not decrypted" in err, err


def tshark(*arguments):
    """What another reader of captures says."""
    if not shutil.which("tshark"):
        raise NotRun("tshark is not installed (scripts/setup.sh --tests)")
    done = subprocess.run(["tshark", "-n", *arguments], capture_output=True, timeout=60)
    equal(done.returncode, 0)
    return done.stdout.decode()


ODD = ("_ws.malformed || tcp.analysis.retransmission || tcp.analysis.out_of_order || tcp.analysis.lost_segment || "
       "tcp.analysis.ack_lost_segment || tcp.analysis.duplicate_ack || tcp.analysis.reused_ports || "
       "ip.checksum.status == 0 || tcp.checksum.status == 0 || !tcp || tcp.stream > 0")


def follow(pcap, number):
    """The bytes of both sides of a connection, as tshark puts them together: (client's, server's)."""
    lines = tshark("-r", pcap, "-q", "-z", f"follow,tcp,raw,{number}").splitlines()
    body = lines[next(i for i, line in enumerate(lines) if line.startswith("Node 1")) + 1:-1]
    return (b"".join(bytes.fromhex(line) for line in body if not line.startswith("\t")),
            b"".join(bytes.fromhex(line.strip()) for line in body if line.startswith("\t")))


def talk_of_two(pcap, keys, listen="/ip4/127.0.0.1/tcp/0"):
    """Gossip, bulk both ways, many streams and a reset, captured by the one that listens. Returns it, ended."""
    a = Node("--listen", listen, "--topic", "t", "--pcap", pcap, "--keylog", keys)
    b = Node("--topic", "t", "--dial", a.address)
    b.wait("graft", peer=a.peer)
    b.do(publish={"topic": "t", "text": "a message to look for"})
    a.wait("delivered")
    for kind, extra in (("send", {}), ("receive", {}), ("echo", {"streams": 20}), ("echo", {"reset": True})):
        b.do(**{kind: {"peer": a.peer, "size": "60 KiB", **extra}})
        for _ in range(extra.get("streams", 1)):
            b.wait("transfer", kind=kind)
    a.stop()
    b.wait("disconnected", peer=a.peer)
    return a


def frames_of(pcap, keys):
    status, out, err = run("decrypt", "--pcap", pcap, "--keylog", keys, "--data")
    assert status == 0 and "0 directions not decrypted" in err, err
    return [json.loads(line) for line in out.splitlines()]


def untimed(frames, sender):
    """The frames of one side, without the moments at which they were captured."""
    return [{k: v for k, v in f.items() if k != "time_us"} for f in frames if f["from"] == sender]


def captures_are_sound_to_another_reader():
    """tshark finds right checksums, no gap and no copy, follows the streams to the same bytes, and what it writes again
    decrypts to the same frames."""
    checks = ("-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE")
    for listen in ("/ip6/::1/tcp/0", "/ip4/127.0.0.1/tcp/0"):
        pcap, keys, copy = path("a.pcap"), path("a.keys"), path("copy.pcap")
        talk_of_two(pcap, keys, listen)
        equal(tshark("-r", pcap, *checks, "-Y", ODD), "")
        flags = [int(x, 16) for x in tshark("-r", pcap, "-T", "fields", "-e", "tcp.flags").split()]
        equal(flags[:3], [2, 0x12, 0x10])  # SYN, SYN and ACK, ACK
        assert flags[-1] & 5, "neither FIN nor RST"
    sides = {}
    for source, _, _, flags, payload in read_pcap(pcap):
        sides[source] = sides.get(source, b"") + (b"" if flags & 2 else payload)
    followed = follow(pcap, 0)
    equal([len(bytes_) for bytes_ in sides.values()], [len(bytes_) for bytes_ in followed])
    assert tuple(sides.values()) == followed, "tshark puts the bytes together otherwise"
    tshark("-r", pcap, "-F", "nsecpcap", "-w", copy)
    equal(frames_of(copy, keys), frames_of(pcap, keys))


def watched_talk(pcap, keys, real):
    """talk_of_two while tshark listens on the loopback device. All keep to one processor: two would send at once, and the
    capture would swap packets."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    processors = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(processors)})
    watcher = subprocess.Popen(["tshark", "-n", "-q", "-i", "lo", "-B", "64", "-F", "pcap", "-w", real, "-f",
                                f"tcp port {port}"], stderr=subprocess.PIPE, text=True)
    said = ""
    try:
        while "Capturing on" not in said:
            line = watcher.stderr.readline()
            if not line:
                raise NotRun("tshark may not capture here: " + said.strip().splitlines()[-1])
            said += line
        time.sleep(1)  # it says so a moment before it does
        talker = talk_of_two(pcap, keys, f"/ip4/127.0.0.1/tcp/{port}")
        time.sleep(1)
        return talker
    finally:
        os.sched_setaffinity(0, processors)
        watcher.terminate()
        watcher.communicate(timeout=PATIENCE)


def complete(real):
    """Whether a capture has the start and the end of its connection, and every packet between them in its turn."""
    flags = [int(x, 16) for x in tshark("-r", real, "-T", "fields", "-e", "tcp.flags").split()]
    odd = tshark("-r", real, "-Y", "tcp.analysis.lost_segment || tcp.analysis.ack_lost_segment || tcp.analysis.out_of_order")
    return flags[:2] == [2, 0x12] and any(x & 5 for x in flags) and odd == ""


def captures_show_what_the_kernel_carried():
    """Decrypted, the node's capture and the kernel's of the same connection hold the same frames. A busy machine loses or
    swaps packets on their way into the second one; tshark sees that, and it is taken again."""
    pcap, keys, real = path("seam.pcap"), path("seam.keys"), path("kernel.pcap")
    if not shutil.which("tshark"):
        raise NotRun("tshark is not installed (scripts/setup.sh --tests)")
    for _ in range(5):
        a = watched_talk(pcap, keys, real)
        if complete(real):
            break
    else:
        raise NotRun("the loopback device's captures lack packets here")
    seam, kernel = frames_of(pcap, keys), frames_of(real, keys)
    assert len(seam) > 100, len(seam)
    at = a.address.split("/p2p/")[0]
    other = next(f["from"] for f in seam if f["from"] != at)
    assert untimed(seam, at) == untimed(kernel, at), "what the node sent differs"
    read = untimed(seam, other)  # it read nothing more once it had ended; the peer may have sent so
    assert len(read) > 50 and read == untimed(kernel, other)[:len(read)], "what the node received differs"


def what_is_served_later_is_pushed():
    a, b = pair()
    for i in range(4):
        a.do(serve=f"/later/{i}")
        if i == 0:
            a.do(serve="/later/0")
            equal(a.wait("error", command="serve")["message"], "this protocol is served already")
        while f"/later/{i}" not in b.wait("identified", peer=a.peer, pushed=True)["protocols"]:
            pass
    a.do(serve="/later/4")
    equal(a.wait("error", command="serve")["message"], "at most 4 protocols can be added")


def what_is_announced_later_is_pushed():
    a, b = pair()
    there = ["/ip4/10.1.2.3/tcp/4001", "/ip6/fd00::1/tcp/4002"]
    a.do(announce=there)
    while b.wait("identified", peer=a.peer, pushed=True)["addresses"] != there:
        pass
    a.do(announce=[])
    while b.wait("identified", peer=a.peer, pushed=True)["addresses"] != []:
        pass


def announced_addresses_are_pushed():
    a = Node("--listen", "0.0.0.0:0")
    port = a.address.split("/")[4]
    b = Node("--dial", f"127.0.0.1:{port}")
    addresses = b.wait("identified", peer=a.peer)["addresses"]
    assert f"/ip4/127.0.0.1/tcp/{port}" in addresses, addresses
    assert not [x for x in addresses if "0.0.0.0" in x], addresses


def main():
    words = sys.argv[2:]
    passed = failed = missed = 0
    for name, test in list(globals().items()):
        if not callable(test) or getattr(test, "__code__", None) is None or test.__code__.co_argcount:
            continue
        if test.__module__ != "__main__" or name in ("main", "stop_all", "run", "pair", "quiet_pair", "pair_for_floods", "tshark"):
            continue
        if words and not any(word in name for word in words):
            continue
        begin = time.monotonic()
        try:
            try:
                test()
            finally:
                stop_all()
            passed += 1
            print(f"ok      {name.replace('_', ' ')} ({time.monotonic() - begin:.1f} s)", flush=True)
        except NotRun as reason:
            missed += 1
            print(f"not run {name.replace('_', ' ')}: {reason}", flush=True)
        except Exception as wrong:  # a test may fail in any way
            failed += 1
            print(f"FAILED  {name.replace('_', ' ')}: {type(wrong).__name__}: {wrong}", flush=True)
    subprocess.run(["rm", "-r", FOLDER], check=True)
    print(f"{passed} passed, {failed} failed" + (f", {missed} not run" if missed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
