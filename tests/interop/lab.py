"""The lab: the columns, the cells, and the peers that a cell started."""

import pathlib
import subprocess
import threading
import time

from hearsay import HearsayPeer
from peer import Failure, GoPeer, JsPeer

KINDS = {"go": GoPeer, "js": JsPeer, "hearsay": HearsayPeer}
NAMES = {"go": "go", "js": "js", "hearsay": "us"}
# (who dials, who listens)
COLUMNS = [("go", "hearsay"), ("hearsay", "go"), ("js", "hearsay"), ("hearsay", "js")]
CONTROL = [("go", "js"), ("js", "go"), ("go", "go"), ("js", "js")]


def column_name(column):
    dialer, listener = column
    return f"{NAMES[dialer]} dials {NAMES[listener]}"


class Lab:
    """What all cells share: the commands of the peers, the sizes, the folder for logs."""

    def __init__(self, commands, missing, folder, size_mib, dump=None):
        self.commands = commands  # kind -> how to start it
        self.missing = missing    # kind -> why it cannot be started
        self.folder = pathlib.Path(folder)
        self.size = size_mib << 20
        self.dump = dump          # where what peers sent is written, or None
        self.lock = threading.Lock()
        self.logs = 0
        self.versions = {}        # kind -> {part: version}

    def log_path(self, kind):
        with self.lock:
            self.logs += 1
            return self.folder / f"{self.logs:03d}-{kind}.log"

    def why_not(self, kinds):
        """Why cells with these peers cannot run; None when they can."""
        return next((f"{kind}: {self.missing[kind]}" for kind in kinds if kind in self.missing), None)


class Cell:
    """One case in one column. Peers started through it are ended with it."""

    def __init__(self, lab, column):
        self.lab = lab
        self.column = column
        self.peers = []
        self.note = ""

    @property
    def foreign(self):
        """The kinds in this cell that are not ours."""
        return [kind for kind in self.column if kind != "hearsay"]

    def start(self, kind, **settings):
        peer = KINDS[kind](self.lab, settings)
        self.peers.append(peer)
        self.lab.versions.setdefault(kind, peer.versions)
        return peer

    def pair(self, both=None, theirs=None, ours=None, dialer=None, listener=None, connect=True):
        """Starts the column's two peers and connects them. `theirs` is not for our own node, `ours` for nobody else."""
        started = []
        for kind, own in ((self.column[1], listener), (self.column[0], dialer)):
            settings = dict(both or {})
            if kind != "hearsay":
                settings.update(theirs or {})
            else:
                settings.update(ours or {})
            settings.update(own or {})
            started.append(self.start(kind, **settings))
        a, b = started[1], started[0]
        if connect:
            self.connect(a, b)
        return a, b

    def connect(self, a, b, **more):
        """a dials b; waits until both know each other."""
        marks = a.mark(), b.mark()
        a.dial(b, **more)
        for one, other, mark in ((a, b, marks[0]), (b, a, marks[1])):
            one.wait("connected", peer=other.id, since=mark)
            one.wait("identified", peer=other.id, since=mark)

    def restart(self, peer):
        """The same peer again (its key, its address), after a kill."""
        self.peers.remove(peer)
        peer.process.stop()
        peer.discard()
        settings = dict(peer.settings)
        if peer.addr:
            settings["listen"] = peer.addr.split("/p2p/")[0]
        return self.start(peer.kind, **settings)

    def finish(self, quietly):
        """Ends all peers. One that does not end well fails the cell, unless that failed already."""
        wrong = []
        for peer in self.peers:
            status = peer.stop()
            peer.discard()
            if status != 0 and not peer.killed:
                wrong.append(f"{peer.kind} ended with status {status}, see {peer.process.log.name}")
        if wrong and not quietly:
            raise Failure("; ".join(wrong))


def run_cell(lab, column, case):
    """("pass" | "fail" | "skip" | "none", note, seconds)"""
    if not case.applies(column):
        return "none", "", 0.0
    reason = lab.why_not(case.kinds(column))
    if reason:
        return "skip", reason, 0.0
    cell = Cell(lab, column)
    start = time.monotonic()
    verdict, note = "pass", ""
    try:
        case.run(cell)
    except (Failure, OSError, KeyError, subprocess.SubprocessError) as err:
        logs = " ".join(pathlib.Path(p.process.log.name).name for p in cell.peers)
        verdict, note = "fail", f"{type(err).__name__}: {err} [{logs}]"
    try:
        cell.finish(quietly=verdict == "fail")
    except Failure as err:
        verdict, note = "fail", str(err)
    return verdict, note or cell.note, time.monotonic() - start
