"""Writes the small models of the tests: python make_models.py OUTDIR

    conv           IR: convolution, bias, ReLU, matrix product  x f32 [1,3,32,32] -> y f32 [1,10]
    mlp            IR: embedding, matrix product, bias          ids i64 [1,?]     -> y f32 [1,?,16]
    mask           IR: a boolean and a float input              mask, x [1,8]     -> y f32 [1,8]
    onnx           ONNX, weights inside the file                x f32 [1,64]      -> y f32 [1,32]
    onnx-external  the same network, weights in weights.bin     x f32 [1,64]      -> y f32 [1,32]
    onnx-conv      ONNX: residual blocks as in ResNet           x f32 [1,3,16,16] -> y f32 [1,10]
    onnx-branches  ONNX: weights in subgraphs and attributes    x f32 [1,64]      -> y f32 [1,64]
    onnx-types     ONNX: a tensor of each type                  x f32 [2049]      -> y f32 [2049]
    onnx-*-files   the same three with other weights, in three files
    paddle         the same network for PaddlePaddle            x f32 [1,64]      -> y f32 [1,32]
    tflite         the same network for TensorFlow Lite         x f32 [1,64]      -> y f32 [1,32]
    tensorflow     the same as frozen graph and SavedModel      x f32 [1,64]      -> y f32 [1,32]
    folder         the files of a language model: networks, configuration, vocabulary, an empty file

With the same packages, every run writes the same bytes.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import openvino as ov
from onnx import TensorProto, helper, numpy_helper
from openvino import opset13 as ops

import onnx_models
import paddle_format as paddle
import tensorflow_format as tensorflow
import tflite_format as tflite
from networks import normal, parameter, result, save

VOCABULARY = 128


def conv(folder, rng):
    x = parameter("x", [1, 3, 32, 32], ov.Type.f32)
    kernel = ops.constant(normal(rng, (8, 3, 3, 3), 0.3))
    y = ops.convolution(x, kernel, [1, 1], [1, 1], [1, 1], [1, 1])
    y = ops.relu(ops.add(y, ops.constant(normal(rng, (1, 8, 1, 1), 0.1))))
    y = ops.reshape(y, ops.constant(np.array([1, -1])), False)
    y = ops.matmul(y, ops.constant(normal(rng, (8 * 32 * 32, 10), 0.02)), False, False)
    save([x], [result(y, "y")], folder / "model.xml", "conv")


def embedding_network(path, rng, name, inputs="ids", output="y", width=64, outputs=16):
    """Writes a network with a gather, whose table OpenVINO reads in place and never copies."""
    ids = parameter(inputs, [1, -1], ov.Type.i64)
    table = ops.constant(normal(rng, (VOCABULARY, width), 1))
    y = ops.gather(table, ids, ops.constant(np.int64(0)))
    y = ops.matmul(y, ops.constant(normal(rng, (width, outputs), 0.1)), False, False)
    y = ops.add(y, ops.constant(normal(rng, (1, 1, outputs), 0.1)))
    save([ids], [result(y, output)], path, name)


def mlp(folder, rng):
    embedding_network(folder / "model.xml", rng, "mlp")


def mask(folder, rng):
    chosen = parameter("mask", [1, 8], ov.Type.boolean)
    x = parameter("x", [1, 8], ov.Type.f32)
    y = ops.select(chosen, ops.multiply(x, ops.constant(normal(rng, (1, 8), 1))), ops.negative(x))
    save([chosen, x], [result(y, "y")], folder / "model.xml", "mask")


def linear_weights(rng):
    return {"weight": normal(rng, (64, 32), 0.1), "bias": normal(rng, (32,), 0.1)}


def onnx_model(initializers):
    nodes = [
        helper.make_node("MatMul", ["x", "weight"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["sum"]),
        helper.make_node("Relu", ["sum"], ["y"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 64])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 32])
    graph = helper.make_graph(nodes, "linear", [x], [y], initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def onnx_inline(folder, rng):
    initializers = [numpy_helper.from_array(values, name) for name, values in linear_weights(rng).items()]
    onnx.save(onnx_model(initializers), folder / "model.onnx")


def onnx_external(folder, rng):
    """Writes both initializers to one file, the second at the next multiple of 4096."""
    data, initializers = bytearray(), []
    for name, values in linear_weights(rng).items():
        data.extend(bytes(-len(data) % 4096))
        tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=values.shape)
        tensor.data_location = TensorProto.EXTERNAL
        where = {"location": "weights.bin", "offset": len(data), "length": values.nbytes}
        for key, value in where.items():
            tensor.external_data.add(key=key, value=str(value))
        initializers.append(tensor)
        data.extend(values.tobytes())
    (folder / "weights.bin").write_bytes(data)
    (folder / "model.onnx").write_bytes(onnx_model(initializers).SerializeToString(deterministic=True))


def onnx_network(network, files):
    """Returns a function that writes a network with its weights inside, or in three files."""

    def write(folder, rng):
        model = network(rng)
        if files:
            onnx_models.move_outside(model, folder)
        (folder / "model.onnx").write_bytes(model.SerializeToString(deterministic=True))

    return write


def paddle_model(folder, rng):
    tensors = linear_weights(rng)
    variables = [paddle.variable(name, values.shape, True) for name, values in tensors.items()]
    variables += [paddle.variable("x", [1, 64])]
    variables += [paddle.variable(name, [1, 32]) for name in ("product", "sum", "y")]
    variables += [paddle.special_variable("feed", paddle.FEED_MINIBATCH)]
    variables += [paddle.special_variable("fetch", paddle.FETCH_LIST)]
    product = {"X": "x", "Y": "weight"}
    operations = [
        paddle.operation("feed", {"X": "feed"}, {"Out": "x"}, col=0),
        paddle.operation("matmul_v2", product, {"Out": "product"}, trans_x=False, trans_y=False),
        paddle.operation("elementwise_add", {"X": "product", "Y": "bias"}, {"Out": "sum"}, axis=-1),
        paddle.operation("relu", {"X": "sum"}, {"Out": "y"}),
        paddle.operation("fetch", {"X": "y"}, {"Out": "fetch"}, col=0),
    ]
    (folder / "model.pdmodel").write_bytes(paddle.program(variables, operations))
    (folder / "model.pdiparams").write_bytes(paddle.parameters(tensors))


def tflite_model(folder, rng):
    tensors = linear_weights(rng)
    (folder / "model.tflite").write_bytes(tflite.linear(tensors["weight"].T, tensors["bias"]))


def tensorflow_model(folder, rng):
    graph = tensorflow.linear(**linear_weights(rng))
    (folder / "model.pb").write_bytes(graph)
    (folder / "saved").mkdir()
    saved = tensorflow.saved_model(graph, {"x": [1, 64]}, {"y": [1, 32]})
    (folder / "saved" / "saved_model.pb").write_bytes(saved)


def language_model_folder(folder, rng):
    embedding_network(folder / "openvino_model.xml", rng, "decoder", "input_ids", "logits", 64, VOCABULARY)
    for name in ("openvino_tokenizer", "openvino_detokenizer"):
        embedding_network(folder / f"{name}.xml", rng, name, width=8, outputs=4)
    configuration = {"architectures": ["ExampleForCausalLM"], "vocab_size": VOCABULARY}
    (folder / "config.json").write_text(json.dumps(configuration, indent=2) + "\n")
    (folder / "tokenizer").mkdir()
    words = "".join(f"token{number}\n" for number in range(VOCABULARY))
    (folder / "tokenizer" / "vocab.txt").write_text(words)
    (folder / "added_tokens.txt").write_bytes(b"")


MODELS = {
    "conv": conv,
    "mlp": mlp,
    "mask": mask,
    "onnx": onnx_inline,
    "onnx-external": onnx_external,
    "paddle": paddle_model,
    "folder": language_model_folder,
    "onnx-conv": onnx_network(onnx_models.convolutional, False),
    "onnx-conv-files": onnx_network(onnx_models.convolutional, True),
    "onnx-branches": onnx_network(onnx_models.branches, False),
    "onnx-branches-files": onnx_network(onnx_models.branches, True),
    "onnx-types": onnx_network(onnx_models.types, False),
    "onnx-types-files": onnx_network(onnx_models.types, True),
    "tflite": tflite_model,
    "tensorflow": tensorflow_model,
}


def main(folder):
    for seed, (name, write) in enumerate(MODELS.items()):
        target = folder / name
        target.mkdir(parents=True)
        write(target, np.random.default_rng(seed))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
