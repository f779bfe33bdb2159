"""What the tests share: models, keys, and a container of each."""

import os
import time
from pathlib import Path

import numpy as np
import openvino as ov
import ovseal
import pytest

ROOT = Path(__file__).resolve().parents[3]
MODELS = Path(os.environ.get("OVSEAL_TEST_MODELS", ROOT / "target/test/models"))
KEY_BYTES = bytes(range(32))
# Seconds after which something hangs. Busy and slow machines need a fraction of it.
PATIENCE = 1800


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """The device's files are below the test's own folder."""
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
    """Seals the test model of a name and gives the container's path."""

    def seal(name, file="model.xml", **options):
        output = tmp_path / f"{name}.ovseal"
        ovseal.seal(MODELS / name / file, output, recipients=key, replace=True, **options)
        return output

    return seal


@pytest.fixture
def exported(tmp_path, key, core):
    """Compiles the test model of a name, seals what the device exports, and gives the container's path."""

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
    # The weights end a little before the trailer, and are longer than all that follows.
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return path


def eventually(condition):
    """Waits until a condition holds, and says whether it ever did."""
    begin = time.monotonic()
    while not (holds := condition()) and time.monotonic() - begin < PATIENCE:
        time.sleep(0.01)
    return holds


def inputs(model):
    """The same numbers for the same model: dynamic extents are 4."""
    rng = np.random.default_rng(7)
    return [fill(rng, port) for port in model.inputs]


def fill(rng, port):
    shape = [extent.get_length() if extent.is_static else 4 for extent in port.partial_shape]
    kind = port.element_type.to_dtype()
    if kind == np.bool_:
        return rng.integers(0, 2, shape).astype(kind)
    if np.issubdtype(kind, np.integer):
        return rng.integers(0, 100, shape).astype(kind)
    return rng.standard_normal(shape).astype(kind)


def outputs(compiled):
    """What a compiled model computes, as bytes."""
    results = compiled(inputs(compiled))
    return [results[port].tobytes() for port in compiled.outputs]
