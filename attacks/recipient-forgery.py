"""Forges containers as a legitimate recipient, who can open the original.

Required outcome with a required publisher: the recipient's own container, unsigned or signed by the
recipient, is denied (5). A container with the publisher's data key, and valid tags and MACs, is
denied (5) or not authentic (3). Without a required publisher, the recipient's own container is
accepted.
"""

from pathlib import Path

from support import DENIED, DONE, NOT_AUTHENTIC, VECTORS, check, must, sealed_weights, temporary_directory, vector

VICTIM = ["verify", "forged.ovseal", "--keyfile", "device.key"]
NAMED = [*VICTIM, "--publisher", "acme.pub"]
FORGE = ["seal", "plain/weights.dat", "-o", "forged.ovseal", "--keyfile", "device.key", "--force"]


def own_containers():
    """Opens the model, changes it, and seals it to the same key under the same name."""
    must(DONE, "keygen", "--publisher", "-o", "acme")
    must(DONE, "keygen", "--publisher", "-o", "mallory")
    sealed_weights(100_000, "--publisher-key", "acme.key")
    must(DONE, "extract", "weights.ovseal", "--keyfile", "device.key", "--publisher", "acme.pub", "--danger-write-plaintext", "plain")
    Path("plain/weights.dat").write_bytes(bytes(100_000))
    for signature in ([], ["--publisher-key", "mallory.key"]):
        must(DONE, *FORGE, *signature)
        must(DENIED, *NAMED)
        must(DONE, *VICTIM)


def under_the_same_data_key():
    """Verifies vectors with a known data key, and the publisher's statement or signatures."""
    insiders = sorted(VECTORS.glob("insider-*.json"))
    check(len(insiders) >= 3, "the vectors are missing")
    for path in insiders:
        arguments, code = vector(path)
        check(code in (NOT_AUTHENTIC, DENIED), f"{path.name} does not expect rejection")
        must(code, *arguments)


with temporary_directory():
    own_containers()
    under_the_same_data_key()
