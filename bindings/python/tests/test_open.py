"""Opened containers: sources, requirements, and parts as buffers."""

import io
import os
import pickle
import threading

import numpy as np
import openvino as ov
import ovseal
import pytest
from conftest import MODELS, raises

WEIGHTS = (MODELS / "mlp/model.bin").read_bytes()


def test_a_part_is_a_read_only_buffer_that_numpy_reads_without_a_copy(sealed, key):
    with ovseal.open(sealed("mlp"), key=key) as opened:
        part = opened["model.bin"]
        assert (part.path, part.kind, part.length, len(part)) == ("model.bin", "weights", len(WEIGHTS), len(WEIGHTS))
        view = memoryview(part)
        assert view.readonly and view.nbytes == len(WEIGHTS) and bytes(view) == WEIGHTS
        first, second = np.frombuffer(part, np.float32), np.frombuffer(part, np.float32)
        assert not first.flags.writeable and not first.flags.owndata
        assert first.ctypes.data == second.ctypes.data, "later buffers do not share the memory"
        with pytest.raises((ValueError, TypeError)):
            memoryview(part)[0] = 1
        with pytest.raises((BufferError, TypeError)):
            io.BytesIO(WEIGHTS).readinto(part)


def test_a_tensor_of_a_part_is_a_copy(sealed, key):
    with ovseal.open(sealed("mlp"), key=key) as opened:
        part = opened["model.bin"]
        tensors = [part.tensor()]
        view = memoryview(part)
        tensors.append(part.tensor())  # copied from the buffer
        for tensor in tensors:
            assert isinstance(tensor, ov.Tensor) and tensor.byte_size == len(WEIGHTS)
            assert tensor.data.tobytes() == WEIGHTS
            tensor.data[:] = 0
        assert bytes(view) == bytes(part) == WEIGHTS, "a tensor shares memory with a buffer"
    tensor = tensors.pop()
    del opened, part, view, tensors
    assert tensor.byte_size == len(WEIGHTS)


def test_an_empty_part(tmp_path, key):
    (tmp_path / "empty").write_bytes(b"")
    ovseal.seal(tmp_path / "empty", tmp_path / "e.ovseal", recipients=key, only=True)
    with ovseal.open(tmp_path / "e.ovseal", key=key) as opened:
        assert bytes(opened["empty"]) == b"" == opened["empty"].read()
        assert opened["empty"].tensor().size == 0


def test_ranges_of_a_part_are_read(sealed, key):
    with ovseal.open(sealed("mlp"), key=key) as opened:
        part = opened["model.bin"]
        assert part.read(100, 50) == WEIGHTS[100:150]
        assert part.read(len(WEIGHTS) - 1) == WEIGHTS[-1:]
        assert part.read(len(WEIGHTS)) == b""
        for offset, length in [(0, len(WEIGHTS) + 1), (len(WEIGHTS), 1), (1 << 63, 0), (5, 1 << 63)]:
            with raises(ovseal.UsageError, 204):
                part.read(offset, length)
        with pytest.raises(OverflowError):
            part.read(-1)


def test_a_container_is_a_mapping_of_its_parts(sealed, key):
    path = sealed("mlp")
    with ovseal.open(os.fspath(path), key=key) as opened:
        assert [part.path for part in opened] == ["model.xml", "model.bin"] == [part.path for part in opened.parts]
        assert len(opened) == 2 and "model.xml" in opened and "none" not in opened and 5 not in opened
        assert opened["model.xml"].companions == ["model.bin"]
        assert opened["model.bin"] is opened.parts[1]
        assert opened.publisher is None and len(opened.container_id) == 64
        with pytest.raises(KeyError):
            opened["none"]


def test_paths_file_objects_and_bytes_are_opened(sealed, key, tmp_path):
    path = sealed("mlp")
    content = path.read_bytes()
    descriptor = os.memfd_create("container")
    os.write(descriptor, content)
    with open(path, "rb") as file, open(path, "rb", buffering=0) as raw, os.fdopen(descriptor, "rb") as memory:
        sources = [path, os.fspath(path), file, raw, memory, io.BytesIO(content), content, bytearray(content)]
        for source in [*sources, memoryview(content), NamedAnything(content)]:
            with ovseal.open(source, key=key) as opened:
                assert bytes(opened["model.bin"]) == WEIGHTS
        opened = ovseal.open(file, key=key)
    # The caller's own file is closed by now.
    assert opened["model.xml"].read() == (MODELS / "mlp/model.xml").read_bytes()


class NamedAnything:
    """A file object without a descriptor and without `getvalue`."""

    def __init__(self, content):
        self.read = io.BytesIO(content).read


def test_invalid_sources_are_rejected(key, tmp_path):
    with open(tmp_path / "text", "w+") as text:
        for source in (None, 5, [], object(), io.StringIO("text")):
            with pytest.raises(TypeError):
                ovseal.open(source, key=key)
        with pytest.raises(ovseal.UnsupportedError):
            ovseal.open(text, key=key)
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as pipe, os.fdopen(writing, "wb"), pytest.raises(ovseal.HostError):
        ovseal.open(pipe, key=key)
    with pytest.raises(ovseal.HostError):
        ovseal.open(tmp_path, key=key)


@pytest.mark.parametrize(
    "keywords",
    [{"key": "text"}, {"key": 5}, {"key": [5]}, {"publisher": 5}, {"name": 5}, {"min_security_version": "1"}, {"nothing": 1}],
)
def test_wrong_types_are_type_errors(sealed, key, keywords):
    with pytest.raises(TypeError):
        ovseal.open(sealed("mlp"), **{"key": key, **keywords})


@pytest.mark.parametrize("keywords", [{"threads": 0}, {"name": ""}, {"name": "m"}, {"publisher": []}])
def test_senseless_requirements_are_usage_errors(sealed, key, keywords):
    with pytest.raises(ovseal.UsageError):
        ovseal.open(sealed("mlp"), key=key, **keywords)


def test_everything_of_a_closed_container_raises(sealed, key):
    opened = ovseal.open(sealed("mlp"), key=key)
    part, view = opened["model.bin"], memoryview(opened["model.xml"])
    opened.close()
    opened.close()
    assert opened.closed
    for use in (
        lambda: opened.name,
        lambda: opened.parts,
        lambda: opened["model.xml"],
        lambda: list(opened),
        lambda: len(opened),
        lambda: "model.xml" in opened,
        lambda: opened.__enter__(),
        lambda: part.read(),
        lambda: part.tensor(),
        lambda: memoryview(part),
        lambda: part.companions,
        lambda: opened.accept(),
    ):
        with pytest.raises(ovseal.ClosedError) as raised:
            use()
        assert (raised.value.code, raised.value.kind) == (209, "usage")
    assert bytes(view) == (MODELS / "mlp/model.xml").read_bytes()


def test_a_damaged_chunk_is_rejected(damaged, key):
    with ovseal.open(damaged, key=key) as opened:
        for use in (bytes, np.frombuffer, lambda part: part.read(), lambda part: part.tensor()):
            with raises(ovseal.NotAuthenticError, 303) as raised:
                use(opened["model.bin"])
            assert str(raised.value).startswith("chunk ")


@pytest.mark.parametrize(("beyond", "length"), [(1, None), (0, 1), (-1, 2), (2**63, 2**63)])
def test_a_range_beyond_the_end_is_rejected(sealed, key, beyond, length):
    with ovseal.open(sealed("mlp"), key=key) as opened:
        part = opened["model.bin"]
        with raises(ovseal.UsageError, 204):
            part.read(len(part) + beyond, length)
        assert part.read(len(part)) == b""


def test_the_publisher_is_checked(tmp_path, key):
    for name in ("acme", "other"):
        ovseal.generate_publisher(tmp_path / f"{name}.key", tmp_path / f"{name}.pub")
    path = tmp_path / "m.ovseal"
    ovseal.seal(
        MODELS / "mlp/model.xml", path, recipients=key, publisher_key=tmp_path / "acme.key", name="m", security_version=3
    )
    acme = tmp_path / "acme.pub"
    for publisher in (acme, str(acme), acme.read_bytes(), [tmp_path / "other.pub", acme]):
        with ovseal.open(path, key=key, publisher=publisher, name="m", min_security_version=3) as opened:
            assert opened.publisher == ovseal.inspect(path).publishers[0]
    for requirements, code in [
        ({"publisher": tmp_path / "other.pub"}, 502),
        ({"publisher": acme, "name": "n"}, 504),
        ({"publisher": acme, "min_security_version": 4}, 505),
    ]:
        with raises(ovseal.DeniedError, code):
            ovseal.open(path, key=key, **requirements)
    with pytest.raises(ovseal.UsageError) as raised:
        ovseal.open(path, key=key, publisher=tmp_path / "acme.key")
    assert raised.value.hint == "this is a private key: give the .pub file"
    assert "PRIVATE" not in str(raised.value)


def test_many_threads_read_one_container(sealed, key):
    with ovseal.open(sealed("conv"), key=key) as opened:
        wanted, found = (MODELS / "conv/model.bin").read_bytes(), []
        readers = [threading.Thread(target=lambda: found.append(bytes(opened["model.bin"]))) for _ in range(8)]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        assert found == [wanted] * 8


def test_errors_survive_pickling():
    error = ovseal.DeniedError("refused", 501, "ask", ["why"])
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.code, again.hint, again.causes) == ("refused: why", 501, "ask", ("why",))
