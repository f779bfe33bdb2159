"""Writes PaddlePaddle's two files without PaddlePaddle.

The topology (.pdmodel) is a protobuf `ProgramDesc`, with the field and type numbers of
paddle/fluid/framework/framework.proto. The parameters (.pdiparams) are sorted by name, each with
the header of paddle/fluid/framework/lod_tensor.cc.
"""

import struct
from math import prod

import numpy as np

FP32, LOD_TENSOR, FEED_MINIBATCH, FETCH_LIST = 5, 7, 9, 10
INT_ATTRIBUTE, BOOLEAN_ATTRIBUTE = 0, 6
VERSION = 2_006_000


def varint(value):
    """Encodes an integer as a protobuf varint; negative numbers are in 64-bit two's complement."""
    value &= (1 << 64) - 1
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(encoded + bytes([value]))


def field(number, value):
    """Encodes a field: integers as varints, strings and bytes with their length, lists repeated."""
    if isinstance(value, (list, tuple)):
        return b"".join(field(number, item) for item in value)
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def tensor_description(shape):
    return field(1, FP32) + field(2, list(shape))


def variable(name, shape, persistable=False):
    kind = field(1, LOD_TENSOR) + field(3, field(1, tensor_description(shape)))
    return field(1, name) + field(2, kind) + field(3, int(persistable))


def special_variable(name, kind):
    return field(1, name) + field(2, field(1, kind)) + field(3, 1)


def attribute(name, value):
    if isinstance(value, bool):
        return field(1, name) + field(2, BOOLEAN_ATTRIBUTE) + field(10, int(value))
    return field(1, name) + field(2, INT_ATTRIBUTE) + field(3, value)


def operation(kind, inputs, outputs, **attributes):
    """Encodes an operation; `inputs` and `outputs` map its parameter names to variables."""

    def slots(number, names):
        return [field(number, field(1, slot) + field(2, [variable])) for slot, variable in names.items()]

    described = [field(4, attribute(name, value)) for name, value in attributes.items()]
    return b"".join(slots(1, inputs) + slots(2, outputs) + [field(3, kind)] + described)


def program(variables, operations):
    """Encodes the topology as one block without a parent."""
    block = field(1, 0) + field(2, -1) + field(3, variables) + field(4, operations)
    return field(1, block) + field(4, field(1, VERSION))


def parameters(tensors):
    """Encodes the weights: `tensors` maps names to float32 arrays."""
    encoded = []
    for _, values in sorted(tensors.items()):
        assert values.dtype == np.float32 and prod(values.shape) == values.size
        description = tensor_description(values.shape)
        header = struct.pack("<IQIi", 0, 0, 0, len(description))  # versions, nesting level, length
        encoded.append(header + description + values.tobytes())
    return b"".join(encoded)
