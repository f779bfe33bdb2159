"""Section 4.3: stanzas for a TPM, opened with the share that it would unseal.

They have a separate directory, because callers of the crates cannot pass a share. Other tests cover
the data that only a TPM reads.
"""

from vectormaker.container import Container
from vectormaker.primitives import be, fixed_bytes
from vectormaker.stanzas import flipped, tpm2, tpm2_passphrase
from vectormaker.vector import Vector

SHARE, OTHER_SHARE = fixed_bytes("shared", "share", 32), fixed_bytes("shared", "another share", 32)
WORDS = "correct horse battery staple"


def vectors():
    yield from alone()
    yield from with_passphrase()


def case(name, expect, text, make, share=SHARE, **key):
    container = Container(name, stanzas=[make])
    return Vector(name, expect, "4.3", text, container, {"share": share.hex(), **key})


def alone():
    bounds = be(0b111, 1) + bytes.fromhex("810001") + fixed_bytes("shared", "registers", 96) + be(5, 8) + be(86_400_000, 8)
    yield case("tpm2", "opened", "no bounds", tpm2(SHARE))
    yield case("tpm2-bounds", "opened", "registers 0, 7 and 16, an epoch and a clock", tpm2(SHARE, bounds))
    yield case("tpm2-wrong-share", "no-key-fits", "another share", tpm2(OTHER_SHARE))
    yield case("tpm2-bound-changed", "no-key-fits", "the epoch is another one than that for which the key was wrapped",
               tpm2(SHARE, be(2, 1) + be(5, 8), stated=be(2, 1) + be(6, 8)))
    for name, text, options in (
        ("tpm2-version-2", "version 2", {"version": 2}), ("tpm2-counter-below", "an index below the owner's", {"counter": 0x017FFFFF}),
        ("tpm2-counter-above", "an index above the owner's", {"counter": 0x01C00000}), ("tpm2-flags-8", "a bound of no kind", {"bounds": be(8, 1)}),
        ("tpm2-no-registers", "registers are demanded, and none is named", {"bounds": be(1, 1) + bytes(3)}),
        ("tpm2-trailing-byte", "a byte after the private area", {"extra": b"\0"}),
        ("tpm2-private-107", "a private area of 107 bytes", {"private": bytes(107)}),
    ):
        yield case(name, "no-key-fits", text + "; all else is right", tpm2(SHARE, **options))


def with_passphrase():
    def both(name, expect, text, share=SHARE, words=WORDS, given=SHARE, given_words=WORDS, **options):
        return case(name, expect, text, tpm2_passphrase(share, words, **options), given, passphrase=given_words)

    yield both("tpm2-passphrase", "opened", "the right share and passphrase")
    yield both("tpm2-passphrase-decomposed", "opened", "the passphrase is normalized", words="caf\u00e9", given_words="cafe\u0301\n")
    yield both("tpm2-passphrase-wrong-share", "no-key-fits", "another share", given=OTHER_SHARE)
    yield both("tpm2-passphrase-wrong-words", "no-key-fits", "another passphrase", given_words=WORDS + "s")
    yield both("tpm2-passphrase-swapped", "no-key-fits", "the passphrase's 32 bytes stand before the TPM's", join=lambda share, derived: derived + share)
    yield both("tpm2-passphrase-share-alone", "no-key-fits", "wrapped under the TPM's share alone", join=lambda share, derived: share)
    yield both("tpm2-passphrase-kdf-memory", "no-key-fits", "m is 1 GiB and 1 KiB; Argon2 must not run", memory=(1 << 20) + 1, computed=(64, 1, 1))
    yield both("tpm2-passphrase-kdf-product", "no-key-fits", "m t is 5 GiB; Argon2 must not run", memory=1 << 20, passes=5, computed=(64, 1, 1))
    yield both("tpm2-passphrase-body-flipped", "no-key-fits", "the wrapped key is damaged", body=flipped)
    yield both("tpm2-passphrase-version-2", "no-key-fits", "version 2", version=2)
    yield case("tpm2-passphrase-without", "no-key-fits", "the share alone is given", tpm2_passphrase(SHARE, WORDS))
