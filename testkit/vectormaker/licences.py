"""docs/format.md §4.6 and §4.7, docs/license-protocol.md: one licence service and its messages.

As everywhere in this writer, each maker takes the correct values, and hooks replace single ones.
"""

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vectormaker.primitives import (be, cbor, encapsulate_p256, encapsulate_xwing, fixed_bytes, hkdf_sha512, hpke_seal, p256_public,
                                    sha256, xwing_public)
from vectormaker.publishers import ACME
from vectormaker.stanzas import symmetric

P256, X_WING = 0x0010, 0x647A
NAME = "licences.acme.example"
# The order of the group of P-256 (SEC 2).
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class KemKey:
    """A key pair of one mechanism, from fixed bytes."""

    def __init__(self, kem, label):
        self.kem, self.secret = kem, fixed_bytes("licence service", label, 32)
        self.public = xwing_public(self.secret) if kem == X_WING else p256_public(self.secret)
        self.key_id = sha256(b"ovseal/v1/release-key\0" + be(kem, 2) + self.public)

    def seal(self, name, label, info, plaintext, associated_data, zero=False):
        """Returns encapsulated key, ciphertext and tag."""
        if self.kem == X_WING:
            encapsulated, shared = encapsulate_xwing(self.public, fixed_bytes(name, label, 64), zero)
        else:
            encapsulated, shared = encapsulate_p256(self.public, fixed_bytes(name, label, 32))
        return encapsulated + hpke_seal(self.kem, shared, info, plaintext, associated_data)

    def record(self):
        return {"kem": self.kem, "private": self.secret.hex()}


def in_order(*keys):
    return sorted(keys, key=lambda key: (key.kem, key.key_id))


FILE_KEY, TOKEN_KEY = KemKey(X_WING, "release key in a file"), KemKey(P256, "release key in a token")
SECOND_FILE_KEY, OTHER_KEY = KemKey(X_WING, "second release key"), KemKey(X_WING, "release key of another service")
SERVICE = sha256(b"ovseal/v1/service-id\0" + ACME.key_id + NAME.encode())


def product(name, service=SERVICE):
    return sha256(b"ovseal/v1/product\0" + service + name.encode())[:16]


DETECTOR, CLASSIFIER = product("detector"), product("classifier")


def license(keys=(FILE_KEY,), product=DETECTOR, level=0, version=1, count=None, info=None, zero=False, order=lambda shares: shares,
            stated=lambda parameters: parameters, secret=b"".join, body=None, data_key=None):
    """Makes a stanza for a licence.

    `stated` changes the parameters after the shares were made, and `info`, `secret` and `body`
    change what their names say.
    """

    def make(container):
        name = container.name
        shares = [fixed_bytes(name, f"share {number}", 32) for number in range(len(keys))]
        parameters = license_parameters(name, container.context, shares, keys, product, level, version, count, info, zero, order)
        parameters = stated(parameters)
        return symmetric(container, "license", parameters, secret(shares), data_key or container.data_key, body)

    return make


def license_parameters(name, context, shares, keys=(FILE_KEY,), product=DETECTOR, level=0, version=1, count=None, info=None, zero=False,
                       order=lambda shares: shares, salt="license"):
    head = fixed_bytes(name, salt, 32) + bytes([version]) + product + bytes([level, len(keys) if count is None else count])
    entries = [be(key.kem, 2) + key.key_id for key in keys]
    associated_data = head + b"".join(entries)
    info = info or b"ovseal/v1/license\0" + context
    made = [entry + key.seal(name, f"ephemeral {number}", info, share, associated_data, zero)
            for number, (entry, key, share) in enumerate(zip(entries, keys, shares))]
    return head + b"".join(order(made))


class Signer:
    """An Ed25519 or P-256 key that makes COSE_Sign1."""

    def __init__(self, label, curve="Ed25519", seed=None):
        self.secret, self.curve = seed or fixed_bytes("licence service", label, 32), curve
        if curve == "Ed25519":
            self.ed25519 = Ed25519PrivateKey.from_private_bytes(self.secret)
            raw = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            self.public, self.header = self.ed25519.public_key().public_bytes(*raw), bytes.fromhex("a10132")
        else:
            self.public, self.header = p256_public(self.secret), bytes.fromhex("a10128")

    def sign(self, message):
        if self.curve == "Ed25519":
            return self.ed25519.sign(message)
        # ECDSA with a nonce that depends on the message only: every run writes the same bytes.
        nonce = int.from_bytes(fixed_bytes("nonce", sha256(self.secret + message).hex(), 32), "big") % ORDER
        r = int.from_bytes(p256_public(be(nonce, 32))[1:33], "big") % ORDER
        digest, secret = int.from_bytes(sha256(message), "big"), int.from_bytes(self.secret, "big")
        return be(r, 32) + be(pow(nonce, -1, ORDER) * (digest + r * secret) % ORDER, 32)

    def sign1(self, purpose, payload, detached=False, header=None, unprotected=None, signature=lambda value: value, attached=None):
        header = header or self.header
        message = cbor(["Signature1", header, b"ovseal/v1/" + purpose.encode(), payload])
        shown = None if detached else payload if attached is None else attached
        return cbor([header, unprotected or {}, shown, signature(self.sign(message))])


LEASE_KEY, NEXT_LEASE_KEY, AUDIT_KEY = Signer("lease key"), Signer("next lease key"), Signer("audit key")
OTHER_LEASE_KEY = Signer("lease key of another service")
DEVICE_KEY, TOKEN_DEVICE_KEY = Signer("device key"), Signer("device key in a token", "P-256")
DEVICE_KEM = KemKey(X_WING, "device key for shares")
ACTIVATION_SECRET = fixed_bytes("licence service", "activation key", 16)
ACTIVATION_KEY = Signer("", seed=hkdf_sha512(b"", ACTIVATION_SECRET, b"ovseal/v1/activation\0" + SERVICE, 32))
LICENCE = sha256(b"ovseal/v1/licence\0" + SERVICE + ACTIVATION_KEY.public)[:16]
DEVICE = sha256(b"ovseal/v1/device-key\0" + SERVICE + DEVICE_KEY.public + be(X_WING, 2) + DEVICE_KEM.public)
NOW, HOUR, DAY = 1_790_000_000_000, 3_600_000, 86_400_000


def changed(value, changes):
    """Returns a map with some keys changed; a change to `...` removes the key."""
    return {key: item for key, item in (value | (changes or {})).items() if item is not ...}


def service_body(changes=None, keys=(FILE_KEY,)):
    body = {0: SERVICE, 1: NAME, 2: ACME.key_id, 3: 7, 4: ["https://licences.acme.example", "https://10.0.0.7:8443/ovseal"],
            5: [[key.kem, key.public] for key in keys], 6: [LEASE_KEY.public, NEXT_LEASE_KEY.public],
            7: sorted([sha256(b"first TLS key"), sha256(b"second TLS key")]), 8: AUDIT_KEY.public, 9: ""}
    return changed(body, changes)


def service_file(body=None, publishers=(ACME,), magic=b"\x89OVSERV\n", version=1, zero=bytes(2), length=None, prefix=b"ovseal/v1/service\0",
                 entries=lambda entries: entries, tail=b""):
    encoded = body if isinstance(body, bytes) else cbor(service_body() if body is None else body)
    signed = magic + be(version, 2) + zero + be(len(encoded) if length is None else length, 4) + encoded
    made = sorted([publisher.key_id, number, publisher.sign_one(prefix + signed, number)]
                  for publisher in publishers for number in publisher.algorithms)
    return signed + cbor(entries(made)) + tail


CONTEXTS = [fixed_bytes("licence service", f"context {number}", 32) for number in range(3)]


def item(number=0, **options):
    context = CONTEXTS[number]
    shares = [fixed_bytes(f"item {number}", f"share {at}", 32) for at in range(len(options.get("keys", (FILE_KEY,))))]
    return [license_parameters(f"item {number}", context, shares, **options), context]


def request(purpose, changes=None, device=DEVICE):
    common = {0: 1, 1: purpose, 2: SERVICE, 3: device, 4: fixed_bytes("request", purpose, 16), 5: fixed_bytes("challenge", purpose, 56),
              6: NOW - 1234, 7: 3, 8: 7, 9: "ovseal 0.1.0"}
    own = {"lease-request": lambda: {10: LICENCE, 11: [item()], 12: None},
           "return-request": lambda: {10: LICENCE, 11: signed_lease(), 12: []}}[purpose]()
    return changed(common | own, changes)


def request_hash(encoded, purpose):
    return sha256(b"ovseal/v1/" + purpose.encode() + b"\0" + encoded)


def message(encoded, purpose="lease-request", signer=DEVICE_KEY, activation=None, proof=None, hashed=None, **options):
    R = hashed or request_hash(encoded, purpose)
    proof = proof or [0, signer.sign1("proof", R, True, **options)]
    return cbor([encoded, proof, activation and activation.sign1("activation", R, True)])


def shares_of(name, R, items, key=DEVICE_KEM, info=None, places=None):
    """Returns the wrapped shares of each item, for a device of level 0."""
    wrapped = []
    for number, (parameters, context) in items:
        row = []
        for at in range(parameters[50]):
            associated_data = bytes([places[number] if places else number, at]) + context
            share = fixed_bytes(f"item {CONTEXTS.index(context)}", f"share {at}", 32)
            row.append(key.seal(name, f"share {number} {at}", info or b"ovseal/v1/lease-share\0" + R, share, associated_data))
        wrapped.append(row)
    return wrapped


def lease(R=None, items=None, changes=None):
    R = R or request_hash(cbor(request("lease-request")), "lease-request")
    items = items or [[DETECTOR, CONTEXTS[0], fixed_bytes("lease", "hash of shares", 32)]]
    value = {0: 1, 1: SERVICE, 2: fixed_bytes("lease", "id", 16), 3: R, 4: DEVICE, 5: LICENCE, 6: 0, 7: items, 8: [], 9: NOW, 10: NOW + 30 * DAY,
             11: NOW + 18 * DAY, 12: 7 * DAY, 13: 0, 14: None, 15: NOW, 16: 1, 17: 0, 18: 0, 19: 3, 20: 7,
             21: [4711, fixed_bytes("lease", "audit", 32)]}
    return changed(value, changes)


def signed_lease(changes=None, signer=LEASE_KEY, **options):
    return signer.sign1("lease", cbor(lease(changes=changes)), **options)


def receipt(changes=None):
    R = request_hash(cbor(request("return-request")), "return-request")
    value = {0: 1, 1: SERVICE, 2: R, 3: DEVICE, 4: LICENCE, 5: fixed_bytes("lease", "id", 16), 6: 1, 7: 0, 8: 2, 9: NOW, 10: 1,
             11: [4712, fixed_bytes("receipt", "audit", 32)]}
    return changed(value, changes)


def revocations(changes=None):
    ids = lambda label, length: sorted(fixed_bytes("revoked", f"{label} {number}", length) for number in range(3))
    value = {0: 1, 1: SERVICE, 2: 3, 3: NOW - DAY, 4: ids("device", 32), 5: ids("licence", 16), 6: ids("lease", 16), 7: ids("context", 32)}
    return changed(value, changes)


def answer(encoded, numbers=(0,), lease_changes=None, signer=LEASE_KEY, revocations_list=None, shares=lambda shares: shares,
           hashes=lambda hashes: hashes, key=DEVICE_KEM, **options):
    """Returns the answer to a lease request for the items at `numbers`, at level 0."""
    R, asked = request_hash(encoded[0], "lease-request"), encoded[1][11]
    wrapped = shares_of("answer", R, [(number, asked[number]) for number in numbers], key, **options)
    made = hashes([sha256(cbor(row)) for row in wrapped])
    items = [[asked[number][0][33:49], asked[number][1], digest] for number, digest in zip(numbers, made)]
    payload = cbor(lease(R, items, lease_changes))
    return cbor([signer.sign1("lease", payload), shares(wrapped), revocations_list])
