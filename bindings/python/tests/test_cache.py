"""The sealed cache of compiled models."""

import os

import openvino as ov
import ovseal
import pytest
from conftest import MODELS, outputs


def entries(directory):
    return sorted(path.name for path in directory.iterdir())


@pytest.mark.parametrize(
    ("name", "file"), [("conv", "model.xml"), ("mlp", "model.xml"), ("onnx-external", "model.onnx"), ("paddle", "model.pdmodel")]
)
def test_the_second_compilation_comes_from_the_cache(core, sealed, key, tmp_path, name, file):
    path, cache = sealed(name, file), tmp_path / "cache"
    expected = outputs(core.compile_model(core.read_model(MODELS / name / file), "CPU"))
    first = ovseal.compile_model(core, path, "CPU", key=key, cache_dir=cache)
    assert outputs(first) == expected and len(entries(cache)) == 1
    entry = cache / entries(cache)[0]
    assert ovseal.inspect(entry).stanzas[0].type == "compile-cache"
    content = entry.read_bytes()
    os.utime(entry, (0, 0))
    second = ovseal.compile_model(core, path, "CPU", key=key, cache_dir=str(cache))
    assert entry.read_bytes() == content and entry.stat().st_mtime > 0, "the entry was not reused"
    del first
    assert outputs(second) == expected


def test_an_entry_holds_no_plaintext_weights(core, sealed, key, tmp_path):
    path, cache = sealed("conv"), tmp_path / "cache"
    ovseal.compile_model(core, path, "CPU", key=key, cache_dir=cache)
    weights = (MODELS / "conv/model.bin").read_bytes()
    content = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert all(weights[start : start + 32] not in content for start in range(0, len(weights) - 32, 4096))


def test_properties_shapes_and_containers_have_entries_of_their_own(core, sealed, key, tmp_path):
    cache = tmp_path / "cache"
    for options in (
        {},
        {"properties": {"PERFORMANCE_HINT": "THROUGHPUT"}},
        {"shapes": {"ids": [1, 3]}},
        {"shapes": {"ids": [1, -1]}},
    ):
        ovseal.compile_model(core, sealed("mlp") if not options else tmp_path / "mlp.ovseal", "CPU", key=key, cache_dir=cache, **options)
    assert len(entries(cache)) == 4
    ovseal.compile_model(core, sealed("mlp"), "CPU", key=key, cache_dir=cache)
    assert len(entries(cache)) == 5, "a container sealed again is another one"


def test_settings_of_the_core_have_entries_of_their_own(sealed, key, tmp_path):
    path, cache = sealed("mlp"), tmp_path / "cache"
    for settings in ({}, {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}, {}):
        core = ov.Core()
        core.set_property("CPU", settings)
        ovseal.compile_model(core, path, "CPU", key=key, cache_dir=cache)
    assert len(entries(cache)) == 2


def test_a_damaged_entry_is_replaced(core, sealed, key, tmp_path):
    path, cache = sealed("conv"), tmp_path / "cache"
    expected = outputs(ovseal.compile_model(core, path, "CPU", key=key, cache_dir=cache))
    entry = cache / entries(cache)[0]
    content = bytearray(entry.read_bytes())
    content[len(content) // 2] ^= 1
    entry.write_bytes(content)
    assert outputs(ovseal.compile_model(core, path, "CPU", key=key, cache_dir=cache)) == expected
    assert entry.read_bytes() != bytes(content)


def test_a_cache_that_fails_is_a_warning(core, sealed, key, tmp_path, monkeypatch):
    path = sealed("conv")
    (tmp_path / "file").write_text("not a directory")
    with pytest.warns(ovseal.CacheWarning, match="not used"):
        ovseal.compile_model(core, path, "CPU", key=key, cache_dir=tmp_path / "file")
    with pytest.warns(ovseal.CacheWarning, match="not cached"):
        ovseal.compile_model(core, path, "CPU", key=key, cache_dir=tmp_path / "cache", cache_limit=1000)

    def fail():
        raise ovseal.HostError("no descriptor is left")

    with monkeypatch.context() as patched, pytest.warns(ovseal.CacheWarning, match="not cached"):
        patched.setattr("ovseal._model._ovseal.Exported", fail)
        ovseal.compile_model(core, path, "CPU", key=key, cache_dir=tmp_path / "other")
    with pytest.raises(ovseal.UsageError, match="is inside the cache directory"):
        ovseal.compile_model(core, path, "CPU", key=key, cache_dir=tmp_path / "state")
