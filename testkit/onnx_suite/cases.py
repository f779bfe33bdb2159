"""Writes the ONNX project's backend tests as files for the runner: python cases.py OUTDIR

Each case is a directory. `model.onnx` is the model. `case.json` lists the input tensors of each
data set: name, type, shape, and the place of their bytes in `data.raw`, little-endian and in C
order. `recorded.pickle` holds the recorded outputs for `judge.py`. Cases with values that are not
tensors, or have types unknown to the runtime, are omitted and listed in `left_out.json`.
"""

import json
import pickle
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases
from onnx.backend.test.loader import load_model_tests
from onnx.backend.test.runner import Runner

# Names of element types in numpy or ml_dtypes, and in the runtime.
TYPES = {
    "bool": "boolean",
    "float16": "f16",
    "bfloat16": "bf16",
    "float32": "f32",
    "float64": "f64",
    "float8_e4m3fn": "f8e4m3",
    "float8_e5m2": "f8e5m2",
    "float8_e8m0fnu": "f8e8m0",
    **{f"int{bits}": f"i{bits}" for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": f"u{bits}" for bits in (8, 16, 32, 64)},
    "int4": "i4",
    "uint4": "u4",
    "uint2": "u2",
    "float4_e2m1fn": "f4e2m1",
}
# The runtime packs several elements of these types into a byte, lowest bits first. numpy uses a
# byte for each.
BITS = {"int4": 4, "uint4": 4, "uint2": 2, "float4_e2m1fn": 4}
FILES = ("simple", "pytorch-converted", "pytorch-operator")
LIGHT = "onnx/backend/test/data/light/"


class LeftOut(Exception):
    """A case has an input or output that the runtime cannot represent as a tensor."""


def cases():
    """Yields each case with its kind, the bytes of its model, and its data sets."""
    for case in collect_testcases(None):
        sets = [([array(value) for value in fed], [array(value) for value in given]) for fed, given in case.data_sets]
        yield case, "node", case.model.SerializeToString(), sets
    for kind in FILES:
        for case in load_model_tests(kind=kind):
            folder = Path(case.model_dir)
            yield case, kind, (folder / "model.onnx").read_bytes(), [data_set(path) for path in data_folders(folder)]
    for case in load_model_tests(kind="real"):
        if case.url.startswith(LIGHT):
            yield case, "light", *light(case)


def data_folders(folder):
    return sorted(folder.glob("test_data_set_*"))


def data_set(folder):
    """Reads the inputs and outputs of a data set; values that are not tensors become None."""
    counts = [len(list(folder.glob(f"{direction}_*.pb"))) for direction in ("input", "output")]
    files = [[folder / f"{name}_{i}.pb" for i in range(n)] for name, n in zip(("input", "output"), counts)]
    return tuple([read(path) for path in paths] for paths in files)


def read(path):
    tensor = onnx.TensorProto()
    try:
        tensor.ParseFromString(path.read_bytes())
        return array(tensor)
    except Exception:  # A sequence or optional value, encoded as another message.
        return None


def array(value):
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value


def light(case):
    """Reads a well-known network without its weights, with the suite's generated inputs."""
    path = Path(onnx.__file__).parent.parent / case.url
    model = onnx.load(path)
    fed = [Runner.generate_dummy_data(i, seed=0, name=case.model_name, random=False) for i in inputs(model)]
    outputs = [read(path.with_name(f"{path.stem}_output_{i}.pb")) for i in range(len(model.graph.output))]
    return path.read_bytes(), [(fed, outputs)]


def inputs(model):
    """Lists the inputs without a default value."""
    given = {tensor.name for tensor in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in given]


def described(value, data, name=""):
    """Describes a tensor and appends its bytes."""
    if not isinstance(value, (np.ndarray, np.generic)) or str(value.dtype) not in TYPES:
        raise LeftOut("a value that is not a numeric tensor")
    raw = packed(value)
    place = {"offset": len(data), "length": len(raw)}
    data.extend(raw)
    return {"name": name, "type": TYPES[str(value.dtype)], "shape": list(value.shape), **place}


def packed(value):
    """Returns the bytes of a tensor in the runtime's layout."""
    raw, bits = np.ascontiguousarray(value).tobytes(), BITS.get(str(value.dtype), 8)
    if bits == 8:
        return raw
    numbers = np.frombuffer(raw, np.uint8) & (1 << bits) - 1
    numbers = np.pad(numbers, (0, -len(numbers) % (8 // bits))).reshape(-1, 8 // bits)
    return np.bitwise_or.reduce(numbers << np.arange(0, 8, bits, dtype=np.uint8), axis=1).astype(np.uint8).tobytes()


def unpacked(raw, dtype, count):
    """Returns `count` numbers that `packed` has encoded, and the bytes after them."""
    bits = BITS.get(str(dtype), 8)
    if bits == 8:
        return np.frombuffer(raw, dtype, count), raw[count * dtype.itemsize :]
    length = -(-count * bits // 8)
    numbers = np.frombuffer(raw, np.uint8, length)[:, None] >> np.arange(0, 8, bits, dtype=np.uint8)
    numbers = (numbers & (1 << bits) - 1).astype(np.uint8).reshape(-1)[:count]
    if str(dtype) == "int4":
        numbers = np.where(numbers > 7, numbers | 0xF0, numbers).astype(np.uint8)
    return numbers.view(dtype), raw[length:]


def write(folder, case, kind, model, sets):
    data, outputs = bytearray(), bytearray()
    names = [value.name for value in inputs(onnx.load_from_string(model))]
    fed = [[described(value, data, name) for name, value in zip(names, values)] for values, _ in sets]
    for _, recorded in sets:
        for value in recorded:
            described(value, outputs)
    folder.mkdir()
    (folder / "model.onnx").write_bytes(model)
    (folder / "data.raw").write_bytes(data)
    (folder / "case.json").write_text(json.dumps({"sets": fed}))
    recorded = {"kind": kind, "rtol": case.rtol, "atol": case.atol, "outputs": [given for _, given in sets]}
    (folder / "recorded.pickle").write_bytes(pickle.dumps(recorded))


def main(target):
    warnings.filterwarnings("ignore")
    target.mkdir(parents=True)
    left_out = {}
    for case, kind, model, sets in cases():
        try:
            write(target / case.name, case, kind, model, sets)
        except LeftOut as reason:
            left_out[case.name] = f"{kind}: {reason}"
    (target / "left_out.json").write_text(json.dumps(left_out, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
