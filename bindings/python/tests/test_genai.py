"""Language models from sealed directories compute the same tokens as in plaintext."""

import shutil

import openvino_genai
import ovseal
import pytest
import scripts
from conftest import ROOT, raises

LLAMA = ROOT / "testkit/llm/tiny-llama"
PROMPTS = ["the model is sealed", "a key opens", "x"]


@pytest.fixture
def llama(tmp_path, key):
    ovseal.seal(LLAMA, tmp_path / "llama.ovseal", recipients=key)
    return tmp_path / "llama.ovseal"


def texts(pipeline, **keywords):
    return [str(pipeline.generate(prompt, **keywords)) for prompt in PROMPTS]


def plaintext(**keywords):
    return openvino_genai.LLMPipeline(str(LLAMA), "CPU", **keywords)


@pytest.mark.parametrize("backend", ["SDPA", "PA"])
def test_tokens_match_the_plaintext_model(llama, key, backend):
    pipeline = ovseal.genai.LLMPipeline(llama, "CPU", key=key, ATTENTION_BACKEND=backend)
    assert isinstance(pipeline, openvino_genai.LLMPipeline)
    expected = plaintext(ATTENTION_BACKEND=backend)
    assert texts(pipeline) == texts(expected)
    assert texts(pipeline, max_new_tokens=5) == texts(expected, max_new_tokens=5)
    config, wanted = pipeline.get_generation_config(), expected.get_generation_config()
    for name in ("max_new_tokens", "eos_token_id", "do_sample", "stop_token_ids"):
        assert getattr(config, name) == getattr(wanted, name)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_chat_uses_the_sealed_template(llama, key):
    answers = []
    for pipeline in (ovseal.genai.LLMPipeline(llama, "CPU", key=key), plaintext()):
        pipeline.start_chat()
        answers.append([pipeline.generate("what is sealed"), pipeline.generate("and what opens it")])
        pipeline.finish_chat()
    assert answers[0] == answers[1]


def test_a_chat_template_next_to_a_tokenizer_without_one(tmp_path, key):
    directory = tmp_path / "directory"
    shutil.copytree(LLAMA, directory)
    xml = (directory / "openvino_tokenizer.xml").read_text("utf-8")
    start = xml.index("<chat_template")
    (directory / "openvino_tokenizer.xml").write_text(xml[:start] + xml[xml.index("/>", start) + 2 :], "utf-8")
    (directory / "chat_template.jinja").write_text("{{ messages[0]['content'] }}!")
    ovseal.seal(directory, tmp_path / "f.ovseal", recipients=key)
    made = ovseal.genai.tokenizer(tmp_path / "f.ovseal", key=key)
    history = [{"role": "user", "content": "hello"}]
    assert made.apply_chat_template(history, False) == "hello!"
    (directory / "tokenizer_config.json").write_text("{,")
    ovseal.seal(directory, tmp_path / "g.ovseal", recipients=key)
    with pytest.raises(ovseal.UnsupportedError, match="tokenizer_config.json is malformed") as raised:
        ovseal.genai.tokenizer(tmp_path / "g.ovseal", key=key)
    assert raised.value.__context__ is None, "the context would hold the file"


def test_lora_adapters_come_from_memory(llama, tmp_path, key):
    ovseal.seal(LLAMA / "adapter.safetensors", tmp_path / "adapter.ovseal", recipients=key, only=True)
    expected = openvino_genai.AdapterConfig([openvino_genai.Adapter(str(LLAMA / "adapter.safetensors"))])
    wanted = texts(plaintext(adapters=expected))
    assert wanted != texts(plaintext())
    for source in (llama, tmp_path / "adapter.ovseal"):
        config = openvino_genai.AdapterConfig([ovseal.genai.adapter(source, key=key)])
        assert texts(ovseal.genai.LLMPipeline(llama, "CPU", key=key, adapters=config)) == wanted


def test_only_the_pipeline_accepts_a_directory_with_a_network(tmp_path, key):
    ovseal.generate_publisher(tmp_path / "acme.key", tmp_path / "acme.pub")
    ovseal.create_rollback_state(tmp_path / "state")
    sealing = {"recipients": key, "publisher_key": tmp_path / "acme.key", "security_version": 3}
    ovseal.seal(LLAMA, tmp_path / "llama.ovseal", **sealing)
    ovseal.seal(LLAMA / "adapter.safetensors", tmp_path / "adapter.ovseal", only=True, **sealing)
    requirements = {"key": key, "publisher": tmp_path / "acme.pub", "rollback_state": tmp_path / "state"}
    before = (tmp_path / "state").read_text()
    ovseal.genai.tokenizer(tmp_path / "llama.ovseal", **requirements)
    ovseal.genai.adapter(tmp_path / "llama.ovseal", **requirements)
    assert (tmp_path / "state").read_text() == before
    ovseal.genai.LLMPipeline(tmp_path / "llama.ovseal", "CPU", **requirements)
    loaded = (tmp_path / "state").read_text()
    assert loaded != before
    ovseal.genai.adapter(tmp_path / "adapter.ovseal", **requirements)
    assert (tmp_path / "state").read_text() != loaded


def test_a_tokenizer_outlives_everything(llama, key):
    script = """
from ovseal import genai
pipeline = genai.LLMPipeline(path, "CPU", **access)
tokenizer = pipeline.get_tokenizer()
first = pipeline.generate("a key opens")
del pipeline
gc.collect()
junk = [bytes(1 << 20) for _ in range(64)]
assert tokenizer.decode(tokenizer.encode("a key opens").input_ids)[0] == "a key opens"
for _ in range(20):
    pipeline = genai.LLMPipeline(path, "CPU", **access)
    assert pipeline.generate("a key opens") == first
    del pipeline
    gc.collect()
from ovseal import _ovseal
assert not [each for each in gc.get_objects() if isinstance(each, _ovseal.Weights)]
pipeline = genai.LLMPipeline(path, "CPU", **access)
process = os.fork()
if process == 0:
    try:
        pipeline.generate("a key opens")
    except ovseal.ForkedError:
        sys.exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 7
print("ok")
"""
    assert scripts.run(script, llama) == ["ok"]


def test_missing_and_damaged_parts_raise(llama, tmp_path, key):
    ovseal.seal(LLAMA / "openvino_model.xml", tmp_path / "m.ovseal", recipients=key)
    for function in (lambda path: ovseal.genai.LLMPipeline(path, "CPU", key=key), lambda path: ovseal.genai.tokenizer(path, key=key)):
        with raises(ovseal.UnsupportedError, 603) as raised:
            function(tmp_path / "m.ovseal")
        assert raised.value.hint
    with pytest.raises(ovseal.UnsupportedError):
        ovseal.genai.adapter(tmp_path / "m.ovseal", key=key)
    with pytest.raises(ovseal.UsageError):
        ovseal.genai.LLMPipeline(llama, "CPU", key=key, config={"CACHE_DIR": "x"})
    with pytest.raises(ovseal.HostError):
        ovseal.genai.LLMPipeline(llama, "NONE", key=key)
    damage_weights(llama, key)
    with raises(ovseal.NotAuthenticError, 303):
        ovseal.genai.LLMPipeline(llama, "CPU", key=key)


def damage_weights(path, key):
    """Flip one bit of the container that damages only the model's weights."""
    content = bytearray(path.read_bytes())
    for offset in range(20_000, len(content), 4096):
        content[offset] ^= 1
        path.write_bytes(content)
        if damaged_parts(path, key) == ["openvino_model.bin"]:
            return
        content[offset] ^= 1
    raise AssertionError("no bit damages only the weights")


def damaged_parts(path, key):
    damaged = []
    try:
        with ovseal.open(path, key=key) as opened:
            for part in opened:
                try:
                    part.read()
                except ovseal.NotAuthenticError:
                    damaged.append(part.path)
    except ovseal.NotAuthenticError:
        pass
    return damaged
