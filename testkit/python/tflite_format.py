"""Writes a TensorFlow Lite model with classes generated from its schema (package `tflite`)."""

import flatbuffers
import numpy as np
import tflite

VERSION = 3


def linear(weight, bias):
    """Encodes y = relu(x weightᵀ + bias), which TensorFlow Lite calls fully connected."""
    builder = flatbuffers.Builder()
    outputs, inputs = weight.shape
    # The first buffer is empty, for tensors without data.
    buffers = [buffer(builder, data) for data in (b"", weight.astype("<f4").tobytes(), bias.astype("<f4").tobytes())]
    shapes = {"x": ([1, inputs], 0), "weight": ([outputs, inputs], 1), "bias": ([outputs], 2), "y": ([1, outputs], 0)}
    tensors = [tensor(builder, name, *described) for name, described in shapes.items()]
    graph = subgraph(builder, tensors, [fully_connected(builder)])
    codes = vector(builder, tflite.ModelStartOperatorCodesVector, [operator_code(builder)])
    graphs = vector(builder, tflite.ModelStartSubgraphsVector, [graph])
    buffers = vector(builder, tflite.ModelStartBuffersVector, buffers)
    tflite.ModelStart(builder)
    tflite.ModelAddVersion(builder, VERSION)
    tflite.ModelAddOperatorCodes(builder, codes)
    tflite.ModelAddSubgraphs(builder, graphs)
    tflite.ModelAddBuffers(builder, buffers)
    builder.Finish(tflite.ModelEnd(builder), b"TFL3")
    return bytes(builder.Output())


def vector(builder, start, offsets):
    start(builder, len(offsets))
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return builder.EndVector()


def integers(builder, values):
    return builder.CreateNumpyVector(np.array(values, np.int32))


def buffer(builder, data):
    place = builder.CreateByteVector(data) if data else None
    tflite.BufferStart(builder)
    if place is not None:
        tflite.BufferAddData(builder, place)
    return tflite.BufferEnd(builder)


def tensor(builder, name, extents, number):
    name, extents = builder.CreateString(name), integers(builder, extents)
    tflite.TensorStart(builder)
    tflite.TensorAddName(builder, name)
    tflite.TensorAddShape(builder, extents)
    tflite.TensorAddType(builder, tflite.TensorType.FLOAT32)
    tflite.TensorAddBuffer(builder, number)
    return tflite.TensorEnd(builder)


def fully_connected(builder):
    """Encodes the operator that computes tensor 3 from tensors 0 to 2."""
    tflite.FullyConnectedOptionsStart(builder)
    tflite.FullyConnectedOptionsAddFusedActivationFunction(builder, tflite.ActivationFunctionType.RELU)
    options = tflite.FullyConnectedOptionsEnd(builder)
    inputs, outputs = integers(builder, [0, 1, 2]), integers(builder, [3])
    tflite.OperatorStart(builder)
    tflite.OperatorAddOpcodeIndex(builder, 0)
    tflite.OperatorAddInputs(builder, inputs)
    tflite.OperatorAddOutputs(builder, outputs)
    tflite.OperatorAddBuiltinOptionsType(builder, tflite.BuiltinOptions.FullyConnectedOptions)
    tflite.OperatorAddBuiltinOptions(builder, options)
    return tflite.OperatorEnd(builder)


def operator_code(builder):
    tflite.OperatorCodeStart(builder)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(builder, tflite.BuiltinOperator.FULLY_CONNECTED)
    tflite.OperatorCodeAddBuiltinCode(builder, tflite.BuiltinOperator.FULLY_CONNECTED)
    tflite.OperatorCodeAddVersion(builder, 1)
    return tflite.OperatorCodeEnd(builder)


def subgraph(builder, tensors, operators):
    tensors = vector(builder, tflite.SubGraphStartTensorsVector, tensors)
    operators = vector(builder, tflite.SubGraphStartOperatorsVector, operators)
    inputs, outputs, name = integers(builder, [0]), integers(builder, [3]), builder.CreateString("linear")
    tflite.SubGraphStart(builder)
    tflite.SubGraphAddTensors(builder, tensors)
    tflite.SubGraphAddInputs(builder, inputs)
    tflite.SubGraphAddOutputs(builder, outputs)
    tflite.SubGraphAddOperators(builder, operators)
    tflite.SubGraphAddName(builder, name)
    return tflite.SubGraphEnd(builder)
