"""Rows of the matrix: GossipSub."""

import hashlib
import os
import time

from cases import both_ways, case, expect
from peer import Failure

TOPIC = "algotx01"
RPC_MAX = 1 << 20
FRAMING = 600  # more than id, topic, seqno, signature and key of one message take
NO_MESH = {"D": 0, "D_lo": 0, "D_hi": 0, "D_score": 0, "D_out": 0, "D_lazy": 6}


def meet(a, b, mesh=True):
    """Both subscribe; waits until each knows, and until the mesh has formed."""
    for one, other in both_ways(a, b):
        one.subscribe(TOPIC)
    for one, other in both_ways(a, b):
        one.wait("subscription", peer=other.id, topic=TOPIC, subscribed=True)
    if mesh:
        for one, other in both_ways(a, b):
            one.wait("graft", peer=other.id, topic=TOPIC)


def deliver(sender, receivers, size, timeout_s=15):
    """Publishes random bytes and waits until all have them, unaltered. Returns the events."""
    data = os.urandom(size)
    sender.publish(TOPIC, data)
    digest = hashlib.sha256(data).hexdigest()
    return [r.wait("message", topic=TOPIC, sha256=digest, timeout_s=timeout_s) for r in receivers]


def expect_count(peer, name):
    """Waits for such control messages; their line may come after that of the message they bring."""
    deadline = time.monotonic() + 2
    while peer.counts().get(name, 0) == 0:
        expect(time.monotonic() < deadline, f"{peer.kind} counts no {name}")
        time.sleep(0.05)


def exchange(a, b, sizes=(5, 1000)):
    for one, other in both_ways(a, b):
        for size in sizes:
            yield one, other, deliver(one, [other], size)[0]


def nosign(cell):
    """js takes no author in unsigned messages, so the author stays out where js is."""
    return "anonymous" if "js" in cell.column else "nosign"


@case("GossipSub: mesh, 5 B, 100 kB, 1 MiB, StrictSign")
def strict_sign(cell):
    a, b = cell.pair(both={"sign": "strict"})
    meet(a, b)
    for one, other, e in exchange(a, b, (5, 100_000, RPC_MAX - FRAMING)):
        expect(e["from"] == one.id, f"{other.kind} took {e['from']} for the author")


@case("GossipSub: leaving and coming back")
def leave(cell):
    a, b = cell.pair()
    meet(a, b)
    for one, other in both_ways(a, b):
        mark = other.mark()
        one.unsubscribe(TOPIC)
        other.wait("subscription", peer=one.id, topic=TOPIC, subscribed=False, since=mark)
        deliver(one, [other], 100)  # by fanout
        one.subscribe(TOPIC)
        other.wait("subscription", peer=one.id, topic=TOPIC, subscribed=True, since=mark)
    deliver(a, [b], 100, timeout_s=30)  # by gossip, until the backoff of 10 s is over


@case("GossipSub: StrictNoSign")
def strict_no_sign(cell):
    a, b = cell.pair(both={"sign": nosign(cell), "msgid": "blake2b256"})
    meet(a, b)
    for _ in exchange(a, b, (5, 100_000, RPC_MAX - FRAMING)):
        pass


@case("GossipSub: StrictNoSign with author", only=lambda column: "js" not in column)
def strict_no_sign_author(cell):
    a, b = cell.pair(both={"sign": "nosign", "msgid": "blake2b256"})
    meet(a, b)
    for one, other, e in exchange(a, b, (5, 100_000)):
        expect(e["from"] == one.id, f"{other.kind} took {e['from']} for the author")


@case("GossipSub: no mesh, IHAVE and IWANT")
def lazy(cell):
    own = [{"publish-nowhere": True} if kind == "js" else {} for kind in cell.column]
    a, b = cell.pair(both={"set": NO_MESH, "msgid": "sha256"}, dialer=own[0], listener=own[1])
    meet(a, b, mesh=False)
    time.sleep(0.3)
    for one, other, _ in exchange(a, b, (1000, 300_000)):
        for peer, name in ((one, "iwant_received"), (other, "iwant_sent"),
                           (one, "ihave_sent"), (other, "ihave_received")):
            expect_count(peer, name)


@case("GossipSub: IDONTWANT for big messages")
def idontwant(cell):
    """Of three that know each other, each that has a big message tells so before it judges it, and spares the others the
    copies. Validation takes long enough for that word to come first."""
    slow = {"validate-ms": 400}
    kinds = [cell.column[0], cell.column[1], cell.foreign[0]]
    a, b, c = (cell.start(kind, msgid="sha256", **slow) for kind in kinds)
    for one, other in ((a, b), (c, a), (c, b)):
        cell.connect(one, other)
    trio = (a, b, c)
    for peer in trio:
        peer.subscribe(TOPIC)
    for one in trio:
        for other in trio:
            if one is not other:
                one.wait("graft", peer=other.id, topic=TOPIC)
    mark = {peer: peer.mark() for peer in trio}
    for sender in trio:
        deliver(sender, [peer for peer in trio if peer is not sender], 50_000)
    time.sleep(1)
    for peer in trio:
        for name in ("idontwant_sent", "idontwant_received"):
            expect(peer.counts().get(name, 0) > 0, f"{peer.kind} counts no {name}")
        if peer.kind == "hearsay":  # who said so got no copy, and sent none
            expect(len(peer.all("withheld", since=mark[peer])) >= 2, "we sent what nobody wanted")
            copies = len(peer.all("duplicate", since=mark[peer]))
            expect(copies == 0, f"{copies} copies of what we did not want")


@case("GossipSub 1.3: the test extension", only=lambda column: "hearsay" in column and "go" in column)
def test_extension(cell):
    a, b = cell.pair(ours={"set": {"extensions": "test"}}, theirs={"test-extension": True})
    meet(a, b)
    for one, other in both_ways(a, b):
        one.wait("test-extension", peer=other.id)
    expect_version(a, b, "1.3")


@case("GossipSub 1.3: partial messages", only=lambda column: "hearsay" in column and "go" in column)
def partial(cell):
    """Both ask for parts; each has other ones, and both get all."""
    a, b = cell.pair(ours={"set": {"extensions": "partial"}}, theirs={"partial": True})
    for one in (a, b):
        one.subscribe_parts(TOPIC)
    for one, other in both_ways(a, b):
        one.wait("graft", peer=other.id, topic=TOPIC)
    for group, first, second in ((1, 0x55, 0xAA), (2, 0xFF, 0), (3, 0, 0xFF)):
        a.parts(TOPIC, group, first)
        b.parts(TOPIC, group, second)
        for one in (a, b):
            one.wait("parts", topic=TOPIC, group=group, have=0xFF)


SCORE = {"AppSpecificWeight": 1, "GossipThreshold": -10, "PublishThreshold": -20, "GraylistThreshold": -30,
         "topics": {TOPIC: {"TopicWeight": 1, "InvalidMessageDeliveriesWeight": -1,
                            "InvalidMessageDeliveriesDecay": 0.99}}}


@case("GossipSub: they score us down", only=lambda column: "hearsay" in column and "go" in column)
def scored_by_them(cell):
    """Below 0 we are pruned, and stay out; below the graylist threshold nothing of ours is heard."""
    a, b = cell.pair(theirs={"score": True})
    ours, theirs = (a, b) if a.kind == "hearsay" else (b, a)
    meet(a, b)
    mark = ours.mark()
    theirs.request("app", peer=ours.id, value=-5)
    ours.wait("prune", peer=theirs.id, topic=TOPIC, since=mark)
    deliver(theirs, [ours], 100)  # by gossip, above its threshold
    theirs.request("app", peer=ours.id, value=-2000)
    mark = theirs.mark()
    ours.publish(TOPIC, b"not to be heard")
    time.sleep(2)
    expect(theirs.look("message", since=mark) is None, "they heard us though we are graylisted")
    theirs.request("app", peer=ours.id, value=0)
    deliver(ours, [theirs], 100)


@case("GossipSub: we score them down", only=lambda column: "hearsay" in column)
def scored_by_us(cell):
    """Unsigned messages cost their square: the peer is pruned, then graylisted."""
    a, b = cell.pair(both={"sign": "strict"}, ours={"set": {"score": flow(SCORE)}})
    ours, theirs = (a, b) if a.kind == "hearsay" else (b, a)
    meet(a, b)
    mark = ours.mark()
    for i in range(4):
        forge(theirs, ours, f"unsigned {i}", signed=False)
    ours.wait("prune", peer=theirs.id, topic=TOPIC, since=mark)
    scores = [e["score"] for e in ours.all("score", peer=theirs.id, since=mark)]
    ours.wait("score", peer=theirs.id, since=ours.mark())
    expect(min([e["score"] for e in ours.all("score", peer=theirs.id)]) < -10, f"scores {scores}")
    for i in range(4, 8):
        forge(theirs, ours, f"unsigned {i}", signed=False)
    time.sleep(1.5)
    mark = ours.mark()
    forge(theirs, ours, "signed well, too late", signed=True)
    time.sleep(0.5)
    for event in ("message", "received", "rejected"):
        expect(not ours.all(event, since=mark), f"{event} of a graylisted peer")


def flow(value):
    """A mapping as YAML writes it on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {flow(v)}" for name, v in value.items()) + "}"
    return str(value)


def forger_and_victim(cell, **settings):
    """The forger is never our node, the victim is where there is one."""
    a, b = cell.pair(both=settings)
    forger, victim = (a, b) if a.kind != "hearsay" else (b, a)
    victim.subscribe(TOPIC)
    # Of two pubsub streams the newest counts: the forged one must come after the router's own.
    if forger.kind == "js":
        forger.wait("subscription", peer=victim.id, topic=TOPIC)
    else:
        forger.wait("pubsub-peer", peer=victim.id)
    time.sleep(0.5)
    return forger, victim


def forge(forger, victim, text, **how):
    forger.request("forge", peer=victim.id, topic=TOPIC, protocol="/meshsub/1.1.0", text=text, **how)
    return hashlib.sha256(text.encode()).hexdigest()


@case("GossipSub: tampered and missing signatures refused")
def tampered(cell):
    forger, victim = forger_and_victim(cell, sign="strict")
    bad = [forge(forger, victim, "tampered", signed=True, tamper=True)]
    if victim.kind != "js":
        victim.wait("rejected")
    mark = victim.mark()
    bad.append(forge(forger, victim, "unsigned", signed=False))
    if victim.kind != "js":
        victim.wait("rejected", since=mark)
    good = forge(forger, victim, "signed well", signed=True)
    victim.wait("message", sha256=good, topic=TOPIC)
    time.sleep(0.3)
    for digest in bad:
        expect(victim.look("message", sha256=digest) is None, f"{victim.kind} took a forged message")


@case("GossipSub: a signature refused under StrictNoSign")
def unexpected_signature(cell):
    forger, victim = forger_and_victim(cell, sign=nosign(cell), msgid="sha256")
    bad = forge(forger, victim, "signed", signed=True)
    if victim.kind != "js":
        victim.wait("rejected")
    time.sleep(0.5)
    expect(victim.look("message", sha256=bad) is None, f"{victim.kind} took a signed message")
    expect(victim.look("disconnected") is None, f"{victim.kind} dropped the peer")


def version_case(version, only=None):
    def run(cell):
        a, b = cell.pair(theirs={"versions": version})
        meet(a, b)
        for _ in exchange(a, b):
            pass
        expect_version(a, b, version)
    case(f"GossipSub {version} only", only=only)(run)


for each in ("1.0", "1.1", "1.2"):
    version_case(each)


def expect_version(a, b, version):
    for one, other in both_ways(a, b):
        if one.kind == "go":
            e = one.wait("pubsub-peer", peer=other.id)
            expect(e["protocol"] == f"/meshsub/{version}.0", f"go spoke {e['protocol']}")


def our_version_case(version):
    def run(cell):
        """They fall back to what our node speaks."""
        a, b = cell.pair(ours={"versions": version}, theirs={"versions": "1.2,1.1,1.0"})
        meet(a, b)
        for _ in exchange(a, b):
            pass
        expect_version(a, b, version)
    case(f"GossipSub {version} of ours, all of theirs", only=lambda column: "hearsay" in column)(run)


for each in ("1.0", "1.1", "1.2"):
    our_version_case(each)


def reconnect_case(killed):
    def run(cell):
        a, b = cell.pair(dialer={"seed": 21}, listener={"seed": 22})
        meet(a, b)
        victim, survivor = (a, b) if killed == "dialler" else (b, a)
        mark = survivor.mark()
        victim.kill()
        survivor.wait("disconnected", peer=victim.id, since=mark)
        again = cell.restart(victim)
        again.subscribe(TOPIC)
        if victim is a:
            again.dial(b)
        else:
            a.dial_again(again)
        for one, other, since in ((again, survivor, 0), (survivor, again, mark)):
            one.wait("graft", peer=other.id, topic=TOPIC, since=since, timeout_s=30)
        for one, other in both_ways(survivor, again):
            deliver(one, [other], 2000, timeout_s=30)
    case(f"GossipSub goes on when the {killed} was killed")(run)


for each in ("listener", "dialler"):
    reconnect_case(each)


@case("GossipSub: flood publish")
def flood(cell):
    a, b = cell.pair(both={"flood": True})
    meet(a, b)
    for _ in exchange(a, b):
        pass


@case("GossipSub: same ids, mixed network of 5 each", everyone=True)
def mixed(cell):
    """15 nodes, each dials three; every message reaches every node."""
    kinds = ["hearsay", "go", "js"] * 5
    peers = [cell.start(kind, msgid="sha256") for kind in kinds]
    count = len(peers)
    for i, peer in enumerate(peers):
        for step in (1, 4, 6):
            cell.connect(peer, peers[(i + step) % count])
    for peer in peers:
        peer.subscribe(TOPIC)
    deadline = time.monotonic() + 20
    while any(len(p.all("graft", topic=TOPIC)) == 0 for p in peers):
        if time.monotonic() > deadline:
            raise Failure("some node has no mesh")
        time.sleep(0.1)
    time.sleep(2)
    sent = []
    for i, peer in enumerate(peers):
        data = os.urandom(100 if i % 2 else 20_000)
        peer.publish(TOPIC, data)
        sent.append(hashlib.sha256(data).hexdigest())
    for i, peer in enumerate(peers):
        for author, digest in enumerate(sent):
            if author != i:
                peer.wait("message", topic=TOPIC, sha256=digest, timeout_s=20)
    cell.note = f"{count * (count - 1)} deliveries"
