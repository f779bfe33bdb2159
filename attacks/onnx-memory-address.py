"""Seals ONNX models with weights at a memory address, or in a file outside the model's directory.

OpenVINO would read any address in the model. Required outcome: exit code 2 and no container, for
the file and for its directory, with the location in the graph or in a node's attribute.
"""

from pathlib import Path

from support import USAGE, check, must, temporary_directory

LOCATIONS = ("*/_ORT_MEM_ADDR_/*", "../secret", "/etc/passwd")


def field(number, content):
    """Encodes a protobuf field with a length."""
    assert len(content) < 1 << 14
    length = bytes([len(content) & 0x7F | 0x80, len(content) >> 7])
    return bytes([number << 3 | 2]) + length + content


def tensor(location):
    """Encodes a TensorProto with external data."""
    entries = {"location": location, "offset": "4096", "length": "16"}
    pairs = (field(1, key.encode()) + field(2, value.encode()) for key, value in entries.items())
    return b"".join(field(13, pair) for pair in pairs)


def models(location):
    """Yields a ModelProto with the tensor as initializer, and one with it as a node's attribute."""
    yield field(7, field(5, tensor(location)))
    yield field(7, field(1, field(5, field(5, tensor(location)))))


with temporary_directory():
    Path("secret").write_bytes(bytes(8192))
    Path("model").mkdir()
    for location in LOCATIONS:
        for model in models(location):
            Path("model/model.onnx").write_bytes(model)
            for path in ("model/model.onnx", "model"):
                Path("key").write_bytes(bytes(32))
                must(USAGE, "seal", path, "-o", "out.ovseal", "--keyfile", "key")
                check(not Path("out.ovseal").exists(), "a container was made")
