"""Seals and runs IRs whose constants are not where the weights are, or longer: OpenVINO would read other memory of the process.

Must happen: exit code 2 and no container at sealing, for the file and for its folder. A container that someone with the key made all
the same is refused before OpenVINO sees it: not authentic (3), or not supported (6) where the constant is not understood.
"""

import json
from pathlib import Path

from support import NOT_AUTHENTIC, UNSUPPORTED, USAGE, VECTORS, check, folder, must

# Attributes of a constant beside weights of 16 bytes.
CONSTANTS = {
    "bytes that wrap to nothing": 'element_type="f32" shape="4611686018427387904" offset="0" size="16"',
    "an end that wraps": 'element_type="f32" shape="4" offset="18446744073709551608" size="16"',
    "the bytes behind the weights": 'element_type="f32" shape="4" offset="16" size="16"',
    "a shape that needs more bytes": 'element_type="f32" shape="5" offset="0" size="16"',
    "a text in the place of bytes": 'element_type="f32" shape="1048576" offset="0" size="4194304" value="abc"',
    "no known type": 'element_type="undefined" shape="1048576" offset="0" size="16"',
    "strings without a table": 'element_type="string" shape="2" offset="0" size="16"',
}

OUTCOMES = {
    "ir-shape-wraps": NOT_AUTHENTIC,
    "ir-short-constant": NOT_AUTHENTIC,
    "ir-behind-weights": NOT_AUTHENTIC,
    "ir-negative-offset": NOT_AUTHENTIC,
    "ir-body": NOT_AUTHENTIC,
    "ir-strings": NOT_AUTHENTIC,
    "ir-value": UNSUPPORTED,
}


def network(attributes):
    """An IR with this one constant."""
    layer = f'<layer id="0" name="c" type="Const" version="opset1"><data {attributes}/></layer>'
    return f'<?xml version="1.0"?>\n<net name="n" version="11"><layers>{layer}</layers></net>\n'


with folder():
    Path("model").mkdir()
    Path("key").write_bytes(bytes(32))
    Path("model/model.bin").write_bytes(b"\1" * 16)
    for what, attributes in CONSTANTS.items():
        Path("model/model.xml").write_text(network(attributes))
        for path in ("model/model.xml", "model"):
            must(USAGE, "seal", path, "-o", "out.ovseal", "--keyfile", "key")
            check(not Path("out.ovseal").exists(), f"a container with {what} was made")
    for name, outcome in OUTCOMES.items():
        path = VECTORS / f"{name}.json"
        Path("key").write_bytes(bytes.fromhex(json.loads(path.read_text())["key"]["keyfile"]))
        must(outcome, "run", path.with_suffix(".ovseal"), "--keyfile", "key")
