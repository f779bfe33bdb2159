"""Swaps two chunks of a part on the disk, with and without their tags and digests.

Required outcome: exit code 3 with a key, with a publisher, and with neither. Nothing is extracted.
"""

import hashlib
import struct
from pathlib import Path

from support import DONE, NOT_AUTHENTIC, check, must, payload, sealed_weights, temporary_directory

CHUNKS = 4
FOOTER = 256


def swap(data, first, second, length):
    """Swaps two pieces of equal length."""
    data[first : first + length], data[second : second + length] = (
        data[second : second + length],
        data[first : first + length],
    )


def with_tables(container):
    """Also swaps the tags and digests, and corrects the checksum, which requires no key."""
    footer = len(container) - FOOTER
    trailer, tags = struct.unpack_from(">QQ", container, footer + 24)
    swap(container, trailer, trailer + 16, 16)
    swap(container, trailer + tags, trailer + tags + 32, 32)
    container[footer + 72 : footer + 104] = hashlib.sha256(container[trailer:footer]).digest()
    return container


def must_be_rejected():
    """Checks that the container fails with a key, with a publisher, and with neither."""
    must(NOT_AUTHENTIC, "verify", "weights.ovseal")
    must(NOT_AUTHENTIC, "verify", "weights.ovseal", "--publisher", "acme.pub")
    must(NOT_AUTHENTIC, "verify", "weights.ovseal", "--keyfile", "device.key")
    must(
        NOT_AUTHENTIC, "extract", "weights.ovseal", "--keyfile", "device.key", "--any-sender", "--danger-write-plaintext", "plain", "--force"
    )
    left = [path for path in Path("plain").rglob("*") if path.is_file()]
    check(not left, f"something was extracted: {left}")


with temporary_directory():
    must(DONE, "keygen", "--publisher", "-o", "acme")
    container = sealed_weights(CHUNKS * (256 << 10), "--publisher-key", "acme.key")
    must(DONE, "verify", "weights.ovseal", "--publisher", "acme.pub", "--keyfile", "device.key")
    start, chunk = payload(container)
    check(chunk * CHUNKS == 1 << 20, f"unexpected chunk size {chunk}")
    swap(container, start, start + chunk, chunk)
    Path("weights.ovseal").write_bytes(container)
    must_be_rejected()
    Path("weights.ovseal").write_bytes(with_tables(container))
    must_be_rejected()
