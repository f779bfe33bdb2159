#!/usr/bin/env python3
"""Opens ovseal containers: a second implementation, written from docs/format.md alone.

Read it next to that page. It exists to check test vectors: it holds whole parts in memory, and
protects neither keys nor plaintext. Do not use it for real models.
"""

import argparse
import hashlib
import hmac
import io
import json
import os
import re
import struct
import sys
import unicodedata
from pathlib import Path
from types import SimpleNamespace

import bech32
import blake3
import cbor2
from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, hpke, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa, mlkem, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand
from license_reader import license_secret, parse_license, read_release_key

EXIT_CODES = {"usage": 2, "not-authentic": 3, "no-key-fits": 4, "denied": 5, "not-a-container": 6, "unsupported": 6}

class Failure(Exception):
    """The error for a rejected container: Failure(key of EXIT_CODES, violated rule)."""
    kind = property(lambda self: self.args[0])

def check(condition, detail, kind="not-authentic"):
    if not condition:
        raise Failure(kind, detail)

def is_mac(key, data, mac):
    return hmac.compare_digest(hmac.digest(key, data, "sha256"), mac)

def read(stream, length, offset=None):
    if offset is not None:
        stream.seek(offset)
    data = stream.read(length)
    check(len(data) == length, "unexpected end of data")
    return data

be = lambda value, length: value.to_bytes(length, "big")
sha256 = lambda data: hashlib.sha256(data).digest()
model_id = lambda name: sha256(b"ovseal/v1/model\0" + name.encode())

# Section 1: CBOR, and the shapes of section 6 with the limits of section 1.2.

def decode(data, has_shape, what):
    try:
        value = cbor2.loads(data)
        again = cbor2.dumps(value, canonical=True)
    except Exception as error:  # The library raises many types for invalid CBOR.
        raise Failure("not-authentic", f"{what} is not CBOR") from error
    check(again == data and has_shape(value), f"encoding or shape of {what}")
    return value

uint = lambda value: type(value) is int and 0 <= value < 2**64
octets = lambda value: type(value) is bytes
digest = lambda value: octets(value) and len(value) == 32
text = lambda least, most, refused="(?!)": lambda value: (
    type(value) is str and least <= len(value.encode()) <= most and not re.search(refused, value))
array = lambda shape: lambda value: type(value) is list and all(map(shape, value))
row = lambda *shapes: lambda value: (
    type(value) is list and len(value) == len(shapes) and all(shape(item) for shape, item in zip(shapes, value)))
record = lambda *shapes: lambda value: (  # A map with the keys 0, 1, 2, …
    type(value) is dict and all(map(uint, value)) and [*value] == [*range(len(shapes))] and row(*shapes)([*value.values()]))
hints = lambda value: type(value) is dict and len(value) <= 32 and all(map(text(0, 256), [*value, *value.values()]))

CONTROL = "[\x00-\x1f\x7f-\x9f]"
PATH = text(1, 1024, CONTROL + r"|\\|(^|/)\.{0,2}(/|\Z)")
SIGNATURES = array(row(digest, uint, octets))
STATEMENT = record(digest, array(uint), digest, digest, digest, uint, array(digest))
MANIFEST = record(text(1, 256, CONTROL), uint, array(record(PATH, text(1, 32), uint, array(uint))), hints)

# Section 2: prologue and footer.

DIGESTS = {1: lambda data: blake3.blake3(data).digest(), 2: sha256}

def read_prologue(file):
    raw = file.read(4096)
    check(raw[:8] == b"\x89OVSEAL\n", "magic", "not-a-container")
    check(len(raw) >= 16, "the prologue is truncated")
    version, suite, flags = struct.unpack_from(">HHI", raw, 8)
    check(version == 1 and suite in DIGESTS and flags == 0, "version, suite or flags", "unsupported")
    check(len(raw) == 4096, "the prologue is truncated")
    chunk, zero, region, container, commitment, tail = struct.unpack_from(">B7sQ32s32s4000s", raw, 16)
    check(16 <= chunk <= 24 and not any(zero + tail), "chunk size or zero bytes")
    check(4096 <= region <= 2**20 and region % 4096 == 0, "size of the stanza region")
    context = hashlib.new("sha512_256", raw[:64] + bytes(32) + raw[96:]).digest()
    return SimpleNamespace(raw=raw, digest=DIGESTS[suite], chunk=1 << chunk, region=region, id=container, commitment=commitment,
                           context=context)

def read_footer(file, prologue):
    end = file.seek(0, os.SEEK_END) - 256
    check(end >= 4096 + prologue.region, "the file is truncated")
    head, total, start, *sections, sha, zero = struct.unpack(">16s7Q32s152s", read(file, 256, end))
    tags, digests, manifest, statement, signatures = sections
    check(head == b"\x89OVSEND\n\0\1" + bytes(6) and not any(zero), "the footer's magic, version or zero bytes")
    check(16 < manifest <= 2**22 + 16 and 0 < statement <= 65536 and 0 < signatures <= 65536, "lengths in the footer")
    check(total == end + 256 and start + sum(sections) + 32 == end, "the lengths do not add up")
    return SimpleNamespace(start=start, end=end, sha256=sha, tags=tags, digests=digests, manifest=manifest, statement=statement,
                           signatures=signatures)

# Sections 2.2, 4 and 8: stanzas, and the regions and files that hold them.

def parse_stanzas(raw, start=0, label="stanza-mac"):
    """Parses a stanza region, or a side file, in which the stanzas start at 48."""
    length, count, generation = struct.unpack_from(">IIQ", raw, start)
    end = start + 16 + length
    check(end + 64 <= len(raw) and sha256(raw[: end + 32]) == raw[end + 32 : end + 64], "the stanzas are damaged")
    check(len(raw) == end + 64 if start else not any(raw[end + 64 :]), "what follows the stanzas")
    check(1 <= count <= 32 and 1 <= generation < 2**63, "number of stanzas or generation")
    stream = io.BytesIO(raw[start + 16 : end])
    stanzas = [parse_stanza(stream) for _ in range(count)]
    check(not stream.read(1), "the stanzas do not fill their bytes")
    check([stanza.kind for stanza in stanzas].count("passphrase") <= 1, "more than one passphrase")
    devices = [stanza.parameters[45:77] for stanza in stanzas if stanza.kind == "tpm2-passphrase" and len(stanza.parameters) >= 77]
    check(len(devices) == len({*devices}), "two stanzas for one device and a passphrase")
    return SimpleNamespace(label=label, generation=generation, stanzas=stanzas, data=raw[:end], mac=raw[end : end + 32])

def parse_stanza(stream):
    kind, parameters, body = (read(stream, int.from_bytes(read(stream, width), "big")) for width in (1, 2, 2))
    header = be(len(kind), 1) + kind + be(len(parameters), 2) + parameters
    check(re.fullmatch(rb"[a-z0-9-]{1,32}", kind) and len(header) + 2 + len(body) <= 16384, "type or length of a stanza")
    return SimpleNamespace(kind=kind.decode(), parameters=parameters, header=header, body=body)

def read_rekey_file(path, prologue):
    end = 48 + prologue.region
    version = {end + 32: 1, end + 120: 2}.get(os.path.getsize(path))
    raw = Path(path).read_bytes() if version else b""
    check(version and raw[:48] == b"\x89OVREKY\n" + be(version, 2) + bytes(6) + prologue.id, "not a rekeying file of this container")
    check(sha256(raw[:-32]) == raw[-32:] and (version == 1 or not any(raw[end + 52 : end + 56])), "not complete")
    return parse_stanzas(raw[48:end])

def is_of(path, prologue, secret, replaced, place):
    """Returns whether a key holder wrote a version 2 file for this region and place.

    `replaced` is the MAC of the region, and `place` the inode number and birth time in 20 bytes.
    Only writers need this check.
    """
    region, raw, end = read_rekey_file(path, prologue), Path(path).read_bytes(), 48 + prologue.region
    named = len(raw) == end + 120 and raw[end : end + 52] == replaced + place
    return named and is_mac(secret("rekey-mac"), raw[:-64], raw[-64:-32]) and is_mac(secret(region.label), region.data, region.mac)

def read_regions(file, prologue, path):
    """Returns the candidates of section 8, at most two, in the order to try them."""
    regions, own = [], lambda: parse_stanzas(read(file, prologue.region, 4096))
    for source in own, lambda: read_rekey_file(path + ".rekey", prologue):
        try:
            regions.append(source())
        except (Failure, OSError):
            pass
    return sorted(regions, key=lambda region: -region.generation)

def read_side_file(path, prologue):
    if not os.path.lexists(path):
        return []
    check(128 <= os.path.getsize(path) <= 2**20, f"size of {path}")
    raw = Path(path).read_bytes()
    check(raw[:48] == b"\x89OVKEYS\n\0\1" + bytes(6) + prologue.id, f"{path} is malformed or of another container")
    return [parse_stanzas(raw, 48, "sidefile-mac")]

# Sections 3 and 4: keys.

def read_key(kind, data):
    """Returns (stanza type, secret) for each key in the bytes of a key file of this kind."""
    if kind == "keyfile":
        check(len(data) == 32, "length of the key file", "usage")
        return [(kind, data)]
    if kind == "identity":
        return [read_identity(line) for line in data.decode().splitlines() if line and not line.startswith("#")]
    if kind == "token":
        return [("pkcs11", serialization.load_pem_private_key(data, None))]
    if kind == "release":
        return [("license", [read_release_key(*line.split()) for line in data.decode().splitlines()])]
    if kind == "enclave":
        check(len(data) == 16, "length of the enclave's key", "usage")
        return [("sgx", data)]
    if kind == "share":
        check(len(data) >= 32, "length of the TPM's share", "usage")
        return [("tpm2-passphrase", (data[:32], read_passphrase(data[32:])))] if len(data) > 32 else [("tpm2", data)]
    return [(kind, read_passphrase(data))]

def read_passphrase(data):
    secret = unicodedata.normalize("NFC", re.sub(r"\r?\n\Z", "", data.decode())).encode()
    check(1 <= len(secret) <= 1024, "length of the passphrase", "usage")
    return secret

def read_identity(line):
    prefix, values = bech32.bech32_decode(line)
    kind = {"age-secret-key-": "x25519", "age-secret-key-pq-": "x-wing"}.get(prefix)
    secret = bytes(kind and bech32.convertbits(values, 5, 8, False) or b"")
    check(len(secret) == 32 and line == line.upper(), "not an identity", "usage")
    return kind, secret

def derive_from_passphrase(passphrase, salt, numbers):
    m, t, p = struct.unpack(">III", numbers)
    if not (1 <= t <= 16 and 1 <= p <= 16 and 8 * p <= m <= 2**20 and m * t <= 2**22):
        raise ValueError("the numbers of Argon2id")
    return hash_secret_raw(passphrase, salt, t, m, p, 32, Type.ID, 0x13)

def unwrap_symmetric(stanza, secret, context):
    salt, numbers = stanza.parameters[:32], stanza.parameters[32:44]
    if stanza.kind == "passphrase":
        secret = derive_from_passphrase(secret, salt, numbers)
    if stanza.kind == "tpm2-passphrase":
        share, passphrase = secret
        secret = share + derive_from_passphrase(passphrase, salt, numbers)
    if stanza.kind == "license":
        secret = license_secret(stanza.parameters, secret, context)
    info = b"ovseal/v1/stanza/" + stanza.kind.encode() + b"\0" + context + stanza.parameters
    okm = HKDF(hashes.SHA512(), 76, salt, info).derive(secret)
    fits = hmac.compare_digest(okm[44:], stanza.body[:32])
    return AESGCM(okm[:32]).decrypt(okm[32:44], stanza.body[32:], stanza.header) if fits else None

def is_for_tpm(data):
    """Returns whether these are valid parameters of `tpm2`, without the salt."""
    version, counter, flags = data[:1], int.from_bytes(data[33:37], "big"), int.from_bytes(data[37:38], "big")
    registers = flags & 1 and int.from_bytes(data[38:41], "big").bit_count()
    end = 38 + (flags & 1) * 3 + 32 * registers + 8 * (flags >> 1 & 1) + 8 * (flags >> 2 & 1) + 32 + 64
    return (version == b"\1" and 0x01800000 <= counter <= 0x01BFFFFF and flags < 8 and registers >= (flags & 1)
            and len(data) == end + 110 and data[end : end + 2] == be(108, 2))

def has_right_lengths(stanza):
    lengths = len(stanza.parameters), len(stanza.body)
    if stanza.kind in TPM_STARTS:
        return lengths[1] == 80 and is_for_tpm(stanza.parameters[TPM_STARTS[stanza.kind]:])
    if stanza.kind == "license":
        return lengths[1] == 80 and parse_license(stanza.parameters) is not None
    return lengths == LENGTHS[stanza.kind]

def unwrap_hpke(stanza, secret, context):
    kem, private_key = KEMS[stanza.kind]
    suite = hpke.Suite(kem, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
    info = b"ovseal/v1/" + stanza.kind.encode() + b"\0" + context
    encapsulated = stanza.parameters
    if stanza.kind == "pkcs11":
        encapsulated, tag = encapsulated[:65], encapsulated[65:]
        if tag != sha256(b"ovseal/v1/pkcs11-tag\0" + encapsulated + point_of(secret))[:8]:
            return None
    return suite.decrypt(encapsulated + stanza.body, private_key(secret), info)

def point_of(key):
    return key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)

def xwing_private_key(seed):
    expanded = hashlib.shake_256(seed).digest(96)
    lattice, curve = mlkem.MLKEM768PrivateKey.from_seed_bytes(expanded[:64]), expanded[64:]
    return hpke.MLKEM768X25519PrivateKey(lattice, x25519.X25519PrivateKey.from_private_bytes(curve))

KEMS = {"x25519": (hpke.KEM.X25519, x25519.X25519PrivateKey.from_private_bytes),
        "x-wing": (hpke.KEM.MLKEM768_X25519, xwing_private_key), "pkcs11": (hpke.KEM.P256, lambda key: key)}
LENGTHS = {"keyfile": (32, 80), "passphrase": (44, 80), "x25519": (32, 48), "x-wing": (1120, 48), "pkcs11": (73, 48), "sgx": (33, 80)}

TPM_STARTS = {"tpm2": 32, "tpm2-passphrase": 44}

def derive(data_key, context, label, index=0, length=32):
    return HKDFExpand(hashes.SHA512(), length, b"ovseal/v1/" + label.encode() + b"\0" + context + be(index, 4)).derive(data_key)

def unwrap(stanza, key, prologue):
    """Returns the function `secret` of section 3 if the stanza's key fits."""
    if not has_right_lengths(stanza):
        return None
    try:
        data_key = (unwrap_hpke if stanza.kind in KEMS else unwrap_symmetric)(stanza, key, prologue.context)
    except (InvalidTag, ValueError):
        return None
    secret = lambda *use: derive(data_key, prologue.context, *use)
    return secret if data_key and hmac.compare_digest(secret("commit"), prologue.commitment) else None

def find_secret(regions, side_file, keys, prologue):
    """Returns `secret` from the first candidate with a fitting key and valid MACs."""
    failures = [Failure("no-key-fits", "no stanza has a key that fits")]
    check(regions, "the stanza region is damaged")
    for sources in ([*side_file, region] for region in regions):
        tries = ((stanza, key) for source in sources for stanza in source.stanzas for kind, key in keys if kind == stanza.kind)
        secret = next(filter(None, (unwrap(stanza, key, prologue) for stanza, key in tries)), None)
        if secret and all(is_mac(secret(source.label), source.data, source.mac) for source in sources):
            return secret
        failures += [Failure("not-authentic", "a key fits, but a MAC is wrong")] if secret else []
    raise failures[-1]

# Section 6: statement, signatures and trailer.

def read_publisher(pem):
    """Returns the key id of a publisher's PEM string, and its public keys by algorithm number."""
    blocks, keys = re.findall("-----BEGIN[^-]+-----[^-]+-----END PUBLIC KEY-----", pem), {}
    check(blocks and not re.sub("-----BEGIN[^-]+-----[^-]+-----END PUBLIC KEY-----", "", pem).strip(), "not a publisher's file", "usage")
    for block in blocks:
        key = serialization.load_pem_public_key(block.encode())
        number = isinstance(key, ed25519.Ed25519PublicKey) + 2 * isinstance(key, mldsa.MLDSA65PublicKey)
        check(number and number not in keys, "a repeated or unknown algorithm in the publisher's key", "usage")
        keys[number] = key
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return sha256(b"ovseal/v1/publisher\0" + b"".join(keys[number].public_bytes(*form) for number in sorted(keys))), keys

def read_statement(file, prologue, footer, publishers):
    raw = read(file, footer.statement, footer.start + footer.tags + footer.digests + footer.manifest)
    entries = decode(read(file, footer.signatures), SIGNATURES, "the array of signatures")
    signatures = {(key_id, number): signature for key_id, number, signature in entries}
    check(len(entries) <= 16 and [*signatures] == sorted(signatures) and len(signatures) == len(entries), "order of signatures")
    check(all(len(signature) == {1: 64, 2: 3309}.get(number) for _, number, signature in entries), "a signature's algorithm")
    outcomes = [is_signed(raw, signatures, *publisher) for publisher in publishers]
    check("right" in outcomes or "wrong" not in outcomes, "a signature is wrong")
    check("right" in outcomes or not publishers, "not signed by a trusted publisher", "denied")
    return parse_statement(raw, prologue, footer, signatures)

def is_signed(message, signatures, key_id, keys, purpose=b"ovseal/v1/statement\0"):
    """Returns "right" if a publisher's signatures are all valid, else "missing" or "wrong"."""
    present = [number for number in keys if (key_id, number) in signatures]
    try:
        for number in present:
            keys[number].verify(signatures[key_id, number], purpose + message)
    except InvalidSignature:
        return "wrong"
    return "right" if len(present) == len(keys) else "missing"

def parse_statement(raw, prologue, footer, signatures):
    of_prologue, lengths, root, manifest, model, version, key_ids = decode(raw, STATEMENT, "the statement").values()
    check(1 <= len(lengths) <= 4096 and max(lengths) <= 2**40, "number or lengths of the parts")
    check(len(key_ids) <= 8 and key_ids == sorted({key_id for key_id, _ in signatures}), "key ids")
    check(of_prologue == prologue.digest(prologue.raw), "the statement is of another prologue")
    offsets, counts = [4096 + prologue.region], [max(1, -(-length // prologue.chunk)) for length in lengths]
    for length in lengths:
        offsets.append((offsets[-1] + length + 4095) // 4096 * 4096)
    layout, chunks = (footer.start, footer.tags, footer.digests), sum(counts)
    check(chunks <= 2**24 and layout == (offsets[-1], 16 * chunks, 32 * chunks), "the layout")
    return SimpleNamespace(lengths=lengths, offsets=offsets, counts=counts, root=root, manifest=manifest, model=model,
                           version=version)

def read_trailer(file, prologue, footer, statement, secret):
    raw = read(file, footer.end - footer.start, footer.start)
    check(is_mac(secret("trailer-mac"), raw[:-32], raw[-32:]) and sha256(raw) == footer.sha256, "the trailer's MAC or SHA-256")
    tags, digests, manifest = map(io.BytesIO(raw).read, (footer.tags, footer.digests, footer.manifest))
    stream, rooted = io.BytesIO(digests), b"ovseal/v1/root\0" + be(len(statement.lengths), 4)
    for length, count in zip(statement.lengths, statement.counts):
        rooted += be(length, 8) + stream.read(32 * count)
    check((prologue.digest(rooted), prologue.digest(manifest)) == (statement.root, statement.manifest), "root or manifest")
    return io.BytesIO(tags), io.BytesIO(digests), manifest

def parse_manifest(raw, statement):
    value = decode(raw, MANIFEST, "the manifest")
    parts, paths = value[2], {part[0] for part in value[2]}
    check((model_id(value[0]), value[1]) == (statement.model, statement.version), "manifest and statement differ")
    check([part[2] for part in parts] == statement.lengths, "the parts' lengths differ from the statement's")
    folders = {path[: slash.start()] for path in paths for slash in re.finditer("/", path)}
    check(len(paths) == len(parts) and not paths & folders, "a repeated path, or one that is a directory of another")
    for _, kind, _, companions in (part.values() for part in parts):
        check(companions == sorted(set(companions)) and max(companions, default=0) < len(parts), "companions")
        most = {"ir": 1, "paddle": 1, "onnx": 4096, "compiled": 0, "weights": 0, "file": 0}.get(kind)
        weights = all(parts[number][1] == "weights" for number in companions)
        check(most is None or (weights and len(companions) <= most), "kind or number of companions")
    return value

# Sections 5 and 7: parts, and the order of all steps.

def read_part(file, prologue, statement, secret, index, tags, digests):
    """Returns the plaintext of a part; `digests` is None without a publisher."""
    keys, length, count, plaintext = secret("part", index, 44), statement.lengths[index], statement.counts[index], b""
    file.seek(statement.offsets[index])
    for number in range(count):
        size = min(prologue.chunk, length - number * prologue.chunk)
        sealed = read(file, size) + tags.read(16)
        check(not digests or prologue.digest(sealed) == digests.read(32), f"chunk {number} of part {index}")
        nonce = be(int.from_bytes(keys[32:], "big") ^ number, 12)
        associated_data = be(index, 4) + be(number, 8) + be(number == count - 1, 1) + be(size, 4)
        plaintext += AESGCM(keys[:32]).decrypt(nonce, sealed, associated_data)
    return plaintext

def open_container(path, key, publishers=(), name=None, min_security_version=None):
    """Opens a container and returns its manifest with the SHA-256 of each part, or raises Failure.

    `key` is a pair of kind and bytes: "passphrase", "keyfile" or "identity" with the bytes of the
    file. The other kinds are secrets that hardware or a service would not reveal: "token" with a
    P-256 key in PEM, "enclave" with 16 bytes, "share" with the 32 bytes that a TPM unseals, or
    "release" with a line for each release key of a licence service: KEM, and the key in
    hexadecimal. The share is followed by the passphrase if the stanza requires both. `publishers`
    are PEM strings.
    """
    try:
        keys, publishers = read_key(*key), [read_publisher(pem) for pem in publishers]
        check(keys, "the file contains no identities", "usage")
    except (UnsupportedAlgorithm, ValueError) as error:
        raise Failure("usage", "a malformed passphrase, key or publisher file") from error
    check(publishers or (name is None and min_security_version is None), "a name or version requires a publisher", "usage")
    try:
        with open(path, "rb") as file:
            return open_file(file, os.path.realpath(path), keys, publishers, name, min_security_version or 0)
    except (InvalidTag, InvalidSignature) as error:
        raise Failure("not-authentic", "a chunk, the manifest or a signature is not authentic") from error

def open_file(file, path, keys, publishers, name, min_security_version):
    prologue = read_prologue(file)
    footer = read_footer(file, prologue)
    statement = read_statement(file, prologue, footer, publishers)
    check(name is None or model_id(name) == statement.model, "another model", "denied")
    check(statement.version >= min_security_version, "security version", "denied")
    side_file = read_side_file(path + ".keys", prologue)
    regions = read_regions(file, prologue, path) or read_regions(file, prologue, path)
    secret = find_secret(regions, side_file, keys, prologue)
    tags, digests, sealed = read_trailer(file, prologue, footer, statement, secret)
    manifest_key = secret("manifest", 0, 44)
    manifest = parse_manifest(AESGCM(manifest_key[:32]).decrypt(manifest_key[32:], sealed, b""), statement)
    for offset, length, following in zip(statement.offsets, statement.lengths, statement.offsets[1:]):
        check(not any(read(file, following - offset - length, offset + length)), "the zero bytes after a part")
    parts = []
    for index, (part, kind, length, companions) in enumerate(part.values() for part in manifest[2]):
        data = read_part(file, prologue, statement, secret, index, tags, digests if publishers else None)
        parts.append({"path": part, "kind": kind, "length": length, "sha256": sha256(data).hex(), "companions": companions})
    return {"model_name": manifest[0], "security_version": manifest[1], "hints": manifest[3], "parts": parts}

def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file")
    parser.add_argument("kind", choices=("passphrase", "keyfile", "identity", "token", "enclave", "share", "release"))
    parser.add_argument("key", type=Path, help="file with the key")
    parser.add_argument("--publisher", action="append", default=[], type=Path)
    parser.add_argument("--name")
    parser.add_argument("--min-security-version", type=int)
    options = parser.parse_args()
    key, publishers = (options.kind, options.key.read_bytes()), [path.read_text() for path in options.publisher]
    try:
        opened = open_container(options.file, key, publishers, options.name, options.min_security_version)
    except Failure as failure:
        print(failure.kind, file=sys.stderr)
        sys.exit(EXIT_CODES[failure.kind])
    print(json.dumps(opened, indent=2, ensure_ascii=False))

if __name__ == "__main__":
    main()
