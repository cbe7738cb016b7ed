"""Our own node, `hearsay node`, in the common language of peer.py."""

import base64
import collections
import functools
import hashlib
import json
import pathlib
import shutil
import subprocess
import tempfile

import wire
from peer import BULK_TIMEOUT_S, Failure, Peer

SIGNING = {"strict": "strict-sign", "nosign": "strict-no-sign", "anonymous": "no-author"}
PKCS8_HEAD = bytes.fromhex("302e020100300506032b657004220420")  # RFC 8410: Ed25519, then the seed
PING_TIMEOUT_S = 30
# What a measured node tells: no line a message.
QUIET = "listening,connected,disconnected,identified,subscribed,graft,transfer,flooded,error,stopped"
QUEUE = 4096  # messages; as the other peers when they are quiet


def key_file(folder, number):
    """A key file as algod's, of the seed that the other peers make of this number."""
    der = PKCS8_HEAD + bytes(28) + number.to_bytes(4, "big")
    text = base64.b64encode(der).decode()
    path = folder / "key.pem"
    path.write_text(f"-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
    path.chmod(0o600)
    return path


@functools.cache
def version_of(program):
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, timeout=10)
    return told.stdout.split()[-1]


class HearsayPeer(Peer):
    kind = "hearsay"

    def __init__(self, lab, settings):
        self.program = lab.commands[self.kind][0]
        self.status = None  # once it has ended
        self.dump = lab.dump
        if self.dump:
            settings = dict(settings, capture=True)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hearsay-interop-"))
        self.key = key_file(self.folder, settings["seed"]) if "seed" in settings else None
        super().__init__(lab, settings)
        self.versions = {"hearsay": version_of(self.program)}

    def flags(self, settings):
        flags = ["--events", QUIET] if settings.get("quiet") else ["--events", "all", "--show-data"]
        for name, value in settings.items():
            if name == "quiet":
                flags += ["--set", f"outbound_queue={QUEUE}", "--set", f"validation_queue={QUEUE}"]
            elif name == "seed":
                flags += ["--key", str(self.key)]
            elif name == "sign":
                flags += ["--signing", SIGNING[value]]
            elif name == "msgid":
                flags += ["--message-id", value]
            elif name == "versions":
                flags += ["--gossipsub-versions", value]
            elif name == "flood":
                flags += ["--flood-publish", "on" if value else "off"]
            elif name == "set":
                flags += [x for k, v in value.items() for x in ("--set", f"{k}={v}")]
            elif name == "relay":
                flags += ["--relay"] if value else []
            elif name == "capture":
                flags += ["--pcap", str(self.folder / "pcap"), "--keylog", str(self.folder / "keys")]
            elif name == "sink-pause-ms":
                flags += ["--sink-pause", f"{value}ms"]
            elif name == "validate-ms":
                flags += ["--validation", f"{value}ms"]
            elif name == "keepalive-ms":
                flags += ["--keepalive", f"{value}ms"]
            else:
                flags += [f"--{name}", str(value)]
        return flags

    def address(self, listening):
        return listening["address"]

    def events(self, item):
        if "common" not in item:
            item["common"] = [self.translate(item)]
        return item["common"]

    def translate(self, item):
        e = dict(item, ev=item.get("event", item.get("ev")))
        if e["ev"] == "connected":
            e["inbound"] = not item["dialled"]
        elif e["ev"] == "identified":
            e["addrs"] = item["addresses"]
            if item["pushed"]:
                e["ev"] = "pushed"
        elif e["ev"] in ("subscribed", "unsubscribed"):
            e["subscribed"] = e["ev"] == "subscribed"
            e["ev"] = "subscription"
        elif e["ev"] == "delivered":
            body = bytes.fromhex(item["hex"]) if "hex" in item else item["text"].encode()
            e["sha256"] = hashlib.sha256(body).hexdigest()
            e["peer"] = item.get("via")
            e["ev"] = "algorand" if "tag" in item else "message"
        return e

    def command(self, name, argument):
        self.process.send({name: argument})

    def await_many(self, ev, count, timeout_s, since, failed):
        """So many events; Failure as soon as `failed` finds one that ends the hope."""
        found = []
        seen = since
        while len(found) < count:
            item = self.process.find(lambda i: i.get("event") in (ev, "error"), timeout_s, seen)
            if item is None:
                raise Failure(f"hearsay: {len(found)} of {count} {ev} in {timeout_s} s")
            seen = self.process.seen.index(item, seen) + 1
            if item["event"] == "error" or failed(item):
                raise Failure(f"hearsay: {item}")
            found.append(item)
        return found

    def dial(self, other, **_):
        self.command("dial", other.addr)

    def dial_again(self, other, timeout_s=20):
        """It redials by itself; that is what is tested."""

    def expect_dial_failure(self, addr, listener):
        mark = self.mark()
        self.command("dial", addr)
        self.wait("connection-failed", since=mark)
        if self.look("connected", since=mark):
            raise Failure(f"hearsay took a stranger at {addr}")

    def close(self, other):
        self.command("close", other.id)

    def ping(self, other, count):
        mark = self.mark()
        self.command("ping", {"peer": other.id, "count": count})
        found = self.await_many("ping", count, PING_TIMEOUT_S, mark, lambda _: False)
        return [item["rtt_us"] / 1000 for item in found]

    def transfer(self, kind, want="ok", count=1, **arguments):
        mark = self.mark()
        self.command(kind, arguments)
        return self.await_many("transfer", count, BULK_TIMEOUT_S, mark,
                               lambda item: item["result"] != want)

    def put(self, other, size):
        return self.transfer("send", peer=other.id, size=size)[0].get("mbyte_per_s", 0)

    def get(self, other, size, pause_ms=0):
        pause = {"pause": f"{pause_ms}ms"} if pause_ms else {}
        return self.transfer("receive", peer=other.id, size=size, **pause)[0].get("mbyte_per_s", 0)

    def handle(self, protocol):
        self.command("serve", protocol)

    def frames(self):
        """Ends the node, which was started with `capture`; the yamux frames of its connections as dicts, with `sent`: true
        for its own."""
        self.stop()
        remotes = {e["address"] for e in self.all("connected")}
        done = subprocess.run([self.program, "decrypt", "--pcap", str(self.folder / "pcap"), "--keylog",
                               str(self.folder / "keys"), "--data"], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failure(f"hearsay decrypt: {done.stderr.strip()}")
        frames = [json.loads(line) for line in done.stdout.splitlines()]
        return [dict(frame, sent=frame["from"] not in remotes) for frame in frames]

    def echo(self, other, size, count):
        self.transfer("echo", count=count, peer=other.id, size=size, streams=count)

    def half_close(self, other):
        """Its echo ends its own side as soon as all is written."""
        self.transfer("echo", peer=other.id, size=6)

    def reset(self, other):
        self.transfer("echo", want="reset as asked", peer=other.id, size=100_000, reset=True)
        self.transfer("echo", peer=other.id, size=1000)

    def subscribe(self, topic):
        self.command("subscribe", topic)

    def subscribe_parts(self, topic):
        self.command("subscribe-parts", topic)

    def parts(self, topic, group, have):
        self.command("parts", {"topic": topic, "group": group, "have": have})

    def unsubscribe(self, topic):
        self.command("unsubscribe", topic)

    def publish(self, topic, data):
        self.command("publish", {"topic": topic, "hex": data.hex()})

    def acknowledge(self, topic):
        self.command("acknowledge", topic)

    def flood(self, topic, size, seconds, window):
        mark = self.mark()
        self.command("flood", {"topic": topic, "size": size, "duration": f"{seconds}s", "window": window})
        return self.await_many("flooded", 1, BULK_TIMEOUT_S, mark, lambda item: item["result"] != "ok")[0]["messages_per_s"]

    def broadcast(self, tag, payload):
        self.command("broadcast", {"tag": tag, "hex": payload.hex()})

    def counts(self):
        counts = collections.Counter()
        for item in self.process.seen:
            if item.get("event") == "control":
                direction = "sent" if "to" in item else "received"
                counts[f"{item['kind']}_{direction}"] += item["items"]
        names = [f"{kind}_{way}" for kind in ("ihave", "iwant", "graft", "prune", "idontwant")
                 for way in ("sent", "received")]
        return {name: counts[name] for name in names}

    def stop(self):
        if self.status is not None:
            return self.status
        if not self.killed:
            try:
                self.command("quit", True)
            except Failure:
                pass  # it is gone; the status tells
        self.status = super().stop()
        return self.status

    def discard(self):
        if self.dump and not self.killed:
            self.dump_connections()
        shutil.rmtree(self.folder)

    def dump_connections(self):
        """For the fuzz targets: what each foreign peer sent."""
        frames = self.frames()
        places = collections.Counter(e["address"] for e in self.all("connected"))
        for e in self.all("connected"):
            if places[e["address"]] > 1:
                continue  # one that came back to its port: whose frame is it?
            agents = [i["agent"] for i in self.all("identified", peer=e["peer"]) if "agent" in i]
            kind = next((a.split("/")[1] for a in agents if a.startswith("hearsay-interop/")), None)
            own = [f for f in frames if e["address"] in (f["from"], f["to"])]
            if kind:
                signed = self.settings.get("sign", "strict") == "strict"
                wire.dump(self.dump, kind, own, not e["inbound"], signed)
