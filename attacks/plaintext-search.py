"""Looks for the model on the disk after it was sealed and run: plaintext-search.py [MODEL.xml]

The weights are replaced by random ones and the network is renamed, so that whatever is found comes from this run. Must happen: no
64 bytes of the weights and nothing of the topology stand in the container, the working folder, the home, cache and temporary
folders of the run, or in what appeared meanwhile in /tmp, /var/tmp and /dev/shm and belongs to the same user. A runtime that is told to
write its models is refused (1).
"""

import contextlib
import os
import random
import re
import stat
import time
from pathlib import Path

from support import DONE, check, folder, must, network

NEEDLE, NEEDLES = 64, 64
BLOCK = 1 << 20
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
    """Whether one of the needles stands in a file. A file that others remove meanwhile holds nothing."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb", buffering=0):
            return any(needle in block for block in blocks(descriptor) for needle in needles)
    return False


def blocks(descriptor):
    """The bytes of a file, in blocks that overlap by less than a needle; its holes are left out."""
    position = 0
    while True:
        try:
            position = os.lseek(descriptor, position, os.SEEK_DATA)
        except OSError:  # No data from here on.
            return
        yield os.pread(descriptor, BLOCK + NEEDLE - 1, position)
        position += BLOCK


def files_below(folder):
    """All files below a folder."""
    return {Path(parent, name) for parent, _, names in os.walk(folder) for name in names}


def new_files(moment, shared):
    """The files that appeared or changed since then in a folder that others use too.

    A folder in it counts only if it is new or something was put into it: builds and other tests go on below the old ones.
    """
    for entry in Path(shared).iterdir():
        if is_new(moment, entry):
            files = files_below(entry) if entry.is_dir() and not entry.is_symlink() else [entry]
            yield from (file for file in files if is_new(moment, file, stat.S_ISREG))


def is_new(moment, path, kind=lambda mode: True):
    """Whether something is of this user and kind, and appeared or changed since then. What is gone again is not."""
    with contextlib.suppress(OSError):
        status = path.lstat()
        return status.st_uid == os.getuid() and status.st_ctime >= moment and kind(status.st_mode)
    return False


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
    searched = files_below(place)
    for shared in filter(os.path.isdir, ("/tmp", "/var/tmp", "/dev/shm")):
        searched.update(new_files(began, shared))
    found = find(searched, needles)
    print(f"looked for {len(needles)} needles in {len(searched)} files")
    check(place / "model.ovseal" in searched, "the container was not searched")
    check(not found, f"plaintext stands in {found}")
