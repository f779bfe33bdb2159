"""Reads `license` stanzas, with the release keys that only their service has: docs/format.md §4.6.

HPKE is written out here, because the library's has no associated data.
"""

import hashlib
import hmac
import struct
from types import SimpleNamespace

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, mlkem, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

X_WING, P256 = 0x647A, 0x0010
ENCAPSULATED = {X_WING: 1120, P256: 65}

be = lambda value, length: value.to_bytes(length, "big")
sha256 = lambda data: hashlib.sha256(data).digest()
extract = lambda salt, key: hmac.digest(salt, key, "sha256")

def point_of(key):
    return key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)

def read_kem_key(kem, secret):
    """Returns the mechanism, its private keys and the public key."""
    if kem == X_WING:
        expanded = hashlib.shake_256(secret).digest(96)
        lattice = mlkem.MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
        curve = x25519.X25519PrivateKey.from_private_bytes(expanded[64:])
        public = lattice.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()
        return SimpleNamespace(kem=kem, lattice=lattice, curve=curve, public=public)
    curve = ec.derive_private_key(int.from_bytes(secret, "big"), ec.SECP256R1())
    return SimpleNamespace(kem=kem, curve=curve, public=point_of(curve))

def read_release_key(kem, secret):
    """Returns the id of a release key, and the key."""
    key = read_kem_key(int(kem), bytes.fromhex(secret))
    return sha256(b"ovseal/v1/release-key\0" + be(key.kem, 2) + key.public), key

def parse_license(data):
    """Returns the associated data and the shares (KEM and key id, encrypted share), or None."""
    head, rest, shares = data[:51], data[51:], []
    while len(rest) >= 34:
        length = 34 + ENCAPSULATED.get(int.from_bytes(rest[:2], "big"), 1 << 16) + 48
        if len(rest) < length:
            return None
        shares.append((rest[:34], rest[34:length]))
        rest = rest[length:]
    entries = [entry for entry, _ in shares]
    valid = (len(head) == 51 and not rest and head[32] == 1 and head[49] <= 3 and 1 <= head[50] <= 2
             and head[50] == len(shares) and entries == sorted({*entries}))
    return (head + b"".join(entries), shares) if valid else None

def license_secret(parameters, release_keys, context):
    """Returns the secret of section 4.6; raises ValueError or InvalidTag."""
    (associated_data, shares), keys, secret = parse_license(parameters), dict(release_keys), b""
    for entry, sealed in shares:
        key = keys.get(entry[2:])
        if not key or be(key.kem, 2) != entry[:2]:
            raise ValueError("a release key is missing")
        secret += open_share(key, sealed, b"ovseal/v1/license\0" + context, associated_data)
    return secret

def open_share(key, sealed, info, associated_data):
    """Decrypts one share with HPKE, mode Base (RFC 9180); raises ValueError or InvalidTag."""
    if len(sealed) != ENCAPSULATED[key.kem] + 48:
        raise ValueError("the length of a share")
    encapsulated, ciphertext = sealed[: ENCAPSULATED[key.kem]], sealed[ENCAPSULATED[key.kem] :]
    shared = (decapsulate_x_wing if key.kem == X_WING else decapsulate_p256)(key, encapsulated)
    suite = b"HPKE" + struct.pack(">HHH", key.kem, 1, 2)
    schedule = b"\0" + labeled_extract(suite, b"", b"psk_id_hash", b"") + labeled_extract(suite, b"", b"info_hash", info)
    secret = labeled_extract(suite, shared, b"secret", b"")
    aead_key, nonce = labeled_expand(suite, secret, b"key", schedule, 32), labeled_expand(suite, secret, b"base_nonce", schedule, 12)
    return AESGCM(aead_key).decrypt(nonce, ciphertext, associated_data)

def decapsulate_x_wing(key, encapsulated):
    lattice = key.lattice.decapsulate(encapsulated[:1088])
    curve = key.curve.exchange(x25519.X25519PublicKey.from_public_bytes(encapsulated[1088:]))  # Refuses zero.
    public = key.curve.public_key().public_bytes_raw()
    return hashlib.sha3_256(lattice + curve + encapsulated[1088:] + public + b"\\.//^\\").digest()

def decapsulate_p256(key, encapsulated):
    if encapsulated[0] != 4:
        raise ValueError("a compressed point")
    peer = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), encapsulated)
    suite = b"KEM" + be(P256, 2)
    secret = labeled_extract(suite, b"", b"eae_prk", key.curve.exchange(ec.ECDH(), peer))
    return labeled_expand(suite, secret, b"shared_secret", encapsulated + point_of(key.curve), 32)

def labeled_extract(suite, salt, label, key):
    return extract(salt, b"HPKE-v1" + suite + label + key)

def labeled_expand(suite, secret, label, info, length):
    """At most 32 bytes, so HKDF-Expand is one HMAC."""
    return extract(secret, be(length, 2) + b"HPKE-v1" + suite + label + info + b"\1")[:length]
