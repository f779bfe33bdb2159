"""Models of every format for OpenVINO: the same outputs as in plaintext, bit for bit, and nothing before it is authentic."""

import threading
import warnings

import numpy as np
import openvino as ov
import ovseal
import pytest
from conftest import KEY_BYTES, MODELS, eventually, inputs, outputs

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
def test_outputs_are_those_of_the_plaintext_bit_for_bit(core, sealed, key, name, file):
    path, expected = sealed(name, file), plaintext(core, name, file)
    model = ovseal.read_model(core, path, key=key)
    assert isinstance(model, ov.Model)
    assert outputs(core.compile_model(model, "CPU")) == expected
    for opening in ("auto", "eager", "overlapped"):
        compiled = ovseal.compile_model(core, path, "CPU", key=key, opening=opening)
        assert isinstance(compiled, ov.CompiledModel)
        assert outputs(compiled) == expected == outputs(compiled), "the second inference finds no pages"


@pytest.mark.parametrize("device", ["CPU", "HETERO:CPU", "AUTO:CPU", "MULTI:CPU", "BATCH:CPU(1)"])
def test_devices_that_are_made_of_others(core, sealed, key, device):
    expected = outputs(core.compile_model(core.read_model(MODELS / "conv/model.xml"), device))
    assert outputs(ovseal.compile_model(core, sealed("conv"), device, key=key)) == expected
    model = ovseal.read_model(core, sealed("conv"), key=key, device=device)
    compiled = core.compile_model(model, device)
    del model
    assert outputs(compiled) == expected


def test_an_opened_container_and_a_file_object_serve_too(core, sealed, key):
    path = sealed("conv")
    expected = plaintext(core, "conv", "model.xml")
    with ovseal.open(path, key=key) as opened, open(path, "rb") as file:
        models = [ovseal.read_model(core, source, key=key) for source in (opened, file, path.read_bytes())]
    for model in models:
        assert outputs(core.compile_model(model, "CPU")) == expected
    with pytest.raises(ovseal.ClosedError):
        ovseal.read_model(core, opened)


def test_a_part_of_several_is_named(core, tmp_path, key):
    ovseal.seal(MODELS / "folder", tmp_path / "f.ovseal", recipients=key)
    with pytest.raises(ovseal.UsageError) as raised:
        ovseal.read_model(core, tmp_path / "f.ovseal", key=key)
    assert raised.value.code == 205 and raised.value.hint
    with ovseal.open(tmp_path / "f.ovseal", key=key) as opened:
        networks = [part.path for part in opened if part.kind == "ir"]
    for path in networks:
        ovseal.read_model(core, tmp_path / "f.ovseal", key=key, part=path)
    with pytest.raises(ovseal.UsageError) as raised:
        ovseal.read_model(core, tmp_path / "f.ovseal", key=key, part="none")
    assert raised.value.code == 203
    ovseal.seal(MODELS / "mlp/model.bin", tmp_path / "n.ovseal", recipients=key, only=True)
    for function in (lambda path: ovseal.read_model(core, path, key=key), lambda path: ovseal.compile_model(core, path, "CPU", key=key)):
        with pytest.raises(ovseal.UnsupportedError) as raised:
            function(tmp_path / "n.ovseal")
        assert raised.value.code == 603


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


def test_what_the_progress_call_back_raises_while_a_model_is_compiled_is_raised(core, sealed, key, monkeypatch):
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


def test_weights_that_a_model_holds_cannot_be_written(core, sealed, key):
    weights = ovseal.read_model(core, sealed("mlp"), key=key).get_rt_info("ovseal").value
    assert memoryview(weights).readonly and bytes(weights) == (MODELS / "mlp/model.bin").read_bytes()
    with pytest.raises(ValueError):
        np.frombuffer(weights, np.uint8)[0] = 1


@pytest.mark.parametrize("opening", ["eager", "overlapped"])
def test_nothing_comes_out_of_weights_that_are_not_authentic(core, damaged, key, opening):
    with pytest.raises(ovseal.NotAuthenticError) as raised:
        ovseal.read_model(core, damaged, key=key)
    assert raised.value.code == 303
    with pytest.raises(ovseal.NotAuthenticError) as raised:
        ovseal.compile_model(core, damaged, "CPU", key=key, opening=opening)
    assert raised.value.code == 303


def test_the_rollback_state_is_raised_when_the_model_was_accepted(core, tmp_path, key):
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
    demands = {"key": key, "publisher": tmp_path / "acme.pub", "rollback_state": state}
    ovseal.read_model(core, paths[0], **demands)
    ovseal.compile_model(core, paths[1], "CPU", **demands)
    for function in (lambda: ovseal.read_model(core, paths[0], **demands), lambda: ovseal.open(paths[0], **demands)):
        with pytest.raises(ovseal.DeniedError) as raised:
            function()
        assert raised.value.code == 505


def test_what_would_write_the_model_is_refused(sealed, key, tmp_path, monkeypatch):
    path, core = sealed("mlp"), ov.Core()
    for properties in ({"CACHE_DIR": str(tmp_path)}, {"CACHE_PATH": str(tmp_path)}, {"DEVICE_PROPERTIES": {"CPU": {"CACHE_DIR": "x"}}}, {"NPUW_CACHE_DIR": "x"}):
        with pytest.raises(ovseal.UsageError) as raised:
            ovseal.compile_model(core, path, "CPU", properties, key=key)
        assert raised.value.code == 212
    core.set_property({"CACHE_DIR": str(tmp_path / "plain")})
    for function in (lambda: ovseal.read_model(core, path, key=key), lambda: ovseal.compile_model(core, path, "CPU", key=key)):
        with pytest.raises(ovseal.UsageError) as raised:
            function()
        assert raised.value.code == 212 and "cache_dir=" in raised.value.hint
    for device in ("CPU", "HETERO", "AUTO", "MULTI", "BATCH"):
        core = ov.Core()
        core.set_property(device, {"CACHE_DIR": str(tmp_path / "plain")})
        with pytest.raises(ovseal.UsageError) as raised:
            ovseal.read_model(core, path, key=key)
        assert raised.value.code == 212, device
    assert not (tmp_path / "plain").exists() or not list((tmp_path / "plain").iterdir())
    monkeypatch.setenv("OV_ENABLE_SERIALIZE_TRACING", "1")
    with pytest.raises(ovseal.UsageError) as raised:
        ovseal.read_model(ov.Core(), path, key=key)
    assert raised.value.code == 212


def test_what_the_runtime_says_is_kept_apart(core, tmp_path, key):
    """Its words may quote the model, so neither message nor traceback has them."""
    import traceback

    xml = (MODELS / "mlp/model.xml").read_text("utf-8").replace('type="MatMul"', 'type="TopSecretLayer"')
    (tmp_path / "model.xml").write_text(xml, "utf-8")
    (tmp_path / "model.bin").write_bytes((MODELS / "mlp/model.bin").read_bytes())
    ovseal.seal(tmp_path / "model.xml", tmp_path / "m.ovseal", recipients=key)
    with pytest.raises(ovseal.HostError) as raised:
        ovseal.read_model(core, tmp_path / "m.ovseal", key=key)
    assert raised.value.code == 105
    assert "TopSecretLayer" in raised.value.detail
    assert "TopSecret" not in "".join(traceback.format_exception(raised.value))
    assert raised.value.__context__ is None, "a collector of errors would look there"


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
    with pytest.raises(ovseal.HostError) as raised:
        ovseal.compile_model(core, path, "NONE", key=key)
    assert raised.value.code == 105


def test_pages_of_the_weights_are_given_back_after_the_first_inference(core, tmp_path, key):
    """What is resident is asked of the object that holds the weights."""
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
