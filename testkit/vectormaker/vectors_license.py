"""Section 4.6: stanzas for a licence, opened with the release keys of the service.

They have a directory of their own because callers of the crates cannot pass a release key.
"""

from vectormaker.container import Container
from vectormaker.licences import CLASSIFIER, FILE_KEY, OTHER_KEY, SECOND_FILE_KEY, TOKEN_KEY, in_order, license
from vectormaker.primitives import be, fixed_bytes
from vectormaker.stanzas import flipped
from vectormaker.vector import Vector, patched

BOTH = in_order(TOKEN_KEY, FILE_KEY)
TWO_FILES = in_order(FILE_KEY, SECOND_FILE_KEY)
FIRST_SHARE = 51


def vectors():
    yield from good()
    yield from bound()
    yield from malformed()


def case(name, expect, text, make, keys=(FILE_KEY,)):
    return Vector(name, expect, "4.6", text, Container(name, stanzas=[make]), {"release": [key.record() for key in keys]})


def good():
    yield case("license-x-wing", "opened", "one share, X-Wing", license())
    yield case("license-p-256", "opened", "one share, P-256", license([TOKEN_KEY]), [TOKEN_KEY])
    yield case("license-two-shares", "opened", "a share for a P-256 key and one for an X-Wing key", license(BOTH), BOTH)
    yield case("license-two-x-wing", "opened", "two shares for X-Wing keys, ordered by key id", license(TWO_FILES), TWO_FILES)
    yield case("license-level-3", "opened", "the highest level", license(level=3))
    yield case("license-more-keys", "opened", "the service has a retired key, too", license(), [OTHER_KEY, FILE_KEY])
    yield case("license-other-key", "no-key-fits", "a release key of another service", license(), [OTHER_KEY])
    yield case("license-one-key-of-two", "no-key-fits", "one of two release keys is missing", license(BOTH), [FILE_KEY])


def bound():
    """Parameters that were changed: the body fits the changed ones, and only HPKE can find it."""
    def changed(name, text, stated, keys=(FILE_KEY,), **options):
        return case(name, "no-key-fits", text + "; the body fits the changed parameters", license(keys, stated=stated, **options), keys)

    yield changed("license-product-changed", "the product is another one", patched(33, CLASSIFIER))
    yield changed("license-level-lowered", "the least level was lowered", patched(49, b"\0"), level=1)
    yield changed("license-salt-changed", "the salt is another one", lambda data: flipped(data, 0))
    yield changed("license-share-dropped", "the second share was dropped, the secret is the first one",
                  lambda data: data[:50] + b"\1" + data[FIRST_SHARE : FIRST_SHARE + 2 + 32 + 65 + 48], BOTH, secret=lambda shares: shares[0])
    yield changed("license-key-id-wrong", "the key id is another one", patched(FIRST_SHARE + 2, bytes(32)))
    yield changed("license-ciphertext-flipped", "a share is damaged", flipped)
    yield changed("license-point-off-curve", "the encapsulated key is not on P-256", lambda data: flipped(data, FIRST_SHARE + 34 + 64), [TOKEN_KEY])
    yield changed("license-point-compressed", "the encapsulated key begins with 2", patched(FIRST_SHARE + 34, b"\2"), [TOKEN_KEY])
    yield case("license-another-container", "no-key-fits", "the shares were made for another ctx",
               license(info=b"ovseal/v1/license\0" + fixed_bytes("another", "context", 32)))
    yield case("license-info-of-x-wing", "no-key-fits", "the info is that of an x-wing stanza", x_wing_info)
    yield case("license-zero-share", "no-key-fits", "the X25519 half's shared secret is all zero", license(zero=True))
    yield case("license-shares-joined-backwards", "no-key-fits", "the secret is the second share and then the first",
               license(BOTH, secret=lambda shares: shares[1] + shares[0]), BOTH)
    yield case("license-body-flipped", "no-key-fits", "the wrapped data key is damaged", license(body=flipped))
    yield case("license-body-short", "no-key-fits", "a body of 79 bytes", license(body=lambda body: body[:-1]))


def x_wing_info(container):
    return license(info=b"ovseal/v1/x-wing\0" + container.context)(container)


def malformed():
    def bad(name, text, keys=(FILE_KEY,), **options):
        return case(name, "no-key-fits", text + "; all else is right", license(keys, **options), keys or (FILE_KEY,))

    yield bad("license-version-2", "version 2", version=2)
    yield bad("license-level-4", "level 4", level=4)
    yield bad("license-no-share", "no share", keys=[], secret=lambda shares: bytes(32))
    yield bad("license-three-shares", "three shares", in_order(TOKEN_KEY, FILE_KEY, SECOND_FILE_KEY))
    yield bad("license-count-1-of-2", "one share is counted, two follow", BOTH, count=1)
    yield bad("license-count-2-of-1", "two shares are counted, one follows", count=2)
    yield bad("license-descending", "the shares are in descending order", BOTH[::-1])
    yield bad("license-key-twice", "both shares are for one key", [FILE_KEY, FILE_KEY])
    yield bad("license-trailing-byte", "a byte follows the last share", stated=lambda data: data + b"\0")
    yield bad("license-cut", "the last byte is missing", stated=lambda data: data[:-1])
    yield bad("license-kem-x25519", "the KEM is DHKEM(X25519)", stated=patched(FIRST_SHARE, be(0x20, 2)))
