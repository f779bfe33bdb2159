"""Writes a frozen TensorFlow graph, and its SavedModel, without TensorFlow.

A graph (.pb) is a protobuf `GraphDef`, with the field and type numbers of
tensorflow/core/framework/graph.proto and the files next to it. A SavedModel is the message of
tensorflow/core/protobuf/saved_model.proto.
"""

import numpy as np

from paddle_format import field, varint

DT_FLOAT = 1


def typed(name, attribute):
    return field(5, field(1, name) + field(2, attribute))


def shape(extents):
    return b"".join(field(2, field(1, extent)) for extent in extents)


def boolean(value):
    # False is also encoded, because an attribute must have a value.
    return varint(5 << 3) + varint(int(value))


def node(name, operation, inputs=(), **attributes):
    """Encodes a node; each attribute is an encoded `AttrValue`."""
    described = [typed(key, value) for key, value in attributes.items()]
    return field(1, field(1, name) + field(2, operation) + field(3, list(inputs)) + b"".join(described))


def placeholder(name, extents):
    return node(name, "Placeholder", dtype=field(6, DT_FLOAT), shape=field(7, shape(extents)))


def constant(name, values):
    tensor = field(1, DT_FLOAT) + field(2, shape(values.shape)) + field(4, values.astype("<f4").tobytes())
    return node(name, "Const", dtype=field(6, DT_FLOAT), value=field(8, tensor))


def linear(weight, bias):
    """Encodes y = relu(x weight + bias)."""
    kind = {"T": field(6, DT_FLOAT)}
    straight = {"transpose_a": boolean(False), "transpose_b": boolean(False)}
    return b"".join(
        [
            placeholder("x", [1, weight.shape[0]]),
            constant("weight", weight),
            constant("bias", bias),
            node("product", "MatMul", ["x", "weight"], **kind, **straight),
            node("sum", "AddV2", ["product", "bias"], **kind),
            node("y", "Relu", ["sum"], **kind),
        ]
    )


def saved_model(graph, inputs, outputs):
    """Encodes a SavedModel without variables; `inputs` and `outputs` map node names to shapes."""

    def tensors(number, shapes):
        entries = []
        for name, extents in shapes.items():
            info = field(1, f"{name}:0") + field(2, DT_FLOAT) + field(3, shape(extents))
            entries.append(field(number, field(1, name) + field(2, info)))
        return b"".join(entries)

    signature = tensors(1, inputs) + tensors(2, outputs) + field(3, "tensorflow/serving/predict")
    named = field(1, "serving_default") + field(2, signature)
    return field(1, 1) + field(2, field(1, field(4, "serve")) + field(2, graph) + field(5, named))
