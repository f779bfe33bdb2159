"""Writes a BERT-base encoder with seeded weights in fp16: python make_bert.py OUTDIR

The encoder of J. Devlin, M. Chang, K. Lee, K. Toutanova, "BERT: Pre-training of Deep Bidirectional
Transformers for Language Understanding" (2018), in its size "base": three embeddings, 12 layers and
the pooler. Shapes, operations and sizes are the paper's; the weights are random. They are stored as
OpenVINO's converters do: fp16 constants, converted to fp32 when the model is read.
"""

import sys
from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from networks import normal, parameter, result, save, save_input

VOCABULARY, POSITIONS, TYPES = 30_522, 512, 2
LAYERS, WIDTH, HEADS, INNER = 12, 768, 12, 3072
SEQUENCE = 128
PARAMETERS = 109_482_240
SEED = 110


class Encoder:
    """Adds layers with seeded weights and counts the parameters."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.parameters = 0

    def weights(self, shape, scale=0.02):
        self.parameters += int(np.prod(shape))
        return ops.constant(normal(self.rng, shape, scale))

    def linear(self, x, inputs, outputs):
        weights, bias = self.weights((outputs, inputs)), self.weights((1, 1, outputs))
        return ops.add(ops.matmul(x, weights, False, True), bias)

    def norm(self, x):
        gain, shift = self.weights((1, 1, WIDTH), 1), self.weights((1, 1, WIDTH))
        normalized = ops.mvn(x, ops.constant(np.array([-1])), True, 1e-12, "inside_sqrt")
        return ops.add(ops.multiply(normalized, gain), shift)

    def embedding(self, ids, rows):
        return ops.gather(self.weights((rows, WIDTH)), ids, ops.constant(np.array(0)))

    def heads(self, x):
        split = ops.reshape(x, ops.constant(np.array([0, 0, HEADS, WIDTH // HEADS])), True)
        return ops.transpose(split, ops.constant(np.array([0, 2, 1, 3])))

    def attention(self, x, mask):
        query, key, value = (self.heads(self.linear(x, WIDTH, WIDTH)) for _ in range(3))
        mixed = ops.transpose(
            ops.scaled_dot_product_attention(query, key, value, mask), ops.constant(np.array([0, 2, 1, 3]))
        )
        return self.linear(ops.reshape(mixed, ops.constant(np.array([0, 0, WIDTH])), True), WIDTH, WIDTH)

    def layer(self, x, mask):
        x = self.norm(ops.add(x, self.attention(x, mask)))
        inner = ops.gelu(self.linear(x, WIDTH, INNER), "erf")
        return self.norm(ops.add(x, self.linear(inner, INNER, WIDTH)))

    def embeddings(self, ids, types):
        positions = ops.constant(np.arange(SEQUENCE, dtype=np.int64).reshape(1, -1))
        words, places = self.embedding(ids, VOCABULARY), self.embedding(positions, POSITIONS)
        return self.norm(ops.add(ops.add(words, self.embedding(types, TYPES)), places))

    def pooler(self, x):
        first = ops.gather(x, ops.constant(np.array([0])), ops.constant(np.array(1)))
        return ops.tanh(self.linear(first, WIDTH, WIDTH))


def additive(mask):
    """Turns a mask of ones for tokens into terms for the scores, in the shape [1, 1, 1, tokens]."""
    absent = ops.subtract(np.float32(1), ops.convert(mask, ov.Type.f32))
    return ops.unsqueeze(ops.multiply(absent, np.float32(-10_000)), ops.constant(np.array([1, 2])))


def main(folder):
    ids, mask, types = (
        parameter(name, [1, SEQUENCE], ov.Type.i64) for name in ("input_ids", "attention_mask", "token_type_ids")
    )
    encoder, bias = Encoder(SEED), additive(mask)
    x = encoder.embeddings(ids, types)
    for _ in range(LAYERS):
        x = encoder.layer(x, bias)
    outputs = [result(x, "last_hidden_state"), result(encoder.pooler(x), "pooler_output")]
    if encoder.parameters != PARAMETERS:
        sys.exit(f"this is not BERT-base: {encoder.parameters} parameters, not {PARAMETERS}")
    save([ids, mask, types], outputs, folder / "bert.xml", "bert", half=True)
    tokens = np.random.default_rng(SEED).integers(VOCABULARY, size=SEQUENCE)
    save_input(folder, [tokens, np.arange(SEQUENCE) < 100, np.zeros(SEQUENCE)])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
