"""Rows of the matrix: /algorand-ws with the Go peer; who opens the stream, handshakes, frames."""

import hashlib
import os
import time

from cases import both_ways, case, expect

GENESIS = "interop-v1"
QUIET_S = 1.0  # long enough for a stream that should not come


def with_go(column):
    return "go" in column and "js" not in column


def go_dials(column):
    return with_go(column) and column[0] == "go"


def we_dial(column):
    return with_go(column) and column[1] == "go"


def go_pair(cell, go_is_lower, mesh=True, relay=True, **go_settings):
    """(dialler, listener, the Go peer of which the cell asks, the other)."""
    settings = {"algorand": GENESIS, "id-order": "low" if go_is_lower else "high", **go_settings}
    go_first = cell.column[0] == "go"
    other = {"algorand": GENESIS}
    if "hearsay" in cell.column:
        other["relay"] = relay
    else:
        other["id-order"] = "high" if go_is_lower else "low"
    a, b = cell.pair(dialer=settings if go_first else other, listener=other if go_first else settings,
                     connect=False)
    cell.connect(a, b, mesh=mesh)
    return a, b, *((a, b) if go_first else (b, a))


def frames(a, b):
    for one, other in both_ways(a, b):
        for tag, size in (("AV", 200), ("VB", 5_000), ("PP", 100_000), ("TX", 1_000_000)):
            payload = os.urandom(size)
            mark = other.mark()
            one.broadcast(tag, payload)
            other.wait("algorand", tag=tag, since=mark, sha256=hashlib.sha256(payload).hexdigest())


def opened(cell, lower_is_dialer, versions, expect_meta):
    go_lower = lower_is_dialer == (cell.column[0] == "go")
    a, b, go, other = go_pair(cell, go_lower, **{"algorand-versions": versions})
    e = go.wait("algorand-ready", peer=other.id)
    expect(e["opener"] == ("local" if go_lower else "remote"), f"opened by the wrong side: {e}")
    expect(e["incoming"] == (go is b), f"wrong direction: {e}")
    if expect_meta:
        expect(e["meta"]["X-Algorand-Genesis"] == [GENESIS], f"headers: {e['meta']}")
        expect(e["meta"]["X-Algorand-Version"] == ["2.2"], f"headers: {e['meta']}")
    time.sleep(0.2)
    frames(a, b)


def opening_case(name, lower_is_dialer, versions):
    def run(cell):
        opened(cell, lower_is_dialer, versions, "2.2" in versions)
    case(name, only=with_go)(run)


opening_case("algorand-ws/2.2.0: the dialler is smaller, opens", True, "2.2.0,1.0.0")
opening_case("algorand-ws/2.2.0: the listener is smaller, opens", False, "2.2.0,1.0.0")
opening_case("algorand-ws/1.0.0: the dialler is smaller, opens", True, "1.0.0")
opening_case("algorand-ws/1.0.0: the listener is smaller, opens", False, "1.0.0")


def no_stream(go, other):
    time.sleep(QUIET_S)
    expect(go.look("algorand-ready", peer=other.id) is None, "there is a stream")
    expect(go.look("disconnected", peer=other.id) is None, "the connection is gone")
    go.ping(other, 1)


def adopt(a, b, go, other):
    go.request("adopt", peer=other.id)
    e = go.wait("algorand-ready", peer=other.id)
    expect(e["opener"] == "local", f"opened by the wrong side: {e}")
    time.sleep(0.2)
    frames(a, b)


@case("algorand-ws: not dialled for the mesh, dialler smaller", only=go_dials)
def off_mesh_lower(cell):
    """Nobody opens, until the mesh adopts the peer."""
    a, b, go, other = go_pair(cell, True, mesh=False)
    no_stream(go, other)
    adopt(a, b, go, other)


@case("algorand-ws: not dialled for the mesh, listener smaller", only=go_dials)
def off_mesh_higher(cell):
    """The listener opens and is refused; once adopted, the larger id opens."""
    a, b, go, other = go_pair(cell, False, mesh=False)
    go.wait("algorand-refused", peer=other.id)
    no_stream(go, other)
    adopt(a, b, go, other)


@case("algorand-ws: listener without gossip service, dialler smaller", only=we_dial)
def unserved_lower(cell):
    """The dialler opens and is refused; the connection stays."""
    _, _, go, other = go_pair(cell, False, **{"gossip-service": False})
    go.wait("algorand-refused", peer=other.id)
    no_stream(go, other)


@case("algorand-ws: listener without gossip service, listener smaller", only=we_dial)
def unserved_higher(cell):
    _, _, go, other = go_pair(cell, True, **{"gossip-service": False})
    no_stream(go, other)


def unserved_case(name, go_is_lower):
    def run(cell):
        """Without --relay our node ignores who dials it, and closes what the dialler opens."""
        _, _, go, other = go_pair(cell, go_is_lower, relay=False)
        if go_is_lower:
            go.wait("algorand-failed", peer=other.id)
        no_stream(go, other)
    case(name, only=lambda column: column == ("go", "hearsay"))(run)


unserved_case("algorand-ws: we serve nobody, dialler smaller", True)
unserved_case("algorand-ws: we serve nobody, listener smaller", False)
