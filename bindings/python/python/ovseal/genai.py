"""Language models of OpenVINO GenAI from sealed folders, with nothing in clear on a disk.

    pipeline = ovseal.genai.LLMPipeline("llama.ovseal", "CPU", key=ovseal.identity("device.key"), publisher="acme.pub")
    print(pipeline.generate("The sun is", max_new_tokens=20))

The folder is the one that OpenVINO GenAI loads, sealed as it is: ``ovseal seal llama-ov
-o llama.ovseal -R device.recipient --publisher-key acme.key``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from . import _errors, _ovseal
from ._fork import keep_in_child, keep_in_children
from ._model import _container, _tensor, _Tie
from ._runtime import attempt, numpy, openvino, refuse_writing

try:
    import openvino_genai
except ModuleNotFoundError:
    raise _errors.HostError(
        "the package openvino_genai is not installed", _errors.RUNTIME, "pip install openvino-genai==2026.4.*"
    ) from None

if TYPE_CHECKING:
    from ._model import Progress, Publishers, Source
    from ._ovseal import Container, Key

__all__ = ["LLMPipeline", "adapter", "tokenizer"]


class LLMPipeline(openvino_genai.LLMPipeline):
    """An ``openvino_genai.LLMPipeline`` from a sealed folder.

    Model, tokenizer, detokenizer, chat template and generation configuration come from memory. The decrypted weights live as long as
    this object. All of it was found authentic when the constructor returns.

    Args:
        source, key, publisher, name, min_security_version, rollback_state, threads, kdf_limit: As for `ovseal.read_model`.
        device: The device, such as ``CPU``.
        generation_config: Another one than the folder's.
        properties: As ``openvino_genai.LLMPipeline`` takes them: ``scheduler_config``, ``adapters`` (of `adapter` objects), properties
            of OpenVINO.

    Raises:
        ovseal.Error: One of its subclasses.
    """

    def __init__(
        self,
        source: Source,
        device: str,
        *,
        key: Key | Sequence[Key] | None = None,
        publisher: Publishers | None = None,
        name: str | None = None,
        min_security_version: int | None = None,
        rollback_state: str | os.PathLike[str] | None = None,
        threads: int | None = None,
        kdf_limit: int | None = None,
        generation_config: openvino_genai.GenerationConfig | None = None,
        **properties: Any,
    ) -> None:
        refuse_writing(properties)
        container = _container(source, key, publisher, name, min_security_version, rollback_state, threads, kdf_limit)
        words = _tokenizer(container)
        config = generation_config or _generation_config(container)
        network = _network(container, "openvino_model.xml", device)
        weights = _tensor(network, device)
        build = super().__init__
        properties = {"generation_config": config, "CACHE_DIR": "", **properties}
        arguments = weights, words, device
        attempt("build the pipeline", lambda: build(network.topology().decode(), *arguments, **properties), network)
        network.verify()
        network.accept()
        self._weights, self._tie = weights, _Tie(network.owner)

    def generate(self, *arguments: Any, **keywords: Any) -> Any:
        self._tie.check()
        results = super().generate(*arguments, **keywords)
        self._tie.inferred()
        return results

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        self._tie.check()
        results = super().__call__(*arguments, **keywords)
        self._tie.inferred()
        return results

    def get_tokenizer(self) -> openvino_genai.Tokenizer:
        return keep_in_child(super().get_tokenizer())

    def start_chat(self, *arguments: Any, **keywords: Any) -> None:
        self._tie.check()
        super().start_chat(*arguments, **keywords)

    def finish_chat(self) -> None:
        self._tie.check()
        super().finish_chat()


def tokenizer(
    source: Source,
    *,
    key: Key | Sequence[Key] | None = None,
    publisher: Publishers | None = None,
    name: str | None = None,
    min_security_version: int | None = None,
    rollback_state: str | os.PathLike[str] | None = None,
    kdf_limit: int | None = None,
) -> openvino_genai.Tokenizer:
    """Makes the tokenizer of a sealed folder, with its chat template. Its memory is OpenVINO's own."""
    refuse_writing()
    container = _container(source, key, publisher, name, min_security_version, rollback_state, None, kdf_limit)
    made = _tokenizer(container)
    _accept(container)
    return made


def adapter(
    source: Source,
    part: str | None = None,
    *,
    key: Key | Sequence[Key] | None = None,
    publisher: Publishers | None = None,
    name: str | None = None,
    min_security_version: int | None = None,
    rollback_state: str | os.PathLike[str] | None = None,
    kdf_limit: int | None = None,
) -> openvino_genai.Adapter:
    """Makes a LoRA adapter of a sealed ``.safetensors`` file, the only one or that at ``part``. Its memory is OpenVINO's own.

    It goes into an ``openvino_genai.AdapterConfig``, and that into `LLMPipeline` as ``adapters=``.
    """
    container = _container(source, key, publisher, name, min_security_version, rollback_state, None, kdf_limit)
    paths = [each.path for each in container if each.path.endswith(".safetensors")] if part is None else [part]
    if len(paths) > 1:
        message = f"the container holds several adapters: {', '.join(paths)}"
        raise _errors.UsageError(message, _errors.SEVERAL_MODELS, "name the part of the one that is wanted")
    tensor = _part(container, paths[0] if paths else "*.safetensors").tensor()
    made = attempt("read the adapter", lambda: openvino_genai.Adapter(tensor))
    _accept(container)
    return made


def _tokenizer(container: Container) -> openvino_genai.Tokenizer:
    """The tokenizer may outlive everything else, so it gets memory of OpenVINO's own."""
    networks = *_words(container, "openvino_tokenizer.xml"), *_words(container, "openvino_detokenizer.xml")
    made = attempt("read the tokenizer", lambda: openvino_genai.Tokenizer(*networks, CACHE_DIR=""))
    if not made.chat_template and (template := _chat_template(container)):
        made.set_chat_template(template)
    return keep_in_child(made)


def _words(container: Container, path: str) -> tuple[str, openvino.Tensor]:
    """Returns a checked topology and its weights, in memory of OpenVINO's own."""
    network = _network(container, path, "")
    topology, weights = network.topology().decode(), _copied(network.lend())
    network.verify()
    return topology, weights


def _accept(container: Container) -> None:
    """Accepts what has no network beside it. One may be damaged: `LLMPipeline` accepts it, or the caller with `Container.accept`."""
    if "openvino_model.xml" not in container:
        container.accept()


def _chat_template(container: Container) -> str | None:
    """The template of the files that OpenVINO GenAI looks into, where the tokenizer's own network has none."""
    path = ""
    try:
        for path in ("tokenizer_config.json", "processor_config.json", "chat_template.json"):
            content = json.loads(container[path].read()) if path in container else {}
            template = content.get("chat_template") if isinstance(content, dict) else None
            if isinstance(template, str):
                return template
        path = "chat_template.jinja"
        return container[path].read().decode() if path in container else None
    except ValueError:
        pass
    # Not within the handler: that exception holds the whole file.
    raise _errors.UnsupportedError(f"{path} cannot be understood", _errors.NOT_A_MODEL)


def _generation_config(container: Container) -> openvino_genai.GenerationConfig | None:
    """The configuration in the folder. Only a file is read with all that it may hold, so it gets one in memory."""
    if "generation_config.json" not in container:
        return None
    descriptor = os.memfd_create("ovseal", os.MFD_CLOEXEC)
    with open(descriptor, "wb") as file:
        file.write(container["generation_config.json"].read())
        file.flush()
        path = f"/proc/self/fd/{descriptor}"
        return attempt("read the generation configuration", lambda: openvino_genai.GenerationConfig(path))


def _network(container: Container, path: str, device: str) -> _ovseal.Network:
    _part(container, path)
    return _ovseal.Network(container, path, device, "auto")


def _part(container: Container, path: str) -> _ovseal.Part:
    if path in container:
        return container[path]
    hint = "seal the whole folder that OpenVINO GenAI loads"
    raise _errors.UnsupportedError(f"the container has no {path}", _errors.NOT_A_MODEL, hint)


def _copied(content: Any) -> openvino.Tensor:
    content = memoryview(content)
    tensor = openvino.Tensor(openvino.Type.u8, [len(content)])
    if content:
        tensor.data[:] = numpy.frombuffer(content, numpy.uint8)
    return tensor


keep_in_children(openvino_genai.LLMPipeline)
