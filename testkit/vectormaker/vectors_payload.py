"""Section 5: chunks, and attacks on them."""

from vectormaker.container import Container, Part
from vectormaker.primitives import fixed_bytes
from vectormaker.stanzas import flipped
from vectormaker.vector import Vector, patched

CHUNK = 65536


def weights(length, label="weights"):
    return Part("model.bin", "weights", fixed_bytes("payload", label, length))


TWO = [Part("a.bin", "file", fixed_bytes("payload", "a", 700)), Part("b.bin", "file", fixed_bytes("payload", "b", 700))]


def vectors():
    yield from opened()
    yield from moved()
    yield from final_flags()
    yield from trailers()


def case(name, why, text, expect="not-authentic", **options):
    return Vector(name, expect, why, text, Container(name, **options))


def opened():
    yield case("chunk-exact", "5", "a part of exactly one chunk", "opened", parts=[weights(CHUNK)])
    yield case("chunk-and-one-byte", "5", "a part of one chunk and one byte", "opened", parts=[weights(CHUNK + 1)])
    empty = [Part("first.txt", "file"), TWO[0], Part("last.txt", "file")]
    yield case("empty-parts-around", "2", "empty parts first and last: two parts begin at the same offset", "opened", parts=empty)
    yield case("part-4096", "2", "a part that ends on a page", "opened", parts=[weights(4096)])


def swap_first_chunks(chunks):
    first, second, *rest = chunks[0]
    return [[second, first, *rest]]


def moved():
    two_chunks = [weights(2 * CHUNK)]
    yield case("chunks-swapped", "5", "two chunks of a part changed places with their tags and digests; statement and MAC are made anew",
               parts=two_chunks, chunks=swap_first_chunks)
    yield case("parts-swapped", "5", "two parts of the same length changed places with their tags and digests", parts=TWO,
               chunks=lambda chunks: chunks[::-1])
    other = Container("tags-of-another", parts=TWO[:1], seed_name="another payload")
    other.build()
    yield case("tags-of-another", "5", "the tags are another container's, MAC and SHA-256 made anew", parts=TWO[:1], tags=lambda tags: other.tags)
    yield case("chunks-of-another", "5", "ciphertext, tags and digests are another container's", parts=TWO[:1], chunks=lambda chunks: other.chunks)
    yield case("chunk-flipped", "5", "one bit of a part is changed, nothing else", parts=TWO[:1], file=patched(8192 + 10, b"\x00"))


def final_flags():
    yield case("final-flag-missing", "5", "the last chunk of a part is encrypted as one that is not the last", parts=TWO[:1], final=lambda final: False)


def trailers():
    yield case("trailer-mac-wrong", "6", "the MAC of the trailer is wrong, the SHA-256 in the footer is right", trailer_mac=flipped)
    yield case("digests-wrong", "7 step 6", "a digest differs from the root; the MAC is right",
               statement=lambda value: value | {2: flipped(value[2])})
    yield case("manifest-digest-wrong", "7 step 6", "the statement has another digest of the manifest; the MAC is right",
               statement=lambda value: value | {3: flipped(value[3])})
    yield case("manifest-tag-wrong", "6", "the manifest's tag is wrong; digest and MAC are of the wrong one", manifest_ciphertext=flipped)
