"""Sections 1 and 2: containers that open, and invalid prologues, regions and footers."""

from vectormaker.container import Container, Part
from vectormaker.primitives import be, fixed_bytes
from vectormaker.vector import Vector, patched

U63, U64 = 1 << 63, 1 << 64
SMALL = [Part("model.onnx", "onnx", fixed_bytes("shared", "small onnx", 300))]
IR = [Part("model.xml", "ir", b"<net name=\"tiny\" version=\"11\"/>\n", [1]),
      Part("model.bin", "weights", fixed_bytes("shared", "small weights", 3000)),
      Part("config/labels.txt", "file", "café\n".encode())]


def vectors():
    yield from opened()
    yield from prologues()
    yield from footers()
    yield from zero_bytes()
    yield from cuts()


def opened():
    for name, why, text, options in (
        ("suite-2", "1.1", "suite 2, SHA-256, key file; all others are of suite 1", {"parts": SMALL, "suite": 2}),
        ("ir-folder", "6.1", "a folder of three parts: topology, its weights, a file", {"parts": IR}),
        ("empty-part", "5", "one part without bytes: one empty final chunk", {}),
    ):
        yield Vector(name, "opened", why, text, Container(name, **options))


def refused(name, expect, why, description, **options):
    return Vector(name, expect, why, description, Container(name, **options))


def prologues():
    bad = "not-authentic"
    for name, expect, why, text, position, new in (
        ("magic-wrong", "not-a-container", "7 step 1", "another magic", 0, b"\x89OVSEAM\n"),
        ("version-2", "unsupported", "7 step 1", "version 2", 8, be(2, 2)),
        ("suite-3", "unsupported", "1.1", "suite 3, reserved", 10, be(3, 2)),
        ("flags-1", "unsupported", "2.1", "flags 1, otherwise right", 12, be(1, 4)),
        ("chunk-size-15", bad, "1.2", "chunks of 2^15 bytes", 16, b"\x0f"),
        ("chunk-size-25", bad, "1.2", "chunks of 2^25 bytes", 16, b"\x19"),
        ("region-size-odd", bad, "1.2", "a region of 4097 bytes", 24, be(4097, 8)),
        ("region-size-too-large", bad, "1.2", "a region of 2^20 + 4096 bytes", 24, be((1 << 20) + 4096, 8)),
        ("region-size-2-63", bad, "1.2", "a region of 2^63 bytes", 24, be(U63, 8)),
    ):
        yield refused(name, expect, why, text, prologue=patched(position, new))


def footer_lengths(manifest=None, statement=None, signatures=None):
    """Returns a hook that adds to lengths in the footer, modulo 2^64."""

    def change(footer):
        for position, value in ((48, manifest), (56, statement), (64, signatures)):
            if value is not None:
                footer = patched(position, be((int.from_bytes(footer[position : position + 8], "big") + value) % U64, 8))(footer)
        return footer

    return change


def footer_add(position, value):
    def change(footer):
        right = int.from_bytes(footer[position : position + 8], "big")
        return patched(position, be((right + value) % U64, 8))(footer)

    return change


def footers():
    bad = "not-authentic"
    for name, text, hook in (
        ("footer-magic-wrong", "another magic at the end", patched(0, b"\x89OVSENE\n")),
        ("footer-version-2", "the footer's version is not the prologue's", patched(8, be(2, 2))),
        ("footer-file-length-wrong", "the stated length of the file is one more", footer_add(16, 1)),
        ("footer-trailer-earlier", "T stands 4096 bytes earlier, where the stanza region is; the tags are longer by as much",
         lambda footer: footer_add(32, 4096)(footer_add(24, U64 - 4096)(footer))),
        ("footer-tags-longer", "16 bytes of the digests are called tags", lambda footer: footer_add(32, 16)(footer_add(40, U64 - 16)(footer))),
        ("footer-lengths-wrap", "the lengths add up only modulo 2^64", footer_lengths(manifest=U63, statement=U63)),
        ("footer-manifest-overlaps-statement", "the manifest is longer by 8 bytes, which are the statement's", footer_lengths(manifest=8)),
        ("footer-boundary-moved", "the boundary between manifest and statement is one byte later",
         footer_lengths(manifest=1, statement=U64 - 1)),
        ("footer-manifest-2-63", "the manifest has 2^63 bytes", patched(48, be(U63, 8))),
        ("footer-manifest-too-small", "the manifest is shorter than its tag", lambda footer: footer_lengths(statement=manifest_length(footer) - 15)(
            patched(48, be(15, 8))(footer))),
        ("footer-signatures-empty", "the signatures have no byte", lambda footer: footer_lengths(statement=1, signatures=U64 - 1)(footer)),
        ("footer-sha256-wrong", "the SHA-256 of the trailer is wrong, nothing else", patched(72, bytes(32))),
    ):
        yield refused(name, bad, "2.3", text, footer=hook)


def manifest_length(footer):
    return int.from_bytes(footer[48:56], "big")


def region_tail(region):
    return region[:-1] + b"\x01"


def zero_bytes():
    bad, why = "not-authentic", "1 zero bytes"
    for name, text, hook in (
        ("zero-prologue-17", "the first reserved byte after the chunk size is 1", {"prologue": patched(17, b"\x01")}),
        ("zero-prologue-4095", "the last byte of the prologue is 1", {"prologue": patched(4095, b"\x01")}),
        ("zero-region-tail", "the last byte of the stanza region is 1", {"region": region_tail}),
        ("zero-footer-10", "the first zero byte of the footer is 1", {"footer": patched(10, b"\x01")}),
    ):
        yield refused(name, bad, why, text, **hook)
    last = patched(8192 + 4095, b"\x01")
    yield refused("zero-part-last", bad, why, "the last byte before the next section is 1", parts=SMALL, file=last)
    between = patched(8192 + 100, b"\x01")
    yield refused("zero-between-parts", bad, why, "a byte between two parts is 1", parts=IR[:2], file=between)
    yield refused("payload-gap", bad, "2", "4096 zero bytes more than the lengths give stand before the trailer, and T is later by as much",
                  parts=SMALL, file=insert_gap)


def insert_gap(data):
    """Moves the trailer back by a page and adapts the footer."""
    footer = footer_add(24, 4096)(footer_add(16, 4096)(data[-256:]))
    return data[:12288] + bytes(4096) + data[12288:-256] + footer


def cuts():
    bad, why = "not-authentic", "7 step 1"
    layout = dict(parts=SMALL, seed_name="cut")
    for name, text, length in (
        ("cut-0", "an empty file", 0), ("cut-7", "7 bytes of the magic", 7),
        ("cut-8", "the magic alone", 8), ("cut-16", "it ends after the flags", 16), ("cut-4096", "the prologue alone", 4096),
        ("cut-in-region", "it ends in the stanza region", 6000), ("cut-in-payload", "it ends in a part", 8292),
        ("cut-before-footer", "it ends before the footer", -256), ("cut-last-byte", "the last byte is missing", -1),
    ):
        expect = "not-a-container" if 0 <= length < 8 else bad
        yield refused(name, expect, why, text, file=lambda data, end=length: data[:end], **layout)
    yield refused("trailing-byte", bad, why, "a zero byte follows the footer", file=lambda data: data + b"\0", **layout)
    yield Vector("text-file", "not-a-container", why, "a text", b"<?xml version=\"1.0\"?>\n<net name=\"tiny\"/>\n")
