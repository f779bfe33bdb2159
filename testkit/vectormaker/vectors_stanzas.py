"""Sections 3 and 4: stanzas of every type, keys that fit or do not, and hostile stanza regions."""

from vectormaker.container import KEYFILE, Container
from vectormaker.licences import license
from vectormaker.primitives import be, bech32_bytes, encapsulate_x25519, fixed_bytes, hpke_seal, sha256, x25519_public
from vectormaker.stanzas import flipped, keyfile, passphrase, stanza, tpm2_passphrase, unknown, x25519, xwing
from vectormaker.vector import Vector, patched

# Identities from age's public test suite (C2SP CCTV): keys made by age must work.
AGE = "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0"
AGE_PQ = "AGE-SECRET-KEY-PQ-1HZLGZUPT4ETPKDEV8HSGFDCYZ4E522W0A7PU2LHT8EH9W6YLNC3SW78XKG"
OTHER_KEYFILE = fixed_bytes("shared", "another key file", 32)
OTHER_KEY = fixed_bytes("shared", "another data key", 32)
WORDS = "correct horse battery staple"
COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"


def vectors():
    yield from passphrases()
    yield from key_derivation_limits()
    yield from public_keys()
    yield from choices()
    yield from damaged()
    yield from regions()


def case(name, expect, why, text, stanzas, key=None, **options):
    return Vector(name, expect, why, text, Container(name, stanzas=stanzas, **options), key or {"keyfile": KEYFILE.hex()})


def passphrases():
    def opened(name, text, sealed, given, expect="opened", **numbers):
        return case(name, expect, "4.1", text, [passphrase(sealed, **numbers)], given)

    words = {"passphrase": WORDS}
    yield opened("passphrase", "m = 64 KiB, t = 1, p = 1", WORDS, words)
    yield opened("passphrase-lanes", "m = 128 KiB, t = 2, p = 16: m is exactly 8 p", WORDS, words, memory=128, passes=2, lanes=16)
    yield opened("passphrase-default", "the numbers of writers: m = 65,536 KiB, t = 3, p = 4", WORDS, words, memory=65536, passes=3, lanes=4)
    yield opened("passphrase-wrong", "another passphrase", WORDS, {"passphrase": WORDS + "s"}, "no-key-fits")
    yield opened("passphrase-composed-opened-decomposed", "sealed with é as one character, opened with e and an accent", COMPOSED,
                 {"passphrase": DECOMPOSED})
    yield opened("passphrase-decomposed-opened-composed", "sealed with e and an accent, opened with é as one character", DECOMPOSED,
                 {"passphrase": COMPOSED})
    yield opened("passphrase-compatibility-form", "the ligature fi is not f and i: the form is C, not KC", "\ufb01sh", {"passphrase": "fish"},
                 "no-key-fits")
    yield opened("passphrase-final-lf", "opened with a final line feed", WORDS, {"passphrase": WORDS + "\n"})
    yield opened("passphrase-final-crlf", "opened with a final carriage return and line feed", WORDS, {"passphrase": WORDS + "\r\n"})
    yield opened("passphrase-two-lf", "only one final line feed is removed", WORDS, {"passphrase": WORDS + "\n\n"}, "no-key-fits")
    yield opened("passphrase-final-cr", "a final carriage return alone is not removed", WORDS, {"passphrase": WORDS + "\r"}, "no-key-fits")
    yield opened("passphrase-1025", "1025 bytes", "x" * 1025, {"passphrase": "x" * 1025}, "usage")
    yield opened("passphrase-empty", "a line feed alone is an empty passphrase", b"", {"passphrase": "\n"}, "usage")
    yield opened("passphrase-not-utf-8", "Latin-1", "café".encode("latin-1"), {"passphrase_hex": "caf\u00e9".encode("latin-1").hex()}, "usage")


def key_derivation_limits():
    for name, text, m, t, p in (
        ("kdf-memory", "m is 1 GiB and 1 KiB", (1 << 20) + 1, 1, 1), ("kdf-passes", "t is 17", 64, 17, 1), ("kdf-lanes", "p is 17", 1024, 1, 17),
        ("kdf-product", "m is 1 GiB and t is 5, so m t is 5 GiB", 1 << 20, 5, 1), ("kdf-memory-below-lanes", "m is 8 p - 1", 31, 1, 4),
        ("kdf-passes-0", "t is 0", 64, 0, 1),
    ):
        affordable = m <= 1024 and 1 <= t <= 17 and 1 <= p and m >= 8 * p
        bomb = passphrase(WORDS, m, t, p, computed=None if affordable else (64, 1, 1))
        yield case(name, "no-key-fits", "1.2", text + "; Argon2 must not run", [bomb], {"passphrase": WORDS})
    bomb = passphrase(WORDS, 1 << 20, 16, 16, computed=(64, 1, 1))
    yield case("kdf-bomb-not-tried", "opened", "4", "a stanza beyond the limits is of a type for which the caller gave no key",
               [bomb, keyfile(KEYFILE)])


def public_keys():
    x, pq = {"identity": AGE}, {"identity": AGE_PQ}
    fits = "4.2"
    yield case("x25519", "opened", fits, "an identity made by age", [x25519(AGE)], x)
    yield case("x-wing", "opened", fits, "a post-quantum identity made by age", [xwing(AGE_PQ)], pq)
    yield case("x25519-zero-share", "no-key-fits", fits, "the shared secret is all zero", [x25519(AGE, zero=True)], x)
    yield case("x-wing-zero-share", "no-key-fits", fits, "the shared secret of the X25519 half is all zero", [xwing(AGE_PQ, zero=True)], pq)
    yield case("x-wing-bad-tag", "no-key-fits", fits, "the body is damaged, the MAC is of the damaged one", [xwing(AGE_PQ, body=flipped)], pq)
    short = lambda container: stanza("x25519", fixed_bytes("short", "share", 31), bytes(48))
    yield case("x25519-short-share-passed-over", "opened", "4", "an unusable stanza before a good one", [short, x25519(AGE)], x)
    yield case("x25519-age-info", "no-key-fits", fits, "HPKE with an info that is not ours", [foreign_info], x)


def foreign_info(container):
    public = x25519_public(bech32_bytes(AGE))
    encapsulated, shared = encapsulate_x25519(public, fixed_bytes(container.name, "x25519", 32))
    sealed = hpke_seal(0x20, shared, b"age-encryption.org/v1/X25519", container.data_key)
    return stanza("x25519", encapsulated, sealed)


def choices():
    good, other = keyfile(KEYFILE), keyfile(OTHER_KEYFILE, "other")
    yield case("all-types", "opened", "4", "one stanza of each type", [passphrase(WORDS), good, xwing(AGE_PQ), x25519(AGE)], {"identity": AGE})
    yield case("second-key-fits", "opened", "4", "the first stanza opens but its key does not fit the container", [keyfile(KEYFILE, "decoy", OTHER_KEY), good])
    yield case("unknown-type", "opened", "4", "types that no reader knows stand before the right one", [unknown(), unknown("x-2", b"", b""), good])
    yield case("license-skipped", "opened", "4", "a stanza for a licence stands before the right one", [license(), good])
    yield case("license-unusable-skipped", "opened", "4.6", "a stanza for a licence with parameters of version 2 stands before the right one",
               [license(version=2), good])
    yield case("license-alone", "no-key-fits", "4", "a container that only a licence opens", [license()])
    yield case("wrong-keyfile", "no-key-fits", "4", "another key file", [other])
    yield case("wrong-type", "no-key-fits", "4", "a passphrase for a container that has a key-file stanza only", [good], {"passphrase": WORDS})
    yield case("wrong-commitment", "no-key-fits", "3", "the commitment is of another key", [good], commitment=lambda value: flipped(value))
    yield Vector("keyfile-too-short", "usage", "4.1", "a key file of 31 bytes", Container("keyfile-too-short"), {"keyfile": KEYFILE[:31].hex()})


def damaged():
    good = keyfile(KEYFILE)
    yield case("stanza-wrap-commitment", "no-key-fits", "4.1", "the wrap commitment is wrong", [keyfile(KEYFILE, body=lambda body: flipped(body, 0))])
    yield case("stanza-body-flipped", "no-key-fits", "4.1", "the wrapped key is damaged, MAC and SHA-256 are of the damaged one", [keyfile(KEYFILE, body=flipped)])
    yield case("stanza-body-short", "no-key-fits", "4", "a body of 79 bytes", [keyfile(KEYFILE, body=lambda body: body[:-1])])
    yield case("stanza-of-another-container", "no-key-fits", "4.1", "a stanza that was made for another container",
               [lambda container: make_for_another(container.data_key)])
    yield case("stanzas-swapped", "not-authentic", "4", "two stanzas changed places; the MAC is of the old order, the SHA-256 of the new one",
               [good, unknown()], region=swap_stanzas)
    yield case("region-mac-wrong", "not-authentic", "2.2", "the MAC of the region is wrong, its SHA-256 is right", [good], stanza_mac=flipped)
    yield case("region-generation-changed", "not-authentic", "2.2", "the generation was raised, the SHA-256 made anew", [good], region=raise_generation)
    yield case("region-sha256-wrong", "not-authentic", "2.2", "the SHA-256 of the region is wrong", [good], region=lambda region: resum(region, flipped))


def make_for_another(data_key):
    another = Container("stanza-of-another-container", seed_name="the other container")
    another.build()
    return keyfile(KEYFILE, data_key=data_key)(another)


def stanza_length(region):
    return int.from_bytes(region[:4], "big")


def resum(region, change=lambda value: value):
    """Recomputes the SHA-256 of a changed region."""
    end = 48 + stanza_length(region)
    return region[:end] + change(sha256(region[:end])) + region[end + 32 :]


def raise_generation(region):
    return resum(patched(8, be(2, 8))(region))


def swap_stanzas(region):
    last = len(unknown()(None))
    end = 16 + stanza_length(region)
    return resum(region[:16] + region[end - last : end] + region[16 : end - last] + region[end:])


def regions():
    good = keyfile(KEYFILE)
    bad, limit = "not-authentic", "1.2"
    yield case("stanzas-32", "opened", limit, "32 stanzas, the last one fits", [unknown()] * 31 + [good])
    yield case("stanzas-33", bad, limit, "33 stanzas, the first one fits", [good] + [unknown()] * 32)
    yield case("stanzas-0", bad, limit, "no stanza", [good], stanza_bytes=lambda blob: b"", stanza_count=lambda count: 0)
    yield case("stanzas-10000-claimed", bad, limit, "10,000 stanzas are claimed", [good], stanza_count=lambda count: 10000)
    yield case("stanzas-more-than-count", bad, "2.2", "two stanzas, one is counted", [good, unknown()], stanza_count=lambda count: 1)
    yield case("stanzas-do-not-fill", bad, "2.2", "a zero byte stands after the last stanza", [good], stanza_bytes=lambda blob: blob + b"\0")
    yield case("stanzas-length-beyond-region", bad, "2.2", "N is 2^32 - 1", [good], region=patched(0, b"\xff\xff\xff\xff"))
    yield case("stanzas-fill-region", "opened", "2.2", "the stanzas fill the region to its last byte",
               [good, lambda container: stanza("grease", b"", bytes(4096 - 80 - len(good(container)) - 11))])
    yield case("two-passphrases", bad, limit, "two stanzas of type passphrase; the caller has a key file", [good, passphrase(WORDS), passphrase(WORDS)])
    devices = [fixed_bytes("shared", f"device {number}", 32) for number in range(2)]
    bound = [tpm2_passphrase(OTHER_KEYFILE, WORDS, device=device, label=label) for device, label in zip(devices * 2, "abc")]
    yield case("two-devices-with-passphrase", "opened", limit, "stanzas of type tpm2-passphrase for two devices; the caller has a key file",
               [*bound[:2], good])
    yield case("device-twice-with-passphrase", bad, limit, "two stanzas of type tpm2-passphrase for one device; the caller has a key file", [good, *bound])
    sized = lambda size: [unknown("grease", b"", bytes(size - 11)), good]
    yield Vector("stanza-16384", "opened", limit, "a stanza of 16,384 bytes in all",
                 Container("stanza-16384", stanzas=sized(16384), region_size=20480))
    yield Vector("stanza-16385", bad, limit, "a stanza of 16,385 bytes in all", Container("stanza-16385", stanzas=sized(16385), region_size=20480))
    for name, generation in (("region-generation-0", 0), ("region-generation-2-63", 1 << 63)):
        yield case(name, bad, limit, f"generation {generation}, with the right MAC", [good], generation=generation)
    yield case("region-generation-largest", "opened", limit, "generation 2^63 - 1", [good], generation=(1 << 63) - 1)
    for name, text, blob in (
        ("stanza-type-33", "a type of 33 characters", lambda blob: stanza("a" * 33, b"", b"") + blob),
        ("stanza-type-capital", "a capital in a type", lambda blob: stanza("Grease", b"", b"") + blob),
        ("stanza-body-beyond-end", "a body is longer than what is left", lambda blob: blob + stanza("grease", b"", b"")[:-2] + be(65535, 2)),
    ):
        yield case(name, bad, "4", text, [good, unknown()], stanza_bytes=blob, stanza_count=lambda count: 3)
