"""Building blocks of OpenVINO networks."""

from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset13 as ops


def parameter(name, shape, dtype):
    """Returns an input; its tensor has the same name, and -1 is a dynamic dimension."""
    node = ops.parameter(shape, dtype, name=name)
    node.output(0).set_names({name})
    return node


def result(node, name):
    """Makes `node` an output with a tensor called `name`."""
    node.output(0).set_names({name})
    return ops.result(node, name=f"{name}/result")


def normal(rng, shape, scale):
    """Returns normally distributed float32 numbers with the standard deviation `scale`."""
    return rng.standard_normal(shape, dtype=np.float32) * np.float32(scale)


def save(inputs, results, path, name, half=False):
    """Writes `path` (.xml) and its weights (.bin), in fp16 if `half`, and returns the network."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    model = ov.Model(results, inputs, name)
    ov.save_model(model, path, compress_to_fp16=half)
    return model


def save_input(folder, arrays, dtype=np.int64):
    """Writes the network's input for benchmarks: the concatenated elements of all inputs."""
    (Path(folder) / "input.raw").write_bytes(b"".join(np.asarray(array, dtype).tobytes() for array in arrays))
