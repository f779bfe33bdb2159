"""Protocol §2.4, §6 to §9: requests with their proofs, and what the service signs."""

from vectormaker.licences import (ACTIVATION_KEY, AUDIT_KEY, CLASSIFIER, CONTEXTS, DAY, DETECTOR, DEVICE, DEVICE_KEM, DEVICE_KEY, FILE_KEY, LEASE_KEY,
                                  LICENCE, NEXT_LEASE_KEY, NOW, OTHER_LEASE_KEY, SERVICE, TOKEN_DEVICE_KEY, TOKEN_KEY, X_WING, changed, in_order, item, lease,
                                  license_parameters, message, receipt, request, request_hash, revocations, signed_lease)
from vectormaker.message_vector import MessageVector, encodings
from vectormaker.primitives import Raw, cbor, fixed_bytes, sha256
from vectormaker.stanzas import flipped

KEYS = [LEASE_KEY.public, NEXT_LEASE_KEY.public]


def vectors():
    yield from lease_requests()
    yield from return_requests()
    yield from messages()
    yield from enrolments()
    yield from enrolment_calls()
    yield from challenges()
    yield from leases()
    yield from cose()
    yield from receipts()
    yield from return_answers()
    yield from files()
    yield from checkpoints()


def request_case(purpose, name, expect, text, data, **fields):
    encoded = data if isinstance(data, bytes) else cbor(data)
    known = {"hash": request_hash(encoded, purpose), "device": DEVICE, "licence": LICENCE}
    return MessageVector(f"{purpose}-{name}", purpose, expect, "8.1" if purpose == "lease-request" else "9.1", text, encoded, known | fields)


def lease_requests():
    def case(name, expect, text, changes=None, **fields):
        return request_case("lease-request", name, expect, text, request("lease-request", changes), **fields)

    two = [item(0), item(1, product=CLASSIFIER, keys=in_order(TOKEN_KEY, FILE_KEY))]
    yield case("good", "valid", "one container", items=1)
    yield case("two-items", "valid", "two containers of two products, one with two shares", {11: two}, items=2)
    yield case("renewal", "valid", "with the previous lease", {12: signed_lease()}, items=1)
    yield case("of-device", "valid", "with a challenge of 32 bytes, for a request file", {5: fixed_bytes("request", "nonce", 32)}, items=1)
    token = [[license_parameters(f"many {number}", CONTEXTS[0], [bytes(32)], [TOKEN_KEY]), fixed_bytes("many", str(number), 32)] for number in range(17)]
    yield case("16-items", "valid", "16 containers", {11: token[:16]}, items=16)
    yield case("17-items", "malformed", "17 containers", {11: token})
    yield case("no-item", "malformed", "no container", {11: []})
    yield case("item-twice", "malformed", "one product and container twice", {11: [item(0), item(0)]})
    yield case("parameters-version-2", "malformed", "parameters of version 2", {11: [item(0, version=2)]})
    yield case("parameters-cut", "malformed", "parameters without their last byte", {11: [[item()[0][:-1], CONTEXTS[0]]]})
    yield case("challenge-55", "malformed", "a challenge of 55 bytes", {5: bytes(55)})
    yield case("context-31", "malformed", "a ctx of 31 bytes", {11: [[item()[0], bytes(31)]]})
    yield case("purpose-return", "malformed", "the purpose of a return", {1: "return-request"})
    yield case("purpose-unknown", "malformed", "a purpose that is not defined", {1: "lease"})
    yield case("recipient-key", "malformed", "key 13, which is for level 3", {13: DEVICE_KEM.public})
    yield case("time-2-48", "malformed", "a time of 2^48", {6: 1 << 48})
    yield case("number-2-63", "malformed", "a number of 2^63", {7: 1 << 63})
    yield case("software-65", "malformed", "65 characters of software", {9: "a" * 65})
    yield case("software-control", "malformed", "a line feed in software", {9: "ovseal\n"})
    yield case("previous-empty", "malformed", "an empty previous lease", {12: b""})
    yield case("previous-4097", "malformed", "a previous lease of 4097 bytes", {12: bytes(4097)})
    yield case("previous-undefined", "malformed", "undefined instead of null", {12: Raw(b"\xf7")})
    yield from encodings("lease-request-map", "lease-request", "2", request("lease-request"), lambda data: data)


def return_requests():
    def case(name, expect, text, changes=None, **fields):
        return request_case("return-request", name, expect, text, request("return-request", changes), **fields)

    kept = [signed_lease(), [item(1)]]
    yield case("good", "valid", "no lease is kept", kept=0)
    yield case("kept", "valid", "two leases are kept", {12: [kept, [signed_lease({5: bytes(16)}), [item(2)]]]}, kept=2)
    yield case("nine-kept", "malformed", "nine leases are kept", {12: [kept] * 9})
    yield case("kept-without-items", "malformed", "a kept lease without containers", {12: [[signed_lease(), []]]})
    yield case("no-lease", "malformed", "null instead of the lease", {11: None})
    yield case("purpose-lease", "malformed", "the purpose of a lease", {1: "lease-request"})
    yield from encodings("return-request-map", "return-request", "2", request("return-request"), lambda data: data)


def messages():
    encoded = cbor(request("lease-request"))
    R = request_hash(encoded, "lease-request")

    def case(name, expect, text, data, key=DEVICE_KEY, activates=False, hashed=R):
        fields = {"hash": hashed, "activates": activates}
        return MessageVector(f"message-{name}", "message", expect, "7.2", text, data, fields, purpose="lease-request", device_key=key.public,
                             activation_key=ACTIVATION_KEY.public)

    yield case("good", "valid", "proof by an Ed25519 key", message(encoded))
    yield case("token", "valid", "proof by a P-256 key", message(encoded, signer=TOKEN_DEVICE_KEY), TOKEN_DEVICE_KEY)
    yield case("activation", "valid", "with an activation", message(encoded, activation=ACTIVATION_KEY), activates=True)
    yield case("activation-by-another", "valid", "the activation is by another key: the proof is right", message(encoded, activation=AUDIT_KEY))
    yield case("proof-by-another", "refused", "the proof is by another key", message(encoded, signer=AUDIT_KEY))
    yield case("proof-of-return", "refused", "the proof is over the hash for a return", message(encoded, hashed=request_hash(encoded, "return-request")))
    yield case("request-changed", "refused", "another request than the proof's", message(cbor(request("lease-request", {6: NOW})), hashed=R))
    yield case("proof-as-activation", "refused", "the proof is an activation", message(encoded, proof=[0, DEVICE_KEY.sign1("activation", R, True)]))
    yield case("proof-attached", "refused", "the hash is in the proof", message(encoded, proof=[0, DEVICE_KEY.sign1("proof", R)]))
    yield case("proof-header-p-256", "refused", "the header of the other algorithm", message(encoded, header=bytes.fromhex("a10128")))
    yield case("proof-header-eddsa", "refused", "the header of the older algorithm number -8", message(encoded, header=bytes.fromhex("a10127")))
    yield case("proof-with-key-id", "refused", "a key id in the unprotected header", message(encoded, unprotected={4: b"key"}))
    yield case("proof-flipped", "refused", "a damaged signature", message(encoded, signature=flipped))
    yield case("proof-short", "refused", "a signature of 63 bytes", message(encoded, signature=lambda value: value[:-1]))
    yield case("token-header-ed25519", "refused", "the header of the other algorithm", message(encoded, signer=TOKEN_DEVICE_KEY, header=bytes.fromhex("a10132")),
               TOKEN_DEVICE_KEY)
    attestation = bytes.fromhex("ff5443478014") + fixed_bytes("message", "attestation", 120)
    yield case("level-1", "refused", "the proof of a TPM, for a device of level 0", message(encoded, proof=[1, attestation, bytes(64)]))
    proof = [0, DEVICE_KEY.sign1("proof", R, True)]
    yield case("signature-63", "malformed", "a TPM's signature of 63 bytes", message(encoded, proof=[1, attestation, bytes(63)]))
    yield case("attestation-1025", "malformed", "an attestation of 1025 bytes", message(encoded, proof=[1, bytes(1025), bytes(64)]))
    yield case("proof-kind-2", "malformed", "a proof of level 2", message(encoded, proof=[2, *proof[1:]]))
    yield case("proof-three-fields", "malformed", "a proof of level 0 with three fields", message(encoded, proof=[*proof, b""]))
    yield case("two-fields", "malformed", "no place for the activation", cbor([encoded, proof]))
    yield case("four-fields", "malformed", "four fields", cbor([encoded, proof, None, None]))
    yield case("request-not-bytes", "malformed", "the request is a map, not a byte string", cbor([request("lease-request"), proof, None]))
    yield case("trailing-byte", "malformed", "a byte follows", message(encoded) + b"\0")
    yield case("long-length", "malformed", "the length of the proof in two bytes", cbor([encoded, Raw(b"\x98\x02\x00" + cbor(proof[1])), None]))
    filler = bytes(65536 - len(message(bytes(65000))) + 65000)
    yield case("65536", "valid", "65,536 bytes; the request in it is checked later", message(filler), hashed=request_hash(filler, "lease-request"))
    yield case("65537", "malformed", "65,537 bytes", message(filler + b"\0"))


def enrol_request(changes=None):
    value = {0: 1, 1: "enrol-request", 2: SERVICE, 3: 0, 4: fixed_bytes("enrolment", "request id", 16),
             5: [DEVICE_KEY.public, X_WING, DEVICE_KEM.public], 6: "ovseal 0.1.0"}
    return changed(value, changes)


def enrolments():
    tpm = [[[[fixed_bytes("enrolment", "certificate", 900)], fixed_bytes("enrolment", "EK", 314)]], fixed_bytes("enrolment", "AK", 88),
           fixed_bytes("enrolment", "storage", 90), 0x01806F77]

    def case(name, expect, text, changes=None, device=DEVICE):
        encoded = cbor(enrol_request(changes))
        R = request_hash(encoded, "enrol-request")
        fields = {"hash": R, "transcript": sha256(b"ovseal/v1/enrol-proof\0" + R + b"token"), "device": device}
        return MessageVector(f"enrol-request-{name}", "enrol-request", expect, "6.1", text, encoded, fields)

    token = [TOKEN_DEVICE_KEY.public, 0x10, TOKEN_KEY.public]
    token_device = sha256(b"ovseal/v1/device-key\0" + SERVICE + token[0] + b"\0\x10" + token[2])
    yield case("good", "valid", "level 0, keys in a file")
    yield case("token", "valid", "level 0, two keys in a token", {5: token}, token_device)
    yield case("tpm", "valid", "level 1", {3: 1, 5: tpm}, None)
    yield case("level-of-tpm-0", "malformed", "level 0 with the keys of a TPM", {5: tpm})
    yield case("level-1", "malformed", "level 1 with keys in a file", {3: 1})
    yield case("level-2", "malformed", "level 2", {3: 2, 5: tpm})
    yield case("one-key-for-both", "malformed", "one P-256 key signs and decrypts", {5: [TOKEN_KEY.public, 0x10, TOKEN_KEY.public]})
    yield case("key-off-curve", "malformed", "a signing key that is not on P-256", {5: [flipped(token[0]), *token[1:]]})
    yield case("weak-kem-key", "malformed", "an X-Wing key whose X25519 half has small order", {5: [DEVICE_KEY.public, X_WING, DEVICE_KEM.public[:-32] + bytes(32)]})
    yield case("no-endorsement-key", "malformed", "level 1 without an endorsement key", {3: 1, 5: [[], *tpm[1:]]})
    yield case("five-certificates", "malformed", "five certificates", {3: 1, 5: [[[[b"x"] * 5, b"x"]], *tpm[1:]]})
    yield case("counter-below", "malformed", "an index below the owner's", {3: 1, 5: [*tpm[:3], 0x017FFFFF]})
    yield from encodings("enrol-request-map", "enrol-request", "2", enrol_request(), lambda data: data)
    record = {0: 1, 1: SERVICE, 2: request_hash(cbor(enrol_request()), "enrol-request"), 3: DEVICE, 4: 0, 5: NOW}
    signed = lambda data: LEASE_KEY.sign1("enrolment", data)
    yield MessageVector("enrolment-good", "enrolment", "valid", "6.3", "a record", signed(cbor(record)), {"device": DEVICE}, keys=KEYS)
    yield from encodings("enrolment-map", "enrolment", "6.3", record, signed, keys=KEYS)


TOKEN, ATTEST = fixed_bytes("enrolment", "token", 120), [fixed_bytes("enrolment", f"attestation {number}", 145) for number in range(2)]
TPM_PROOF = [1, ATTEST[0], bytes(64), ATTEST[1], bytes(64), fixed_bytes("enrolment", "HMAC", 32)]
CREDENTIAL = [1, fixed_bytes("enrolment", "id object", 70), fixed_bytes("enrolment", "secret", 100)]


def enrolment_calls():
    encoded = cbor(enrol_request())
    R = request_hash(encoded, "enrol-request")
    E = sha256(b"ovseal/v1/enrol-proof\0" + R + TOKEN)
    admission = [1, LICENCE, ACTIVATION_KEY.sign1("activation", R, True)]
    proof = [0, DEVICE_KEY.sign1("enrol-proof", E, True)]

    def start(name, expect, text, data, admits=True):
        return MessageVector(f"enrol-start-{name}", "enrol-start", expect, "6.1", text, data, {"admits": admits}, activation_key=ACTIVATION_KEY.public, service_id=SERVICE)

    yield start("good", "valid", "admitted by an activation key", cbor([encoded, admission]))
    yield start("another-licence", "valid", "the id is that of another licence: the device is not admitted", cbor([encoded, [1, bytes(16), admission[2]]]), False)
    yield start("another-key", "valid", "signed with another key: the device is not admitted", cbor([encoded, [1, LICENCE, AUDIT_KEY.sign1("activation", R, True)]]), False)
    yield start("as-voucher", "valid", "an activation key as a voucher: the device is not admitted", cbor([encoded, [2, *admission[1:]]]), False)
    yield start("kind-3", "malformed", "a kind that is not defined", cbor([encoded, [3, *admission[1:]]]))
    yield start("id-15", "malformed", "an id of 15 bytes", cbor([encoded, [1, bytes(15), admission[2]]]))
    yield start("not-admitted", "malformed", "null instead of the admission", cbor([encoded, None]))
    yield start("trailing-byte", "malformed", "a byte follows", cbor([encoded, admission]) + b"\0")

    def challenge(name, expect, text, changes=None):
        value = changed({0: 1, 1: TOKEN, 2: None, 3: NOW}, changes)
        return MessageVector(f"enrol-challenge-{name}", "enrol-challenge", expect, "6.2", text, cbor(value), {"token": value[1]})

    yield challenge("good", "valid", "level 0")
    yield challenge("credential", "valid", "level 1", {2: CREDENTIAL})
    yield challenge("token-empty", "malformed", "an empty token", {1: b""})
    yield challenge("token-1025", "malformed", "a token of 1025 bytes", {1: bytes(1025)})
    yield challenge("credential-of-key-3", "malformed", "a credential for the fourth endorsement key", {2: [3, *CREDENTIAL[1:]]})
    yield challenge("credential-long", "malformed", "an object of 1025 bytes", {2: [0, bytes(1025), b"x"]})
    yield from encodings("enrol-challenge-map", "enrol-challenge", "6.2", {0: 1, 1: TOKEN, 2: None, 3: NOW}, lambda data: data)

    def finish(name, expect, text, data, key=DEVICE_KEY):
        return MessageVector(f"enrol-finish-{name}", "enrol-finish", expect, "6.3", text, data, {"transcript": E}, device_key=key.public)

    message_of = lambda proof, token=TOKEN: cbor([encoded, admission, token, proof])
    yield finish("good", "valid", "level 0", message_of(proof))
    yield finish("token", "valid", "level 0, a P-256 key", message_of([0, TOKEN_DEVICE_KEY.sign1("enrol-proof", E, True)]), TOKEN_DEVICE_KEY)
    yield finish("another-key", "refused", "signed with another key", message_of([0, AUDIT_KEY.sign1("enrol-proof", E, True)]))
    yield finish("as-proof", "refused", "signed for the purpose of a request's proof", message_of([0, DEVICE_KEY.sign1("proof", E, True)]))
    yield finish("over-request", "refused", "signed over R, not E", message_of([0, DEVICE_KEY.sign1("enrol-proof", R, True)]))
    yield finish("another-token", "refused", "with another token than the signed one", message_of(proof, TOKEN + b"x"))
    yield finish("tpm", "refused", "the proof of a TPM, for a device of level 0", message_of(TPM_PROOF))
    yield finish("tpm-without-hmac", "malformed", "the proof of a TPM without the credential's HMAC", message_of([*TPM_PROOF[:5], None]))
    yield finish("tpm-five-fields", "malformed", "the proof of a TPM with five fields", message_of(TPM_PROOF[:5]))
    yield finish("tpm-hmac-31", "malformed", "an HMAC of 31 bytes", message_of([*TPM_PROOF[:5], bytes(31)]))
    yield finish("three-fields", "malformed", "no proof", cbor([encoded, admission, TOKEN]))


def challenges():
    answer = {0: 1, 1: fixed_bytes("challenge", "answer", 56), 2: NOW, 3: []}
    yield MessageVector("challenge-answer-good", "challenge-answer", "valid", "7.1", "no evidence is wanted", cbor(answer), {"challenge": answer[1]})
    yield MessageVector("challenge-answer-55", "challenge-answer", "malformed", "7.1", "a challenge of 55 bytes", cbor(answer | {1: bytes(55)}))
    yield MessageVector("challenge-answer-wanted", "challenge-answer", "malformed", "12", "evidence is wanted, which levels 0 and 1 do not have", cbor(answer | {3: [1]}))
    yield from encodings("challenge-answer-map", "challenge-answer", "7.1", answer, lambda data: data)

    def challenge(changes=None):
        return changed({0: 1, 1: "lease-request", 2: SERVICE, 3: DEVICE, 4: sorted([DETECTOR, CLASSIFIER])}, changes)

    def case(name, expect, text, changes=None):
        return MessageVector(f"challenge-request-{name}", "challenge-request", expect, "7.1", text, cbor(challenge(changes)), {"device": DEVICE})

    yield case("good", "valid", "two products")
    yield case("no-product", "valid", "no product", {4: []})
    yield case("products-descending", "malformed", "products in descending order", {4: sorted([DETECTOR, CLASSIFIER])[::-1]})
    yield case("products-17", "malformed", "17 products", {4: sorted(fixed_bytes("product", str(number), 16) for number in range(17))})
    yield case("purpose-enrol", "malformed", "the purpose of an enrolment", {1: "enrol-request"})
    yield from encodings("challenge-request-map", "challenge-request", "7.1", challenge(), lambda data: data)


def leases():
    nothing = LEASE_KEY.sign1("revocations", cbor(revocations({4: [], 5: [], 6: [], 7: []})))

    def case(name, expect, text, changes=None, states=(), listed=nothing):
        return MessageVector(f"lease-{name}", "lease", expect, "8.2", text, signed_lease(changes), {"id": lease()[2]}, keys=KEYS,
                             states=list(states), revocations=listed)

    at = lambda moment, word, context=CONTEXTS[0]: {"now": moment, "context": context, "state": word}
    refresh, end, over = NOW + 18 * DAY, NOW + 30 * DAY, NOW + 37 * DAY
    yield case("good", "valid", "the states of a lease of 30 days with 7 days of grace", None,
               [at(0, "not-yet"), at(NOW - 1, "not-yet"), at(NOW, "valid"), at(refresh - 1, "valid"), at(refresh, "refresh"), at(end - 1, "refresh"),
                at(end, "grace"), at(over - 1, "grace"), at(over, "over"), at((1 << 48) - 1, "over")])
    yield case("no-grace", "valid", "no grace", {12: 0}, [at(end - 1, "refresh"), at(end, "over")])
    yield case("refresh-at-end", "valid", "the refresh begins at the end", {11: end}, [at(end - 1, "valid"), at(end, "grace")])
    for key, name, value in ((4, "device", DEVICE), (5, "licence", LICENCE), (6, "id", lease()[2]), (7, "context", CONTEXTS[0])):
        listed = LEASE_KEY.sign1("revocations", cbor(revocations({key: sorted([*revocations()[key], value])})))
        states = [at(moment, "revoked") for moment in (0, NOW, over)] + ([at(NOW, "valid", CONTEXTS[1])] if key == 7 else [])
        yield case(f"{name}-revoked", "valid", f"its {name} is on the list", None, states, listed)
    yield case("flags-7", "valid", "all flags", {13: 7})
    yield case("tpm", "valid", "level 1, with its bounds", {6: 1, 17: 5, 18: 86_400_000})
    yield case("licence-end", "valid", "the licence ends", {14: NOW + 300 * DAY})
    one = lease()[7][0]
    for name, text, changes in (
        ("no-item", "no container", {7: []}), ("17-items", "17 containers", {7: [[DETECTOR, fixed_bytes("item", str(number), 32), bytes(32)] for number in range(17)]}),
        ("item-twice", "one product and container twice", {7: [one, one]}), ("item-recalled", "a container is granted and recalled", {8: [CONTEXTS[0]]}),
        ("recalled-descending", "recalled in descending order", {8: sorted(CONTEXTS[1:])[::-1]}), ("level-4", "level 4", {6: 4}),
        ("shorter-than-a-minute", "59,999 ms", {10: NOW + 59_999, 11: NOW}), ("too-long", "2^36 + 1 ms", {10: NOW + (1 << 36) + 1}),
        ("ends-before-it-begins", "the end is before the beginning", {10: NOW - 1}), ("refresh-after-end", "the refresh begins after the end", {11: end + 1}),
        ("refresh-before", "the refresh begins before the lease", {11: NOW - 1}), ("server-time-before", "the server's time is before the lease", {15: NOW - 1}),
        ("server-time-at-end", "the server's time is the end", {15: end}), ("grace-too-long", "a grace of 2^36 + 1 ms", {12: (1 << 36) + 1}),
        ("flags-8", "a flag that is not defined", {13: 8}), ("tpm-without-epoch", "level 1 without an epoch", {6: 1, 18: 5}),
        ("tpm-without-clock", "level 1 without a clock bound", {6: 1, 17: 5}), ("software-with-epoch", "level 0 with an epoch", {17: 1}),
        ("software-with-clock", "level 0 with a clock bound", {18: 1}), ("clock-2-63", "a clock bound of 2^63", {6: 1, 17: 5, 18: 1 << 63}),
        ("time-2-48", "the end of the grace is after 2^48", {9: (1 << 48) - 200_000, 10: (1 << 48) - 100_000, 11: (1 << 48) - 150_000, 12: 100_000, 15: (1 << 48) - 200_000}),
        ("audit-short", "a hash of 31 bytes", {21: [1, bytes(31)]}),
    ):
        yield case(name, "malformed", text, changes)
    yield from encodings("lease-map", "lease", "8.2", lease(), lambda data: LEASE_KEY.sign1("lease", data), keys=KEYS)


def cose():
    def case(name, expect, text, data):
        return MessageVector(f"sign1-{name}", "lease", expect, "2.4", text, data, {"id": lease()[2]}, keys=KEYS)

    good, payload = signed_lease(), cbor(lease())
    yield case("next-key", "valid", "signed with the next lease key", signed_lease(signer=NEXT_LEASE_KEY))
    yield case("another-key", "signature", "signed with the key of another service", signed_lease(signer=OTHER_LEASE_KEY))
    yield case("audit-key", "signature", "signed with the audit key", signed_lease(signer=AUDIT_KEY))
    for purpose in ("receipt", "revocations", "enrolment", "checkpoint"):
        yield case(f"as-{purpose}", "signature", f"signed for the purpose of a {purpose}", LEASE_KEY.sign1(purpose, payload))
    yield case("payload-changed", "signature", "another payload than the signed one", signed_lease(attached=cbor(lease(changes={10: NOW + 31 * DAY}))))
    yield case("signature-flipped", "signature", "a damaged signature", signed_lease(signature=flipped))
    yield case("header-eddsa", "signature", "the header of the older algorithm number -8, and a signature over it", signed_lease(header=bytes.fromhex("a10127")))
    yield case("header-empty", "signature", "an empty header, and a signature over it", signed_lease(header=b"\xa0"))
    yield case("header-long", "signature", "the header in another encoding, and a signature over it", signed_lease(header=bytes.fromhex("a1013832")))
    yield case("key-id", "malformed", "a key id in the unprotected header", signed_lease(unprotected={4: b"key"}))
    yield case("tagged", "malformed", "the tag of COSE_Sign1", b"\xd2" + good)
    yield case("detached", "malformed", "no payload", signed_lease(detached=True))
    yield case("trailing-byte", "malformed", "a byte follows", good + b"\0")
    yield case("five-fields", "malformed", "five fields", b"\x85" + good[1:] + b"\xf6")
    yield case("4097-bytes", "malformed", "4097 bytes", LEASE_KEY.sign1("lease", payload, signature=lambda value: value + bytes(4097 - len(good))))


def receipts():
    def signed(data, purpose="receipt"):
        return LEASE_KEY.sign1(purpose, data if isinstance(data, bytes) else cbor(data))

    def case(name, expect, text, changes=None, purpose="receipt", **fields):
        known = {"lease": receipt()[5], "held_until": None, "returns_left": 2}
        return MessageVector(f"receipt-{name}", "receipt", expect, "9.2", text, signed(receipt(changes), purpose), known | fields, keys=KEYS)

    yield case("good", "valid", "the seat is free")
    yield case("held", "valid", "the seat is held", {6: 0, 7: NOW + DAY}, held_until=NOW + DAY)
    yield case("unlimited", "valid", "returns are not limited", {8: None}, returns_left=None)
    yield case("as-lease", "signature", "signed for the purpose of a lease", purpose="lease")
    yield case("freed-2", "malformed", "a value that is not defined", {6: 2})
    yield case("free-and-held", "malformed", "free, but held until a time", {7: NOW})
    yield case("held-until-0", "malformed", "held, but until no time", {6: 0})
    yield from encodings("receipt-map", "receipt", "9.2", receipt(), signed, keys=KEYS)


def return_answers():
    signed = LEASE_KEY.sign1("receipt", cbor(receipt()))
    kept = [signed_lease(), [[bytes(113)], [bytes(113), bytes(1168)]]]

    def case(name, expect, text, value, kept=0):
        data = value if isinstance(value, bytes) else cbor(value)
        return MessageVector(f"return-answer-{name}", "return-answer", expect, "9.2", text, data, {"kept": kept})

    yield case("good", "valid", "no lease was kept", [signed, [], None])
    yield case("kept", "valid", "of three kept leases, one gets no new one", [signed, [kept, None, kept], signed], 3)
    yield case("nine", "malformed", "nine kept leases", [signed, [None] * 9, None])
    yield case("kept-without-shares", "malformed", "a kept lease without shares", [signed, [[signed_lease(), []]], None])
    yield case("two-fields", "malformed", "no place for the list", [signed, []])
    yield case("trailing-byte", "malformed", "a byte follows", cbor([signed, [], None]) + b"\0")


def files():
    encoded = cbor(request("lease-request", {5: fixed_bytes("request", "nonce", 32)}))
    sent = message(encoded, activation=ACTIVATION_KEY)
    enrolled = [cbor(enrol_request()), [0, DEVICE_KEY.sign1("enrol-proof", sha256(b"any"), True)]]

    def asked(name, expect, text, value, magic=b"\x89OVREQ1\n", tail=b""):
        return MessageVector(f"request-file-{name}", "request-file", expect, "11", text, magic + cbor(value) + tail, {"enrols": isinstance(value[1], list)})

    yield asked("good", "valid", "of a device that is enrolled", [sent, None])
    yield asked("enrols", "valid", "of a device of level 0 that enrolls", [sent, enrolled])
    yield asked("enrols-tpm", "valid", "of a device of level 1 that enrolls", [sent, [enrolled[0], [*TPM_PROOF[:5], None]]])
    yield asked("enrols-with-hmac", "malformed", "an enrolment with the HMAC of a credential", [sent, [enrolled[0], TPM_PROOF]])
    yield asked("magic-wrong", "malformed", "the magic of a lease file", [sent, None], b"\x89OVLEAS\n")
    yield asked("empty", "malformed", "an empty message", [b"", None])
    yield asked("131073", "malformed", "131,073 bytes", [bytes(131073 - 8 - 7), None])
    yield asked("trailing-byte", "malformed", "a byte follows", [sent, None], tail=b"\0")

    def answered(name, expect, text, value, magic=b"\x89OVLEAS\n"):
        return MessageVector(f"lease-file-{name}", "lease-file", expect, "11", text, magic + cbor(value), {"encrypted": isinstance(value[1], list)})

    yield answered("good", "valid", "in clear", [b"answer", None])
    yield answered("credential", "valid", "encrypted for a TPM", [bytes(100), CREDENTIAL])
    yield answered("magic-wrong", "malformed", "the magic of a request file", [b"answer", None], b"\x89OVREQ1\n")
    yield answered("credential-of-key-3", "malformed", "a credential for the fourth endorsement key", [b"answer", [3, *CREDENTIAL[1:]]])


def checkpoints():
    value = {0: 1, 1: SERVICE, 2: 4712, 3: fixed_bytes("checkpoint", "hash", 32), 4: NOW}
    case = lambda name, expect, text, data: MessageVector(f"checkpoint-{name}", "checkpoint", expect, "11", text, data, {"sequence": 4712}, keys=[AUDIT_KEY.public])
    yield case("good", "valid", "signed with the audit key", AUDIT_KEY.sign1("checkpoint", cbor(value)))
    yield case("lease-key", "signature", "signed with a lease key", LEASE_KEY.sign1("checkpoint", cbor(value)))
    yield from encodings("checkpoint-map", "checkpoint", "11", value, lambda data: AUDIT_KEY.sign1("checkpoint", data), keys=[AUDIT_KEY.public])
