"""ONNX networks with weights in every place that ONNX allows; each computes y f32 from x f32."""

import numpy as np
from onnx import SparseTensorProto, TensorProto, helper, numpy_helper

from networks import normal

FLOATS = ("FLOAT16", "BFLOAT16", "FLOAT", "DOUBLE")
INTEGERS = ("INT8", "UINT8", "INT16", "UINT16", "INT32", "UINT32", "INT64", "UINT64", "BOOL")
PACKED = ("INT4", "UINT4", "FLOAT8E4M3FN", "FLOAT8E5M2")


def model(nodes, initializers, x, y, opset=17):
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in (("x", x), ("y", y))]
    graph = helper.make_graph(nodes, "network", values[:1], values[1:], initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def convolutional(rng):
    """Makes a small ResNet: three residual blocks with batch normalization, and a classifier."""
    nodes, weights, value, channels = [], {}, "x", 3
    for block, width in enumerate((16, 16, 32)):
        for name, inputs, kernel in (("main", value, 3), ("side", value, 1)):
            name = f"{name}{block}"
            weights[f"{name}.weight"] = normal(rng, (width, channels, kernel, kernel), 0.2)
            pads = [kernel // 2] * 4
            nodes.append(helper.make_node("Conv", [inputs, f"{name}.weight"], [name], pads=pads))
        statistics = [f"bn{block}.{name}" for name in ("scale", "bias", "mean", "variance")]
        for name in statistics:
            weights[name] = np.abs(normal(rng, (width,), 1)) + np.float32(0.1)
        nodes.append(helper.make_node("BatchNormalization", [f"main{block}", *statistics], [f"normal{block}"]))
        nodes.append(helper.make_node("Add", [f"normal{block}", f"side{block}"], [f"sum{block}"]))
        value, channels = f"relu{block}", width
        nodes.append(helper.make_node("Relu", [f"sum{block}"], [value]))
    weights["shape"] = np.array([1, -1])
    weights["classifier"] = normal(rng, (channels * 16 * 16, 10), 0.02)
    nodes.append(helper.make_node("Reshape", [value, "shape"], ["flat"]))
    nodes.append(helper.make_node("MatMul", ["flat", "classifier"], ["y"]))
    tensors = [numpy_helper.from_array(values, name) for name, values in weights.items()]
    return model(nodes, tensors, [1, 3, 16, 16], [1, 10])


def branches(rng):
    """Makes a network with weights in branches, in the body of a loop, and in attributes."""

    def matrix(name):
        return numpy_helper.from_array(normal(rng, (64, 64), 0.1), name)

    def value(name, shape=(1, 64), kind=TensorProto.FLOAT):
        return helper.make_tensor_value_info(name, kind, shape)

    def branch(name):
        node = helper.make_node("MatMul", ["x", f"{name}.weight"], [f"{name}.y"])
        return helper.make_graph([node], name, [], [value(f"{name}.y")], [matrix(f"{name}.weight")])

    body = helper.make_graph(
        [
            helper.make_node("MatMul", ["state", "loop.weight"], ["next"]),
            helper.make_node("Identity", ["go"], ["go.next"]),
        ],
        "loop",
        [value("step", (), TensorProto.INT64), value("go", (), TensorProto.BOOL), value("state")],
        [value("go.next", (), TensorProto.BOOL), value("next")],
        [matrix("loop.weight")],
    )
    sparse = SparseTensorProto(dims=[64, 64])
    sparse.values.CopyFrom(numpy_helper.from_array(normal(rng, (400,), 1), "sparse.values"))
    sparse.indices.CopyFrom(numpy_helper.from_array(np.arange(0, 4000, 10), "sparse.indices"))
    nodes = [
        helper.make_node("ReduceMax", ["x"], ["largest"], keepdims=0),
        helper.make_node("Greater", ["largest", "half"], ["is.large"]),
        helper.make_node("If", ["is.large"], ["chosen"], then_branch=branch("then"), else_branch=branch("else")),
        helper.make_node("Loop", ["three", "true", "chosen"], ["looped"], body=body),
        helper.make_node("Constant", [], ["dense"], value=matrix("")),
        helper.make_node("MatMul", ["looped", "dense"], ["product"]),
        helper.make_node("Constant", [], ["sparse"], sparse_value=sparse),
        helper.make_node("MatMul", ["product", "sparse"], ["y"]),
    ]
    scalars = {"half": np.float32(0.5), "three": np.int64(3), "true": np.bool_(True)}
    scalars = [numpy_helper.from_array(np.asarray(number), name) for name, number in scalars.items()]
    return model(nodes, scalars, [1, 64], [1, 64])


def types(rng):
    """Makes a network that adds up one tensor of each type, with an odd number of elements."""
    nodes, initializers, total = [], [], "x"
    for name in FLOATS + INTEGERS + PACKED:
        kind = getattr(TensorProto, name)
        raw = raw_data(rng, name, 2049)
        initializers.append(TensorProto(name=name, data_type=kind, dims=[2049], raw_data=raw))
        nodes.append(helper.make_node("Cast", [name], [f"{name}.float"], to=TensorProto.FLOAT))
        nodes.append(helper.make_node("Add", [total, f"{name}.float"], [f"{name}.sum"]))
        total = f"{name}.sum"
    nodes.append(helper.make_node("Identity", [total], ["y"]))
    return model(nodes, initializers, [2049], [2049], opset=21)


def raw_data(rng, name, count):
    """Returns packed numbers between -2 and 100, without infinities and NaNs."""
    if name == "BFLOAT16":
        return (normal(rng, (count,), 0.5).view(np.uint32) >> 16).astype(np.uint16).tobytes()
    if name in FLOATS:
        return normal(rng, (count,), 0.5).astype({"FLOAT": "<f4", "DOUBLE": "<f8", "FLOAT16": "<f2"}[name]).tobytes()
    if name in PACKED:
        return rng.integers(0, 60, (count + 1) // 2 if name.endswith("4") else count, dtype=np.uint8).tobytes()
    return rng.integers(0, 2 if name == "BOOL" else 100, count).astype(name.lower()).tobytes()


def tensors(message):
    """Returns every tensor in a message, however deep."""
    if isinstance(message, TensorProto):
        return [message]
    found = []
    for descriptor, value in message.ListFields():
        if descriptor.type == descriptor.TYPE_MESSAGE:
            is_list = not hasattr(value, "ListFields")
            found += [tensor for item in (value if is_list else [value]) for tensor in tensors(item)]
    return found


def move_outside(network, folder):
    """Moves the data of all tensors, even small ones, to three files in turn, at uneven offsets."""
    files = {"a.bin": bytearray(), "data/b.bin": bytearray(3), "data/c.bin": bytearray(4096)}
    for number, tensor in enumerate(tensors(network)):
        location = list(files)[number % len(files)]
        data, raw = files[location], tensor.raw_data
        place = {"location": location, "offset": len(data), "length": len(raw)}
        data.extend(raw + bytes(number % 5))
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in place.items():
            tensor.external_data.add(key=key, value=str(value))
    for location, data in files.items():
        path = folder / location
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
