"""Plants the stanzas of another copy next to a container, as an unfinished rekeying, without any key.

The copy was rekeyed: it lost the device's key and got back that of a removed recipient. Its region is authentic, and its
generation is the next one. The owner then rekeys the container.

Must happen: nothing of the plant is taken over (3), also when one bit of the container's own region is flipped; the device's
key still opens; the removed recipient's does not open the container alone.
"""

import hashlib
from pathlib import Path

from support import DONE, NO_KEY_FITS, NOT_AUTHENTIC, check, folder, must, sealed_weights

with folder():
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
    # With its own region damaged, only the plant's keys open; the owner has one of them here.
    must(NOT_AUTHENTIC, "rekey", "weights.ovseal", "--keyfile", "removed.key", "--add-keyfile", "new.key")
    check(Path("weights.ovseal").read_bytes() == container, "the damaged container was changed")

    container[4096 + 40] ^= 1
    with open("weights.ovseal", "r+b") as file:
        file.write(container)
    must(DONE, *rekey, "--discard-waiting")
    check(not Path("weights.ovseal.rekey").exists(), "the plant is still there")
    must(DONE, "verify", "weights.ovseal", "--keyfile", "device.key")
    must(NO_KEY_FITS, "verify", "weights.ovseal", "--keyfile", "removed.key")
