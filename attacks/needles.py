"""Creates a model with unique contents, and searches files for pieces of it."""

import contextlib
import os
import random
import re
from pathlib import Path

from support import check

NEEDLE, NEEDLES = 64, 64
BLOCK = 1 << 20
FLOATS = re.compile(r'element_type="f32"[^>]*? offset="(\d+)" size="(\d+)"')


def fresh_copy(xml):
    """Writes plain/model.xml and .bin with random weights and name; returns their needles."""
    weights = bytearray(xml.with_suffix(".bin").read_bytes())
    name = f"network-{os.urandom(16).hex()}"
    topology = re.sub(r'<net name="[^"]*"', f'<net name="{name}"', xml.read_text("utf-8"), count=1)
    check(name in topology, "the topology has no name")
    starts = []
    for start, length in (map(int, place) for place in FLOATS.findall(topology)):
        # Randomize half of each number. Sign and exponent stay the same, so that all results are
        # finite.
        for offset in range(start, start + length, 4):
            weights[offset : offset + 2] = os.urandom(2)
        starts += range(start, start + length - NEEDLE, NEEDLE)
    Path("plain").mkdir()
    Path("plain/model.xml").write_text(topology, "utf-8")
    Path("plain/model.bin").write_bytes(weights)
    starts = random.sample(starts, min(NEEDLES, len(starts)))
    return [bytes(weights[start : start + NEEDLE]) for start in starts] + [name.encode()]


def find(files, needles):
    """Returns the files that contain a needle."""
    return [path for path in files if holds(path, needles)]


def holds(path, needles):
    """Returns whether a file contains a needle; false if the file has been removed."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb", buffering=0):
            return any(needle in block for block in blocks(descriptor) for needle in needles)
    return False


def blocks(descriptor):
    """Yields the data of a file without its holes, in blocks that overlap by less than a needle."""
    position = 0
    while True:
        try:
            position = os.lseek(descriptor, position, os.SEEK_DATA)
        except OSError:  # Only a hole follows.
            return
        yield os.pread(descriptor, BLOCK + NEEDLE - 1, position)
        position += BLOCK
