"""Fixtures and helpers that the tests share."""

import os
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import openvino as ov
import ovseal
import pytest

ROOT = Path(__file__).resolve().parents[3]
MODELS = Path(os.environ.get("OVSEAL_TEST_MODELS", ROOT / "target/test/models"))
KEY_BYTES = bytes(range(32))
# Seconds until something counts as hung. Even slow, busy machines need only a fraction of this.
PATIENCE = 1800


@pytest.fixture(autouse=True)
def state_directory(tmp_path, monkeypatch):
    """Keep the device's files in the test's own directory."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


@pytest.fixture
def key():
    return ovseal.keyfile(KEY_BYTES)


@pytest.fixture(scope="session")
def core():
    return ov.Core()


@pytest.fixture
def sealed(tmp_path, key):
    """Return a function that seals a test model and returns the container's path."""

    def seal(name, file="model.xml", **options):
        output = tmp_path / f"{name}.ovseal"
        ovseal.seal(MODELS / name / file, output, recipients=key, replace=True, **options)
        return output

    return seal


@pytest.fixture
def exported(tmp_path, key, core):
    """Return a function that compiles a test model, seals its export, and returns the path."""

    def seal(name, file="model.blob"):
        compiled = core.compile_model(core.read_model(MODELS / name / "model.xml"), "CPU")
        (tmp_path / file).write_bytes(compiled.export_model().getvalue())
        output = tmp_path / f"{name}-exported.ovseal"
        ovseal.seal(tmp_path / file, output, recipients=key, replace=True)
        return output

    return seal


@pytest.fixture
def damaged(sealed):
    """A container with one flipped bit in the payload of its last part."""
    path = sealed("conv")
    content = bytearray(path.read_bytes())
    # The weights are longer than everything that follows them, so the middle of the file is among
    # them.
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return path


@contextmanager
def raises(exception, code, **match):
    """Expect an exception with a code."""
    with pytest.raises(exception, **match) as raised:
        yield raised
    assert raised.value.code == code


def eventually(condition):
    """Wait until a condition holds. Return false if it never does."""
    begin = time.monotonic()
    while not (holds := condition()) and time.monotonic() - begin < PATIENCE:
        time.sleep(0.01)
    return holds


def inputs(model):
    """Return the same numbers for the same model. Dynamic extents are 4."""
    rng = np.random.default_rng(7)
    return [fill(rng, port) for port in model.inputs]


def fill(rng, port):
    shape = [extent.get_length() if extent.is_static else 4 for extent in port.partial_shape]
    dtype = port.element_type.to_dtype()
    if dtype == np.bool_:
        return rng.integers(0, 2, shape).astype(dtype)
    if np.issubdtype(dtype, np.integer):
        return rng.integers(0, 100, shape).astype(dtype)
    return rng.standard_normal(shape).astype(dtype)


def outputs(compiled):
    """Return the outputs of a compiled model, as bytes."""
    results = compiled(inputs(compiled))
    return [results[port].tobytes() for port in compiled.outputs]
