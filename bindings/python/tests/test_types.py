"""The package is typed, and the stub matches the extension module."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

from conftest import PATIENCE
from ovseal import _ovseal

USE = """
import openvino as ov, ovseal
key: ovseal.Key = ovseal.passphrase("secret")
model: ov.Model = ovseal.read_model(ov.Core(), "m.ovseal", key=key, publisher=["acme.pub"])
compiled: ov.CompiledModel = ovseal.compile_model(ov.Core(), "m.ovseal", "CPU", key=key, cache_dir="cache")
imported: ov.CompiledModel = ovseal.import_model(ov.Core(), "m.ovseal", "CPU", {}, key=key, part="m.blob")
with ovseal.open(b"", key=[key], publisher=ovseal.ANY_SENDER) as opened:
    data: memoryview = memoryview(opened["model.bin"])
lengths: list[int] = [part.length for part in ovseal.plan("model", exclude=["*.txt"]).parts]
hardened: bool = ovseal.harden_process()
code: int = ovseal.Error("text").code
pipeline = ovseal.genai.LLMPipeline("llama.ovseal", "CPU", key=key)
"""


# OpenVINO's packages have stubs, but no py.typed marker.
SETTINGS = """
[mypy]
strict = True
disallow_subclassing_any = False
incremental = False
[mypy-openvino.*,openvino_genai.*]
ignore_missing_imports = True
"""


def check(folder, *arguments):
    (folder / "mypy.ini").write_text(SETTINGS)
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=PATIENCE)


def test_the_package_is_typed(tmp_path):
    done = check(tmp_path, "mypy", "-p", "ovseal")
    assert done.returncode == 0, done.stdout


def test_programs_that_use_the_package_are_checked(tmp_path):
    (tmp_path / "use.py").write_text(USE)
    done = check(tmp_path, "mypy", "use.py")
    assert done.returncode == 0, done.stdout
    (tmp_path / "misuse.py").write_text('import ovseal\nkey: int = ovseal.passphrase(5)\novseal.seal("m", "o")\n')
    done = check(tmp_path, "mypy", "misuse.py")
    assert done.stdout.count("error:") == 3, done.stdout


def test_the_stub_matches_the_extension_module(tmp_path):
    # Python has buffer methods only from 3.12 on, and PyO3 adds `__all__`.
    (tmp_path / "allowed").write_text("ovseal\\._ovseal\\.(__all__|\\w+\\.__(release_)?buffer__)\n")
    allowed = ["--allowlist", "allowed", "--ignore-unused-allowlist"]
    done = check(tmp_path, "mypy.stubtest", "ovseal._ovseal", "--mypy-config-file", "mypy.ini", *allowed)
    assert done.returncode == 0, done.stdout


def test_the_stub_repeats_the_first_paragraph_of_each_docstring():
    def check_members(node, owner):
        for member in node.body:
            if isinstance(member, (ast.ClassDef, ast.FunctionDef)):
                documented = getattr(owner, member.name, None)
                if docstring := ast.get_docstring(member):
                    assert docstring == inspect.getdoc(documented).split("\n\n")[0], member.name
                check_members(member, documented)

    stub = Path(_ovseal.__file__).with_name("_ovseal.pyi")
    check_members(ast.parse(stub.read_text("utf-8")), _ovseal)
