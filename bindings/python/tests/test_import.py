"""Compiled models that were sealed, and memory that is handed to OpenVINO."""

import openvino as ov
import ovseal
import pytest
import scripts
from conftest import MODELS, outputs


@pytest.fixture
def expected(core):
    return outputs(core.compile_model(core.read_model(MODELS / "mlp/model.xml"), "CPU"))


def test_a_sealed_compiled_model_computes_the_same(exported, core, key, expected):
    compiled = ovseal.import_model(core, exported("mlp"), "CPU", key=key)
    assert isinstance(compiled, ov.CompiledModel)
    assert outputs(compiled) == expected


def test_an_opened_container_properties_a_part_and_progress(exported, core, key, expected):
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


def test_what_openvino_exported_is_known_without_its_extension(exported, key):
    with ovseal.open(exported("mlp", "exported"), key=key) as opened:
        assert opened["exported"].kind == "compiled"


def test_what_cannot_be_imported_is_refused(exported, sealed, core, key, tmp_path):
    with pytest.raises(ovseal.UnsupportedError) as raised:
        ovseal.import_model(core, sealed("mlp"), "CPU", key=key)
    assert (raised.value.code, str(raised.value)) == (603, "the container holds no compiled model")
    with pytest.raises(ovseal.UnsupportedError) as raised:
        ovseal.read_model(core, exported("mlp"), key=key)
    assert str(raised.value) == "model.blob is a compiled model, which is imported, not read"
    assert raised.value.hint == "use import_model"
    with pytest.raises(ovseal.UsageError) as raised:
        ovseal.import_model(core, exported("mlp"), "CPU", {"CACHE_DIR": str(tmp_path)}, key=key)
    assert raised.value.code == 212
    (tmp_path / "other.blob").write_bytes(b"no compiled model")
    ovseal.seal(tmp_path / "other.blob", tmp_path / "other.ovseal", recipients=key)
    with pytest.raises(ovseal.HostError) as raised:
        ovseal.import_model(core, tmp_path / "other.ovseal", "CPU", key=key)
    assert str(raised.value) == "OpenVINO could not import the compiled model" and raised.value.detail


def test_a_compiled_model_that_is_not_authentic_gives_nothing(exported, core, key):
    path = exported("conv")
    content = bytearray(path.read_bytes())
    # What the device exports is longer than all that stands before and after it.
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ovseal.NotAuthenticError) as raised:
        ovseal.import_model(core, path, "CPU", key=key)
    assert raised.value.code == 303


# The device reads a table of this model in place. So its bytes must stand where they stood for as long as anything can compute, and not
# in memory that was unmapped or given to someone else.
OWNERSHIP = """
import ctypes

def is_mapped(address, length):
    # A range may be divided in two: the plugin gives pages a memory policy.
    end = address
    for line in open("/proc/self/maps"):
        first, last = (int(place, 16) for place in line.split()[0].split("-"))
        end = last if first <= end < last else end
    return address + length <= end

opened = ovseal.open(path, key=key, publisher=ovseal.ANY_SENDER)
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
        compiled = ovseal.import_model(core, path, "CPU", key=key, publisher=ovseal.ANY_SENDER)
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


@pytest.mark.parametrize("way", ["tensor", "import_model"])
def test_what_the_device_reads_in_place_lives_as_long_as_what_reads_it(exported, way):
    assert scripts.run(OWNERSHIP, exported("mlp"), way) == ["ok"]
