"""Truncates a container at places typical of an aborted download, and extends it.

Required outcome: exit code 3 with a key and with a publisher. A file too short to recognize is not
a container (6).
"""

from pathlib import Path

from support import DONE, NOT_AUTHENTIC, UNSUPPORTED, must, payload, sealed_weights, temporary_directory


def must_all(code):
    """Checks the exit code with a key, with a publisher, and for `inspect`."""
    must(code, "verify", "weights.ovseal", "--keyfile", "device.key")
    must(code, "verify", "weights.ovseal", "--publisher", "acme.pub")
    must(code, "inspect", "weights.ovseal")


with temporary_directory():
    must(DONE, "keygen", "--publisher", "-o", "acme")
    container = bytes(sealed_weights(1 << 20, "--publisher-key", "acme.key"))
    start, chunk = payload(container)
    whole = len(container)
    for length in (8, 100, 4096, start - 1, start, start + chunk, start + 4 * chunk, whole - 256, whole - 1):
        Path("weights.ovseal").write_bytes(container[:length])
        must_all(NOT_AUTHENTIC)
    Path("weights.ovseal").write_bytes(container + b"\0")
    must_all(NOT_AUTHENTIC)
    for length in (0, 7):
        Path("weights.ovseal").write_bytes(container[:length])
        must_all(UNSUPPORTED)
