"""Section 8: rekeying files and side files."""

from vectormaker.container import Container, KEYFILE, rekey_file, rekey_file_2, side_file
from vectormaker.primitives import fixed_bytes, sha256
from vectormaker.stanzas import flipped, keyfile, passphrase
from vectormaker.vector import Vector, patched

NEW = fixed_bytes("shared", "new key file", 32)
OLD_KEY, NEW_KEY = {"keyfile": KEYFILE.hex()}, {"keyfile": NEW.hex()}
FOREIGN_ID = fixed_bytes("shared", "foreign id", 32)


def vectors():
    yield from rekeyings()
    yield from side_files()


def rekeyed(generation=2, secret=NEW, change=lambda data: data, container_id=None, change_region=lambda region: region):
    """Returns a function that makes a rekeying file with one stanza, for `secret`."""

    def make(container):
        region = change_region(container.make_region(generation, [keyfile(secret, "new")]))
        return change(rekey_file(container, region, container_id))

    return make


def rekeyed_2(generation=2, secret=NEW, change=lambda data: data, **options):
    """Returns the same function for a file of version 2."""
    return lambda container: change(rekey_file_2(container, container.make_region(generation, [keyfile(secret, "new")]), **options))


def rekeyings():
    yield from candidates()
    yield from incomplete()
    yield from bound()


def rekey_case(name, expect, text, rekey, key=None, **options):
    return Vector(name, expect, "8", text, Container(name, **options), key or OLD_KEY, rekey=rekey)


def candidates():
    """Containers and rekeying files that differ in which region is tried first, and which opens."""
    case, bad, forged = rekey_case, "not-authentic", {"change_region": forged_mac}
    yield case("rekey-newer", "opened", "a complete file of a newer generation is taken first", rekeyed(), NEW_KEY)
    yield case("rekey-newer-old-key", "opened", "in the newer file no key fits, in the container's region one does", rekeyed())
    yield case("rekey-neither-fits", "no-key-fits", "neither in the file nor in the container's region a key fits", rekeyed(), {"passphrase": "nobody's"})
    yield case("rekey-same-generation", "opened", "a file of the same generation comes second, and only there the key fits", rekeyed(1), NEW_KEY)
    yield case("rekey-older", "opened", "a file of an older generation comes second, and only there the key fits", rekeyed(2), NEW_KEY, generation=3)
    yield case("rekey-largest-generation", "opened", "generation 2^63 - 1", rekeyed(2**63 - 1), NEW_KEY)
    yield case("rekey-mac-wrong", "opened", "the newer file's MAC is wrong, so the container's region is taken", rekeyed(secret=KEYFILE, **forged))
    yield case("rekey-region-mac-wrong", "opened", "the MAC of the container's region is wrong, so the older file is taken",
               rekeyed(1, KEYFILE), generation=2, stanza_mac=only_first(flipped))
    yield case("rekey-both-mac-wrong", bad, "both MACs are wrong", rekeyed(secret=KEYFILE, **forged), stanza_mac=only_first(flipped))
    yield case("rekey-region-damaged", "opened", "the container's region is damaged, so the file is the only candidate", rekeyed(1), NEW_KEY, region=damaged)
    yield case("rekey-region-33", "opened", "the container's region has 33 stanzas, so the file is the only candidate", rekeyed(), NEW_KEY,
               stanza_count=only_first(lambda count: 33))
    yield case("rekey-both-damaged", bad, "the container's region and the file are damaged", rekeyed(change=flipped), NEW_KEY, region=damaged)


def incomplete():
    """Incomplete files, which are ignored in favour of the container's older region."""
    def case(name, text, **options):
        return rekey_case(name, "opened", text + ", so it is not used", rekeyed(**options))

    yield case("rekey-cut", "a file without its last byte", change=lambda data: data[:-1])
    yield case("rekey-sha256-wrong", "a file whose SHA-256 is wrong", change=flipped)
    for name, text, options in (
        ("rekey-foreign", "a file of another container", {"container_id": FOREIGN_ID}),
        ("rekey-region-tail", "a file whose region ends in a byte that is not zero", {"change_region": lambda region: region[:-1] + b"\1"}),
        ("rekey-generation-2-63", "a file of generation 2^63", {"generation": 2**63}),
    ):
        yield rekey_case(name, "no-key-fits", text + ", so its key is of no use", rekeyed(**options), NEW_KEY)


def bound():
    """Files of version 2, which readers treat like those of version 1."""
    case, longer, shorter = rekey_case, lambda data: resum(data + bytes(88)), lambda data: resum(data[:-88])
    yield case("rekey-2-newer", "opened", "a complete file of version 2 and a newer generation is taken first", rekeyed_2(), NEW_KEY)
    yield case("rekey-2-older", "opened", "a file of version 2 and an older generation comes second, and only there the key fits", rekeyed_2(), NEW_KEY,
               generation=3)
    yield case("rekey-2-mac-wrong", "opened", "the MAC under rekey-mac is wrong, which matters to writers only", rekeyed_2(mac_label="stanza-mac"), NEW_KEY)
    for name, text, change in (
        ("rekey-2-cut", "a file of version 2 without its last byte", lambda data: data[:-1]),
        ("rekey-2-sha256-wrong", "a file of version 2 whose SHA-256 is wrong", flipped),
        ("rekey-2-length-of-1", "a file of version 2 with the length of version 1", shorter),
        ("rekey-1-length-of-2", "a file of version 1 with the length of version 2", lambda data: resum(patched(8, b"\0\1")(data))),
        ("rekey-2-trailing", "88 bytes follow a file of version 2", longer),
        ("rekey-version-3", "a file of version 3", lambda data: resum(patched(8, b"\0\3")(data))),
    ):
        yield case(name, "no-key-fits", text + ", so its key is of no use", rekeyed_2(change=change), NEW_KEY)
    yield case("rekey-2-zero-byte", "no-key-fits", "a zero byte of version 2 is 1, so its key is of no use", rekeyed_2(tail=b"\0\0\0\1"), NEW_KEY)


def damaged(region):
    return flipped(region, 20)


def only_first(change):
    """Returns a hook that changes the container's region but not that of its rekeying file."""
    calls = []

    def hook(value):
        calls.append(value)
        return change(value) if len(calls) == 1 else value

    return hook


def forged_mac(region):
    end = 16 + int.from_bytes(region[:4], "big")
    head = region[:end] + flipped(region[end : end + 32])
    return head + sha256(head) + region[end + 64 :]


def side_files():
    def case(name, expect, text, keys, key=None, **options):
        return Vector(name, expect, "8", text, Container(name, **options), key or NEW_KEY, keys=keys)

    new = keyfile(NEW, "new")
    made = lambda change=lambda data: data, **options: lambda container: change(side_file(container, [new], **options))
    bad = "not-authentic"
    yield case("side-file", "opened", "its stanza opens the container", made())
    yield case("side-file-other-key", "opened", "the container's stanza fits, the side file's does not", made(), OLD_KEY)
    yield case("side-file-generation", "opened", "its generation is newer than the region's, which means nothing", made(generation=9))
    yield case("side-file-passphrases", "opened", "passphrases in the side file and in the container: each may have one",
               lambda container: side_file(container, [passphrase("device")]), {"passphrase": "device"}, stanzas=[passphrase("publisher")])
    yield case("side-file-neither-fits", "no-key-fits", "neither its stanza nor the container's fits", made(), {"passphrase": "nobody's"})
    yield case("side-file-mac-wrong-unused", bad, "its MAC is wrong; the key came from the container", made(mac_label="stanza-mac"), OLD_KEY)
    yield case("side-file-region-mac-wrong", bad, "the MAC of the container's region is wrong; the key came from the side file", made(), stanza_mac=flipped)
    for name, text, keys in (
        ("side-file-foreign", "of another container", made(container_id=FOREIGN_ID)),
        ("side-file-mac-wrong", "its MAC is wrong, its SHA-256 is right", made(mac_label="stanza-mac")),
        ("side-file-sha256-wrong", "its SHA-256 is wrong", made(flipped)),
        ("side-file-trailing-byte", "a byte follows", made(lambda data: data + b"\0")),
        ("side-file-empty", "an empty file", made(lambda data: b"")),
        ("side-file-magic-wrong", "another magic", made(lambda data: resum(patched(0, b"\x89OVKEYT\n")(data)))),
        ("side-file-version-2", "version 2", made(lambda data: resum(patched(8, b"\0\2")(data)))),
        ("side-file-zero-byte", "a zero byte of its head is 1", made(lambda data: resum(patched(10, b"\1")(data)))),
        ("side-file-length-2-32", "N is 2^32 - 1", made(lambda data: resum(patched(48, b"\xff\xff\xff\xff")(data)))),
        ("side-file-0", "no stanza", lambda container: side_file(container, [])),
        ("side-file-33", "33 stanzas", lambda container: side_file(container, [new] * 33)),
        ("side-file-two-passphrases", "two passphrases", lambda container: side_file(container, [passphrase("a"), passphrase("b")])),
    ):
        yield case(name, bad, text + "; the container alone would open", keys, stanzas=[keyfile(KEYFILE), new])


def resum(data):
    return data[:-32] + sha256(data[:-32])
