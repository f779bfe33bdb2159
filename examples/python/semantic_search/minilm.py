"""all-MiniLM-L6-v2 as an OpenVINO model, built from its safetensors file without PyTorch.

The network is BERT with 6 layers. The embedding of a text is the mean of its tokens' last states,
scaled to length 1.
"""

from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset13 as ops
from safetensors.numpy import load_file

LAYERS, HEADS, WIDTH = 6, 12, 384


def build(safetensors: Path) -> ov.Model:
    weights = load_file(safetensors)
    tokens, mask = ops.parameter([-1, -1], ov.Type.i64, "tokens"), ops.parameter([-1, -1], ov.Type.i64, "mask")
    states = embeddings(weights, tokens)
    attended = ops.unsqueeze(ops.convert(mask, ov.Type.f32), number([1, 2]))
    # This is low enough that softmax turns the scores of masked tokens into 0.
    penalty = ops.multiply(ops.subtract(real(1), attended), real(-10_000))
    for layer in range(LAYERS):
        states = encoder(weights, f"encoder.layer.{layer}.", states, penalty)
    return ov.Model([result(mean(states, mask))], [tokens, mask], "all-MiniLM-L6-v2")


def embeddings(weights, tokens):
    length = ops.gather(ops.shape_of(tokens, ov.Type.i64), number([1]), number(0))
    words = ops.gather(ops.constant(weights["embeddings.word_embeddings.weight"]), tokens, number(0))
    positions = ops.constant(weights["embeddings.position_embeddings.weight"])
    positions = ops.slice(positions, number([0]), length, number([1]), number([0]))
    kind = ops.constant(weights["embeddings.token_type_embeddings.weight"][:1])
    return normalized(weights, "embeddings.LayerNorm.", ops.add(ops.add(words, positions), kind))


def encoder(weights, name, states, penalty):
    query, key, value = (heads(linear(weights, f"{name}attention.self.{part}.", states)) for part in ("query", "key", "value"))
    scores = ops.multiply(ops.matmul(query, key, False, True), real((WIDTH // HEADS) ** -0.5))
    seen = ops.matmul(ops.softmax(ops.add(scores, penalty), -1), value, False, False)
    seen = ops.reshape(ops.transpose(seen, number([0, 2, 1, 3])), number([0, 0, WIDTH]), True)
    seen = linear(weights, f"{name}attention.output.dense.", seen)
    states = normalized(weights, f"{name}attention.output.LayerNorm.", ops.add(states, seen))
    inner = ops.gelu(linear(weights, f"{name}intermediate.dense.", states), "erf")
    inner = linear(weights, f"{name}output.dense.", inner)
    return normalized(weights, f"{name}output.LayerNorm.", ops.add(states, inner))


def heads(states):
    return ops.transpose(ops.reshape(states, number([0, 0, HEADS, WIDTH // HEADS]), True), number([0, 2, 1, 3]))


def linear(weights, name, states):
    product = ops.matmul(states, ops.constant(weights[f"{name}weight"]), False, True)
    return ops.add(product, ops.constant(weights[f"{name}bias"]))


def normalized(weights, name, states):
    states = ops.mvn(states, number([-1]), True, 1e-12, "inside_sqrt")
    return ops.add(ops.multiply(states, ops.constant(weights[f"{name}weight"])), ops.constant(weights[f"{name}bias"]))


def mean(states, mask):
    counted = ops.unsqueeze(ops.convert(mask, ov.Type.f32), number([2]))
    total = ops.reduce_sum(ops.multiply(states, counted), number([1]), False)
    return ops.normalize_l2(ops.divide(total, ops.reduce_sum(counted, number([1]), False)), number([1]), 1e-12, "max")


def result(node):
    node.output(0).set_names({"embedding"})
    return ops.result(node)


def number(value):
    return ops.constant(np.array(value, np.int64))


def real(value):
    return ops.constant(np.float32(value))
