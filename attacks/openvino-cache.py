"""Looks for the model in every file that is written while a compiled model is cached: openvino-cache.py [MODEL.xml]

The weights are random and the network has a name of its own, so that whatever is found comes from this run. Both programs are
traced (strace), and every file that they open to write is searched. Must happen: in what `ovseal run --cache-dir` writes there
are no 64 bytes of the weights and nothing of the topology, neither when the compiled model is stored nor when it is used. OpenVINO's
own cache with its encryption call-backs (CACHE_DIR, CACHE_ENCRYPTION_CALLBACKS) is written by the same network: there the weights
are found, since the call-backs are given the topology only.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from needles import find, fresh_copy
from support import DONE, check, folder, must, network

# A call that opened a file to write, or made one; strace shows what the new descriptor is.
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
    """Runs a command and returns what it wrote to stdout, and every file that it opened to write."""
    trace = Path("trace")
    # Without being root this tracer sees nothing of a process that keeps debuggers out, but in a name space of its own.
    unshare = [] if os.getuid() == 0 else ["unshare", "--map-root-user"]
    calls = "open,openat,openat2,creat,rename,renameat,renameat2"
    strace = [*unshare, "strace", "-f", "-y", "-s", "4096", "-e", f"trace={calls}", "-o", trace, *command]
    process = subprocess.run(strace, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    check(process.returncode == DONE, f"{command[0]} failed: {process.stderr}")
    lines = trace.read_text("utf-8", "replace").splitlines()
    trace.unlink()
    return process.stdout, written(lines)


def written(lines):
    """The files that were opened to write, under the names that they have now."""
    opened = {match["path"] for match in map(OPENED.search, lines) if match}
    renamed = {Path(match["old"]).resolve(): Path(match["new"]).resolve() for match in map(RENAMED.search, lines) if match}
    # What stands in memory only, and devices, are no files on a disk.
    paths = {Path(path) for path in opened if not path.startswith(("/memfd:", "/dev/", "/proc/", "pipe:", "socket:"))}
    paths = {renamed.get(path, path) for path in paths}
    gone = [path for path in paths if not path.exists()]
    check(not gone, f"these were written, and cannot be searched: {gone}")
    return paths


def run_ovseal(place, expected):
    """Runs from the container with a cache, and returns what was written."""
    command = ["ovseal", "run", "model.ovseal", "--keyfile", "device.key", "--publisher", "acme.pub", "--cache-dir", "cache", "--json"]
    told, files = traced(*command)
    told = json.loads(told)
    check(told["cache"] == expected, f"the cache says {told['cache']}")
    print(f"ovseal run: {expected}, wrote {len(files)} files")
    return files


with folder() as place:
    os.environ["XDG_STATE_HOME"] = str(place / "state")
    needles = fresh_copy(network())
    check(len(needles) > 50, "the model has too few weights to look for")
    must(DONE, "keygen", "--keyfile", "-o", "device.key")
    must(DONE, "keygen", "--publisher", "-o", "acme")
    seal = ["seal", "plain/model.xml", "-o", "model.ovseal", "--keyfile", "device.key"]
    must(DONE, *seal, "--publisher-key", "acme.key")

    _, theirs = traced(sys.executable, "-c", OPENVINO)
    theirs = [path for path in theirs if place / "openvino-cache" in path.parents]
    check(theirs, "OpenVINO wrote no cache")
    found = find(theirs, needles[:-1])
    print(f"OpenVINO's encrypted cache: weights in {len(found)} of {len(theirs)} files")
    check(found, "OpenVINO's cache holds no weights in plaintext any more: say so in the documentation")

    ours = run_ovseal(place, "stored")
    check(any(place / "cache" in path.parents for path in ours), "the trace does not show the entry")
    check(place / "state" / "ovseal" / "device.secret" in ours, "the trace does not show the device's secret")
    ours |= run_ovseal(place, "hit")
    found = find(ours, needles)
    print(f"ovseal's cache: looked for {len(needles)} needles in {len(ours)} files")
    check(not found, f"plaintext stands in {found}")
