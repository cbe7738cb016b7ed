#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets into tests/fuzz/corpus: small inputs from published vectors and
from the unit tests. Other files there are inputs that once crashed a target; they are left alone.

    python3 tests/fuzz/seeds.py
"""

import os
import struct

TOP = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.dirname(os.path.dirname(TOP))


def varint(n):
    out = b""
    while n >= 0x80:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def framed(body):
    return varint(len(body)) + body


def frame(kind, flags, stream, length, payload=b""):
    return struct.pack(">BBHII", 0, kind, flags, stream, length) + payload


def line(text):
    return framed(text.encode() + b"\n")


def strings(items):
    return bytes([0x90 | len(items)]) + b"".join(bytes([0xA0 | len(i)]) + i for i in items)


KEY = bytes.fromhex("080112201ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e")
ADDR = bytes.fromhex("047f00000106 0fa1".replace(" ", ""))
PEER = b"12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq"
HEADER = line("/multistream/1.0.0")
MESSAGE = field(1, b"\0\x24" + KEY) + field(2, b"\1hello") + field(3, b"\0" * 7 + b"\1") + field(4, b"t")
SUBSCRIBE = field(1, field(1, 1) + field(2, b"t"))
CONTROL = (field(1, field(1, b"t") + field(2, b"id one") + field(2, b"id two")) + field(2, field(1, b"id one"))
           + field(3, field(1, b"t")) + field(4, field(1, b"t") + field(2, field(1, b"\0\x24" + KEY)) + field(3, 60))
           + field(5, field(1, b"id")))
IDENTIFY = (field(1, KEY) + field(2, ADDR) + field(3, b"/ipfs/id/1.0.0") + field(3, b"/meshsub/1.1.0") + field(4, ADDR)
            + field(5, b"ipfs/0.1.0") + field(6, b"agent"))
METADATA = (b"\x82" + b"\xb9X-Algorand-Accept-Version" + strings([b"2.2"]) + b"\xb2X-Algorand-Version" + strings([b"2.2"]))
TOPICS = b"\x01" + framed(b"tags") + framed(b"AV,PP,TX")


def algorand(tag, payload):
    return struct.pack(">I", len(payload) + 2) + tag + payload


def pieces(*parts):
    return b"".join(bytes([len(p)]) + p for p in parts)


def read(path):
    with open(os.path.join(REPO, path), "rb") as f:
        return f.read()


RPCS = [SUBSCRIBE, field(2, MESSAGE), field(3, CONTROL), SUBSCRIBE + field(2, MESSAGE) * 2 + field(3, CONTROL)]
# Extensions first, a subscription to parts, parts, the test extension, IDONTWANT.
NEWER = [field(3, field(6, b"\x50\1\x90\x91\xe2\x18\1")) + field(1, b"\x08\1\x12\1t\x18\1\x20\1"),
         field(10, field(1, b"t") + field(2, b"group") + field(3, b"parts") + field(4, b"\x55")),
         b"\x92\x91\xe2\x18\0", field(3, field(5, field(1, b"id") * 12)), field(3, field(6, b""))]
SESSION = (frame(1, 1, 1, 0) + frame(0, 0, 1, 5, b"hello") + frame(1, 4, 1, 100) + frame(2, 1, 0, 7) + frame(1, 8, 2, 1)
           + frame(0, 1, 3, 0) + frame(1, 2, 4, 9) + frame(0, 4, 4, 2, b"ab") + frame(3, 0, 0, 0))

COSTS = b'''{"measured": "one", "costs": {"parse": {"base": "158ns", "per_kib": "9ns"}, "verify": {"base": "35us", "per_kib": "1us"}}}'''

SEEDS = {
    "varint": [b"\0", b"\x7f", b"\x80\x01", b"\xff" * 8 + b"\x7f", b"\xff" * 9 + b"\x01", b"\x81\x00"],
    "pb": [MESSAGE, CONTROL, IDENTIFY, b"\x09" + b"\1" * 8 + b"\x15" + b"\2" * 4, b"\x0b\x0c"],
    "msgpack": [METADATA, b"\xc0\xc2\xc3\x01\xe0\xcc\x80\xcd\1\0\xce\0\1\0\0\xcf" + b"\1" * 8 + b"\xd0\x80\xd3" + b"\xff" * 8,
                b"\xc4\3abc\xd9\3abc\xda\0\1a\xdb\0\0\0\1a\xdc\0\1\1\xdd\0\0\0\1\1\xde\0\1\1\1\xdf\0\0\0\1\1\1",
                b"\x91" * 40 + b"\1"],
    "multiaddr": [ADDR, b"/ip4/127.0.0.1/tcp/4001", b"/ip6/::1/tcp/4001/p2p/" + PEER, b"/dns4/example.org/tcp/443/wss",
                  b"/ip4/1.2.3.4/udp/9/quic-v1/webtransport", b"/unix/a/b/c", ADDR + b"\xa5\x03\x26\0\x24" + KEY,
                  b"/onion3/vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd:1234", b"/ip6zone/eth0/ip6/fe80::1"],
    "peerid": [PEER, KEY, b"\0\x24" + KEY, b"QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N", b"\x12\x20" + b"\7" * 32,
               b"bafzbeie5745rpv2m6tjyuugywy4d5ewrqgqqhfnf445he3omzpjbx5xqxe", b"aGVsbG8=", b"mzxw6", b"k2jmt"],
    "record": [b"\0" + field(1, KEY) + field(2, b"\3\1") + field(3, field(1, b"\0\x24" + KEY) + field(2, 1) +
               field(3, field(1, ADDR))) + field(5, b"\0" * 64), b"\1" + pieces(ADDR, b"\4\1", ADDR)],
    "multistream": [b"\0" + HEADER + line("/noise") + b"rest", b"\0" + HEADER + line("/a") + line("/x"),
                    b"\1" + HEADER + line("/noise") + b"rest", b"\5" + HEADER + line("na") + line("/tls") + line("na")],
    "noise": [b"\0" + b"\0\x20" + b"\0" * 32, b"\2" + b"\0\x20" + b"\x09" + b"\0" * 31,
              b"\2" + b"\0\x20" + b"\x09" + b"\0" * 31 + b"\0\x40" + b"\5" * 64, b"\3" + b"\0\x60" + b"\1" * 96,
              b"\x82\0", b"\x86\0\0\1", b"\x8a" + b"\0" * 40 + b"\x80"],
    "noise_frames": [b"\0\0\x15hello" + b"\0" * 16 + b"\0\x10" + b"\0" * 16, b"\1\0\x15hello" + b"\1" * 16, b"\1" + b"a" * 300],
    "yamux": [b"\0" + SESSION, b"\1" + SESSION, b"\6" + SESSION, b"\3" + frame(1, 2, 1, 5) + frame(0, 4, 3, 0) + frame(1, 8, 5, 2),
              b"\0" + frame(1, 1, 1, 0) * 2, b"\0" + b"".join(frame(1, 1, i, 0) for i in range(1, 41, 2))],
    "identify": [framed(IDENTIFY), framed(field(6, b"a")) + framed(field(3, b"/x")) + framed(b""), framed(IDENTIFY)[:-3]],
    "ping": [b"\1" * 32, b"\2" * 70, b"\3" * 31],
    "gossipsub": [bytes([choice]) + b"".join(framed(r) for r in RPCS) for choice in range(8)] +
                 [b"\2" + framed(r) for r in RPCS] +
                 [bytes([choice]) + b"".join(framed(r) for r in NEWER + RPCS) for choice in (8, 9, 12)],
    "algorand": [b"\x00" + b"1" + algorand(b"AV", b"\0vote") + algorand(b"MI", TOPICS),
                 b"\x05" + struct.pack(">H", len(METADATA)) + METADATA + algorand(b"TX", b"\3tx") * 2 + algorand(b"MS", b"\1" * 32),
                 b"\x0f" + struct.pack(">H", len(METADATA)) + METADATA + algorand(b"ZZ", b"") + algorand(b"PP", b"\0" * 5000),
                 b"\x0b" + algorand(b"VB", b"\1") + algorand(b"TS", b"\0")],
    "algorand_codec": [METADATA, TOPICS, b"\x02" + framed(b"a") + framed(b"b") + framed(b"tags") + framed(b"AV,pi")],
    "scenario": [read("scenarios/" + f) for f in ("demo.yaml", "loopback.yaml")] +
                [read("tests/scenarios/valid/design.yaml"), read("tests/scenarios/valid/scores.yaml"), read("tests/scenarios/broken/event-two.yaml")],
    "tables": [b"\0" + read("tests/scenarios/valid/regions.csv"), b"\1" + read("tests/scenarios/valid/regions.gml"),
                b"\2" + read("tests/scenarios/valid/triangle.gml"), b"\0" + read("tests/scenarios/broken/csv-nan.csv"),
               b"\3" + b"from,to,latency\na-0,a-2,700us\na-2,a-1,9\n", b"\4" + b"at,from,to,factor\n1s,*,*,2\n5s,*,*,0.5\n",
               b"\4" + b"at,from,to,latency\n1s,*,*,20ms\n", b"\5" + b"node,at,state\na-1,1s,down\na-1,3s,up\na-0,4s,down\n",
               b"\6" + COSTS],
    "connection": [b"\0" + pieces(HEADER + line("/noise"), b"\0\x20" + b"\0" * 32),
                   b"\1" + pieces(b"\0\x20" + b"\0" * 32), b"\3" + pieces(HEADER + line("/yamux/1.0.0"), frame(1, 1, 1, 0)),
                   b"\4" + pieces(frame(1, 1, 1, 0), frame(0, 0, 1, 20, HEADER), frame(3, 0, 0, 0)),
                   b"\4" + pieces(*[SESSION[i:i + 12] for i in range(0, len(SESSION), 12)]),
                   b"\x0d" + pieces(*[b"\1" + framed(r)[:250] for r in RPCS]),
                   b"\x0e" + pieces(b"\2" + algorand(b"AV", b"vote"), b"\2" + algorand(b"MI", TOPICS), b"\0" + b"\1" * 32),
                   b"\x0f" + pieces(b"\xfa" + b"", b"\xfb" + b"abc", b"\xfe\0", b"\3" + HEADER)],
}


def main():
    for name, inputs in SEEDS.items():
        folder = os.path.join(TOP, "corpus", name)
        os.makedirs(folder, exist_ok=True)
        for old in os.listdir(folder):
            if old.startswith("seed-"):
                os.remove(os.path.join(folder, old))
        for i, content in enumerate(inputs):
            with open(os.path.join(folder, "seed-%02d" % i), "wb") as f:
                f.write(content)


if __name__ == "__main__":
    main()
