"""Reads the messages of a licence service: a second implementation, written from
docs/license-protocol.md and docs/format.md §4.7 alone.

Each reader returns a dictionary of what it found, or raises `reader.Failure` with the outcome.
"""

import cbor2
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
from license_reader import ENCAPSULATED, X_WING, open_share, parse_license
from reader import SIGNATURES, Failure, array, be, check, decode, digest, is_signed, octets, read_publisher, record, row, sha256, text, uint

# Shapes of section 2. A failure of a shape is "malformed".

sized = lambda least, most: lambda value: octets(value) and least <= len(value) <= most
fixed = lambda length: sized(length, length)
id16, number = fixed(16), lambda value: uint(value) and value < 2**63
nullable = lambda shape: lambda value: value is None or shape(value)
moment = lambda value: uint(value) and value < 2**48
span = lambda value: uint(value) and value <= 2**36
limited = lambda least, most, shape: lambda value: array(shape)(value) and least <= len(value) <= most
ascending = lambda shape, most=1 << 20: lambda value: limited(0, most, shape)(value) and value == sorted({*value})
one_of = lambda *values: lambda value: any(type(value) is type(each) and value == each for each in values)
software = text(0, 64, "[^ -~]")
version = one_of(1)
AUDIT = row(number, digest)
SIGN1 = sized(1, 128)
NAME = text(1, 64, "[^a-z0-9.-]")

def parse(data, shape, limit):
    check(len(data) <= limit, "length", "malformed")
    try:
        return decode(data, shape, "the message")
    except Failure as failure:
        raise Failure("malformed", failure.args[1]) from failure

# Format, section 4.7.

ADDRESS = lambda value: text(9, 256, r"[^!-~]|[?#@\\]|/\Z")(value) and value.startswith("https://")
SERVICE = record(digest, NAME, digest, lambda value: number(value) and value > 0, limited(1, 8, ADDRESS), limited(1, 2, row(uint, octets)),
                 limited(1, 2, digest), lambda value: ascending(digest, 4)(value) and value, digest, text(0, 4096))

def read_service_file(data, publisher):
    check(data[:8] == b"\x89OVSERV\n" and len(data) >= 16, "magic", "not-a-service-file")
    check(data[8:10] == b"\0\1", "version", "unsupported")
    length = int.from_bytes(data[12:16], "big")
    check(data[10:12] == bytes(2) and 1 <= length <= 16384 and len(data) <= 32768 and len(data) >= 16 + length, "head", "malformed")
    signed, entries = data[: 16 + length], parse(data[16 + length :], SIGNATURES, 32768)
    signatures = {(key_id, algorithm): signature for key_id, algorithm, signature in entries}
    check(len(entries) <= 16 and [*signatures] == sorted(signatures) and len(signatures) == len(entries), "order", "malformed")
    check(all(len(signature) == {1: 64, 2: 3309}.get(algorithm) for _, algorithm, signature in entries), "algorithm", "malformed")
    key_id, keys = read_publisher(publisher)
    outcome = is_signed(signed, signatures, key_id, keys, b"ovseal/v1/service\0")
    check(outcome != "wrong", "signature", "wrong-signature")
    check(outcome == "right", "signature", "unsigned")
    body = parse(signed[16:], SERVICE, 16384)
    check_service(body)
    check(body[2] == key_id, "origin", "origin")
    return {"service_id": body[0], "serial": body[3], "lease_keys": body[6]}

def check_service(body):
    release = [be(kem, 2) + sha256(b"ovseal/v1/release-key\0" + be(kem, 2) + key) for kem, key in body[5] if kem in ENCAPSULATED]
    valid = (body[0] == sha256(b"ovseal/v1/service-id\0" + body[2] + body[1].encode()) and len({*body[4]}) == len(body[4])
             and len(release) == len(body[5]) and release == sorted({*release}) and all(is_kem_key(*key) for key in body[5])
             and len({*body[6]}) == len(body[6]) and body[8] not in body[6])
    check(valid, "a rule of the body", "malformed")
    try:
        check(not body[9] or read_publisher(body[9]), "successor", "malformed")
    except (Failure, ValueError) as error:
        raise Failure("malformed", "successor") from error

def is_kem_key(kem, key):
    """Returns whether a key can be used: a point on P-256, or no X25519 point of small order."""
    if kem == X_WING:
        return len(key) == 1216 and is_strong(key[-32:]) and is_lattice_key(key[:1184])
    return kem in ENCAPSULATED and is_point(key)

def is_point(key):
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key)
    except ValueError:
        return False
    return len(key) == 65

def is_strong(point):
    """Returns whether the point's order is not small: its multiple by 8 is not zero (RFC 7748)."""
    prime, x = 2**255 - 19, int.from_bytes(point, "little") % 2**255
    for _ in range(3):  # Doubling with x alone: three times are eight times.
        above, below = (x * x - 1) ** 2 % prime, 4 * x * (x * x + 486662 * x + 1) % prime
        if not below:
            return False
        x = above * pow(below, -1, prime) % prime
    return True

def is_lattice_key(key):
    """Returns whether all coefficients are reduced (FIPS 203, section 7.2)."""
    bits = int.from_bytes(key[:1152], "little")
    return all((bits >> 12 * at & 4095) < 3329 for at in range(768))

# Section 2.4.

HEADERS = {32: bytes.fromhex("a10132"), 65: bytes.fromhex("a10128")}

def verifies(key, purpose, payload, header, signature):
    message = cbor2.dumps(["Signature1", header, b"ovseal/v1/" + purpose.encode(), payload])
    try:
        if len(key) == 32:
            ed25519.Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
        else:
            r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
            point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key)
            point.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return header == HEADERS[len(key)] and len(signature) == 64

def is_detached(key, purpose, payload, sign1):
    try:
        header, _, _, signature = parse(sign1, row(octets, one_of({}), one_of(None), octets), 128)
    except Failure:
        return False
    return verifies(key, purpose, payload, header, signature)

def read_signed(data, keys, purpose, shape, limit=4096):
    header, _, payload, signature = parse(data, row(octets, one_of({}), octets, octets), limit)
    check(any(verifies(key, purpose, payload, header, signature) for key in keys), "signature", "signature")
    return parse(payload, shape, limit)

# Sections 6 to 9: requests.

LEASE_BYTES = sized(1, 4096)
ITEM = row(lambda value: octets(value) and parse_license(value) is not None, digest)
COMMON = (digest, digest, id16, lambda value: octets(value) and len(value) in (32, 56), moment, number, number, software)
REQUESTS = {
    "lease-request": record(version, one_of("lease-request"), *COMMON, id16, limited(1, 16, ITEM), nullable(LEASE_BYTES)),
    "return-request": record(version, one_of("return-request"), *COMMON, id16, LEASE_BYTES, limited(0, 8, row(LEASE_BYTES, limited(1, 16, ITEM)))),
}
request_hash = lambda data, purpose: sha256(b"ovseal/v1/" + purpose.encode() + b"\0" + data)

def read_request(data, purpose):
    value = parse(data, REQUESTS[purpose], 65536)
    lists = [value[11]] if purpose == "lease-request" else [items for _, items in value[12]]
    for items in lists:
        check(len({(parameters[33:49], context) for parameters, context in items}) == len(items), "an item twice", "malformed")
    check(sum(map(len, lists)) <= 16, "items", "malformed")
    counts = {"items": len(value[11])} if purpose == "lease-request" else {"kept": len(value[12])}
    return {"hash": request_hash(data, purpose), "device": value[3], "licence": value[10], "value": value} | counts

PROOF = lambda value: row(one_of(0), SIGN1)(value) or row(one_of(1), sized(1, 1024), fixed(64))(value)

def read_message(data, purpose, device_key, activation_key):
    request, proof, activation = parse(data, row(lambda value: octets(value) and value, PROOF, nullable(SIGN1)), 65536)
    R = request_hash(request, purpose)
    check(proof[0] == 0 and is_detached(device_key, "proof", R, proof[1]), "proof", "refused")
    return {"hash": R, "activates": activation is not None and is_detached(activation_key, "activation", R, activation)}

STRUCTURE = sized(1, 1024)
SOFTWARE_KEYS = row(lambda value: octets(value) and (len(value) == 32 or is_point(value)), uint, octets)
TPM_KEYS = row(limited(1, 3, row(limited(0, 4, sized(1, 4096)), STRUCTURE)), STRUCTURE, STRUCTURE, lambda value: uint(value) and 0x01800000 <= value <= 0x01BFFFFF)
ENROL = record(version, one_of("enrol-request"), digest, one_of(0, 1), id16, lambda value: SOFTWARE_KEYS(value) or TPM_KEYS(value), software)

def read_enrol_request(data):
    value = parse(data, ENROL, 65536)
    R, device = request_hash(data, "enrol-request"), None
    check(len(value[5]) == 3 + value[3], "level and keys", "malformed")
    if value[3] == 0:
        signing, kem, key = value[5]
        check(is_kem_key(kem, key) and signing != key, "the device's keys", "malformed")
        device = sha256(b"ovseal/v1/device-key\0" + value[2] + signing + be(kem, 2) + key)
    return {"hash": R, "transcript": sha256(b"ovseal/v1/enrol-proof\0" + R + b"token"), "device": device}

ADMISSION = row(one_of(1, 2), id16, SIGN1)
CREDENTIAL = row(one_of(0, 1, 2), STRUCTURE, STRUCTURE)
TOKEN = sized(1, 1024)
BYTES = lambda value: octets(value) and value
enrol_proof = lambda hmac: lambda value: row(one_of(0), SIGN1)(value) or row(one_of(1), STRUCTURE, fixed(64), STRUCTURE, fixed(64), hmac)(value)

def read_enrol_start(data, activation_key, service_id):
    request, (kind, identifier, signature) = parse(data, row(BYTES, ADMISSION), 65536)
    label = {1: b"ovseal/v1/licence", 2: b"ovseal/v1/voucher"}[kind]
    own = identifier == sha256(label + b"\0" + service_id + activation_key)[:16]
    return {"admits": own and is_detached(activation_key, "activation", request_hash(request, "enrol-request"), signature)}

def read_enrol_challenge(data):
    return {"token": parse(data, record(version, TOKEN, nullable(CREDENTIAL), moment), 4096)[1]}

def read_enrol_finish(data, device_key):
    request, _, token, proof = parse(data, row(BYTES, ADMISSION, TOKEN, enrol_proof(digest)), 65536)
    E = sha256(b"ovseal/v1/enrol-proof\0" + request_hash(request, "enrol-request") + token)
    check(proof[0] == 0 and is_detached(device_key, "enrol-proof", E, proof[1]), "proof", "refused")
    return {"transcript": E}

def read_challenge_answer(data):
    return {"challenge": parse(data, record(version, fixed(56), moment, one_of([])), 1024)[1]}

def read_challenge_request(data):
    value = parse(data, record(version, one_of("lease-request", "return-request"), digest, digest, ascending(id16, 16)), 65536)
    return {"device": value[3]}

# Sections 6.3, 8.2, 9.2 and 10: what the service signs.

LEASE = record(version, digest, id16, digest, digest, id16, one_of(0, 1, 2, 3), limited(1, 16, row(id16, digest, digest)), ascending(digest), moment,
               moment, moment, span, one_of(*range(8)), nullable(moment), moment, number, number, number, number, number, AUDIT)
RECEIPT = record(version, digest, digest, digest, id16, id16, one_of(0, 1), moment, nullable(number), moment, number, AUDIT)
REVOCATIONS = record(version, digest, number, moment, ascending(digest), ascending(id16), ascending(id16), ascending(digest))

def read_lease(data, keys):
    value = read_signed(data, keys, "lease", LEASE)
    nbf, exp, refresh, grace = (value[key] for key in (9, 10, 11, 12))
    pairs, bounds = {(product, context) for product, context, _ in value[7]}, (value[17], value[18])
    valid = (60_000 <= exp - nbf <= 2**36 and nbf <= refresh <= exp and nbf <= value[15] < exp and exp + grace < 2**48
             and len(pairs) == len(value[7]) and not {context for _, context in pairs} & {*value[8]} and len(value[8]) <= 15
             and (all(bounds) if value[6] in (1, 2) else bounds == (0, 0)))
    check(valid, "a rule of the lease", "malformed")
    return {"id": value[2], "value": value}

def state_of(lease, revoked, now, context):
    nbf, exp, refresh, grace = (lease[key] for key in (9, 10, 11, 12))
    if lease[4] in revoked[4] or lease[5] in revoked[5] or lease[2] in revoked[6] or context in revoked[7]:
        return "revoked"
    for limit, word in ((nbf, "not-yet"), (refresh, "valid"), (exp, "refresh"), (exp + grace, "grace")):
        if now < limit:
            return word
    return "over"

def read_revocations(data, keys):
    value = read_signed(data, keys, "revocations", REVOCATIONS, 1 << 20)
    check(sum(len(value[key]) for key in (4, 5, 6, 7)) <= 16384, "entries", "malformed")
    return {"number": value[2], "devices": value[4], "recalled": value[7], "value": value}

def read_receipt(data, keys):
    value = read_signed(data, keys, "receipt", RECEIPT)
    check((value[6] == 1) == (value[7] == 0), "freed and until when", "malformed")
    return {"lease": value[5], "held_until": value[7] or None, "returns_left": value[8], "value": value}

SHARES = limited(1, 16, limited(1, 2, sized(1, 2048)))

RETURN_ANSWER = row(octets, limited(0, 8, nullable(row(octets, SHARES))), nullable(octets))

def read_return_answer(data):
    return {"kept": len(parse(data, RETURN_ANSWER, 2 << 20)[1])}

def read_checkpoint(data, keys):
    return {"sequence": read_signed(data, keys, "checkpoint", record(version, digest, number, digest, moment))[2]}

def read_request_file(data):
    check(data[:8] == b"\x89OVREQ1\n" and len(data) <= 131072, "magic or length", "malformed")
    _, enrolment = parse(data[8:], row(BYTES, nullable(row(BYTES, enrol_proof(one_of(None))))), 131072)
    return {"enrols": enrolment is not None}

def read_lease_file(data):
    check(data[:8] == b"\x89OVLEAS\n" and len(data) <= 2 << 20, "magic or length", "malformed")
    return {"encrypted": parse(data[8:], row(BYTES, nullable(CREDENTIAL)), 2 << 20)[1] is not None}

def read_enrolment(data, keys):
    return {"device": read_signed(data, keys, "enrolment", record(version, digest, digest, digest, one_of(0, 1, 2, 3), moment))[3]}

# Section 8.5.

ANSWER = row(octets, SHARES, nullable(octets))

def read_answer(data, service, request, level, server_epoch, revocations, key):
    """Returns the shares that a client of level 0 stores, or raises the first failed check."""
    lease_bytes, shares, listed = parse(data, ANSWER, 2 << 20)
    asked = read_request(request, "lease-request")
    known = service, asked["hash"], asked["device"], asked["licence"], level
    lease, wanted = check_lease(lease_bytes, shares, asked["value"][11], known, server_epoch)
    check(asked["value"][2] == service["service_id"], "of another service", "request")
    check_list([lease], listed, revocations, service, asked["value"][7])
    info = b"ovseal/v1/lease-share\0" + asked["hash"]
    try:
        return {"shares": [[open_share(key, sealed, info, bytes([place, at]) + context) for at, sealed in enumerate(each)]
                           for each, (place, _, context) in zip(shares, wanted)]}
    except (InvalidTag, ValueError) as error:
        raise Failure("does-not-open", "a share") from error

def check_lease(lease_bytes, shares, items, known, server_epoch):
    """Returns a lease that answers a request for these items, and the items that it grants."""
    service, request, device, licence, level = known
    lease = read_lease(lease_bytes, service["lease_keys"])["value"]
    check(tuple(lease[at] for at in (1, 3, 4, 5, 6)) == (service["service_id"], request, device, licence, level), "of another request", "request")
    check(lease[16] >= server_epoch, "the service's epoch", "older")
    wanted = [(place, parameters, context) for place, (parameters, context) in enumerate(items) if context not in lease[8]]
    same = [(parameters[33:49], context) for _, parameters, context in wanted] == [(product, context) for product, context, _ in lease[7]]
    check(same and {*lease[8]} <= {context for _, context in items}, "items", "items")
    check(len(shares) == len(wanted), "rows of shares", "shares")
    for row_of_shares, (_, _, expected), (_, parameters, _) in zip(shares, lease[7], wanted):
        check(len(row_of_shares) == parameters[50] and sha256(cbor2.dumps(row_of_shares)) == expected, "shares", "shares")
    return lease, wanted

def read_return(data, service, request, ended, licences, level, server_epoch, revocations):
    """Returns the ids of the new leases for the kept ones, or raises the first failed check."""
    receipt_bytes, kept, listed = parse(data, RETURN_ANSWER, 2 << 20)
    receipt = read_receipt(receipt_bytes, service["lease_keys"])["value"]
    asked = read_request(request, "return-request")
    own = service["service_id"], asked["hash"], asked["device"], asked["licence"], ended
    check(tuple(receipt[at] for at in (1, 2, 3, 4, 5)) == own and asked["value"][2] == own[0], "of another request", "request")
    check(receipt[10] >= server_epoch, "the service's epoch", "older")
    check(len(kept) == len(licences) == len(asked["value"][12]), "kept leases", "items")
    leases = [each and check_lease(*each, items, (service, asked["hash"], asked["device"], licence, level), server_epoch)[0]
              for each, (_, items), licence in zip(kept, asked["value"][12], licences)]
    check_list([lease for lease in leases if lease], listed, revocations, service, asked["value"][7])
    return {"leases": [lease and lease[2] for lease in leases]}

def check_list(leases, listed, stored, service, claimed):
    newest = stored[2]
    if listed is not None:
        try:
            sent = read_revocations(listed, service["lease_keys"])["value"]
        except Failure as failure:
            raise Failure("revocations", failure.args[1]) from failure
        check(sent[1] == service["service_id"], "the list", "revocations")
        check(sent[2] != newest or sent == stored, "two lists with one number", "two-lists")
        newest = max(newest, sent[2])
    check(all(claimed <= lease[19] <= newest for lease in leases), "the number of the list", "revocations")

# Section 13.

STATUSES = {400: "malformed", 413: "too-large", 429: "rate", 409: "challenge conflict", 410: "recalled", 422: "does-not-open",
            403: "refused enrolment replaced device-revoked suspended revoked expired not-yet not-licensed level seats-full copied clock not-counted no-returns",
            503: "unavailable restored unknown-outcome"}
CODES = {code: status for status, codes in STATUSES.items() for code in codes.split()}

def read_problem(data):
    value = parse(data, record(one_of(*CODES), text(0, 256), nullable(number), nullable(moment), nullable(text(0, 256))), 1024)
    return {"code": value[0], "status": CODES[value[0]]}
