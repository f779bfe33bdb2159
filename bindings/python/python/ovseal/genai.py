"""Language models for OpenVINO GenAI, from sealed directories. No plaintext touches a disk.

    key = ovseal.identity("device.key")
    pipeline = ovseal.genai.LLMPipeline("llama.ovseal", "CPU", key=key, publisher="acme.pub")
    print(pipeline.generate("The sun is", max_new_tokens=20))

Seal the directory that OpenVINO GenAI would load, unchanged: ``ovseal seal llama-ov -o llama.ovseal
-R device.recipient --publisher-key acme.key``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from . import _errors, _ovseal
from ._compiled import Guard
from ._fork import keep_in_child, keep_in_children
from ._model import _container, _tensor
from ._runtime import attempt, numpy, openvino, reject_writing_settings

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
    """An ``openvino_genai.LLMPipeline`` from a sealed directory.

    Model, tokenizer, detokenizer, chat template and generation configuration are loaded from
    memory. The constructor returns after all of them have been verified. The decrypted weights live
    as long as this object.

    Args:
        source: As for `ovseal.read_model`.
        device: The device, such as ``CPU``.
        key, publisher, name, min_security_version, rollback_state, threads, kdf_limit: As for
            `ovseal.open`.
        generation_config: A configuration to use instead of the directory's.
        properties: Those of ``openvino_genai.LLMPipeline``: ``scheduler_config``, ``adapters``
            (with `adapter` objects), and OpenVINO's properties.

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
        reject_writing_settings(properties)
        container = _container(source, key, publisher, name, min_security_version, rollback_state, threads, kdf_limit)
        text = _tokenizer(container)
        config = generation_config or _generation_config(container)
        network = _network(container, "openvino_model.xml", device)
        weights = _tensor(network, device)
        build = super().__init__
        properties = {"generation_config": config, "CACHE_DIR": "", **properties}
        arguments = weights, text, device
        attempt("build the pipeline", lambda: build(network.topology().decode(), *arguments, **properties), network)
        network.verify()
        network.accept()
        self._weights, self._guard = weights, Guard(network.owner)

    def generate(self, *arguments: Any, **keywords: Any) -> Any:
        self._guard.check()
        results = super().generate(*arguments, **keywords)
        self._guard.inferred()
        return results

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        self._guard.check()
        results = super().__call__(*arguments, **keywords)
        self._guard.inferred()
        return results

    def get_tokenizer(self) -> openvino_genai.Tokenizer:
        return keep_in_child(super().get_tokenizer())

    def start_chat(self, *arguments: Any, **keywords: Any) -> None:
        self._guard.check()
        super().start_chat(*arguments, **keywords)

    def finish_chat(self) -> None:
        self._guard.check()
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
    """Return the tokenizer of a sealed directory, with its chat template, in OpenVINO's own memory.

    Args:
        source: As for `ovseal.read_model`.
        key, publisher, name, min_security_version, rollback_state, kdf_limit: As for `ovseal.open`.

    Raises:
        ovseal.Error: One of its subclasses.
    """
    reject_writing_settings()
    container = _container(source, key, publisher, name, min_security_version, rollback_state, None, kdf_limit)
    result = _tokenizer(container)
    _accept(container)
    return result


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
    """Return a LoRA adapter from a sealed ``.safetensors`` file, in OpenVINO's own memory.

    Put it into an ``openvino_genai.AdapterConfig``, and pass that to `LLMPipeline` as
    ``adapters=``.

    Args:
        source: As for `ovseal.read_model`.
        part: The path of the file in the container, if there are several.
        key, publisher, name, min_security_version, rollback_state, kdf_limit: As for `ovseal.open`.

    Raises:
        ovseal.Error: One of its subclasses.
    """
    container = _container(source, key, publisher, name, min_security_version, rollback_state, None, kdf_limit)
    paths = [each.path for each in container if each.path.endswith(".safetensors")] if part is None else [part]
    if len(paths) > 1:
        message = f"the container has several adapters: {', '.join(paths)}"
        raise _errors.UsageError(message, _errors.SEVERAL_MODELS, "choose one with part=")
    tensor = _part(container, paths[0] if paths else "*.safetensors").tensor()
    result = attempt("read the adapter", lambda: openvino_genai.Adapter(tensor))
    _accept(container)
    return result


def _tokenizer(container: Container) -> openvino_genai.Tokenizer:
    """Return the tokenizer, in OpenVINO's own memory, because it may outlive everything else."""
    networks = *_copied(container, "openvino_tokenizer.xml"), *_copied(container, "openvino_detokenizer.xml")
    result = attempt("read the tokenizer", lambda: openvino_genai.Tokenizer(*networks, CACHE_DIR=""))
    if not result.chat_template and (template := _chat_template(container)):
        result.set_chat_template(template)
    return keep_in_child(result)


def _copied(container: Container, path: str) -> tuple[str, openvino.Tensor]:
    """Return a verified topology, and its weights in OpenVINO's own memory."""
    network = _network(container, path, "")
    content = memoryview(network.writable_view())
    weights = openvino.Tensor(openvino.Type.u8, [len(content)])
    if content:
        weights.data[:] = numpy.frombuffer(content, numpy.uint8)
    topology = network.topology().decode()
    network.verify()
    return topology, weights


def _accept(container: Container) -> None:
    """Accept a container without a language model.

    A language model could still be damaged. So `LLMPipeline` accepts it after loading, or the
    caller does so with `Container.accept`.
    """
    if "openvino_model.xml" not in container:
        container.accept()


def _chat_template(container: Container) -> str | None:
    """Return the template from the files that OpenVINO GenAI reads if the tokenizer has none."""
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
    # Raise outside the handler, because its exception holds the whole file.
    raise _errors.UnsupportedError(f"{path} is malformed", _errors.NOT_A_MODEL)


def _generation_config(container: Container) -> openvino_genai.GenerationConfig | None:
    """Return the directory's configuration. OpenVINO GenAI reads it completely only from a file."""
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
    hint = "seal the whole directory that OpenVINO GenAI loads"
    raise _errors.UnsupportedError(f"the container has no {path}", _errors.NOT_A_MODEL, hint)


keep_in_children(openvino_genai.LLMPipeline)
