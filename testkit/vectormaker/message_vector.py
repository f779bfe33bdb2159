"""A test vector of the licence protocol: an object's bytes, how to check it, and the outcome."""

import json


def plain(value):
    """Returns the value with byte strings in hexadecimal."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return {key: plain(item) for key, item in value.items()} if isinstance(value, dict) else value


class MessageVector:
    """One test vector.

    `why` names the deciding section; `given` is what the checker knows; `fields` are what it must
    find in a valid object.
    """

    def __init__(self, name, kind, expect, why, description, data, fields=None, **given):
        self.name, self.kind, self.expect, self.why, self.description = name, kind, expect, why, description
        self.data, self.fields, self.given = data, fields, given

    def write(self, folder):
        record = {"description": self.description, "object": self.kind, "given": plain(self.given), "expect": self.expect, "why": self.why}
        if self.expect == "valid":
            record["fields"] = plain(self.fields or {})
        record["bytes"] = self.data.hex()
        text = json.dumps(record, indent=2, ensure_ascii=True) + "\n"
        (folder / (self.name + ".json")).write_text(text)
        return len(text)


def encodings(name, kind, why, value, encode, first=1, **given):
    """Yields the vectors that every kind of map has: other encodings of a right value.

    `encode` makes the object's bytes from the bytes of the map, and signs it if need be.
    """
    from vectormaker.primitives import Raw, cbor

    def bad(suffix, text, data):
        return MessageVector(f"{name}-{suffix}", kind, "malformed", why, text, encode(data), **given)

    good = cbor(value)
    last = max(value)
    yield bad("version-2", "version 2", cbor(value | {0: 2})) if value[0] == 1 else bad("key-0-missing", "key 0 is missing", cbor({key: item for key, item in value.items() if key}))
    yield bad("unknown-key", "a key that is not defined", cbor(value | {last + 1: 0}))
    yield bad("key-missing", "the last key is missing", cbor({key: item for key, item in value.items() if key != last}))
    yield bad("key-twice", "the last key occurs twice", bytes([good[0] + 1]) + good[1:] + cbor(last) + cbor(value[last]))
    yield bad("trailing-byte", "a byte follows", good + b"\0")
    yield bad("cut", "the last byte is missing", good[:-1])
    yield bad("unsorted", "key 1 stands before key 0", unsorted(value, cbor))
    yield bad("indefinite", "a map of indefinite length", b"\xbf" + good[head_length(good) :] + b"\xff")
    yield bad("long-integer", "a key in two bytes", good[: head_length(good)] + b"\x18\x00" + good[head_length(good) + 1 :])
    yield bad("tagged", "a tag before the map", b"\xd9\xd9\xf7" + good)
    yield bad("deep", "4000 arrays in each other instead of the last value", cbor(value | {last: Raw(b"\x81" * 4000 + b"\0")}))


def head_length(encoded):
    return 1 if encoded[0] & 31 < 24 else 2


def unsorted(value, cbor):
    good = cbor(value)
    head, first, second = head_length(good), cbor(0) + cbor(value[0]), cbor(1) + cbor(value[1])
    return good[:head] + second + first + good[head + len(first) + len(second) :]
