"""Removes the publisher's signatures from a container: all of them, or only the post-quantum one.

Required outcome: denied (5) if the publisher is required, before any key is tried. Otherwise the
container is not authentic (3), because the statement lists a missing signer.
"""

import hashlib
import struct
from pathlib import Path

from support import DENIED, DONE, NOT_AUTHENTIC, check, must, sealed_weights, temporary_directory

FOOTER, MAC = 256, 32
NO_SIGNATURE = b"\x80"
# Follows the head of a CBOR array of two: `[key id, 1, Ed25519 signature]`.
FIRST_ENTRY = slice(1, 1 + 1 + 34 + 1 + 66)


def with_signatures(container, signatures):
    """Returns the container with other signatures, and with correct lengths and checksum."""
    footer = bytearray(container[-FOOTER:])
    length, trailer = struct.unpack_from(">QQ", footer, 16)
    old = struct.unpack_from(">Q", footer, 64)[0]
    end = length - FOOTER - MAC
    body = container[: end - old] + signatures + container[end : end + MAC]
    struct.pack_into(">Q", footer, 16, len(body) + FOOTER)
    struct.pack_into(">Q", footer, 64, len(signatures))
    footer[72:104] = hashlib.sha256(body[trailer:]).digest()
    return bytes(body + footer)


def signatures_of(container):
    """Returns the encoded signatures of the container."""
    length = struct.unpack_from(">Q", container, len(container) - FOOTER + 64)[0]
    end = len(container) - FOOTER - MAC
    return bytes(container[end - length : end])


with temporary_directory():
    must(DONE, "keygen", "--publisher", "-o", "acme")
    container = sealed_weights(100_000, "--publisher-key", "acme.key")
    signatures = signatures_of(container)
    check(with_signatures(container, signatures) == bytes(container), "the container was parsed incorrectly")
    ed25519_only = b"\x81" + signatures[FIRST_ENTRY]
    for stripped, alone in ((NO_SIGNATURE, NOT_AUTHENTIC), (ed25519_only, NOT_AUTHENTIC)):
        Path("weights.ovseal").write_bytes(with_signatures(container, stripped))
        must(DENIED, "verify", "weights.ovseal", "--publisher", "acme.pub")
        must(DENIED, "verify", "weights.ovseal", "--publisher", "acme.pub", "--keyfile", "device.key")
        must(alone, "verify", "weights.ovseal", "--keyfile", "device.key")
