"""Every example runs and prints the expected output."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MODELS = Path(os.environ.get("OVSEAL_TEST_MODELS", ROOT / "target/test/models"))
# Seconds until something counts as hung. Even slow, busy machines need only a fraction of this.
PATIENCE = 1800


@pytest.fixture(autouse=True)
def environment(tmp_path_factory, monkeypatch):
    """Replace the user's device files and locale.

    OpenVINO fails to find its own names, such as inside_sqrt, where the lower case of I is not i.
    """
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
    monkeypatch.setenv("LC_ALL", "C")


def example(name, *arguments, given=""):
    command = [sys.executable, str(HERE / name / f"{name}.py"), *map(str, arguments)]
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def ovseal(*arguments):
    subprocess.run([sys.executable, "-m", "ovseal", *map(str, arguments)], check=True, capture_output=True)


def test_hello_sealed(tmp_path):
    lines = example("hello_sealed", MODELS / "conv/model.xml", tmp_path).splitlines()
    assert lines[0].startswith("sealed model.xml into ") and lines[1].startswith("y: (1, 10), first value ")
    assert {path.name for path in tmp_path.iterdir()} == {"device.key", "acme.key", "acme.pub", "model.ovseal"}


def test_benchmark(tmp_path):
    ovseal("keygen", "--keyfile", "-o", tmp_path / "key")
    ovseal("keygen", "--publisher", "-o", tmp_path / "acme")
    signing = ["--publisher-key", tmp_path / "acme.key"]
    ovseal("seal", MODELS / "conv/model.xml", "-o", tmp_path / "m.ovseal", "--keyfile", tmp_path / "key", *signing)
    model = [tmp_path / "m.ovseal", "--keyfile", tmp_path / "key", "--publisher", tmp_path / "acme.pub"]
    for arguments in (model, [*model, "--cache-dir", tmp_path / "cache"], [MODELS / "conv/model.xml", "--plaintext"]):
        report = json.loads(example("benchmark", *arguments, "--seconds", "0.2"))
        assert 0 < report["load_seconds"] < report["first_inference_seconds"] and report["inferences_per_second"] > 0


def test_llm_chat(tmp_path):
    ovseal("keygen", "--keyfile", "-o", tmp_path / "key")
    ovseal("keygen", "--publisher", "-o", tmp_path / "acme")
    signing = ["--publisher-key", tmp_path / "acme.key"]
    ovseal("seal", ROOT / "testkit/llm/tiny-llama", "-o", tmp_path / "llama.ovseal", "--keyfile", tmp_path / "key", *signing)
    arguments = [tmp_path / "llama.ovseal", "--keyfile", tmp_path / "key", "--publisher", tmp_path / "acme.pub", "--max-new-tokens", 5]
    answers = example("llm_chat", *arguments, given="what is sealed\nand what opens it\n")
    assert len(answers.splitlines()) >= 2


TEXTS = {
    "shop.md": "You can send goods back within thirty days and get your money.\n\nWe deliver on weekdays between nine and five.",
    "animals/cats.txt": "A kitten sleeps for most of the day.\n\nIt likes fish.",
    "space.txt": "The probe passed Jupiter and goes on to the outer planets.",
}


def test_semantic_search_finds_by_meaning(tmp_path):
    for name, text in TEXTS.items():
        path = tmp_path / "texts" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    container, key = tmp_path / "minilm.ovseal", ["--keyfile", tmp_path / "key"]
    example("semantic_search", "seal", container, *key)
    assert 40 << 20 < container.stat().st_size < 100 << 20
    for question, answer in [
        ("how do I get a refund?", "shop.md: You can send goods back"),
        ("young pets that are tired", "animals/cats.txt: A kitten sleeps"),
        ("spacecraft", "space.txt: The probe passed Jupiter"),
    ]:
        first = example("semantic_search", "find", container, *key, tmp_path / "texts", question).splitlines()[0]
        assert answer in first, (question, first)
        assert float(first.split()[0]) > 0.25
