"""Writes ResNet-50 with seeded weights: python make_resnet50.py OUTDIR

The network of K. He, X. Zhang, S. Ren, J. Sun, "Deep Residual Learning for Image Recognition" (2015), table 1: bottleneck blocks whose
first 1x1 convolution carries the stride, projection shortcuts where the shape changes, batch normalization after each convolution.
The weights have the initialization of the same authors and mean nothing; shapes, operations and sizes are the paper's.
"""

import sys
from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from networks import normal, parameter, result, save

STAGES = [(3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2)]  # blocks, width, stride of the first block
EXPANSION = 4
CLASSES = 1000
TRAINABLE_PARAMETERS = 25_557_032
SEED = 50


class Builder:
    """Adds layers with seeded weights and counts the parameters that training would change."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.trainable = 0

    def weights(self, shape, scale):
        self.trainable += int(np.prod(shape))
        return ops.constant(normal(self.rng, shape, scale))

    def convolution(self, x, inputs, outputs, size, stride):
        """A convolution without bias, then batch normalization; He initialization, so that the variance is kept."""
        kernel = self.weights((outputs, inputs, size, size), np.sqrt(2 / (inputs * size * size)))
        pad = [size // 2] * 2
        return self.batch_norm(ops.convolution(x, kernel, [stride] * 2, pad, pad, [1, 1]), outputs)

    def batch_norm(self, x, channels):
        self.trainable += 2 * channels
        gamma, variance = np.ones(channels, np.float32), np.ones(channels, np.float32)
        beta, mean = normal(self.rng, channels, 0.1), normal(self.rng, channels, 0.1)
        return ops.batch_norm_inference(x, gamma, beta, mean, variance, 1e-5)

    def bottleneck(self, x, inputs, width, stride):
        outputs = width * EXPANSION
        y = ops.relu(self.convolution(x, inputs, width, 1, stride))
        y = ops.relu(self.convolution(y, width, width, 3, 1))
        y = self.convolution(y, width, outputs, 1, 1)
        if inputs != outputs:
            x = self.convolution(x, inputs, outputs, 1, stride)
        return ops.relu(ops.add(y, x))

    def classifier(self, x, inputs):
        pooled = ops.reduce_mean(x, ops.constant(np.array([2, 3])), False)
        weights = self.weights((CLASSES, inputs), 0.01)
        bias = self.weights((1, CLASSES), 0.01)
        return ops.add(ops.matmul(pooled, weights, False, True), bias)


def resnet50(builder, image):
    """Returns the logits for an image of shape [1, 3, 224, 224]."""
    x = ops.relu(builder.convolution(image, 3, 64, 7, 2))
    x = ops.max_pool(x, [2, 2], [1, 1], [1, 1], [1, 1], [3, 3]).output(0)
    channels = 64
    for blocks, width, stride in STAGES:
        for block in range(blocks):
            x = builder.bottleneck(x, channels, width, stride if block == 0 else 1)
            channels = width * EXPANSION
    return builder.classifier(x, channels)


def main(folder):
    builder = Builder(SEED)
    image = parameter("image", [1, 3, 224, 224], ov.Type.f32)
    logits = result(resnet50(builder, image), "logits")
    if builder.trainable != TRAINABLE_PARAMETERS:
        sys.exit(f"this is not ResNet-50: {builder.trainable} parameters, not {TRAINABLE_PARAMETERS}")
    save([image], [logits], folder / "resnet50.xml", "resnet50")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
