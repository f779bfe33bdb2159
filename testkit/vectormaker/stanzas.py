"""Section 4: the stanzas that the vectors hold. Each maker gives a function from a container to the stanza's bytes."""

import hashlib
import unicodedata

from argon2.low_level import Type, hash_secret_raw

from vectormaker.primitives import (aes_gcm, be, bech32_bytes, encapsulate_x25519, encapsulate_xwing, fixed_bytes, hkdf_sha512,
                                    hpke_seal, x25519_public, xwing_public)


def header(kind, parameters):
    return bytes([len(kind)]) + kind.encode() + be(len(parameters), 2) + parameters


def stanza(kind, parameters, body):
    return header(kind, parameters) + be(len(body), 2) + body


def unknown(kind="grease", parameters=b"parameters", body=b"body"):
    return lambda container: stanza(kind, parameters, body)


def symmetric(container, kind, parameters, secret, data_key, body=None):
    info = b"ovseal/v1/stanza/" + kind.encode() + b"\0" + container.context + parameters
    okm = hkdf_sha512(parameters[:32], secret, info, 76)
    sealed = okm[44:] + aes_gcm(okm[:32], okm[32:44], data_key, header(kind, parameters))
    return stanza(kind, parameters, body(sealed) if body else sealed)


def keyfile(secret, label="keyfile", data_key=None, body=None, extra=b""):
    """Makes a stanza for a key file; `data_key` wraps another key, `body` changes the body, `extra` lengthens parameters."""

    def make(container):
        parameters = fixed_bytes(container.name, label, 32) + extra
        return symmetric(container, "keyfile", parameters, secret, data_key or container.data_key, body)

    return make


def passphrase(text, memory=64, passes=1, lanes=1, computed=None):
    """Makes a stanza for a passphrase; `computed` are the numbers that Argon2 is really run with, where others are stated."""
    secret = text if isinstance(text, bytes) else unicodedata.normalize("NFC", text).encode()

    def make(container):
        salt = fixed_bytes(container.name, "passphrase", 32)
        m, t, p = computed or (memory, passes, lanes)
        stretched = hash_secret_raw(secret, salt, t, m, p, 32, Type.ID, 0x13)
        parameters = salt + be(memory, 4) + be(passes, 4) + be(lanes, 4)
        return symmetric(container, "passphrase", parameters, stretched, container.data_key)

    return make


def hpke(container, kind, kem_id, encapsulated, shared, data_key, body):
    info = b"ovseal/v1/" + kind.encode() + b"\0" + container.context
    sealed = hpke_seal(kem_id, shared, info, data_key or container.data_key)
    return stanza(kind, encapsulated, body(sealed) if body else sealed)


def x25519(identity, zero=False, label="x25519", data_key=None, body=None):
    def make(container):
        public = x25519_public(bech32_bytes(identity))
        encapsulated, shared = encapsulate_x25519(public, fixed_bytes(container.name, label, 32), zero)
        return hpke(container, "x25519", 0x20, encapsulated, shared, data_key, body)

    return make


def xwing(identity, zero=False, label="x-wing", data_key=None, body=None):
    def make(container):
        public = xwing_public(bech32_bytes(identity))
        encapsulated, shared = encapsulate_xwing(public, fixed_bytes(container.name, label, 64), zero)
        return hpke(container, "x-wing", 0x647A, encapsulated, shared, data_key, body)

    return make


def flipped(data, position=-1):
    """Gives the bytes with one bit changed."""
    changed = bytearray(data)
    changed[position] ^= 1
    return bytes(changed)


def context_of(prologue):
    return hashlib.new("sha512_256", prologue[:64] + bytes(32) + prologue[96:]).digest()
