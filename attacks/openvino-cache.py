"""Searches for the model in all files written with a cache of compiled models.

    openvino-cache.py [MODEL.xml]

The weights and the network's name are random, so that any match comes from this run. strace records
every file that the programs open for writing. Required outcome: no file written by `ovseal run
--cache-dir` contains 64 bytes of the weights or the network's name, whether it stores or loads the
compiled model.

OpenVINO's own cache of the same network does contain weights, despite its encryption callbacks
(CACHE_ENCRYPTION_CALLBACKS): they receive only the topology.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from needles import find, fresh_copy
from support import DONE, check, must, network, temporary_directory

# A call that opens a file for writing, or creates it. strace prints the path of the new descriptor.
OPENED = re.compile(r"\b(?:open|openat|openat2|creat)\(.*(?:O_WRONLY|O_RDWR|O_CREAT|creat\().* = \d+<(?P<path>[^>]*)>")
RENAMED = re.compile(r'\brename(?:at2?)?\(.*?"(?P<old>[^"]*)".*?"(?P<new>[^"]*)".* = 0')

OPENVINO = """
import hashlib, os, sys
import openvino

KEY = os.urandom(32)

def cipher(text, nonce):
    stream = hashlib.shake_256(KEY + nonce).digest(len(text))
    return (int.from_bytes(text, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(text), "big")

def encrypt(text):
    nonce = os.urandom(16)
    return nonce + cipher(text, nonce)

def decrypt(text):
    return cipher(text[16:], text[:16])

core = openvino.Core()
model = core.read_model(open("plain/model.xml", "rb").read(), open("plain/model.bin", "rb").read())
config = {"CACHE_DIR": "openvino-cache", "CACHE_ENCRYPTION_CALLBACKS": [encrypt, decrypt]}
core.compile_model(model, "CPU", config)
"""


def traced(*command):
    """Runs a command and returns its standard output and the files that it opened for writing."""
    trace = Path("trace")
    # `ovseal` keeps out debuggers, but root in a new user namespace may still trace it.
    unshare = [] if os.getuid() == 0 else ["unshare", "--map-root-user"]
    calls = "open,openat,openat2,creat,rename,renameat,renameat2"
    strace = [*unshare, "strace", "-f", "-y", "-s", "4096", "-e", f"trace={calls}", "-o", trace, *command]
    process = subprocess.run(strace, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    check(process.returncode == DONE, f"{command[0]} failed: {process.stderr}")
    lines = trace.read_text("utf-8", "replace").splitlines()
    trace.unlink()
    return process.stdout, written(lines)


def written(lines):
    """Returns the files that were opened for writing, with their current names."""
    opened = {match["path"] for match in map(OPENED.search, lines) if match}
    renamed = {Path(match["old"]).resolve(): Path(match["new"]).resolve() for match in map(RENAMED.search, lines) if match}
    # Memory, devices and pipes are not files on a disk.
    paths = {Path(path) for path in opened if not path.startswith(("/memfd:", "/dev/", "/proc/", "pipe:", "socket:"))}
    paths = {renamed.get(path, path) for path in paths}
    gone = [path for path in paths if not path.exists()]
    check(not gone, f"cannot search files that no longer exist: {gone}")
    return paths


def run_ovseal(place, expected):
    """Runs the container with a cache, and returns the written files."""
    command = ["ovseal", "run", "model.ovseal", "--keyfile", "device.key", "--publisher", "acme.pub", "--cache-dir", "cache", "--json"]
    output, files = traced(*command)
    cache = json.loads(output)["cache"]
    check(cache == expected, f"the cache reports {cache}")
    print(f"ovseal run: {expected}, wrote {len(files)} files")
    return files


with temporary_directory() as place:
    os.environ["XDG_STATE_HOME"] = str(place / "state")
    needles = fresh_copy(network())
    check(len(needles) > 50, "the model has too few weights to search for")
    must(DONE, "keygen", "--keyfile", "-o", "device.key")
    must(DONE, "keygen", "--publisher", "-o", "acme")
    seal = ["seal", "plain/model.xml", "-o", "model.ovseal", "--keyfile", "device.key"]
    must(DONE, *seal, "--publisher-key", "acme.key")

    _, theirs = traced(sys.executable, "-c", OPENVINO)
    theirs = [path for path in theirs if place / "openvino-cache" in path.parents]
    check(theirs, "OpenVINO wrote no cache")
    found = find(theirs, needles[:-1])
    print(f"OpenVINO's encrypted cache: weights in {len(found)} of {len(theirs)} files")
    check(found, "OpenVINO's cache no longer holds weights in plaintext: update the documentation")

    ours = run_ovseal(place, "stored")
    check(any(place / "cache" in path.parents for path in ours), "the trace does not show the entry")
    check(place / "state" / "ovseal" / "device.secret" in ours, "the trace does not show the device's secret")
    ours |= run_ovseal(place, "hit")
    found = find(ours, needles)
    print(f"ovseal's cache: searched {len(ours)} files for {len(needles)} needles")
    check(not found, f"plaintext in {found}")
