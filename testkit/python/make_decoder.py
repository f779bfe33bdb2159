"""Writes a decoder with 1.1 billion compressed weights: python make_decoder.py OUTDIR int8|int4

The architecture is Llama's, in the sizes of TinyLlama (P. Zhang et al., "TinyLlama: An Open-Source
Small Language Model", 2024). It is stateless, without a cache of keys and values: it takes 16
tokens and returns the logits after the last one.

The weights are random, and generated in the compressed form of NNCF's weight compression. `int8` is
asymmetric, with a zero point and a scale for each row. `int4` is symmetric, with a scale for each
128 weights of a row. The embeddings and the last layer are always int8, which is NNCF's default.
"""

import sys
from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from networks import parameter, result, save, save_input

VOCABULARY, LAYERS, WIDTH, INNER = 32_000, 22, 2048, 5632
HEADS, KEY_HEADS, HEAD = 32, 4, 64
SEQUENCE, GROUP = 16, 128
PARAMETERS = 1_100_048_384
SEED = 1100


class Compressed:
    """Makes compressed weights from random bits and counts the parameters."""

    def __init__(self, bits, seed):
        self.bits = bits
        self.rng = np.random.default_rng(seed)
        self.parameters = 0

    def weights(self, rows, columns, bits=None, scale=0.02):
        """Returns [rows, columns] in fp32, decompressed in the graph."""
        self.parameters += rows * columns
        whole = self.eight(rows, columns, scale) if (bits or self.bits) == 8 else self.four(rows, columns, scale)
        return ops.convert(whole, ov.Type.f32)

    def eight(self, rows, columns, scale):
        zeros = self.rng.integers(126, 131, (rows, 1), dtype=np.uint8)
        integers, zeros = self.integers((rows, columns), ov.Type.u8), ops.constant(zeros)
        return ops.multiply(
            ops.subtract(half(integers), half(zeros)), self.scales((rows, 1), scale / deviation(8))
        )

    def four(self, rows, columns, scale):
        groups = (rows, columns // GROUP, GROUP)
        scales = self.scales(groups[:-1] + (1,), scale / deviation(4))
        weights = ops.multiply(half(self.integers(groups, ov.Type.i4)), scales)
        return ops.reshape(weights, ops.constant(np.array([rows, columns])), False)

    def integers(self, shape, kind):
        """Returns a constant of random bits."""
        tensor = ov.Tensor(kind, ov.Shape(shape))
        data = tensor.data.reshape(-1).view(np.uint8)
        data[:] = np.frombuffer(self.rng.bytes(data.size), np.uint8)
        return ops.constant(tensor, shared_memory=True)

    def scales(self, shape, unit):
        return ops.constant((self.rng.uniform(0.9, 1.1, shape) * unit).astype(np.float16))

    def gain(self):
        self.parameters += WIDTH
        return ops.constant(self.rng.uniform(0.9, 1.1, (1, 1, WIDTH)).astype(np.float32))


class Decoder:
    """Adds the layers."""

    def __init__(self, compressed):
        self.compressed = compressed
        angles = np.arange(SEQUENCE)[:, None] / 10_000 ** (np.arange(0, HEAD, 2) / HEAD)
        angles = np.concatenate([angles, angles], 1)[None, None]
        self.cosine, self.sine = (ops.constant(f(angles).astype(np.float32)) for f in (np.cos, np.sin))

    def linear(self, x, inputs, outputs, **options):
        return ops.matmul(x, self.compressed.weights(outputs, inputs, **options), False, True)

    def norm(self, x):
        """Adds root mean square normalization."""
        mean = ops.reduce_mean(ops.power(x, np.float32(2)), ops.constant(np.array([-1])), True)
        inverse = ops.divide(np.float32(1), ops.sqrt(ops.add(mean, np.float32(1e-5))))
        return ops.multiply(ops.multiply(x, inverse), self.compressed.gain())

    def rotate(self, x):
        """Adds rotary position embedding."""
        low, high = ops.split(x, ops.constant(np.array(-1)), 2).outputs()
        turned = ops.concat([ops.multiply(high, np.float32(-1)), low], -1)
        return ops.add(ops.multiply(x, self.cosine), ops.multiply(turned, self.sine))

    def heads(self, x, count):
        split = ops.reshape(x, ops.constant(np.array([0, 0, count, HEAD])), True)
        return ops.transpose(split, ops.constant(np.array([0, 2, 1, 3])))

    def attention(self, x):
        query = self.rotate(self.heads(self.linear(x, WIDTH, WIDTH), HEADS))
        key = self.rotate(self.heads(self.linear(x, WIDTH, KEY_HEADS * HEAD), KEY_HEADS))
        value = self.heads(self.linear(x, WIDTH, KEY_HEADS * HEAD), KEY_HEADS)
        mixed = ops.scaled_dot_product_attention(query, repeated(key), repeated(value), causal=True)
        mixed = ops.transpose(mixed, ops.constant(np.array([0, 2, 1, 3])))
        return self.linear(ops.reshape(mixed, ops.constant(np.array([0, 0, WIDTH])), True), WIDTH, WIDTH)

    def feed_forward(self, x):
        gate = ops.swish(self.linear(x, WIDTH, INNER))
        return self.linear(ops.multiply(gate, self.linear(x, WIDTH, INNER)), INNER, WIDTH)

    def logits(self, ids):
        embeddings = self.compressed.weights(VOCABULARY, WIDTH, bits=8, scale=1)
        x = ops.gather(embeddings, ids, ops.constant(np.array(0)))
        for _ in range(LAYERS):
            x = ops.add(x, self.attention(self.norm(x)))
            x = ops.add(x, self.feed_forward(self.norm(x)))
        last = ops.gather(self.norm(x), ops.constant(np.array([SEQUENCE - 1])), ops.constant(np.array(1)))
        return self.linear(last, WIDTH, VOCABULARY, bits=8)


def half(x):
    return ops.convert(x, ov.Type.f16)


def deviation(bits):
    """Returns the standard deviation of uniformly distributed integers of `bits` bits."""
    return (1 << bits) / np.sqrt(12)


def repeated(x):
    """Repeats each key or value head for its group of query heads."""
    copies = HEADS // KEY_HEADS
    wide = ops.broadcast(
        ops.unsqueeze(x, ops.constant(np.array([2]))),
        ops.constant(np.array([1, KEY_HEADS, copies, SEQUENCE, HEAD])),
        broadcast_spec="BIDIRECTIONAL",
    )
    return ops.reshape(wide, ops.constant(np.array([1, HEADS, SEQUENCE, HEAD])), False)


def main(folder, precision):
    compressed = Compressed({"int8": 8, "int4": 4}[precision], SEED)
    ids = parameter("input_ids", [1, SEQUENCE], ov.Type.i64)
    logits = result(Decoder(compressed).logits(ids), "logits")
    if compressed.parameters != PARAMETERS:
        sys.exit(f"this is not the decoder: {compressed.parameters} parameters, not {PARAMETERS}")
    name = f"decoder-{precision}"
    save([ids], [logits], folder / f"{name}.xml", name)
    save_input(folder, [np.random.default_rng(SEED).integers(VOCABULARY, size=SEQUENCE)])


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
