"""Sections 2, 3, 5 and 6: builds one container, with hooks to change each step.

A hook takes the correct value and returns the value to use. All later steps are computed from that
value, so the result is authentic except for the one change.
"""

import hashlib
from dataclasses import dataclass, field

from vectormaker.primitives import DIGESTS, aes_gcm, be, cbor, fixed_bytes, hkdf_expand, hmac_sha256, sha256
from vectormaker.stanzas import context_of, keyfile

KEYFILE = fixed_bytes("shared", "key file", 32)


@dataclass
class Part:
    path: str
    kind: str
    data: bytes = b""
    companions: list = field(default_factory=list)


class Container:
    """Contents and settings of a container; `build()` returns its bytes and sets attributes."""

    def __init__(self, name, parts=None, stanzas=None, publishers=(), suite=1, region_size=4096, model_name="tiny network",
                 security_version=7, seed_name=None, generation=1, **hooks):
        self.name, self.parts, self.publishers = seed_name or name, parts or [Part("empty.json", "file")], publishers
        self.suite, self.region_size, self.chunk, self.hooks = suite, region_size, 65536, hooks
        self.model_name, self.security_version, self.generation = model_name, security_version, generation
        self.stanzas = stanzas or [keyfile(KEYFILE)]
        self.data_key = fixed_bytes(self.name, "data key", 32)
        self.id = fixed_bytes(self.name, "container id", 32)

    def hook(self, name, value):
        return self.hooks[name](value) if name in self.hooks else value

    def secret(self, label, index=0, length=32):
        info = b"ovseal/v1/" + label.encode() + b"\0" + self.context + be(index, 4)
        return hkdf_expand(self.data_key, info, length, "sha512")

    def build(self):
        self.make_prologue()
        region = self.hook("region", self.make_region(self.generation, self.stanzas))
        self.chunks = self.hook("chunks", [self.make_chunks(index) for index in range(len(self.parts))])
        payload = b"".join(pad(b"".join(sealed[:-16] for sealed in chunks)) for chunks in self.chunks)
        trailer = self.make_trailer()
        start = 4096 + len(region) + len(payload)
        footer = self.hook("footer", self.make_footer(start, trailer))
        return self.hook("file", self.prologue + region + payload + trailer + footer)

    def make_prologue(self):
        fixed = b"\x89OVSEAL\n" + be(1, 2) + be(self.suite, 2) + be(0, 4) + b"\x10" + bytes(7) + be(self.region_size, 8)
        prologue = self.hook("prologue", fixed + self.id + bytes(32 + 4000))
        self.context = context_of(prologue)
        self.commitment = self.hook("commitment", self.secret("commit"))
        self.prologue = prologue[:64] + self.commitment + prologue[96:]

    def make_region(self, generation, stanzas):
        blob = self.hook("stanza_bytes", b"".join(make(self) for make in stanzas))
        head = be(len(blob), 4) + be(self.hook("stanza_count", len(stanzas)), 4) + be(generation, 8)
        region = head + blob + self.hook("stanza_mac", hmac_sha256(self.secret("stanza-mac"), head + blob))
        region += sha256(region)
        return region + bytes(self.region_size - len(region))

    def make_chunks(self, index):
        data, secret = self.parts[index].data, self.secret("part", index, 44)
        pieces = [data[at : at + self.chunk] for at in range(0, len(data), self.chunk)] or [b""]
        return [self.make_chunk(index, number, piece, number == len(pieces) - 1, secret) for number, piece in enumerate(pieces)]

    def make_chunk(self, index, number, piece, final, secret):
        final = self.hook("final", final)
        nonce = be(int.from_bytes(secret[32:], "big") ^ number, 12)
        return aes_gcm(secret[:32], nonce, piece, be(index, 4) + be(number, 8) + bytes([final]) + be(len(piece), 4))

    def make_trailer(self):
        digest = DIGESTS[self.suite] if self.suite in DIGESTS else DIGESTS[1]
        self.tags = self.hook("tags", b"".join(sealed[-16:] for chunks in self.chunks for sealed in chunks))
        self.digests = self.hook("digests", [[digest(sealed) for sealed in chunks] for chunks in self.chunks])
        secret = self.secret("manifest", 0, 44)
        plain = self.hook("manifest_bytes", cbor(self.hook("manifest", self.make_manifest())))
        self.manifest = self.hook("manifest_ciphertext", aes_gcm(secret[:32], secret[32:], plain, b""))
        self.statement = self.hook("statement_bytes", cbor(self.hook("statement", self.make_statement(digest))))
        entries = sorted(entry for publisher in self.publishers for entry in publisher.sign(self.statement))
        self.entries = self.hook("entries", entries)
        signatures = self.hook("signature_bytes", cbor(self.entries))
        digests = b"".join(b"".join(row) for row in self.digests)
        self.sections = [self.tags, digests, self.manifest, self.statement, signatures]
        body = b"".join(self.sections)
        return body + self.hook("trailer_mac", hmac_sha256(self.secret("trailer-mac"), body))

    def make_manifest(self):
        parts = [{0: part.path, 1: part.kind, 2: len(part.data), 3: part.companions} for part in self.parts]
        return {0: self.model_name, 1: self.security_version, 2: parts, 3: {"producer": "ovseal testkit 1"}}

    def make_statement(self, digest):
        lengths = [len(part.data) for part in self.parts]
        rooted = b"ovseal/v1/root\0" + be(len(lengths), 4)
        for length, row in zip(lengths, self.digests):
            rooted += be(length, 8) + b"".join(row)
        model_id = sha256(b"ovseal/v1/model\0" + self.model_name.encode())
        key_ids = sorted(publisher.key_id for publisher in self.publishers)
        return {0: digest(self.prologue), 1: lengths, 2: digest(rooted), 3: digest(self.manifest), 4: model_id,
                5: self.security_version, 6: key_ids}

    def make_footer(self, start, trailer):
        total = start + len(trailer) + 256
        lengths = b"".join(be(len(section), 8) for section in self.sections)
        return b"\x89OVSEND\n" + be(1, 2) + bytes(6) + be(total, 8) + be(start, 8) + lengths + sha256(trailer) + bytes(152)

    def expected(self):
        """Returns the report that a reader must print for this container."""
        parts = [{"path": part.path, "kind": part.kind, "length": len(part.data),
                  "sha256": hashlib.sha256(part.data).hexdigest(), "companions": part.companions} for part in self.parts]
        return {"model_name": self.model_name, "security_version": self.security_version, "parts": parts}


def pad(data):
    return data + bytes(-len(data) % 4096)


def rekey_file(container, region, container_id=None):
    """Returns the bytes of NAME.rekey of section 8, version 1."""
    body = b"\x89OVREKY\n" + be(1, 2) + bytes(6) + (container_id or container.id) + region
    return body + sha256(body)


# A birth time in the last nanosecond before 1970: the seconds are rounded down and wrap.
PLACE = be(0x0123456789ABCDEF, 8) + be(2**64 - 1, 8) + be(999_999_999, 4)


def rekey_file_2(container, region, tail=bytes(4), mac_label="rekey-mac"):
    """Returns the bytes of NAME.rekey of section 8, version 2, for the container's region."""
    own = container.make_region(container.generation, container.stanzas)
    end = 16 + int.from_bytes(own[:4], "big")
    body = b"\x89OVREKY\n" + be(2, 2) + bytes(6) + container.id + region + own[end : end + 32] + PLACE + tail
    body += hmac_sha256(container.secret(mac_label), body)
    return body + sha256(body)


def side_file(container, stanzas, generation=1, container_id=None, mac_label="sidefile-mac"):
    """Returns the bytes of NAME.keys of section 8 for a built container."""
    blob = b"".join(make(container) for make in stanzas)
    body = b"\x89OVKEYS\n" + be(1, 2) + bytes(6) + (container_id or container.id)
    body += be(len(blob), 4) + be(len(stanzas), 4) + be(generation, 8) + blob
    body += hmac_sha256(container.secret(mac_label), body)
    return body + sha256(body)
