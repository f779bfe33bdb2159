"""Section 4: stanzas. Each maker returns a function from a container to the stanza's bytes."""

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
    """Makes a stanza for a key file.

    `data_key` wraps another key, `body` changes the body, and `extra` is appended to the
    parameters.
    """

    def make(container):
        parameters = fixed_bytes(container.name, label, 32) + extra
        return symmetric(container, "keyfile", parameters, secret, data_key or container.data_key, body)

    return make


def passphrase(text, memory=64, passes=1, lanes=1, computed=None):
    """Makes a stanza for a passphrase; Argon2 uses the costs `computed`, if given."""
    secret = text if isinstance(text, bytes) else unicodedata.normalize("NFC", text).encode()

    def make(container):
        salt = fixed_bytes(container.name, "passphrase", 32)
        m, t, p = computed or (memory, passes, lanes)
        stretched = hash_secret_raw(secret, salt, t, m, p, 32, Type.ID, 0x13)
        parameters = salt + be(memory, 4) + be(passes, 4) + be(lanes, 4)
        return symmetric(container, "passphrase", parameters, stretched, container.data_key)

    return make


def tpm_parameters(name, bounds=b"\0", version=1, counter=0x01806F76, device=None, private=None, extra=b""):
    """Returns the parameters after the salt; fixed bytes replace what only a TPM could read."""
    device = device or fixed_bytes("shared", "device", 32)
    wrapped = fixed_bytes(name, "private area", 108) if private is None else private
    return (bytes([version]) + device + be(counter, 4) + bounds + fixed_bytes(name, "unique", 32) + fixed_bytes(name, "point", 64)
            + be(len(wrapped), 2) + wrapped + extra)


def tpm2(share, bounds=b"\0", stated=None, **options):
    """Makes a stanza for a TPM; it shows the bounds `stated`, if given, instead of `bounds`."""

    def make(container):
        salt = fixed_bytes(container.name, "tpm2", 32)
        wrapped, shown = (salt + tpm_parameters(container.name, which, **options) for which in (bounds, bounds if stated is None else stated))
        made = symmetric(container, "tpm2", wrapped, share, container.data_key)
        return stanza("tpm2", shown, made[-80:])

    return make


def tpm2_passphrase(share, text, memory=64, passes=1, lanes=1, computed=None, join=lambda share, derived: share + derived, body=None,
                    label="tpm2-passphrase", **options):
    """Makes a stanza for a TPM and a passphrase; `join` combines the two shares into the secret."""

    def make(container):
        salt = fixed_bytes(container.name, label, 32)
        m, t, p = computed or (memory, passes, lanes)
        derived = hash_secret_raw(unicodedata.normalize("NFC", text).encode(), salt, t, m, p, 32, Type.ID, 0x13)
        parameters = salt + be(memory, 4) + be(passes, 4) + be(lanes, 4) + tpm_parameters(container.name, **options)
        return symmetric(container, "tpm2-passphrase", parameters, join(share, derived), container.data_key, body)

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
    """Returns the bytes with one bit flipped."""
    changed = bytearray(data)
    changed[position] ^= 1
    return bytes(changed)


def context_of(prologue):
    return hashlib.new("sha512_256", prologue[:64] + bytes(32) + prologue[96:]).digest()
