"""Models of every format match the plaintext model, and run only once verified."""

import threading
import warnings

import numpy as np
import openvino as ov
import ovseal
import pytest
from conftest import KEY_BYTES, MODELS, eventually, inputs, outputs, raises

NETWORKS = [
    ("conv", "model.xml"),
    ("mlp", "model.xml"),
    ("mask", "model.xml"),
    ("onnx", "model.onnx"),
    ("onnx-conv", "model.onnx"),
    ("onnx-external", "model.onnx"),
    ("onnx-conv-files", "model.onnx"),
    ("onnx-branches", "model.onnx"),
    ("onnx-types-files", "model.onnx"),
    ("paddle", "model.pdmodel"),
]


def plaintext(core, name, file):
    return outputs(core.compile_model(core.read_model(MODELS / name / file), "CPU"))


@pytest.mark.parametrize(("name", "file"), NETWORKS)
def test_outputs_match_the_plaintext_model_bit_for_bit(core, sealed, key, name, file):
    path, expected = sealed(name, file), plaintext(core, name, file)
    model = ovseal.read_model(core, path, key=key)
    assert isinstance(model, ov.Model)
    assert outputs(core.compile_model(model, "CPU")) == expected
    for opening in ("auto", "eager", "overlapped"):
        compiled = ovseal.compile_model(core, path, "CPU", key=key, opening=opening)
        assert isinstance(compiled, ov.CompiledModel)
        assert outputs(compiled) == expected == outputs(compiled), "the second inference differs"
    bounded = ovseal.compile_model(core, path, "CPU", key=key, memory_budget=1 << 16)
    assert outputs(bounded) == expected == outputs(bounded)


@pytest.mark.parametrize("device", ["CPU", "HETERO:CPU", "AUTO:CPU", "MULTI:CPU", "BATCH:CPU(1)"])
def test_virtual_devices(core, sealed, key, device):
    expected = outputs(core.compile_model(core.read_model(MODELS / "conv/model.xml"), device))
    assert outputs(ovseal.compile_model(core, sealed("conv"), device, key=key)) == expected
    model = ovseal.read_model(core, sealed("conv"), key=key, device=device)
    compiled = core.compile_model(model, device)
    del model
    assert outputs(compiled) == expected


def test_models_are_read_from_containers_files_and_bytes(core, sealed, key):
    path = sealed("conv")
    expected = plaintext(core, "conv", "model.xml")
    with ovseal.open(path, key=key) as opened, open(path, "rb") as file:
        models = [ovseal.read_model(core, source, key=key) for source in (opened, file, path.read_bytes())]
    for model in models:
        assert outputs(core.compile_model(model, "CPU")) == expected
    with pytest.raises(ovseal.ClosedError):
        ovseal.read_model(core, opened)


def test_part_chooses_one_of_several_networks(core, tmp_path, key):
    ovseal.seal(MODELS / "folder", tmp_path / "f.ovseal", recipients=key)
    with raises(ovseal.UsageError, 205) as raised:
        ovseal.read_model(core, tmp_path / "f.ovseal", key=key)
    assert raised.value.hint
    with ovseal.open(tmp_path / "f.ovseal", key=key) as opened:
        networks = [part.path for part in opened if part.kind == "ir"]
    for path in networks:
        ovseal.read_model(core, tmp_path / "f.ovseal", key=key, part=path)
    with raises(ovseal.UsageError, 203):
        ovseal.read_model(core, tmp_path / "f.ovseal", key=key, part="none")
    ovseal.seal(MODELS / "mlp/model.bin", tmp_path / "n.ovseal", recipients=key, only=True)
    for function in (lambda path: ovseal.read_model(core, path, key=key), lambda path: ovseal.compile_model(core, path, "CPU", key=key)):
        with raises(ovseal.UnsupportedError, 603):
            function(tmp_path / "n.ovseal")


def test_properties_shapes_and_progress_are_passed_on(core, sealed, key):
    reported = []
    compiled = ovseal.compile_model(
        core,
        sealed("mlp"),
        "CPU",
        {"PERFORMANCE_HINT": "THROUGHPUT", ov.properties.inference_num_threads: 1},
        key=key,
        shapes={"ids": [1, 9]},
        progress=lambda *numbers: reported.append(numbers),
    )
    assert str(compiled.get_property("PERFORMANCE_HINT")).endswith("THROUGHPUT")
    assert list(compiled.input(0).shape) == [1, 9]
    assert reported[-1][0] == reported[-1][1] > 0
    reported.clear()
    ovseal.read_model(core, sealed("mlp"), key=key, progress=lambda *numbers: reported.append(numbers))
    assert reported[-1][0] == reported[-1][1] > 0


def test_an_exception_from_progress_while_compiling_is_raised(core, sealed, key, monkeypatch):
    from ovseal import _model

    asked = threading.Event()

    def slowly(*arguments, compile=_model._compile):
        assert asked.wait(60)
        return compile(*arguments)

    def refuse(done, total):
        if not asked.is_set():
            asked.set()
            raise KeyError("stop")

    monkeypatch.setattr(_model, "_compile", slowly)
    with pytest.raises(KeyError, match="stop"):
        ovseal.compile_model(core, sealed("mlp"), "CPU", key=key, progress=refuse)


def test_the_weights_of_a_model_are_read_only(core, sealed, key):
    weights = ovseal.read_model(core, sealed("mlp"), key=key).get_rt_info("ovseal").value
    assert memoryview(weights).readonly and bytes(weights) == (MODELS / "mlp/model.bin").read_bytes()
    with pytest.raises(ValueError):
        np.frombuffer(weights, np.uint8)[0] = 1


@pytest.mark.parametrize("opening", ["eager", "overlapped"])
def test_damaged_weights_are_rejected(core, damaged, key, opening):
    with raises(ovseal.NotAuthenticError, 303):
        ovseal.read_model(core, damaged, key=key)
    with raises(ovseal.NotAuthenticError, 303):
        ovseal.compile_model(core, damaged, "CPU", key=key, opening=opening)


def test_loading_a_model_raises_the_rollback_state(core, tmp_path, key):
    ovseal.generate_publisher(tmp_path / "acme.key", tmp_path / "acme.pub")
    state = tmp_path / "state"
    ovseal.create_rollback_state(state)
    with pytest.raises(ovseal.HostError):
        ovseal.create_rollback_state(state)
    paths = []
    for version in (1, 2):
        paths.append(tmp_path / f"{version}.ovseal")
        options = {"publisher_key": tmp_path / "acme.key", "name": "m", "security_version": version}
        ovseal.seal(MODELS / "mlp/model.xml", paths[-1], recipients=key, **options)
    requirements = {"key": key, "publisher": tmp_path / "acme.pub", "rollback_state": state}
    ovseal.read_model(core, paths[0], **requirements)
    ovseal.compile_model(core, paths[1], "CPU", **requirements)
    for function in (lambda: ovseal.read_model(core, paths[0], **requirements), lambda: ovseal.open(paths[0], **requirements)):
        with raises(ovseal.DeniedError, 505):
            function()


def test_settings_that_write_the_model_to_disk_are_rejected(sealed, key, tmp_path, monkeypatch):
    path, core = sealed("mlp"), ov.Core()
    for properties in ({"CACHE_DIR": str(tmp_path)}, {"CACHE_PATH": str(tmp_path)}, {"DEVICE_PROPERTIES": {"CPU": {"CACHE_DIR": "x"}}}, {"NPUW_CACHE_DIR": "x"}):
        with raises(ovseal.UsageError, 212):
            ovseal.compile_model(core, path, "CPU", properties, key=key)
    core.set_property({"CACHE_DIR": str(tmp_path / "plain")})
    for function in (lambda: ovseal.read_model(core, path, key=key), lambda: ovseal.compile_model(core, path, "CPU", key=key)):
        with raises(ovseal.UsageError, 212) as raised:
            function()
        assert "cache_dir=" in raised.value.hint
    for device in ("CPU", "HETERO", "AUTO", "MULTI", "BATCH"):
        core = ov.Core()
        core.set_property(device, {"CACHE_DIR": str(tmp_path / "plain")})
        with pytest.raises(ovseal.UsageError) as raised:
            ovseal.read_model(core, path, key=key)
        assert raised.value.code == 212, device
    assert not (tmp_path / "plain").exists() or not list((tmp_path / "plain").iterdir())
    monkeypatch.setenv("OV_ENABLE_SERIALIZE_TRACING", "1")
    with raises(ovseal.UsageError, 212):
        ovseal.read_model(ov.Core(), path, key=key)


def test_messages_of_the_runtime_are_kept_apart(core, tmp_path, key):
    """They may quote the model, so neither our message nor the traceback contains them."""
    import traceback

    xml = (MODELS / "mlp/model.xml").read_text("utf-8").replace('type="MatMul"', 'type="TopSecretLayer"')
    (tmp_path / "model.xml").write_text(xml, "utf-8")
    (tmp_path / "model.bin").write_bytes((MODELS / "mlp/model.bin").read_bytes())
    ovseal.seal(tmp_path / "model.xml", tmp_path / "m.ovseal", recipients=key)
    with raises(ovseal.HostError, 105) as raised:
        ovseal.read_model(core, tmp_path / "m.ovseal", key=key)
    assert "TopSecretLayer" in raised.value.detail
    assert "TopSecret" not in "".join(traceback.format_exception(raised.value))
    assert raised.value.__context__ is None, "error reporters log the context"


def test_wrong_arguments_are_type_errors(core, sealed, key):
    path = sealed("mlp")
    for function in (
        lambda: ovseal.read_model(None, path, key=key),
        lambda: ovseal.read_model(core, 5, key=key),
        lambda: ovseal.read_model(core, path, key=key, part=5),
        lambda: ovseal.read_model(core, path, key="text"),
        lambda: ovseal.compile_model(core, path, key=key),
        lambda: ovseal.compile_model(core, path, 5, key=key),
    ):
        with pytest.raises(TypeError):
            function()
    with pytest.raises(ovseal.UsageError):
        ovseal.compile_model(core, path, "CPU", key=key, opening="later")
    with raises(ovseal.HostError, 105):
        ovseal.compile_model(core, path, "NONE", key=key)


def test_the_first_inference_releases_pages_of_the_weights(core, tmp_path, key):
    """The object that holds the weights reports how much of them is resident."""
    from ovseal import _model

    values = np.random.default_rng(1).standard_normal((2048, 2048), np.float32)
    x = ov.opset13.parameter([1, 2048], ov.Type.f32, "x")
    ov.save_model(ov.Model([ov.opset13.matmul(x, ov.opset13.constant(values), False, False)], [x], "big"), tmp_path / "big.xml", False)
    ovseal.seal(tmp_path / "big.xml", tmp_path / "big.ovseal", recipients=key)
    held = []
    original = _model.CompiledModel.__init__

    def noted(self, compiled, weights):
        held.append(weights)
        original(self, compiled, weights)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_model.CompiledModel, "__init__", noted)
        compiled = ovseal.compile_model(core, tmp_path / "big.ovseal", "CPU", key=key)
    assert ovseal.doctor()["userfaultfd"], "the test needs userfaultfd"
    before = held[0].resident_bytes
    first = outputs(compiled)
    assert eventually(lambda: held[0].resident_bytes < before / 2)
    assert outputs(compiled) == first
