"""Forked children exit cleanly, and get an exception if they use a model."""

from pathlib import Path

import scripts

FORK = """
import warnings
warnings.simplefilter("ignore")  # Python 3.12 warns about threads
model = ovseal.read_model(core, path, **access)
compiled = ovseal.compile_model(core, path, "CPU", **access)
imported = [ovseal.compile_model(core, path, "CPU", **access, cache_dir=rest[0]) for _ in "12"][1]
opened = ovseal.open(path, **access)
part, view, request = opened["model.bin"], memoryview(opened["model.xml"]), compiled.create_infer_request()
plain = core.compile_model(model, "CPU")
queue = ov.AsyncInferQueue(plain, 2)
given = inputs(compiled)
request.infer(given)
plain(given)
uses = {
    "part": lambda: part.read(),
    "buffer": lambda: memoryview(part),
    "buffer again": lambda: memoryview(view.obj),
    "tensor": lambda: part.tensor(),
    "name": lambda: opened.name,
    "key": lambda: ovseal.open(path, **access),
    "seal": lambda: ovseal.rekey(path, key=key, add=key),
    "model of the container": lambda: ovseal.read_model(core, opened),
    "compiled": lambda: compiled(given),
    "request": lambda: request.infer(given),
    "start": lambda: request.start_async(given),
    "new request": lambda: compiled.create_infer_request(),
    "imported": lambda: imported(given),
    "export": lambda: compiled.export_model(),
}


def child(action):
    process = os.fork()
    if process == 0:
        action()
        sys.exit(7)  # a complete exit, with destructors
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def touch(use):
    try:
        use()
    except ovseal.ForkedError as error:
        if (error.code, error.kind) == (210, "usage") and error.hint:
            return
    os._exit(1)


def delete():
    global model, compiled, imported, opened, part, view, request, uses, plain, queue
    del model, compiled, imported, opened, part, view, request, uses, plain, queue
    gc.collect()


def new():
    other = ovseal.keyfile(KEY_BYTES)
    with ovseal.open(path, key=other, publisher=ovseal.ANY_SENDER) as reopened:
        assert reopened["model.xml"].read().startswith(b"<?xml")


assert child(lambda: None) == 7
assert child(delete) == 7
assert child(new) == 7
for name, use in uses.items():
    assert child(lambda: touch(use)) == 7, name
assert outputs(compiled) == outputs(imported) and bytes(view).startswith(b"<?xml")
print("ok")
"""


def test_forked_children(sealed, tmp_path):
    assert scripts.run(FORK, sealed("mlp"), tmp_path / "cache") == ["ok"]


FROZEN = """
import warnings, weakref
warnings.simplefilter("ignore")  # Python 3.12 warns about threads


class Object:
    pass


target = Object()
stale = weakref.proxy(target)
del target
compiled = ovseal.compile_model(core, path, "CPU", **access)
expected = outputs(compiled)
gc.freeze()
process = os.fork()
if process == 0:
    del compiled
    gc.collect()
    sys.exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 7
assert outputs(compiled) == expected and gc.get_freeze_count() > 0
print("ok")
"""


def test_a_child_of_a_process_with_frozen_objects(sealed):
    assert scripts.run(FROZEN, sealed("mlp")) == ["ok"]


SPAWN = """
import multiprocessing
from forked import first_output
if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        results = pool.map(first_output, [path] * 2)
    assert results == [outputs(ovseal.compile_model(core, path, "CPU", **access))[0]] * 2
    print("ok")
"""


def test_spawned_processes_open_models(sealed, tmp_path, monkeypatch):
    (tmp_path / "forked.py").write_text(
        "import openvino as ov, ovseal\n"
        "from conftest import KEY_BYTES, outputs\n"
        "def first_output(path):\n"
        '    return outputs(ovseal.compile_model(ov.Core(), path, "CPU", key=ovseal.keyfile(KEY_BYTES), publisher=ovseal.ANY_SENDER))[0]\n'
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path(__file__).parent}")
    assert scripts.run(SPAWN, sealed("mlp")) == ["ok"]
