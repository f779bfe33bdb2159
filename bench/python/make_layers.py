"""Writes a network of 500 MB, layers with 16-bit weights: python make_layers.py OUTDIR

The time to read a container depends on its length, not on the network's operations.
"""

import sys
from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset13 as ops

LAYERS, WIDTH = 40, 2500
SEED = 500


def main():
    directory = Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(SEED)
    entry = ops.parameter([1, WIDTH], ov.Type.f32, name="x")
    node = entry
    for _ in range(LAYERS):
        weights = ops.constant((rng.standard_normal((WIDTH, WIDTH), dtype=np.float32) * 0.02).astype(np.float16))
        node = ops.relu(ops.matmul(node, ops.convert(weights, ov.Type.f32), False, True))
    ov.save_model(ov.Model([ops.result(node)], [entry], "layers"), directory / "layers.xml", compress_to_fp16=False)


if __name__ == "__main__":
    main()
