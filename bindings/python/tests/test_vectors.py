"""Each vector has the outcome that it states, and the kind of failure of every language."""

import hashlib
import json
import warnings

import ovseal
import pytest
from conftest import ROOT

VECTORS = ROOT / "testkit/vectors"
KNOWN = {"ir", "onnx", "paddle", "compiled", "weights", "file"}
KINDS = {
    "not-a-container": ("unsupported", 6),
    "unsupported": ("unsupported", 6),
    "not-authentic": ("not-authentic", 3),
    "no-key-fits": ("no-key-fits", 4),
    "denied": ("denied", 5),
    "usage": ("usage", 2),
}


def vectors():
    found = sorted(VECTORS.glob("*.json"))
    assert len(found) > 100
    return [pytest.param(path, id=path.stem) for path in found]


def key_of(vector):
    match vector["key"]:
        case {"passphrase": text}:
            return ovseal.passphrase(text)
        case {"passphrase_hex": digits}:
            return ovseal.passphrase(bytes.fromhex(digits))
        case {"keyfile": digits}:
            return ovseal.keyfile(bytes.fromhex(digits))
        case {"identity": text}:
            return ovseal.identity(text.encode())
    return []


def read(path, vector):
    publisher = VECTORS / vector["publisher"] if vector["publisher"] else ovseal.ANY_SENDER
    with ovseal.open(
        path,
        key=key_of(vector),
        publisher=publisher,
        name=vector["name"],
        min_security_version=vector.get("min_security_version"),
    ) as sealed:
        parts = [describe(part) for part in sealed]
        return {"model_name": sealed.name, "security_version": sealed.security_version, "parts": parts}


def describe(part):
    content = hashlib.sha256(part).hexdigest()
    return {"path": part.path, "kind": part.kind, "length": len(part), "sha256": content, "companions": part.companions}


def expected(vector):
    """Return a vector's expectations in the form of `read`."""
    paths = [part["path"] for part in vector["parts"]]
    for part in vector["parts"]:
        part["companions"] = [paths[number] for number in part["companions"]]
        part["kind"] = part["kind"] if part["kind"] in KNOWN else "other"
    return {name: vector[name] for name in ("model_name", "security_version", "parts")}


@pytest.mark.parametrize("path", vectors())
def test_vector(path):
    vector = json.loads(path.read_text("utf-8"))
    container = path.with_suffix(".ovseal")
    if vector["expect"] == "opened":
        assert read(container, vector) == expected(vector)
        return
    kind, number = KINDS[vector["expect"]]
    with pytest.raises(ovseal.Error) as raised:
        read(container, vector)
    assert (raised.value.kind, raised.value.code // 100) == (kind, number)
    if vector["expect"] == "not-a-container":
        assert raised.value.code == 601


def test_the_command_and_python_report_the_same_failure(tmp_path, sealed, damaged, key, capfd):
    """The exit code of `python -m ovseal` is the exception's code divided by 100."""
    from ovseal import _ovseal

    (tmp_path / "key").write_bytes(bytes(range(32)))
    (tmp_path / "other").write_bytes(bytes(32))
    (tmp_path / "empty").write_bytes(b"")
    for name in ("key", "other"):
        (tmp_path / name).chmod(0o600)
    intact = sealed("mlp")
    cases = [(intact, "other"), (damaged, "key"), (tmp_path / "empty", "key"), (tmp_path / "missing", "key")]
    for container, key_name in cases:
        code = _ovseal.run(["ovseal", "verify", str(container), "--keyfile", str(tmp_path / key_name)])
        with warnings.catch_warnings(), pytest.raises(ovseal.Error) as raised:
            ovseal.verify(container, key=ovseal.keyfile(tmp_path / key_name))
        assert raised.value.code // 100 == code, capfd.readouterr().err
