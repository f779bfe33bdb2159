"""Weights live exactly as long as they are needed, in whatever order objects are deleted."""

import itertools

import pytest
import scripts

# The memory of freed weights cannot be read: an access ends the process.
ORDERS = """
import itertools, weakref
from ovseal import _ovseal

def held(model):
    return weakref.ref(model.get_rt_info("ovseal").value)

for device in rest:
    reference = None
    for order in itertools.permutations(["model", "compiled", "request", "queue"]):
        model = ovseal.read_model(core, path, **access)
        weights = held(model)
        compiled = core.compile_model(model, device)
        objects = {"model": model, "compiled": compiled, "request": compiled.create_infer_request(), "queue": ov.AsyncInferQueue(compiled, 2)}
        given = inputs(compiled)
        del model, compiled
        for name in order:
            assert weights() is not None, (device, order, name)
            del objects[name]
            gc.collect()
            if "request" in objects:
                result = objects["request"].infer(given)[0].tobytes()
                reference = reference or result
                assert result == reference, (device, order, name)
            if "queue" in objects:
                for _ in range(3):
                    objects["queue"].start_async(given)
                objects["queue"].wait_all()
                assert objects["queue"][0].get_output_tensor().data.tobytes() == reference
        assert weights() is None, ("the weights outlive all their users", device, order)
print("ok")
"""


@pytest.mark.parametrize("name", ["conv", "mlp"])
def test_every_order_of_deletion(sealed, name):
    assert scripts.run(ORDERS, sealed(name), "CPU", "AUTO:CPU") == ["ok"]


def test_every_order_of_deletion_of_an_onnx_model(sealed):
    assert scripts.run(ORDERS, sealed("onnx-conv", "model.onnx"), "CPU") == ["ok"]


CREATED_FROM_A_MODEL = """
import copy
from openvino.preprocess import PrePostProcessor
expected = outputs(ovseal.compile_model(core, path, "CPU", **access))
model = ovseal.read_model(core, path, **access)
clone, deep = model.clone(), copy.deepcopy(model)
processed = PrePostProcessor(ovseal.read_model(core, path, **access)).build()
del model
gc.collect()
for other in (clone, deep, processed):
    compiled = core.compile_model(other, "CPU")
    assert outputs(compiled) == expected
del clone, deep, processed, other
gc.collect()
again = compiled.create_infer_request().get_compiled_model()
del compiled
gc.collect()
assert outputs(again) == expected
print("ok")
"""


def test_everything_created_from_a_model_keeps_its_weights(sealed):
    assert scripts.run(CREATED_FROM_A_MODEL, sealed("mlp")) == ["ok"]


# The second compilation is cached, and the third one imported. HETERO splits a model and loses its
# rt_info.
COMPILED = """
import warnings
directory, *devices = rest
# AUTO cannot export.
warnings.filterwarnings("ignore", "the compiled model is not cached", ovseal.CacheWarning)
for device in devices:
    for cache in (None, directory, directory):
        compiled = ovseal.compile_model(core, path, device, **access, cache_dir=cache)
        expected = outputs(compiled)
        request, queue = compiled.create_infer_request(), ov.AsyncInferQueue(compiled, 2)
        given = inputs(compiled)
        del compiled
        gc.collect()
        assert request.infer(given)[0].tobytes() == expected[0], (device, cache)
        del request
        gc.collect()
        junk = [bytes(1 << 20) for _ in range(64)]
        queue.start_async(given)
        queue.wait_all()
        assert queue[0].get_output_tensor().data.tobytes() == expected[0]
print("ok")
"""


@pytest.mark.parametrize("name", ["conv", "mlp"])
def test_requests_and_queues_outlive_their_compiled_model(sealed, tmp_path, name):
    assert scripts.run(COMPILED, sealed(name), tmp_path / "cache", "CPU", "HETERO:CPU", "AUTO:CPU") == ["ok"]


THREADS = """
expected, failures = outputs(ovseal.compile_model(core, path, "CPU", **access)), []

def work():
    try:
        for _ in range(5):
            model = ovseal.read_model(core, path, **access)
            compiled = core.compile_model(model, "CPU")
            del model
            request = compiled.create_infer_request()
            given = inputs(compiled)
            del compiled
            assert request.infer(given)[0].tobytes() == expected[0]
            assert outputs(ovseal.compile_model(core, path, "CPU", **access)) == expected
    except BaseException as error:
        failures.append(error)

threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
for _ in range(50):
    gc.collect()
for thread in threads:
    thread.join()
assert not failures, failures
print("ok")
"""


def test_threads_create_and_delete_models(sealed):
    assert scripts.run(THREADS, sealed("mlp")) == ["ok"]


ENDS = {
    "everything is alive": "",
    "only the request is alive": "del model, compiled",
    "in a cycle": "cycle = [model, compiled, request]; cycle.append(cycle); del model, compiled, request",
    "in a module": "import types; sys.modules['kept'] = types.SimpleNamespace(a=model, b=compiled, c=request)",
    "through os._exit of a thread's caller": "threading.Thread(target=request.infer, args=(given,)).start()",
    "in an exit handler": "import atexit; atexit.register(lambda: request.infer(given)); del model, compiled",
    "with an exception": "sys.excepthook = lambda *raised: None; print('ok'); sys.exit(0)",
}


@pytest.mark.parametrize("end", ENDS, ids=ENDS.keys())
@pytest.mark.parametrize("source", ["read", "compiled", "imported"])
def test_the_interpreter_exits_cleanly(sealed, tmp_path, end, source):
    make = {
        "read": "model = ovseal.read_model(core, path, **access); compiled = core.compile_model(model, 'CPU')",
        "compiled": "model = None; compiled = ovseal.compile_model(core, path, 'CPU', **access)",
        "imported": "model = None; compiled = [ovseal.compile_model(core, path, 'CPU', **access, cache_dir=rest[0]) for _ in '12'][1]",
    }[source]
    script = f"{make}\nrequest = compiled.create_infer_request()\ngiven = inputs(compiled)\nrequest.infer(given)\n{ENDS[end]}\nprint('ok')"
    assert scripts.run(script, sealed("mlp"), tmp_path / "cache") == ["ok"]


def test_a_rejected_model_leaves_nothing_behind(damaged):
    script = """
import warnings
for _ in range(20):
    for function in (lambda: ovseal.read_model(core, path, **access), lambda: ovseal.compile_model(core, path, "CPU", **access)):
        try:
            function()
        except ovseal.NotAuthenticError:
            pass
gc.collect()
from ovseal import _ovseal
assert not [object for object in gc.get_objects() if isinstance(object, _ovseal.Weights)]
print("ok")
"""
    assert scripts.run(script, damaged) == ["ok"]
