"""The rows of the matrix: connections, streams, identify, ping. gossip.py and algorand.py have the rest."""

import time

from peer import Failure

CASES = []
IDLE_SHORT_S = 10
IDLE_LONG_S = 40  # over the 30 s after which all of them send keepalives


class Case:
    """A row. `only`: kinds of which one must be in the column; `slow`: waits more than it works."""

    def __init__(self, name, run, only=None, slow=False, everyone=False):
        self.name, self.run, self.only, self.slow, self.everyone = name, run, only, slow, everyone

    def applies(self, column):
        if self.everyone:
            return column == ("hearsay", "go")
        return self.only is None or self.only(column)

    def kinds(self, column):
        return ("hearsay", "go", "js") if self.everyone else column


def case(name, **more):
    def register(run):
        CASES.append(Case(name, run, **more))
        return run
    return register


def expect(condition, message):
    if not condition:
        raise Failure(message)


def until(condition, message, timeout_s=10):
    """Waits until it holds. `message` is a text, or makes one."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise Failure(message() if callable(message) else message)
        time.sleep(0.05)


def both_ways(a, b):
    return ((a, b), (b, a))


@case("Noise with early muxer, yamux, ping")
def early_muxer(cell):
    a, b = cell.pair()
    for one, other in both_ways(a, b):
        e = one.wait("connected", peer=other.id)
        expect(e["inbound"] == (one is b), f"{one.kind} has the direction wrong: {e}")
        if one.kind == "go":
            expect(e["early"], "go negotiated the muxer late")
        one.ping(other, 1)


@case("Noise, then muxer by multistream")
def late_muxer(cell):
    a, b = cell.pair(theirs={"early-muxer": False})
    for one, other in both_ways(a, b):
        if one.kind == "go":
            expect(not one.wait("connected", peer=other.id)["early"], "go negotiated the muxer early")
        one.ping(other, 1)


@case("another identity is refused")
def wrong_identity(cell):
    a, b = cell.pair(connect=False)
    stranger = cell.start(cell.foreign[0], listen="none")
    a.expect_dial_failure(b.addr.split("/p2p/")[0] + "/p2p/" + stranger.id, b)
    cell.connect(a, b)


@case("identify")
def identify(cell):
    a, b = cell.pair()
    for one, other in both_ways(a, b):
        e = one.wait("identified", peer=other.id)
        needed = {"/ipfs/id/1.0.0", "/ipfs/ping/1.0.0", "/meshsub/1.1.0"}
        expect(needed <= set(e["protocols"]), f"{one.kind} misses protocols in {e['protocols']}")
        expect(e["agent"].startswith(("hearsay", "Hearsay")), f"{one.kind} heard agent {e['agent']!r}")
        expect(e["observed"].startswith("/ip4/127.0.0.1/tcp/"),
               f"{one.kind} was observed at {e['observed']!r}")
        plain = other.addr.split("/p2p/")[0]
        expect(any(addr.startswith(plain) for addr in e["addrs"]),
               f"{one.kind} heard addresses {e['addrs']}, not {plain}")


@case("identify push")
def identify_push(cell):
    a, b = cell.pair()
    time.sleep(0.5)
    for one, other in both_ways(a, b):
        name = f"/hearsay/new-{other.kind}/1.0.0"
        mark = one.mark()
        other.handle(name)
        until(lambda: any(name in e.get("added", e.get("protocols", []))
                          for e in one.all("pushed", since=mark, peer=other.id)),
              f"{one.kind} heard of no new protocol of {other.kind}")
        if other.kind == "hearsay":
            one.echo(other, 1000, 3, protocol=name)


@case("identify push of addresses", only=lambda column: "hearsay" in column)
def identify_push_addresses(cell):
    """Ours tells others than it listens at: the peer takes them for true."""
    a, b = cell.pair()
    ours, theirs = (a, b) if a.kind == "hearsay" else (b, a)
    told = ["/ip4/127.0.0.1/tcp/4001", "/ip4/127.0.0.1/tcp/4002"]  # js keeps no private ones but loopback
    ours.command("announce", told)
    until(lambda: set(told) <= set(theirs.known(ours)),
          lambda: f"{theirs.kind} knows {theirs.known(ours)}, not {told}")
    theirs.ping(ours, 1)


@case("20 pings each way")
def pings(cell):
    a, b = cell.pair()
    notes = []
    for one, other in both_ways(a, b):
        rtts = one.ping(other, 20)
        expect(len(rtts) == 20, f"{len(rtts)} answers to 20 pings")
        notes.append(f"{one.kind} {min(rtts):.1f} ms")
    cell.note = "rtt " + ", ".join(notes)


def idle(cell, seconds):
    a, b = cell.pair()
    time.sleep(seconds)
    for one, other in both_ways(a, b):
        expect(one.look("disconnected", peer=other.id) is None, f"{one.kind} lost the connection")
        one.ping(other, 3)


@case(f"ping after {IDLE_SHORT_S} s of silence", slow=True)
def idle_short(cell):
    idle(cell, IDLE_SHORT_S)


@case(f"ping after {IDLE_LONG_S} s: keepalives", slow=True)
def idle_long(cell):
    idle(cell, IDLE_LONG_S)


def count_pings(frames, asked_by_us):
    """yamux pings of one side, and how many of them the other answered."""
    asked = [f for f in frames if f["type"] == "ping" and "SYN" in f["flags"] and f["sent"] == asked_by_us]
    answered = [f for f in frames if f["type"] == "ping" and "ACK" in f["flags"] and f["sent"] != asked_by_us]
    return len(asked), len(answered)


def keepalives(cell, ours_ms, theirs_ms, asked_by_us):
    a, b = cell.pair(ours={"keepalive-ms": ours_ms, "capture": True}, theirs={"keepalive-ms": theirs_ms})
    ours = a if a.kind == "hearsay" else b
    time.sleep(IDLE_SHORT_S)
    for one, other in both_ways(a, b):
        expect(one.look("disconnected", peer=other.id) is None, f"{one.kind} lost the connection")
        one.ping(other, 3)
    asked, answered = count_pings(ours.frames(), asked_by_us)
    cell.note = f"{asked} pings of yamux, {answered} answers"
    expect(asked >= IDLE_SHORT_S // 2 - 1, f"{asked} pings in {IDLE_SHORT_S} s")
    expect(answered >= asked - 1, f"{asked} pings, {answered} answers")  # the last may come with the end


@case("our keepalive every 2 s", only=lambda column: "hearsay" in column, slow=True)
def our_keepalive(cell):
    keepalives(cell, ours_ms=2000, theirs_ms=60_000, asked_by_us=True)


@case("their keepalive every 2 s", only=lambda column: "hearsay" in column, slow=True)
def their_keepalive(cell):
    keepalives(cell, ours_ms=0, theirs_ms=2000, asked_by_us=False)


@case("our keepalive ends a dead connection", only=lambda column: "hearsay" in column, slow=True)
def keepalive_ends(cell):
    a, b = cell.pair(ours={"keepalive-ms": 1000})
    ours, theirs = (a, b) if a.kind == "hearsay" else (b, a)
    mark = ours.mark()
    theirs.freeze()
    try:
        e = ours.wait("disconnected", since=mark, peer=theirs.id, timeout_s=30)
        expect(e["reason"] == "timed out", f"it ended otherwise: {e['reason']}")
    finally:
        theirs.thaw()


@case("bulk over one stream, each way")
def bulk(cell):
    a, b = cell.pair()
    notes = []
    for one, other in both_ways(a, b):
        for what, move in (("put", one.put), ("get", one.get)):
            speed = move(other, cell.lab.size)
            notes.append(f"{one.kind} {what} {speed:.0f}")
    cell.note = "MB/s: " + ", ".join(notes)


@case("bulk with a slow reader")
def bulk_slow(cell):
    """The reader rests after each MiB; the writer must wait, and our node must hoard on neither side."""
    pause_ms = 20
    size = cell.lab.size
    a, b = cell.pair(both={"sink-pause-ms": pause_ms})
    ours = next((p for p in (a, b) if p.kind == "hearsay"), None)
    least_s = (size >> 20) * pause_ms / 1000 * 0.9
    for one, other in both_ways(a, b):
        for move, more in ((one.put, {}), (one.get, {"pause_ms": pause_ms})):
            start = time.monotonic()
            move(other, size, **more)
            expect(time.monotonic() - start >= least_s, "the reader was not slow")
        one.ping(other, 1)
    if ours:
        peak = ours.peak_rss()
        cell.note = f"our peak {peak / (1 << 20):.0f} MiB"
        expect(peak < 48 << 20, f"our node grew to {peak >> 20} MiB")


@case("100 streams at once")
def many_streams(cell):
    a, b = cell.pair()
    for one, other in both_ways(a, b):
        one.echo(other, 10_000, 100)


@case("echo of 3 MB, half-close")
def half_close(cell):
    a, b = cell.pair()
    for one, other in both_ways(a, b):
        one.echo(other, 3_000_000, 1)
        one.half_close(other)


@case("reset of one stream")
def reset(cell):
    a, b = cell.pair()
    for one, other in both_ways(a, b):
        one.reset(other)
        one.ping(other, 1)
        expect(one.look("disconnected") is None, f"{one.kind} lost the connection")


@case("close ends the connection on both sides")
def close(cell):
    a, b = cell.pair()
    a.close(b)
    b.wait("disconnected", peer=a.id)
    a.wait("disconnected", peer=b.id)


@case("reconnects when the listener was killed")
def listener_killed(cell):
    a, b = cell.pair(dialer={"seed": 11}, listener={"seed": 12})
    mark = a.mark()
    b.kill()
    a.wait("disconnected", peer=b.id, since=mark)
    b = cell.restart(b)
    a.dial_again(b)
    a.wait("identified", peer=b.id, since=mark, timeout_s=30)
    for one, other in both_ways(a, b):
        one.ping(other, 2)
        one.echo(other, 100_000, 3)


@case("reconnects when the dialler was killed")
def dialer_killed(cell):
    a, b = cell.pair(dialer={"seed": 13}, listener={"seed": 14})
    mark = b.mark()
    a.kill()
    b.wait("disconnected", peer=a.id, since=mark)
    a = cell.restart(a)
    cell.connect(a, b)
    for one, other in both_ways(a, b):
        one.ping(other, 2)
        one.echo(other, 100_000, 3)
