"""Builds the peers: the Go program, and the npm packages of the js one, all under build/interop.

A peer whose tools are missing or too old is not an error here: the reason is handed back, and its
cells are reported as not run.
"""

import hashlib
import os
import pathlib
import re
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
GO_MIN = (1, 25)  # what the go.mod of the pinned go-libp2p asks for
NODE_MIN = (20, 0)
TIMEOUT_S = 900


class Unavailable(Exception):
    """Why a peer cannot run here."""


def version_of(command, pattern):
    """The version a tool tells, as a tuple."""
    if shutil.which(command[0]) is None:
        raise Unavailable(f"{command[0]} is not installed")
    out = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd="/")
    found = re.search(pattern, out.stdout)
    if not found:
        raise Unavailable(f"{' '.join(command)} tells no version: {out.stderr.strip()[-200:]}")
    return tuple(int(part) for part in found.groups())


def run(command, cwd, env=None):
    try:
        done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True,
                              timeout=TIMEOUT_S, check=False, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{' '.join(command)}: no end after {TIMEOUT_S} s") from None
    if done.returncode != 0:
        raise Unavailable(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()[-500:]}")


def install_go(build):
    """Returns the command that starts the Go peer."""
    have = version_of(["go", "version"], r"go(\d+)\.(\d+)")
    env = dict(os.environ, CGO_ENABLED="0")
    if have < GO_MIN:
        # Go 1.21 and later fetch a newer toolchain as a module, when they are allowed to.
        if have < (1, 21):
            raise Unavailable(f"go {have[0]}.{have[1]} is older than {GO_MIN[0]}.{GO_MIN[1]}")
        env["GOTOOLCHAIN"] = "auto"
    program = build / "go-peer"
    run(["go", "build", "-mod=readonly", "-trimpath", "-o", str(program), "."], HERE / "go", env)
    return [str(program)]


def install_js(build):
    """Returns the command that starts the js peer."""
    have = version_of(["node", "--version"], r"v(\d+)\.(\d+)")
    if have < NODE_MIN:
        raise Unavailable(f"node {have[0]}.{have[1]} is older than {NODE_MIN[0]}.{NODE_MIN[1]}")
    if shutil.which("npm") is None:
        raise Unavailable("npm is not installed")
    folder = build / "js"
    folder.mkdir(parents=True, exist_ok=True)
    for file in (HERE / "js").iterdir():
        if file.is_file():
            shutil.copy2(file, folder)
    digest = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    stamp = folder / "installed"
    if not stamp.exists() or stamp.read_text() != digest:
        stamp.unlink(missing_ok=True)
        run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)
        stamp.write_text(digest)
    return ["node", str(folder / "peer.mjs")]


def install(build, kinds):
    """({kind: command}, {kind: why not})"""
    commands, missing = {}, {}
    build.mkdir(parents=True, exist_ok=True)
    for kind, install_one in (("go", install_go), ("js", install_js)):
        if kind not in kinds:
            continue
        try:
            commands[kind] = install_one(build)
        except Unavailable as reason:
            missing[kind] = str(reason)
    return commands, missing
