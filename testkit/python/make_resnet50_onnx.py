"""Writes ResNet-50 as ONNX with seeded weights inside: python make_resnet50_onnx.py OUTDIR"""

import sys
from pathlib import Path

import onnx
from onnx import TensorProto, helper, numpy_helper

from make_resnet50 import CLASSES, SEED, Builder, resnet50, save_image


class OnnxBuilder(Builder):
    """Adds the layers as nodes of an ONNX graph, with names as values."""

    def __init__(self, seed):
        super().__init__(seed)
        self.nodes, self.initializers = [], []

    def node(self, kind, *inputs, **attributes):
        output = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def constant(self, array):
        name = f"weights_{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(array, name))
        return name

    def relu(self, x):
        return self.node("Relu", x)

    def add(self, x, y):
        return self.node("Add", x, y)

    def max_pool(self, x):
        return self.node("MaxPool", x, kernel_shape=[3, 3], pads=[1] * 4, strides=[2, 2])

    def convolve(self, x, kernel, stride, pad):
        return self.node("Conv", x, kernel, pads=[pad] * 4, strides=[stride] * 2)

    def normalize(self, x, gamma, beta, mean, variance):
        parameters = [self.constant(array) for array in (gamma, beta, mean, variance)]
        return self.node("BatchNormalization", x, *parameters, epsilon=1e-5)

    def mean_of_image(self, x):
        return self.node("Flatten", self.node("GlobalAveragePool", x))

    def linear(self, x, weights, bias):
        return self.node("Gemm", x, weights, bias, transB=1)


def main(folder):
    builder = OnnxBuilder(SEED)
    logits = resnet50(builder, "image")
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 224, 224])
    output = helper.make_tensor_value_info(logits, TensorProto.FLOAT, [1, CLASSES])
    graph = helper.make_graph(builder.nodes, "resnet50", [image], [output], builder.initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save_model(model, folder / "resnet50.onnx")
    save_image(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
