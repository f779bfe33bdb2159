"""Looks for the model on the disk after it was sealed and run: plaintext-search.py [MODEL.xml]

The weights are replaced by random ones and the network is renamed, so that whatever is found comes from this run. Must happen: no
64 bytes of the weights and nothing of the topology stand in the container, the working folder, the home, cache and temporary
folders of the run, or in any file in /tmp that was changed meanwhile. A runtime that is told to write its models is refused (1).
"""

import contextlib
import os
import random
import re
import stat
import tempfile
import time
from pathlib import Path

from support import DONE, check, folder, must, network

NEEDLE, NEEDLES = 64, 64
FLOATS = re.compile(r'element_type="f32"[^>]*? offset="(\d+)" size="(\d+)"')
ENVIRONMENT = 1


def fresh_copy(xml):
    """Writes plain/model.xml and .bin with random weights and another name; returns what is to be looked for."""
    weights = bytearray(xml.with_suffix(".bin").read_bytes())
    name = f"network-{os.urandom(16).hex()}"
    topology = re.sub(r'<net name="[^"]*"', f'<net name="{name}"', xml.read_text(), count=1)
    check(name in topology, "the topology has no name")
    starts = []
    for start, length in (map(int, place) for place in FLOATS.findall(topology)):
        # Half of each number is random; sign and exponent stay, so that every result is finite.
        for offset in range(start, start + length, 4):
            weights[offset : offset + 2] = os.urandom(2)
        starts += range(start, start + length - NEEDLE, NEEDLE)
    Path("plain").mkdir()
    Path("plain/model.xml").write_text(topology)
    Path("plain/model.bin").write_bytes(weights)
    starts = random.sample(starts, min(NEEDLES, len(starts)))
    return [bytes(weights[start : start + NEEDLE]) for start in starts] + [name.encode()]


def find(files, needles):
    """The files in which one of the needles stands."""
    return [path for path in files if holds(path, needles)]


def holds(path, needles):
    try:
        content = path.read_bytes()
    except OSError:
        return False
    return any(needle in content for needle in needles)


def changed_since(moment, *roots):
    """Regular files below the folders that were changed since then. What others remove meanwhile is passed over."""
    for root in roots:
        for parent, _, names in os.walk(root):
            for path in (Path(parent, name) for name in names):
                with contextlib.suppress(OSError):
                    status = path.lstat()
                    if stat.S_ISREG(status.st_mode) and status.st_ctime >= moment:
                        yield path


with folder() as place:
    began = time.time() - 1
    needles = fresh_copy(network())
    check(len(needles) > 50, "the model has too few weights to look for")
    plain = [Path("plain/model.xml"), Path("plain/model.bin")]
    check(find(plain, needles) == plain, "the search does not find what is there")
    for name in ("home", "cache", "temporary", "outputs"):
        Path(name).mkdir()
    environment = os.environ | {
        "HOME": str(place / "home"),
        "XDG_CACHE_HOME": str(place / "cache"),
        "TMPDIR": str(place / "temporary"),
    }
    must(DONE, "keygen", "--keyfile", "-o", "device.key")
    must(DONE, "seal", "plain/model.xml", "-o", "model.ovseal", "--keyfile", "device.key", environment=environment)
    for path in plain:
        path.unlink()
    run = ["run", "model.ovseal", "--keyfile", "device.key"]
    must(DONE, *run, "--iterations", "3", "--output", "outputs", environment=environment)
    must(ENVIRONMENT, *run, environment=environment | {"OV_ENABLE_SERIALIZE_TRACING": "1"})
    searched = set(changed_since(began, place, tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm"))
    found = find(searched, needles)
    print(f"looked for {len(needles)} needles in {len(searched)} files")
    check(place / "model.ovseal" in searched, "the container was not searched")
    check(not found, f"plaintext stands in {found}")
