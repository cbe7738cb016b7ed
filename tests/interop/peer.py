"""A peer process that is driven by JSON lines, and the common language of the cases.

What every peer offers here, whoever wrote it:

    events    listening, connected, disconnected, identified, pushed, subscription, graft, prune,
              message, rejected, algorand-ready, algorand, algorand-refused ...
    requests  dial, close, ping, put, get, echo, half-close, reset, subscribe, unsubscribe, publish,
              counts, broadcast ...
"""

import collections
import json
import signal
import subprocess
import threading
import time

START_TIMEOUT_S = 60
ANSWER_TIMEOUT_S = 30
BULK_TIMEOUT_S = 150


class Failure(Exception):
    """A cell failed: what was expected, and what came instead."""


class Process:
    """A child with JSON lines both ways. Every line is kept in `seen`; the standard error goes to a file."""

    def __init__(self, command, log_path):
        self.command = command
        self.log = open(log_path, "wb")
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=self.log)
        self.seen = []
        self.changed = threading.Condition()
        self.ended = False
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.child.stdout:
            self.log.write(line)
            try:
                item = json.loads(line)
            except ValueError:
                item = {"ev": "garbage", "line": line.decode(errors="replace")}
            with self.changed:
                self.seen.append(item)
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def send(self, item):
        line = json.dumps(item) + "\n"
        self.log.write(b"> " + line.encode())
        self.log.flush()
        try:
            self.child.stdin.write(line.encode())
            self.child.stdin.flush()
        except (BrokenPipeError, ValueError):
            raise Failure(f"{self.command[0]} is gone (status {self.child.poll()})") from None

    def find(self, test, timeout_s, start=0):
        """The first line from `start` on that passes the test, waiting for it; None after the time."""
        deadline = time.monotonic() + timeout_s
        at = start
        with self.changed:
            while True:
                while at < len(self.seen):
                    if test(self.seen[at]):
                        return self.seen[at]
                    at += 1
                left = deadline - time.monotonic()
                if left <= 0 or self.ended:
                    return None
                self.changed.wait(left)

    def kill(self):
        """Ends it at once, as a crash would."""
        self.child.kill()
        self.child.wait(10)
        self.reader.join(10)

    def stop(self):
        """Ends it in peace, or by force after 3 s. Returns the exit status."""
        try:
            self.child.stdin.close()
        except BrokenPipeError:
            pass
        try:
            self.child.wait(3)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait(10)
        self.reader.join(10)
        self.log.close()
        return self.child.returncode


class Peer:
    """The common part. A subclass says how settings become flags and how its lines read."""

    kind = "?"

    def __init__(self, lab, settings):
        self.settings = settings
        self.killed = False
        self.process = Process(lab.commands[self.kind] + self.flags(settings), lab.log_path(self.kind))
        self.next_id = 0
        self.id_lock = threading.Lock()
        first = self.wait("listening", timeout_s=START_TIMEOUT_S)
        self.id = first["peer"]
        self.addr = self.address(first)
        self.versions = first.get("versions", {})

    def flags(self, settings):
        raise NotImplementedError

    def address(self, listening):
        return listening["addrs"][0] if listening["addrs"] else ""

    def events(self, item):
        """What a line says in the common language: a list of events."""
        return [item]

    def mark(self):
        return len(self.process.seen)

    def wait(self, ev, timeout_s=15, since=0, **match):
        """The first such event whose members are as given."""
        found = self.look(ev, timeout_s, since, **match)
        if found is None:
            near = collections.Counter(e.get("ev") for item in self.process.seen[since:]
                                       for e in self.events(item) if "ev" in e)
            raise Failure(f"{self.kind}: no {ev} {match or ''} in {timeout_s} s; saw {dict(near)}")
        return found

    def look(self, ev, timeout_s=0, since=0, **match):
        """Like wait, but None when there is none."""
        hit = []

        def test(item):
            for e in self.events(item):
                if e.get("ev") == ev and all(e.get(k) == v for k, v in match.items()):
                    hit.append(e)
                    return True
            return False

        return hit[0] if self.process.find(test, timeout_s, since) is not None else None

    def all(self, ev, since=0, **match):
        return [e for item in list(self.process.seen[since:]) for e in self.events(item)
                if e.get("ev") == ev and all(e.get(k) == v for k, v in match.items())]

    def request(self, cmd, timeout_s=ANSWER_TIMEOUT_S, **arguments):
        """The answer; Failure when it is an error or does not come."""
        with self.id_lock:
            self.next_id += 1
            number = self.next_id
        start = self.mark()
        self.process.send({"id": number, "cmd": cmd, **arguments})
        answer = self.process.find(lambda item: item.get("id") == number, timeout_s, start)
        if answer is None:
            raise Failure(f"{self.kind}: no answer to {cmd} in {timeout_s} s")
        if "error" in answer:
            raise Failure(f"{self.kind}: {cmd}: {answer['error']}")
        return answer

    def dial(self, other, **more):
        self.request("dial", addr=other.addr, **more)

    def dial_again(self, other, timeout_s=20):
        """For those that do not redial by themselves."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                return self.dial(other)
            except Failure:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.3)

    def expect_dial_failure(self, addr, _listener):
        try:
            self.request("dial", addr=addr)
        except Failure:
            return
        raise Failure(f"{self.kind} took a stranger at {addr}")

    def close(self, other):
        self.request("close", peer=other.id)

    def ping(self, other, count):
        """The round trips in ms."""
        return self.request("ping", peer=other.id, count=count)["rtt_ms"]

    def put(self, other, size):
        """Sends to the other's sink; MB/s."""
        return self.request("put", BULK_TIMEOUT_S, peer=other.id, size=size)["mb_per_s"]

    def get(self, other, size, pause_ms=0):
        """Reads from the other's source, sleeping so long after each MiB; MB/s."""
        answer = self.request("get", BULK_TIMEOUT_S, peer=other.id, size=size, pause_ms=pause_ms)
        return answer["mb_per_s"]

    def echo(self, other, size, count, **more):
        self.request("echo", BULK_TIMEOUT_S, peer=other.id, size=size, count=count, **more)

    def handle(self, protocol):
        """Answers to one more protocol, whatever it does."""
        self.request("handle", protocol=protocol)

    def known(self, other):
        """Addresses at which it would look for the other."""
        return self.request("known", peer=other.id)["addrs"]

    def half_close(self, other):
        self.request("half-close", peer=other.id)

    def reset(self, other):
        self.request("reset", peer=other.id)

    def subscribe(self, topic):
        self.request("subscribe", topic=topic)

    def subscribe_parts(self, topic):
        """Asks for parts in the place of messages; for a peer that was started to."""
        self.subscribe(topic)

    def parts(self, topic, group, have):
        self.request("parts", topic=topic, group=group, have=have)

    def unsubscribe(self, topic):
        self.request("unsubscribe", topic=topic)

    def publish(self, topic, data):
        self.request("publish", topic=topic, hex=data.hex())

    def join(self, topic):
        """To hear who subscribes to it, and to publish; go needs to be told."""

    def acknowledge(self, topic):
        """From now on it counts the topic's messages, and publishes its count."""
        self.request("acknowledge", topic=topic)

    def flood(self, topic, size, seconds, window):
        """Publishes for so long, `window` messages ahead of the other's count at most. Messages a second; none is lost."""
        answer = self.request("flood", BULK_TIMEOUT_S, topic=topic, size=size, ms=int(seconds * 1000), window=window)
        return answer["messages_per_s"]

    def broadcast(self, tag, payload):
        self.request("broadcast", tag=tag, hex=payload.hex())

    def counts(self):
        """Of control messages and copies, by kind and direction."""
        return self.request("counts")

    def peak_rss(self):
        """Bytes of memory at its largest."""
        with open(f"/proc/{self.process.child.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) << 10
        return 0

    def kill(self):
        self.killed = True
        self.process.kill()

    def freeze(self):
        """It neither answers nor goes away, as behind a cut cable."""
        self.killed = True  # it may end in any way from here on
        self.process.child.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.child.send_signal(signal.SIGCONT)

    def stop(self):
        return self.process.stop()

    def discard(self):
        """Once it has ended: what it left behind."""


class LibraryPeer(Peer):
    """The go and js peers: the same flags, but for the dashes and the names of parameters."""

    dash = ""
    params = {"D": "D", "D_lo": "Dlo", "D_hi": "Dhi", "D_score": "Dscore", "D_out": "Dout",
              "D_lazy": "Dlazy"}

    def flags(self, settings):
        flags = []
        for name, value in settings.items():
            if name == "set":
                for param, number in value.items():
                    flags += [f"{self.dash}set", f"{self.params[param]}={number}"]
            else:
                text = str(value).lower() if isinstance(value, bool) else value
                flags.append(f"{self.dash}{name}={text}")
        return flags


class GoPeer(LibraryPeer):
    kind = "go"
    dash = "-"

    def join(self, topic):
        self.request("join", topic=topic)


class JsPeer(LibraryPeer):
    kind = "js"
    dash = "--"
