"""Writes ResNet-50 with seeded weights: python make_resnet50.py OUTDIR

The network of K. He, X. Zhang, S. Ren, J. Sun, "Deep Residual Learning for Image Recognition"
(2015), table 1: bottleneck blocks with the stride in the first 1x1 convolution, projection
shortcuts where the shape changes, and batch normalization after each convolution. Shapes,
operations and sizes are the paper's; the weights are random, with the same authors' initialization.
"""

import sys
from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from networks import normal, parameter, result, save, save_input

STAGES = [(3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2)]  # blocks, width, stride of the first block
EXPANSION = 4
CLASSES = 1000
TRAINABLE_PARAMETERS = 25_557_032
SEED = 50


class Builder:
    """Adds layers with seeded weights and counts the trainable parameters.

    Every method that makes a node can be overridden to write the network in another format.
    """

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.trainable = 0

    def constant(self, array):
        return ops.constant(array)

    def relu(self, x):
        return ops.relu(x)

    def add(self, x, y):
        return ops.add(x, y)

    def max_pool(self, x):
        return ops.max_pool(x, [2, 2], [1, 1], [1, 1], [1, 1], [3, 3]).output(0)

    def convolve(self, x, kernel, stride, pad):
        return ops.convolution(x, kernel, [stride] * 2, [pad] * 2, [pad] * 2, [1, 1])

    def normalize(self, x, gamma, beta, mean, variance):
        return ops.batch_norm_inference(x, gamma, beta, mean, variance, 1e-5)

    def mean_of_image(self, x):
        return ops.reduce_mean(x, ops.constant(np.array([2, 3])), False)

    def linear(self, x, weights, bias):
        return ops.add(ops.matmul(x, weights, False, True), bias)

    def weights(self, shape, scale):
        self.trainable += int(np.prod(shape))
        return self.constant(normal(self.rng, shape, scale))

    def convolution(self, x, inputs, outputs, size, stride):
        """Adds a convolution without bias, with He initialization, and batch normalization."""
        kernel = self.weights((outputs, inputs, size, size), np.sqrt(2 / (inputs * size * size)))
        return self.batch_norm(self.convolve(x, kernel, stride, size // 2), outputs)

    def batch_norm(self, x, channels):
        self.trainable += 2 * channels
        gamma, variance = np.ones(channels, np.float32), np.ones(channels, np.float32)
        beta, mean = normal(self.rng, channels, 0.1), normal(self.rng, channels, 0.1)
        return self.normalize(x, gamma, beta, mean, variance)

    def bottleneck(self, x, inputs, width, stride):
        outputs = width * EXPANSION
        y = self.relu(self.convolution(x, inputs, width, 1, stride))
        y = self.relu(self.convolution(y, width, width, 3, 1))
        y = self.convolution(y, width, outputs, 1, 1)
        if inputs != outputs:
            x = self.convolution(x, inputs, outputs, 1, stride)
        return self.relu(self.add(y, x))

    def classifier(self, x, inputs):
        weights = self.weights((CLASSES, inputs), 0.01)
        bias = self.weights((1, CLASSES), 0.01)
        return self.linear(self.mean_of_image(x), weights, bias)


def resnet50(builder, image):
    """Returns the logits for an image of shape [1, 3, 224, 224]."""
    x = builder.max_pool(builder.relu(builder.convolution(image, 3, 64, 7, 2)))
    channels = 64
    for blocks, width, stride in STAGES:
        for block in range(blocks):
            x = builder.bottleneck(x, channels, width, stride if block == 0 else 1)
            channels = width * EXPANSION
    if builder.trainable + CLASSES * (channels + 1) != TRAINABLE_PARAMETERS:
        sys.exit(f"this is not ResNet-50: {builder.trainable} parameters before the last layer")
    return builder.classifier(x, channels)


def save_image(folder):
    """Writes the network's input for benchmarks."""
    save_input(folder, [np.random.default_rng(SEED).random((3, 224, 224))], np.float32)


def main(folder):
    builder = Builder(SEED)
    image = parameter("image", [1, 3, 224, 224], ov.Type.f32)
    logits = result(resnet50(builder, image), "logits")
    save([image], [logits], folder / "resnet50.xml", "resnet50")
    save_image(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
