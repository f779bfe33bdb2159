"""Primitives of the writer: fixed bytes, key derivation, CBOR, Bech32 and one-shot HPKE.

All of them are deterministic. Only the block cipher, the curves and the hashes come from libraries
that the reader also uses.
"""

import hashlib
import hmac

import blake3
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from kyber_py.ml_kem import ML_KEM_768

DIGESTS = {1: lambda data: blake3.blake3(data).digest(), 2: lambda data: hashlib.sha256(data).digest()}


def fixed_bytes(name, label, length):
    """Returns bytes that look random but depend only on a vector's name and a label."""
    return hashlib.shake_256(f"ovseal test vector\0{name}\0{label}".encode()).digest(length)


def be(value, length):
    return value.to_bytes(length, "big")


def sha256(data):
    return hashlib.sha256(data).digest()


def hmac_sha256(key, data):
    return hmac.digest(key, data, "sha256")


def hkdf_expand(pseudorandom, info, length, hash_name):
    output, block, number = b"", b"", 0
    while len(output) < length:
        number += 1
        block = hmac.digest(pseudorandom, block + info + bytes([number]), hash_name)
        output += block
    return output[:length]


def hkdf_sha512(salt, key, info, length):
    return hkdf_expand(hmac.digest(salt, key, "sha512"), info, length, "sha512")


def aes_gcm(key, nonce, plaintext, associated_data):
    return AESGCM(key).encrypt(nonce, plaintext, associated_data)


class Raw:
    """Encoded CBOR, to put an invalid encoding into a value."""

    def __init__(self, data):
        self.data = data


def cbor_head(major, value):
    if value < 24:
        return bytes([major << 5 | value])
    size = next(size for size in (1, 2, 4, 8) if value < 1 << 8 * size)
    return bytes([major << 5 | 23 + size.bit_length()]) + be(value, size)


def cbor(value):
    """Encodes deterministically (RFC 8949, section 4.2.1), except for `Raw` values."""
    if isinstance(value, Raw):
        return value.data
    if value is None:
        return b"\xf6"
    if isinstance(value, int):
        return cbor_head(0, value)
    if isinstance(value, bytes):
        return cbor_head(2, len(value)) + value
    if isinstance(value, str):
        return cbor_head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return cbor_head(4, len(value)) + b"".join(map(cbor, value))
    pairs = sorted((cbor(key), cbor(item)) for key, item in value.items())
    return cbor_head(5, len(pairs)) + b"".join(key + item for key, item in pairs)


def bech32_bytes(text):
    """Returns the bytes of an identity without checks: all identities here are constants."""
    values = ["qpzry9x8gf2tvdw0s3jn54khce6mua7l".index(letter) for letter in text.lower().rpartition("1")[2][:-6]]
    number = 0
    for value in values:
        number = number << 5 | value
    return be(number >> len(values) * 5 % 8, len(values) * 5 // 8)


def x25519_public(secret):
    raw = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes(*raw)


def x25519_shared(secret, public):
    return X25519PrivateKey.from_private_bytes(secret).exchange(X25519PublicKey.from_public_bytes(public))


def hpke_extract(suite, salt, label, key):
    return hmac_sha256(salt, b"HPKE-v1" + suite + label + key)


def hpke_expand(suite, pseudorandom, label, info, length):
    return hkdf_expand(pseudorandom, be(length, 2) + b"HPKE-v1" + suite + label + info, length, "sha256")


def hpke_seal(kem_id, shared, info, plaintext, associated_data=b""):
    """Encrypts in mode Base with HKDF-SHA256 and AES-256-GCM.

    `shared` is the shared secret of the KEM.
    """
    suite = b"HPKE" + be(kem_id, 2) + be(1, 2) + be(2, 2)
    context = b"\0" + hpke_extract(suite, b"", b"psk_id_hash", b"") + hpke_extract(suite, b"", b"info_hash", info)
    secret = hpke_extract(suite, shared, b"secret", b"")
    key, nonce = (hpke_expand(suite, secret, label, context, size) for label, size in ((b"key", 32), (b"base_nonce", 12)))
    return aes_gcm(key, nonce, plaintext, associated_data)


def encapsulate_x25519(public, ephemeral, zero=False):
    """Returns the encapsulated key and the shared secret; `zero` selects a point of low order."""
    encapsulated = bytes(32) if zero else x25519_public(ephemeral)
    exchanged = bytes(32) if zero else x25519_shared(ephemeral, public)
    suite = b"KEM" + be(0x20, 2)
    secret = hpke_extract(suite, b"", b"eae_prk", exchanged)
    return encapsulated, hpke_expand(suite, secret, b"shared_secret", encapsulated + public, 32)


def p256_key(scalar):
    return ec.derive_private_key(int.from_bytes(scalar, "big"), ec.SECP256R1())


def p256_public(scalar):
    return p256_key(scalar).public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def encapsulate_p256(public, ephemeral):
    """Returns the encapsulated key and the shared secret of DHKEM(P-256, HKDF-SHA256)."""
    peer = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
    encapsulated, exchanged = p256_public(ephemeral), p256_key(ephemeral).exchange(ec.ECDH(), peer)
    suite = b"KEM" + be(0x10, 2)
    secret = hpke_extract(suite, b"", b"eae_prk", exchanged)
    return encapsulated, hpke_expand(suite, secret, b"shared_secret", encapsulated + public, 32)


def xwing_public(seed):
    expanded = hashlib.shake_256(seed).digest(96)
    return ML_KEM_768.key_derive(expanded[:64])[0] + x25519_public(expanded[64:])


def encapsulate_xwing(public, randomness, zero=False):
    """Returns the encapsulated key and the shared secret; `zero` affects only the X25519 half."""
    lattice_shared, lattice = ML_KEM_768._encaps_internal(public[:1184], randomness[:32])
    curve = bytes(32) if zero else x25519_public(randomness[32:])
    curve_shared = bytes(32) if zero else x25519_shared(randomness[32:], public[1184:])
    shared = hashlib.sha3_256(lattice_shared + curve_shared + curve + public[1184:] + bytes.fromhex("5c2e2f2f5e5c")).digest()
    return lattice + curve, shared
