"""Format §4.7: service files. Protocol §10: revocation lists."""

from vectormaker.licences import (AUDIT_KEY, FILE_KEY, LEASE_KEY, NEXT_LEASE_KEY, OTHER_LEASE_KEY, SECOND_FILE_KEY, SERVICE, TOKEN_KEY,
                                  in_order, revocations, service_body, service_file)
from vectormaker.message_vector import MessageVector, encodings
from vectormaker.primitives import Raw, cbor, fixed_bytes, sha256
from vectormaker.publishers import ACME, MALLORY
from vectormaker.stanzas import flipped

BOTH = in_order(TOKEN_KEY, FILE_KEY)


def vectors():
    yield from files()
    yield from bodies()
    yield from lists()


def case(name, expect, text, data, publisher="acme.pub", fields=None):
    fields = fields or {"service_id": SERVICE, "serial": 7}
    return MessageVector(f"service-{name}", "service-file", expect, "format 4.7", text, data, fields, publisher=publisher)


def files():
    yield case("good", "valid", "one X-Wing release key", service_file())
    yield case("two-keys", "valid", "a release key in a token and one in a file", service_file(service_body(keys=BOTH)))
    yield case("successor", "valid", "it names the publisher who may sign the next one", service_file(service_body({9: MALLORY.pem()})))
    yield case("two-signers", "valid", "two publishers have signed", service_file(publishers=[ACME, MALLORY]))
    yield case("magic-wrong", "not-a-service-file", "another magic", service_file(magic=b"\x89OVKEYS\n"))
    yield case("empty", "not-a-service-file", "no bytes", b"")
    yield case("version-2", "unsupported", "version 2", service_file(version=2))
    yield case("zero-byte", "malformed", "a byte that must be zero is not", service_file(zero=b"\0\1"))
    yield case("length-0", "malformed", "a body of no byte", service_file(b""))
    yield case("length-16385", "malformed", "a body of 16,385 bytes", service_file(cbor(service_body()) + bytes(16385 - len(cbor(service_body())))))
    yield case("length-beyond-end", "malformed", "the body ends after the file", service_file(length=16384)[:9000])
    yield case("trailing-byte", "malformed", "a byte after the signatures", service_file(tail=b"\0"))
    yield case("32769-bytes", "malformed", "32,769 bytes", service_file() + bytes(32769 - len(service_file())))
    yield case("unsigned", "unsigned", "no signature", service_file(publishers=[]))
    yield case("signed-by-another", "unsigned", "another publisher has signed", service_file(publishers=[MALLORY]))
    yield case("ed25519-only", "unsigned", "the ML-DSA signature is missing", service_file(entries=lambda entries: entries[:1]))
    yield case("signature-wrong", "wrong-signature", "a signature is wrong",
               service_file(entries=lambda entries: [entries[0], [*entries[1][:2], flipped(entries[1][2])]]))
    yield case("signed-as-statement", "wrong-signature", "signed as a statement of a container", service_file(prefix=b"ovseal/v1/statement\0"))
    yield case("body-changed", "wrong-signature", "the body was changed after it was signed", service_file().replace(b"10.0.0.7", b"10.0.0.8"))
    yield case("origin-is-another", "origin", "signed by another publisher than the one who made the service",
               service_file(publishers=[MALLORY]), "mallory.pub")


def bodies():
    def bad(name, text, changes):
        return case(name, "malformed", text, service_file(service_body(changes)))

    yield from encodings("service-body", "service-file", "format 4.7", service_body(), service_file, publisher="acme.pub")
    yield bad("id-wrong", "the id is not that of origin and name", {0: fixed_bytes("another", "service", 32)})
    for name, text, value in (("empty", "no character", ""), ("65", "65 characters", "a" * 65), ("capital", "a capital", "Acme")):
        yield bad(f"name-{name}", f"a name with {text}, and the id of that name", {0: sha256(b"ovseal/v1/service-id\0" + ACME.key_id + value.encode()), 1: value})
    yield bad("serial-0", "serial 0", {3: 0})
    yield bad("serial-2-63", "serial 2^63", {3: 1 << 63})
    good = "https://licences.acme.example"
    for name, text, value in (("none", "no address", []), ("nine", "nine addresses", [f"{good}/{number}" for number in range(9)]),
                              ("twice", "an address twice", [good, good]), ("http", "http", ["http://licences.acme.example"]),
                              ("slash", "a slash at the end", [good + "/"]), ("space", "a space", [good + "/a b"]), ("query", "a query", [good + "?a"]),
                              ("user", "a user", ["https://acme@licences.example"]), ("257", "257 bytes", ["https://" + "a" * 249]),
                              ("empty", "nothing after https://", ["https://"])):
        yield bad(f"address-{name}", text, {4: value})
    keys = lambda *keys: [[key.kem, key.public] for key in keys]
    zero = FILE_KEY.public[:-32] + bytes(32)
    for name, text, value in (("none", "no release key", []), ("three", "three release keys", keys(*in_order(TOKEN_KEY, FILE_KEY, SECOND_FILE_KEY))),
                              ("descending", "release keys in descending order", keys(*BOTH[::-1])), ("twice", "a release key twice", keys(FILE_KEY, FILE_KEY)),
                              ("kem", "a KEM that is not defined", [[0x20, bytes(32)]]), ("short", "a key without its last byte", [[FILE_KEY.kem, FILE_KEY.public[:-1]]]),
                              ("off-curve", "a point that is not on P-256", [[TOKEN_KEY.kem, flipped(TOKEN_KEY.public)]]),
                              ("weak", "an X-Wing key whose X25519 half has small order", [[FILE_KEY.kem, zero]])):
        yield bad(f"release-key-{name}", text, {5: value})
    third = fixed_bytes("licence service", "third lease key", 32)
    for name, text, value in (("none", "no lease key", []), ("three", "three lease keys", [LEASE_KEY.public, NEXT_LEASE_KEY.public, third]),
                              ("twice", "a lease key twice", [LEASE_KEY.public] * 2), ("31", "31 bytes", [LEASE_KEY.public[:31]])):
        yield bad(f"lease-key-{name}", text, {6: value})
    pins = sorted(fixed_bytes("pin", str(number), 32) for number in range(5))
    for name, text, value in (("none", "no pin", []), ("five", "five pins", pins), ("descending", "pins in descending order", pins[1::-1])):
        yield bad(f"pins-{name}", text, {7: value})
    yield bad("audit-key-is-lease-key", "the audit key is a lease key", {8: LEASE_KEY.public})
    yield bad("successor-no-pem", "the successor is not a publisher's key", {9: "acme"})
    yield bad("successor-4097", "4097 bytes", {9: MALLORY.pem() + "\n" * (4097 - len(MALLORY.pem()))})
    yield bad("serial-negative", "a negative serial", {3: Raw(b"\x20")})


def lists():
    keys = [LEASE_KEY.public, NEXT_LEASE_KEY.public]

    def signed(data, signer=LEASE_KEY, purpose="revocations", **options):
        return signer.sign1(purpose, data if isinstance(data, bytes) else cbor(data), **options)

    def bad(name, text, data, expect="malformed"):
        return MessageVector(f"revocations-{name}", "revocations", expect, "10", text, data, keys=keys)

    fields = {"number": 3, "devices": revocations()[4], "recalled": revocations()[7]}
    yield MessageVector("revocations-good", "revocations", "valid", "10", "three entries of each kind", signed(revocations()), fields, keys=keys)
    yield MessageVector("revocations-next-key", "revocations", "valid", "10", "signed with the next lease key", signed(revocations(), NEXT_LEASE_KEY), fields, keys=keys)
    empty = {4: [], 5: [], 6: [], 7: []}
    yield MessageVector("revocations-empty", "revocations", "valid", "10", "no entry", signed(revocations(empty)),
                        {"number": 3, "devices": [], "recalled": []}, keys=keys)
    yield from encodings("revocations-map", "revocations", "10", revocations(), signed, keys=keys)
    yield bad("audit-key", "signed with the audit key", signed(revocations(), AUDIT_KEY), "signature")
    yield bad("another-service", "signed with the key of another service", signed(revocations(), OTHER_LEASE_KEY), "signature")
    yield bad("as-lease", "signed for the purpose of a lease", signed(revocations(), purpose="lease"), "signature")
    for key, name in ((4, "devices"), (5, "licences"), (6, "leases"), (7, "recalled")):
        value = revocations()[key]
        yield bad(f"{name}-descending", f"{name} in descending order", signed(revocations({key: value[::-1]})))
        yield bad(f"{name}-twice", f"one of the {name} twice", signed(revocations({key: value[:1] * 2})))
    yield bad("number-2-63", "number 2^63", signed(revocations({2: 1 << 63})))
    yield bad("time-2-48", "a time of 2^48", signed(revocations({3: 1 << 48})))
