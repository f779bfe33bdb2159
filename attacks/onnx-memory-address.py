"""Seals ONNX models whose weights "stand" at an address in memory, or in a file outside the model's folder.

With the first kind OpenVINO reads whatever address the model names. Must happen: exit code 2 and no container, for the file
and for its folder, whether the location stands in the graph or in a node's attribute.
"""

from pathlib import Path

from support import USAGE, check, folder, must

LOCATIONS = ("*/_ORT_MEM_ADDR_/*", "../secret", "/etc/passwd")


def field(number, content):
    """A protobuf field with a length."""
    assert len(content) < 1 << 14
    length = bytes([len(content) & 0x7F | 0x80, len(content) >> 7])
    return bytes([number << 3 | 2]) + length + content


def tensor(location):
    """A TensorProto whose data is external."""
    entries = {"location": location, "offset": "4096", "length": "16"}
    pairs = (field(1, key.encode()) + field(2, value.encode()) for key, value in entries.items())
    return b"".join(field(13, pair) for pair in pairs)


def models(location):
    """ModelProtos with the tensor as an initializer, and as the attribute of a node."""
    yield field(7, field(5, tensor(location)))
    yield field(7, field(1, field(5, field(5, tensor(location)))))


with folder():
    Path("secret").write_bytes(bytes(8192))
    Path("model").mkdir()
    for location in LOCATIONS:
        for model in models(location):
            Path("model/model.onnx").write_bytes(model)
            for path in ("model/model.onnx", "model"):
                Path("key").write_bytes(bytes(32))
                must(USAGE, "seal", path, "-o", "out.ovseal", "--keyfile", "key")
                check(not Path("out.ovseal").exists(), "a container was made")
