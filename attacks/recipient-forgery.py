"""A legitimate recipient, who can open the container, makes changed ones that others are to accept.

Must happen: where the publisher is named, a container of the recipient's own making is denied (5), signed by the recipient
or not at all; one made with the publisher's data key, with right tags and MACs under it, is not authentic (3) or denied (5).
Seen too, because it is so: whoever names no publisher accepts the first kind.
"""

from pathlib import Path

from support import DENIED, DONE, NOT_AUTHENTIC, VECTORS, check, folder, must, sealed_weights, vector

VICTIM = ["verify", "forged.ovseal", "--keyfile", "device.key"]
NAMED = [*VICTIM, "--publisher", "acme.pub"]
FORGE = ["seal", "plain/weights.dat", "-o", "forged.ovseal", "--keyfile", "device.key", "--force"]


def own_containers():
    """The recipient opens the model, changes it and seals it to the same key under the same name."""
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
    """Test vectors made by a writer who knows the data key, and keeps the publisher's statement or signatures."""
    insiders = sorted(VECTORS.glob("insider-*.json"))
    check(len(insiders) >= 3, "the vectors are missing")
    for path in insiders:
        arguments, code = vector(path)
        check(code in (NOT_AUTHENTIC, DENIED), f"{path.name} expects to be accepted")
        must(code, *arguments)


with folder():
    own_containers()
    under_the_same_data_key()
