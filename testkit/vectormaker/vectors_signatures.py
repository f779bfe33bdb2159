"""Section 6.3, and steps 2 and 3 of section 7: publishers, and forgeries by recipients."""

from vectormaker.container import KEYFILE, Container, Part
from vectormaker.primitives import Raw, fixed_bytes
from vectormaker.publishers import ACME, CLASSICAL, ED25519, MALLORY, ML_DSA
from vectormaker.stanzas import flipped
from vectormaker.vector import Vector, patched

PART = [Part("model.onnx", "onnx", fixed_bytes("signatures", "model", 500))]
FORGED = [Part("model.onnx", "onnx", fixed_bytes("signatures", "forged", 500))]


def vectors():
    yield from good()
    yield from demands()
    yield from wrong_signatures()
    yield from forms()
    yield from insiders()
    yield from wrong_digests()
    yield from order()


def case(name, expect, why, text, publisher="acme", demands=None, key=None, **options):
    options.setdefault("publishers", [ACME])
    return Vector(name, expect, why, text, Container(name, **options), key or {"keyfile": KEYFILE.hex()}, publisher, **(demands or {}))


def good():
    yield case("signed", "opened", "6.3", "signed with Ed25519 and ML-DSA-65", parts=PART)
    yield case("signed-suite-2", "opened", "6.3", "signed, suite 2", suite=2)
    yield case("signed-not-asked", "opened", "7 step 2", "signed, but no publisher was named", None, publishers=[CLASSICAL])
    yield case("signed-key-reversed", "opened", "6.3", "the PEM blocks of the caller's key stand in the other order", "acme-reversed")
    yield case("signed-rotation-old", "opened", "6.3", "signed by two publishers, the caller names one", "acme", publishers=[ACME, CLASSICAL])
    yield case("signed-rotation-new", "opened", "6.3", "signed by two publishers, the caller names the other", "classical", publishers=[ACME, CLASSICAL])
    yield case("signed-classical", "opened", "6.3", "the publisher's key has Ed25519 alone", "classical", publishers=[CLASSICAL])


def demands():
    signed, version = {"publisher": "classical", "publishers": [CLASSICAL]}, {"min_security_version": 7}
    name = {"demanded_name": "tiny network"}
    yield case("unsigned", "denied", "7 step 2", "unsigned, but a publisher was named", publishers=[])
    yield case("signed-by-another", "denied", "7 step 2", "signed by another publisher", publishers=[CLASSICAL])
    yield case("signed-key-stripped", "denied", "6.3", "the caller's key is one of the two of acme, so it has another key id", "acme-stripped")
    yield case("name-right", "opened", "7 step 3", "the demanded name", demands=name, **signed)
    yield case("name-wrong", "denied", "7 step 3", "another name than the demanded one", demands={"demanded_name": "tiny networks"}, **signed)
    yield case("name-without-publisher", "usage", "7 step 3", "a name is demanded, but no publisher is named", None, name, publishers=[CLASSICAL])
    yield case("security-version-equal", "opened", "7 step 3", "the least security version is the container's", demands=version, **signed)
    yield case("security-version-under", "denied", "7 step 3", "the security version is one under the least", demands={"min_security_version": 8}, **signed)
    yield case("security-version-without-publisher", "usage", "7 step 3", "a least security version, but no publisher is named", None, version,
               publishers=[CLASSICAL])


def only(algorithm):
    return lambda entries: [entry for entry in entries if entry[1] == algorithm]


def spoil(algorithm):
    return lambda entries: [[key_id, number, flipped(signature, 9) if number == algorithm else signature] for key_id, number, signature in entries]


def wrong_signatures():
    bad = "not-authentic"
    yield case("signature-ed25519-only", "denied", "6.3", "the ML-DSA-65 signature was taken away", entries=only(ED25519))
    yield case("signature-ml-dsa-only", "denied", "6.3", "the Ed25519 signature was taken away", entries=only(ML_DSA))
    yield case("signature-ed25519-wrong", bad, "6.3", "the Ed25519 signature is wrong", entries=spoil(ED25519))
    yield case("signature-ml-dsa-wrong", bad, "6.3", "the ML-DSA-65 signature is wrong", entries=spoil(ML_DSA))
    yield case("signature-wrong-and-missing", bad, "6.3", "the Ed25519 signature is wrong and the other one is missing",
               entries=lambda entries: only(ED25519)(spoil(ED25519)(entries)))
    yield case("signature-of-another-under-our-id", bad, "6.3", "another publisher's signatures under the key id of acme",
               entries=lambda entries: [[ACME.key_id, number, signature] for (_, number, _), (_, _, signature) in zip(entries, MALLORY.sign(b"anything"))])
    yield classical("signature-without-prefix", "6.3", "signed without the prefix that names the purpose", entries=lambda entries: bare_signatures(entries))
    yield classical("statement-tampered", "7 step 2", "the security version in the statement was raised after signing", statement_bytes=raise_version,
               entries=lambda entries: original_entries("statement-tampered"))
    yield classical("signature-of-another-container", "6.3", "the signatures of another container of the publisher",
               entries=lambda entries: original_entries("signature donor"))
    donor = built("statement donor")
    yield classical("statement-of-another-container", "7 step 3", "statement and signatures of another container of the publisher", model_name="tiny network",
               statement_bytes=lambda data: donor.statement, entries=lambda entries: donor.entries)


def classical(name, why, text, **options):
    return case(name, "not-authentic", why, text, "classical", publishers=[CLASSICAL], **options)


def bare_signatures(entries):
    return [[key_id, number, CLASSICAL.sign_one(b"not a statement", number)] for key_id, number, _ in entries]


def raise_version(statement):
    at = statement.rindex(b"\x05\x07")
    return patched(at, b"\x05\x08")(statement)


def built(name, parts=None):
    container = Container(name, parts, publishers=[CLASSICAL])
    container.build()
    return container


def original_entries(name, parts=None):
    return built(name, parts).entries


def forms():
    bad, own = "not-authentic", CLASSICAL.key_id

    def form(name, why, text, **options):
        options.setdefault("publishers", [CLASSICAL])
        return case(name, bad, why, text, "classical" if options["publishers"] else None, **options)

    no_id = lambda statement: statement | {6: []}
    yield form("key-id-not-in-statement", "6.3", "a right signature whose key id is not in the statement", statement=no_id)
    yield form("key-ids-descending", "6.2", "key ids in descending order", publishers=[ACME, CLASSICAL],
               statement=lambda statement: statement | {6: statement[6][::-1]})
    yield form("signatures-descending", "6.3", "signatures in descending order", publishers=[ACME, CLASSICAL], entries=lambda entries: entries[::-1])
    yield form("signature-twice", "6.3", "a signature twice", entries=lambda entries: entries * 2)
    yield form("signature-algorithm-3", "6.3", "an algorithm that no reader knows", entries=lambda entries: [*entries, [own, 3, bytes(64)]])
    yield form("signature-ed25519-63", "6.3", "an Ed25519 signature of 63 bytes", entries=lambda entries: [[own, 1, entries[0][2][:63]]])
    yield form("signature-four-fields", "6.3", "an entry of four fields", entries=lambda entries: [[*entries[0], 0]])
    yield form("signatures-17", "1.2", "17 signatures", publishers=[],
               entries=lambda entries: [[bytes([n]) * 32, 1, bytes(64)] for n in range(17)],
               statement=lambda statement: statement | {6: [bytes([n]) * 32 for n in range(8)]})
    yield form("signatures-long-integer", "1 CBOR", "an algorithm's number in more bytes than it needs",
               entries=lambda entries: [[own, Raw(b"\x18\x01"), entries[0][2]]])
    yield form("signatures-trailing-byte", "1 CBOR", "a byte after the array", signature_bytes=lambda data: data + b"\x00")
    yield form("signatures-not-cbor", "1 CBOR", "no CBOR", publishers=[], signature_bytes=lambda data: b"\xff")


def insiders():
    """Forgeries with valid tags and MACs, by a recipient who knows the data key."""
    name = "insider-payload"
    honest = built(name, PART)
    same = dict(manifest_ciphertext=lambda data: honest.manifest, statement_bytes=lambda data: honest.statement, entries=lambda entries: honest.entries)
    yield classical(name, "7 step 8", "a chunk was encrypted anew with a right tag; digests, statement and signatures are the publisher's",
               parts=FORGED, digests=lambda digests: honest.digests, **same)
    yield classical("insider-payload-and-digests", "7 step 6", "chunk and digest are new, statement and signatures are the publisher's",
               parts=FORGED, seed_name=name, **same)
    yield classical("insider-manifest", "7 step 6", "the manifest is new, statement and signatures are the publisher's", parts=PART, seed_name=name,
               manifest=lambda value: value | {0: "another network"}, statement_bytes=lambda data: honest.statement, entries=lambda entries: honest.entries)


def wrong_digests():
    """Digests that differ from the chunks, with a matching root, statement and signatures."""
    spoiled = dict(parts=PART, seed_name="digests-of-other-chunks", digests=lambda digests: [[flipped(digests[0][0])]], publishers=[CLASSICAL])
    text = "the digest of a chunk is another one, and signed"
    yield case("digests-of-other-chunks-not-asked", "opened", "7 step 8", text + "; no publisher was named, so it is not compared", None, **spoiled)
    yield case("digests-of-other-chunks", "not-authentic", "7 step 8", text + "; its publisher was named", "classical", **spoiled)


def order():
    """Containers with two faults: the earlier step of section 7 decides."""
    wrong = {"passphrase": "nobody's"}
    why, signed = "7 order", {"publisher": "classical", "publishers": [CLASSICAL]}
    yield case("order-denied-before-key", "denied", why, "signed by another, and no key fits", publishers=[CLASSICAL], key=wrong)
    yield case("order-signature-before-key", "not-authentic", why, "a wrong signature, and no key fits", **signed, entries=spoil(ED25519), key=wrong)
    yield case("order-name-before-key", "denied", why, "another name, and no key fits", **signed, demands={"demanded_name": "x"}, key=wrong)
    yield case("order-publisher-before-statement", "denied", why, "signed by another, and the statement is not CBOR", publishers=[CLASSICAL],
               statement_bytes=lambda data: b"\xff" + data[1:])
    yield case("order-key-before-trailer", "no-key-fits", why, "no key fits, and the trailer's MAC is wrong", **signed, trailer_mac=flipped, key=wrong)
    yield case("order-key-before-padding", "no-key-fits", why, "no key fits, and a byte after a part is not zero", **signed, parts=PART,
               file=patched(8192 + 4095, b"\x01"), key=wrong)
    yield case("order-region-before-key", "not-authentic", why, "no key fits, and a byte of the region is not zero", **signed, key=wrong,
               region=lambda region: region[:-1] + b"\x01")
    yield case("order-version-before-cut", "unsupported", why, "version 2, and no footer", publishers=[], prologue=patched(8, b"\x00\x02"),
               file=lambda data: data[:4096])
    yield case("order-flags-before-length", "unsupported", why, "flags 1, and the file ends after them", publishers=[], prologue=patched(12, b"\0\0\0\1"),
               file=lambda data: data[:16])
    yield case("order-suite-before-limits", "unsupported", why, "suite 3, chunks of 2^255 bytes and a region of no size", publishers=[],
               prologue=patched(10, b"\0\3\0\0\0\0\xff" + bytes(15)))
