"""Sealed compiled models, and memory that is passed to OpenVINO."""

import openvino as ov
import ovseal
import pytest
import scripts
from conftest import MODELS, outputs, raises


@pytest.fixture
def expected(core):
    return outputs(core.compile_model(core.read_model(MODELS / "mlp/model.xml"), "CPU"))


def test_a_sealed_compiled_model_computes_the_same(exported, core, key, expected):
    compiled = ovseal.import_model(core, exported("mlp"), "CPU", key=key)
    assert isinstance(compiled, ov.CompiledModel)
    assert outputs(compiled) == expected


def test_importing_takes_a_container_properties_a_part_and_progress(exported, core, key, expected):
    seen = []
    with ovseal.open(exported("mlp"), key=key) as opened:
        assert [(part.path, part.kind) for part in opened] == [("model.blob", "compiled")]
        compiled = ovseal.import_model(
            core,
            opened,
            "CPU",
            {"PERFORMANCE_HINT": "LATENCY"},
            part="model.blob",
            progress=lambda done, total: seen.append((done, total)),
        )
    assert outputs(compiled) == expected
    assert seen[-1] == (opened_length(exported, key), opened_length(exported, key))


def opened_length(exported, key):
    with ovseal.open(exported("mlp"), key=key) as opened:
        return opened["model.blob"].length


def test_an_exported_model_is_recognized_without_its_extension(exported, key):
    with ovseal.open(exported("mlp", "exported"), key=key) as opened:
        assert opened["exported"].kind == "compiled"


def test_other_models_are_not_imported(exported, sealed, core, key, tmp_path):
    with pytest.raises(ovseal.UnsupportedError) as raised:
        ovseal.import_model(core, sealed("mlp"), "CPU", key=key)
    assert (raised.value.code, str(raised.value)) == (603, "the container has no compiled model")
    with pytest.raises(ovseal.UnsupportedError) as raised:
        ovseal.read_model(core, exported("mlp"), key=key)
    assert str(raised.value) == "model.blob is a compiled model, which must be imported, not read"
    assert raised.value.hint == "use import_model"
    with raises(ovseal.UsageError, 212):
        ovseal.import_model(core, exported("mlp"), "CPU", {"CACHE_DIR": str(tmp_path)}, key=key)
    (tmp_path / "other.blob").write_bytes(b"not a compiled model")
    ovseal.seal(tmp_path / "other.blob", tmp_path / "other.ovseal", recipients=key)
    with pytest.raises(ovseal.HostError) as raised:
        ovseal.import_model(core, tmp_path / "other.ovseal", "CPU", key=key)
    assert str(raised.value) == "OpenVINO could not import the compiled model" and raised.value.detail


def test_a_damaged_compiled_model_is_not_imported(exported, core, key):
    path = exported("conv")
    content = bytearray(path.read_bytes())
    # The export is longer than everything before and after it.
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with raises(ovseal.NotAuthenticError, 303):
        ovseal.import_model(core, path, "CPU", key=key)


# The device reads a table of this model in place. So the bytes must stay where they are as long as
# anything can compute: their memory must not be unmapped or reused.
OWNERSHIP = """
import ctypes

def is_mapped(address, length):
    # A range may be split in two, because the plugin sets a memory policy for some pages.
    end = address
    for line in open("/proc/self/maps"):
        first, last = (int(number, 16) for number in line.split()[0].split("-"))
        end = last if first <= end < last else end
    return address + length <= end

opened = ovseal.open(path, **access)
plaintext = bytes(opened["model.blob"])
given = None
for order in ("compiled", "request"), ("request", "compiled"):
    tensor = opened["model.blob"].tensor() if rest[0] == "tensor" else None
    if tensor is None:
        tensors, make = [], ov.Tensor
        class Tensor(ov.Tensor):
            def __init__(self, *arguments):
                super().__init__(*arguments)
                tensors.append(self)
        ov.Tensor = Tensor
        compiled = ovseal.import_model(core, path, "CPU", **access)
        ov.Tensor = make
        tensor, = tensors
        del tensors, Tensor
    else:
        compiled = core.import_model(tensor, "CPU")
    address, length = tensor.data.ctypes.data, tensor.byte_size
    del tensor
    gc.collect()
    junk = [bytearray(length) for _ in range(16)]
    assert is_mapped(address, length) and ctypes.string_at(address, length) == plaintext, "imported"
    objects = {"compiled": compiled, "request": compiled.create_infer_request()}
    given = inputs(compiled)
    expected = outputs(compiled)[0]
    del compiled
    for name in order:
        junk = [bytearray(length) for _ in range(16)]
        assert is_mapped(address, length), (order, name)
        assert ctypes.string_at(address, length) == plaintext, (order, name)
        if "request" in objects:
            assert objects["request"].infer(given)[0].tobytes() == expected
        del objects[name]
        gc.collect()
print("ok")
"""


@pytest.mark.parametrize("method", ["tensor", "import_model"])
def test_what_the_device_reads_in_place_lives_as_long_as_what_reads_it(exported, method):
    assert scripts.run(OWNERSHIP, exported("mlp"), method) == ["ok"]
