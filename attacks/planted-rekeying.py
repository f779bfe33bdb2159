"""Plants another copy's stanzas next to a container, as an interrupted rekeying, without a key.

In the copy, a rekeying has removed the device's key and added that of a removed recipient. Its
region is authentic, with the next generation. The owner then rekeys the container.

Required outcome: the rekeying fails (3) and adopts nothing, even if a bit of the container's own
region is flipped. The device's key still opens the container, and the removed recipient's key does
not.
"""

import hashlib
from pathlib import Path

from support import DONE, NOT_AUTHENTIC, NO_KEY_FITS, check, must, sealed_weights, temporary_directory

with temporary_directory():
    container = sealed_weights(200_000)
    for name in ("removed.key", "new.key"):
        must(DONE, "keygen", "--keyfile", "-o", name)
    Path("copy.ovseal").write_bytes(container)
    must(DONE, "rekey", "copy.ovseal", "--keyfile", "device.key", "--add-keyfile", "removed.key", "--remove", "1")

    copy = Path("copy.ovseal").read_bytes()
    region = copy[4096 : 4096 + int.from_bytes(copy[24:32], "big")]
    plant = b"\x89OVREKY\n" + (1).to_bytes(2, "big") + bytes(6) + copy[32:64] + region
    Path("weights.ovseal.rekey").write_bytes(plant + hashlib.sha256(plant).digest())

    rekey = ("rekey", "weights.ovseal", "--keyfile", "device.key", "--add-keyfile", "new.key")
    must(NOT_AUTHENTIC, *rekey)
    check(Path("weights.ovseal").read_bytes() == container, "the container was changed")
    must(DONE, "verify", "weights.ovseal", "--keyfile", "device.key")

    container[4096 + 40] ^= 1
    with open("weights.ovseal", "r+b") as file:
        file.write(container)
    # If the container's own region is damaged, only the planted keys open. Here, the owner has one
    # of them.
    must(NOT_AUTHENTIC, "rekey", "weights.ovseal", "--keyfile", "removed.key", "--add-keyfile", "new.key")
    check(Path("weights.ovseal").read_bytes() == container, "the damaged container was changed")

    container[4096 + 40] ^= 1
    with open("weights.ovseal", "r+b") as file:
        file.write(container)
    must(DONE, *rekey, "--discard-waiting")
    check(not Path("weights.ovseal.rekey").exists(), "the plant is still there")
    must(DONE, "verify", "weights.ovseal", "--keyfile", "device.key")
    must(NO_KEY_FITS, "verify", "weights.ovseal", "--keyfile", "removed.key")
