"""The Python code in the guide and in the README runs as printed."""

import re
import shutil

import ovseal
from conftest import MODELS, ROOT


def blocks(page):
    return re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text("utf-8"), re.MULTILINE | re.DOTALL)


def run(page, directory, monkeypatch):
    for name in ("model.xml", "model.bin"):
        shutil.copy(MODELS / "conv" / name, directory)
    shutil.copytree(ROOT / "testkit/llm/tiny-llama", directory / "llama-ov")
    monkeypatch.chdir(directory)
    names = {}
    for block in blocks(page):
        exec(compile(block, page, "exec"), names)
    return names


def test_the_guide(tmp_path, monkeypatch, capsys):
    names = run("docs/guides/python.md", tmp_path, monkeypatch)
    assert len(blocks("docs/guides/python.md")) > 6
    assert names["weights"].nbytes == (MODELS / "conv/model.bin").stat().st_size
    assert names["compiled"].outputs
    assert capsys.readouterr().out.splitlines()[-1].startswith("400 no key fits")


def test_the_readme(tmp_path, monkeypatch):
    assert blocks("README.md"), "README.md has no Python code"
    recipient = ovseal.generate_identity(tmp_path / "device.key")
    ovseal.generate_publisher(tmp_path / "acme.key", tmp_path / "acme.pub")
    model, key = MODELS / "conv/model.xml", tmp_path / "acme.key"
    ovseal.seal(model, tmp_path / "model.ovseal", recipients=recipient, publisher_key=key)
    assert run("README.md", tmp_path, monkeypatch)["compiled"].outputs
