"""Seals and runs IRs with constants outside the weights: OpenVINO would read other memory.

Required outcome: sealing the file or its directory fails with exit code 2 and makes no container. A
container made by an attacker with the key is rejected before OpenVINO reads it: not authentic (3),
or unsupported (6) if `ovseal` does not understand the constant.
"""

import json
from pathlib import Path

from support import NOT_AUTHENTIC, UNSUPPORTED, USAGE, VECTORS, check, must, temporary_directory

# Attributes of a constant; the weights have 16 bytes.
CONSTANTS = {
    "a size that wraps to zero": 'element_type="f32" shape="4611686018427387904" offset="0" size="16"',
    "an end that wraps": 'element_type="f32" shape="4" offset="18446744073709551608" size="16"',
    "the bytes after the weights": 'element_type="f32" shape="4" offset="16" size="16"',
    "a shape that needs more bytes": 'element_type="f32" shape="5" offset="0" size="16"',
    "text instead of bytes": 'element_type="f32" shape="1048576" offset="0" size="4194304" value="abc"',
    "an unknown type": 'element_type="undefined" shape="1048576" offset="0" size="16"',
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
    """Returns an IR with only this constant."""
    layer = f'<layer id="0" name="c" type="Const" version="opset1"><data {attributes}/></layer>'
    return f'<?xml version="1.0"?>\n<net name="n" version="11"><layers>{layer}</layers></net>\n'


with temporary_directory():
    Path("model").mkdir()
    Path("key").write_bytes(bytes(32))
    Path("model/model.bin").write_bytes(b"\1" * 16)
    for what, attributes in CONSTANTS.items():
        Path("model/model.xml").write_text(network(attributes))
        for path in ("model/model.xml", "model"):
            must(USAGE, "seal", path, "-o", "out.ovseal", "--keyfile", "key")
            check(not Path("out.ovseal").exists(), f"a constant with {what} was sealed")
    for name, outcome in OUTCOMES.items():
        path = VECTORS / f"{name}.json"
        Path("key").write_bytes(bytes.fromhex(json.loads(path.read_text())["key"]["keyfile"]))
        must(outcome, "run", path.with_suffix(".ovseal"), "--keyfile", "key")
