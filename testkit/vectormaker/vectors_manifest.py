"""Sections 1, 6.1 and 6.2: manifests and statements that break one rule, with valid MACs."""

from vectormaker.container import Container, Part
from vectormaker.primitives import DIGESTS, Raw, be, cbor, sha256
from vectormaker.stanzas import flipped
from vectormaker.vector import Vector

TRIO = [Part("model.xml", "ir", b"", [1]), Part("model.bin", "weights"), Part("labels.txt", "file")]


def vectors():
    yield from kinds()
    yield from networks()
    yield from names()
    yield from paths()
    yield from structure()
    yield from companions()
    yield from encodings()
    yield from statements()


def case(name, why, text, expect="not-authentic", **options):
    return Vector(name, expect, why, text, Container(name, **options))


def names():
    for name, text, value, expect in (
        ("name-256", "a model name of 256 bytes", "n" * 254 + "\u00e9", "opened"), ("name-257", "a model name of 257 bytes", "n" * 257, "not-authentic"),
        ("name-empty", "an empty model name", "", "not-authentic"), ("name-line-feed", "a line feed in the model name", "a\nb", "not-authentic"),
    ):
        yield case(name, "1.2", text, expect, model_name=value)


def networks():
    """Containers that open, although the network in them refers to forbidden data."""
    for name, text, location in (("onnx-memory-address", "an address in memory", "*/_ORT_MEM_ADDR_/*"), ("onnx-parent", "a file outside", "../w.bin"),
                                 ("onnx-no-companion", "a part that is not its companion", "w.bin")):
        model = Part("model.onnx", "onnx", onnx_with_external_data(location))
        yield case(name, "6.1", "an ONNX model that refers to " + text, "opened", parts=[model, Part("w.bin", "weights", bytes(8))])

    yield case("onnx-cut-key", "6.1", "an ONNX model with a key of 33 bits, of which protobuf keeps 32: those of external data outside", "opened",
               parts=[Part("model.onnx", "onnx", onnx_with_cut_key("../w.bin"))])

    for kind, name in (("ir", "model.xml"), ("paddle", "model.pdmodel")):
        model = Part(name, kind, onnx_with_external_data("secret.dat"))
        yield case("onnx-called-" + kind, "6.1", f"an ONNX model whose kind is {kind}", "opened", parts=[model])

    net = b'<net version="11"/>'
    for kind, name, topology in (("onnx", "model.onnx", bytes([8, 7, 2 << 3 | 2, len(net)]) + net), ("paddle", "model.pdmodel", b"\n" + net)):
        yield case("ir-called-" + kind, "6.1", f"an IR whose kind is {kind}, and whose first bytes are such a model's", "opened", parts=[Part(name, kind, topology)])

    for name, text, topology in (
        ("ir-shape-wraps", "a constant whose bytes are 2^64", ir(constant("4611686018427387904", 0, 16))),
        ("ir-short-constant", "a constant of 4 bytes whose shape needs 16", ir(constant("4", 0, 4))),
        ("ir-behind-weights", "a constant that ends behind the weights", ir(constant("4", 8, 16))),
        ("ir-negative-offset", "a constant before the weights", ir(constant("4", -8, 16))),
        ("ir-body", "the first in the body of a loop", ir(f'<layer id="0" type="Loop"><body>{layers(constant("4611686018427387904", 0, 16))}</body></layer>')),
        ("ir-value", "a constant of 2^20 numbers whose bytes are a text of the topology",
         ir(constant("1048576", 0, 16).replace("<data ", '<data value="abc" '))),
        ("ir-body-in-constant", "a constant that has a body, too", ir(constant("4", 0, 16).replace("<data ", "<body/><data "))),
        ("ir-strings", "a constant of 4 strings without a table of them", ir(constant("4", 0, 24, "string"))),
    ):
        parts = [Part("model.xml", "ir", topology, [1]), Part("model.bin", "weights", bytes(24 if name == "ir-strings" else 16))]
        yield case(name, "6.1", "an IR with " + text, "opened", parts=parts)

    parts = [Part("model.pdmodel", "paddle", b"\x0a\x00", [1]), Part("model.pdiparams", "weights", bytes(30))]
    yield case("paddle-cut-parameters", "6.1", "PaddlePaddle's parameters, cut", "opened", parts=parts)


def ir(content):
    return f'<?xml version="1.0"?>\n<net name="n" version="11">\n{layers(content)}\n</net>\n'.encode()


def layers(content):
    return f"<layers>{content}</layers>"


def constant(shape, offset, size, element_type="f32"):
    data = f'<data element_type="{element_type}" shape="{shape}" offset="{offset}" size="{size}"/>'
    return f'<layer id="0" name="c" type="Const" version="opset1">{data}</layer>'


def onnx_with_external_data(location):
    """Returns a ModelProto with only graph.initializer.external_data, one entry `location`."""
    field = lambda number, content: bytes([number << 3 | 2, len(content)]) + content
    return field(7, field(5, field(13, field(1, b"location") + field(2, location.encode()))))


def onnx_with_cut_key(location):
    """Returns the same, but with 2^32 added to the key of field 13."""
    field = lambda number, content: bytes([number << 3 | 2, len(content)]) + content
    entry = field(1, b"location") + field(2, location.encode())
    return field(7, field(5, bytes([0xEA, 0x80, 0x80, 0x80, 0x10, len(entry)]) + entry))


def paths():
    for name, text, path in (
        ("path-parent", "a component ..", "../model.bin"), ("path-parent-inside", "a component .. inside", "a/../b"),
        ("path-dot", "a component .", "a/./b"), ("path-absolute", "a leading /", "/etc/passwd"), ("path-trailing-slash", "a trailing /", "model/"),
        ("path-empty-component", "an empty component", "a//b"), ("path-empty", "an empty path", ""), ("path-nul", "NUL", "model.bin\0.txt"),
        ("path-line-feed", "a line feed", "model\n.bin"), ("path-c1-control", "U+0085", "model\u0085"),
        ("path-backslash", "a backslash", "a\\b"), ("path-1025", "1025 bytes", "p" * 1025),
    ):
        yield case(name, "6.1", "a path with " + text, parts=[Part(path, "file")])
    yield case("path-1024", "1.2", "a path of 1024 bytes, 1023 characters", "opened", parts=[Part("p" * 1022 + "\u00e9", "file")])
    yield case("path-dots", "6.1", "dots that are no special component", "opened", parts=[Part("a/.../..b/c..", "file")])
    yield case("path-twice", "6.1", "two parts with the same path", parts=[Part("a", "file"), Part("a", "file")])
    yield case("path-is-folder", "6.1", "a path is the folder of another", parts=[Part("a", "file"), Part("a/b", "file")])
    yield case("path-prefix-only", "6.1", "a path begins as another one but is no folder of it", "opened", parts=[Part("a", "file"), Part("ab", "file"), Part("a-/c", "file")])
    latin = lambda manifest: manifest | {2: [{0: Raw(b"\x62\xc3\x28"), 1: "file", 2: 0, 3: []}]}
    yield case("path-not-utf-8", "1", "CBOR text that is not UTF-8", manifest=latin)


def structure():
    one = {0: "empty.json", 1: "file", 2: 0, 3: []}
    bad = "6.1"
    yield case("parts-0", "1.2", "neither manifest nor statement has a part", chunks=lambda chunks: [], manifest=lambda value: value | {2: []},
               statement=lambda value: value | {1: [], 2: empty_root()})
    yield case("parts-fewer", bad, "the manifest has a part less than the statement", parts=TRIO, manifest=lambda value: value | {2: value[2][:2]})
    yield case("part-length-differs", bad, "the manifest has another length than the statement", manifest=lambda value: value | {2: [one | {2: 1}]})
    yield case("security-version-differs", bad, "the manifest has another security version than the statement", manifest=lambda value: value | {1: 8})
    yield case("name-differs", bad, "the manifest's name does not give the statement's model id", manifest=lambda value: value | {0: "another network"})
    yield case("security-version-largest", bad, "security version 2^64 - 1", "opened", security_version=2**64 - 1)
    yield case("security-version-bignum", bad, "security version 2^64 as a CBOR bignum, in both", manifest=bignum(1), statement=bignum(5))
    yield case("manifest-key-missing", bad, "the manifest has no hints", manifest=lambda value: {key: value[key] for key in (0, 1, 2)})
    yield case("hints-32", bad, "32 hints, one of them of 256 bytes", "opened", manifest=lambda value: value | {3: {f"hint {n:02}": "x" * (256 if n == 0 else 1) for n in range(32)}})
    yield case("hints-33", bad, "33 hints", manifest=lambda value: value | {3: {f"hint {n:02}": "" for n in range(33)}})
    yield case("hint-257", bad, "a hint of 257 bytes", manifest=lambda value: value | {3: {"hint": "x" * 257}})


def empty_root():
    return DIGESTS[1](b"ovseal/v1/root\0" + be(0, 4))


def bignum(key):
    return lambda value: value | {key: Raw(b"\xc2\x49\x01" + bytes(8))}


def kinds():
    bad = "6.1"
    future = lambda *companions: [Part("a.future", "future", b"", list(companions)), Part("b.txt", "file"), Part("c.bin", "weights")]
    yield case("kind-unknown", bad, "a kind that no reader knows, whose companions are parts of any kind, itself too", "opened", parts=future(0, 1, 2))
    yield case("kind-unknown-descending", bad, "companions of an unknown kind in descending order", parts=future(2, 1))
    yield case("kind-unknown-out-of-range", bad, "a companion of an unknown kind that does not exist", parts=future(3))
    yield case("kind-32", bad, "a kind of 32 bytes", "opened", parts=[Part("a", "k" * 30 + "\u00e9")])
    yield case("kind-33", bad, "a kind of 33 bytes", parts=[Part("a", "k" * 33)])
    yield case("kind-empty", bad, "an empty kind", parts=[Part("a", "")])
    compiled = lambda *companions: [Part("m.blob", "compiled", exported_by_the_cpu(), list(companions)), Part("m.bin", "weights")]
    yield case("kind-compiled", bad, "a compiled model", "opened", parts=compiled())
    yield case("companions-of-compiled", bad, "a compiled model has a companion", parts=compiled(1))


def exported_by_the_cpu():
    """Returns text in the frame of a model that OpenVINO's CPU plugin exports."""
    text = b"meta=1.0;ov=2026.4.1;isa=AVX2"
    return b"RR_UPCVO" + (1).to_bytes(4, "little") + len(text).to_bytes(8, "little") + text + b"not a model"


def companions():
    bad = "6.1"
    weights = lambda name: Part(name, "weights")
    for name, text, parts in (
        ("companion-out-of-range", "a companion that does not exist", [Part("m.xml", "ir", b"", [1])]),
        ("companion-not-weights", "a companion of kind file", [Part("m.xml", "ir", b"", [1]), Part("m.bin", "file")]),
        ("companions-of-file", "a file has a companion", [Part("m.txt", "file", b"", [1]), weights("m.bin")]),
        ("companions-not-ascending", "companions in descending order", [Part("m.onnx", "onnx", b"", [2, 1]), weights("a.bin"), weights("b.bin")]),
        ("companions-repeated", "a companion twice", [Part("m.onnx", "onnx", b"", [1, 1]), weights("a.bin")]),
        ("companions-two-of-ir", "two companions of an ir part", [Part("m.xml", "ir", b"", [1, 2]), weights("a.bin"), weights("b.bin")]),
    ):
        yield case(name, bad, text, parts=parts)
    onnx = [weights("a.bin"), Part("m.onnx", "onnx", b"", [0, 2]), weights("b.bin"), Part("n.onnx", "onnx", b"", [2])]
    yield case("companions-of-onnx", bad, "several companions, before and after the topology, one shared", "opened", parts=onnx)
    yield case("ir-without-weights", bad, "a topology without companions", "opened", parts=[Part("m.xml", "ir")])


def encodings():
    """Encoding errors: all kinds in the manifest, only the most likely ones in the statement."""
    in_statement = {"long-integer", "unknown-key", "trailing-byte"}
    for what, hook, key in (("manifest", "manifest_bytes", 1), ("statement", "statement_bytes", 5)):
        entry = bytes([key, 7])
        faults = (
            ("long-integer", "an integer in more bytes than it needs", lambda data: once(data, entry, bytes([key, 0x18, 7]))),
            ("unknown-key", "a key that this page does not have", lambda data: bytes([data[0] + 1]) + data[1:] + b"\x18\x63\x00"),
            ("unsorted", "the last key first", unsorted),
            ("key-twice", "a key twice", lambda data: bytes([data[0] + 1]) + once(data[1:], entry, entry + entry)),
            ("indefinite-map", "a map of indefinite length", lambda data: b"\xbf" + data[1:] + b"\xff"),
            ("indefinite-array", "an array of indefinite length", lambda data: indefinite_array(data)),
            ("trailing-byte", "a byte after the map", lambda data: data + b"\x00"),
            ("tagged", "a tag before the map", lambda data: b"\xd9\xd9\xf7" + data),
        )
        for fault, text, change in faults:
            if what == "manifest" or fault in in_statement:
                yield case(f"{what}-{fault}", "1 CBOR", f"{what}: {text}", **{hook: change})
    nested = lambda data: b"\x81" * 5000 + b"\x00"
    yield case("manifest-nested", "1 CBOR", "5,000 arrays in each other", manifest_bytes=nested)
    yield case("manifest-length-2-63", "1 CBOR", "a byte string of 2^63 bytes is claimed", manifest_bytes=lambda data: b"\x5b\x80" + bytes(7))
    yield case("manifest-array-2-32", "1 CBOR", "an array of 2^32 - 1 entries is claimed", manifest_bytes=lambda data: b"\x9a\xff\xff\xff\xff")


def once(data, old, new):
    at = data.index(old)
    return data[:at] + new + data[at + len(old) :]


def unsorted(data):
    """Moves the first pair of the map, with key 0, to the end."""
    first = cbor("tiny network") if data[1:3] == b"\x00\x6c" else data[2:36]
    return data[:1] + data[2 + len(first) :] + b"\x00" + first


def indefinite_array(data):
    """Writes the manifest's array of parts with indefinite length."""
    part = cbor({0: "empty.json", 1: "file", 2: 0, 3: []})
    return once(data, b"\x81" + part, b"\x9f" + part + b"\xff")


def statements():
    bad = "6.2"
    change = lambda key, value: lambda statement: statement | {key: value(statement[key])}
    for name, text, hook in (
        ("statement-prologue-differs", "the digest is of another prologue", change(0, flipped)),
        ("statement-hash-31", "a digest of 31 bytes", change(0, lambda value: value[:31])),
        ("statement-length-longer", "a part is one byte longer than it is", change(1, lambda value: [value[0] + 1])),
        ("statement-length-2-40", "a part of 2^40 + 1 bytes", change(1, lambda value: [(1 << 40) + 1])),
        ("statement-length-wraps", "a part of 2^64 - 1 bytes, which aligned is 0 modulo 2^64", change(1, lambda value: [2**64 - 1])),
        ("statement-length-negative", "a part of -1 bytes", change(1, lambda value: [Raw(b"\x20")])),
        ("statement-chunks-too-many", "two parts of 2^40 bytes have more than 2^24 chunks", change(1, lambda value: [1 << 40, 1 << 40])),
        ("statement-parts-4097", "4097 parts", change(1, lambda value: [0] * 4097)),
        ("statement-key-id-without-signature", "a key id without a signature", change(6, lambda value: [sha256(b"nobody")])),
        ("statement-key-ids-9", "nine key ids", change(6, lambda value: [bytes([n]) * 32 for n in range(9)])),
    ):
        yield case(name, bad, text, statement=hook)
