"""Takes the publisher's signatures out of a container: all of them, or the post-quantum one alone.

Must happen: where the publisher is named it is denied (5), before any key is tried; without a publisher the container is
damaged (3), because the statement names a signer who has not signed.
"""

import hashlib
import struct
from pathlib import Path

from support import DENIED, DONE, NOT_AUTHENTIC, check, folder, must, sealed_weights

FOOTER, MAC = 256, 32
NO_SIGNATURE = b"\x80"
# A CBOR array of two, then `[key id, 1, Ed25519 signature]`.
FIRST_ENTRY = slice(1, 1 + 1 + 34 + 1 + 66)


def with_signatures(container, signatures):
    """The container with other signatures, its lengths and its checksum right again."""
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
    """The signatures as they stand in the container."""
    length = struct.unpack_from(">Q", container, len(container) - FOOTER + 64)[0]
    end = len(container) - FOOTER - MAC
    return bytes(container[end - length : end])


with folder():
    must(DONE, "keygen", "--publisher", "-o", "acme")
    container = sealed_weights(100_000, "--publisher-key", "acme.key")
    signatures = signatures_of(container)
    check(with_signatures(container, signatures) == bytes(container), "the file was not taken apart rightly")
    ed25519_only = b"\x81" + signatures[FIRST_ENTRY]
    for stripped, alone in ((NO_SIGNATURE, NOT_AUTHENTIC), (ed25519_only, NOT_AUTHENTIC)):
        Path("weights.ovseal").write_bytes(with_signatures(container, stripped))
        must(DENIED, "verify", "weights.ovseal", "--publisher", "acme.pub")
        must(DENIED, "verify", "weights.ovseal", "--publisher", "acme.pub", "--keyfile", "device.key")
        must(alone, "verify", "weights.ovseal", "--keyfile", "device.key")
