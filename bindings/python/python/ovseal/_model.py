"""Models of opened containers for OpenVINO."""

from __future__ import annotations

import io
import os
import re
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from . import _errors, _ovseal
from ._fork import keep_in_children
from ._runtime import attempt, numpy, openvino, refuse_writers

if TYPE_CHECKING:
    import openvino as ov

    from ._ovseal import AnySender, Container, Key

    Source = str | os.PathLike[str] | BinaryIO | bytes | Container
    Publisher = str | os.PathLike[str] | bytes
    Publishers = Publisher | Sequence[Publisher] | Mapping[str, Publisher | Sequence[Publisher]] | AnySender
    Progress = Callable[[int, int], object]


def read_model(
    core: ov.Core,
    source: Source,
    *,
    key: Key | Sequence[Key] | None = None,
    publisher: Publishers | None = None,
    name: str | None = None,
    min_security_version: int | None = None,
    rollback_state: str | os.PathLike[str] | None = None,
    part: str | None = None,
    device: str | None = None,
    threads: int | None = None,
    kdf_limit: int | None = None,
    progress: Progress | None = None,
) -> ov.Model:
    """Reads the network of a sealed container into OpenVINO. All of it was found authentic when this returns.

    The decrypted weights live exactly as long as the model and all that OpenVINO makes of it: an object in the model's ``rt_info``
    holds them. Operations that were taken out of the model (``model.get_ops()``) do not.

    Args:
        core: OpenVINO's core. One with a ``CACHE_DIR`` is refused, since it would write the model to disk.
        source: A path, a binary file object, bytes, or an opened `Container`; with one, the demands below are not looked at.
        key: What opens it: a key or several. Without one, this device's own key.
        publisher: The file with the public key of the publisher who must have signed, or its bytes, or several; or
            `ovseal.ANY_SENDER`. Only a container for passphrases and key files alone opens without. A dictionary of
            model names trusts each publisher for that name only.
        name: The model name that is demanded.
        min_security_version: The least security version.
        rollback_state: The file with the versions that this device has accepted before.
        part: The path of the network in the container, when there are several.
        device: The device for which it will be compiled, when that is another than ``CPU``: then the weights are in OpenVINO's own
            memory, since not every device keeps the model's ``rt_info``.
        threads: How many threads decrypt.
        kdf_limit: The most work for passphrases, in MiB of memory times passes; 1024 by default.
        progress: Called now and then with the bytes that are done and their number.

    Raises:
        Error: One of its subclasses.
    """
    refuse_writers(core)
    container = _container(source, key, publisher, name, min_security_version, rollback_state, threads, kdf_limit)
    network = _ovseal.Network(container, part, "", "eager", progress)
    model = _read(core, network, device)
    network.verify()
    network.accept()
    return model


def compile_model(
    core: ov.Core,
    source: Source,
    device: str,
    properties: Mapping[str, Any] | None = None,
    *,
    key: Key | Sequence[Key] | None = None,
    publisher: Publishers | None = None,
    name: str | None = None,
    min_security_version: int | None = None,
    rollback_state: str | os.PathLike[str] | None = None,
    part: str | None = None,
    shapes: Mapping[str, Sequence[int]] | None = None,
    opening: str = "auto",
    cache_dir: str | os.PathLike[str] | None = None,
    cache_limit: int | None = None,
    threads: int | None = None,
    kdf_limit: int | None = None,
    progress: Progress | None = None,
) -> ov.CompiledModel:
    """Compiles the network of a sealed container for a device.

    For the device ``CPU`` decryption goes on while OpenVINO compiles. The compiled model is handed out when every chunk of it was
    found authentic. After its first inference the pages of the weights are given back to the system, when they can come again by
    decryption.

    Args:
        core, source, key, publisher, name, min_security_version, rollback_state, part, threads, kdf_limit, progress: As for `read_model`.
        device: The device, such as ``CPU``.
        properties: OpenVINO's properties. One that sets a cache is refused, since it would write the model to disk.
        shapes: Shapes that inputs get before.
        opening: ``auto``, ``eager`` or ``overlapped``: whether decryption goes on meanwhile.
        cache_dir: A folder in which compiled models are kept, each sealed for its container and this device. The next time the
            compiled model comes from there, and the container's payload is not read.
        cache_limit: How many bytes the folder may have; the compiled models that were not used for the longest time go first.

    Raises:
        Error: One of its subclasses. The cache raises none, but a `UsageError` when the device's secret would stand in it, and
            warns (`CacheWarning`) when it cannot keep a model.
    """
    properties = dict(properties or {})
    refuse_writers(core, properties)
    container = _container(source, key, publisher, name, min_security_version, rollback_state, threads, kdf_limit)
    total = _ovseal.Network.length(container, part)
    with _watched(container, total, progress):
        cache = _cache(core, container, part, device, properties, shapes, cache_dir, cache_limit)
        compiled = cache and _import(core, cache, device, properties)
        if compiled:
            container.accept()
            return compiled
        compiled = _compile(core, container, part, device, properties, shapes, opening)
    if cache:
        _store(cache, compiled)
    return compiled


def import_model(
    core: ov.Core,
    source: Source,
    device: str,
    properties: Mapping[str, Any] | None = None,
    *,
    key: Key | Sequence[Key] | None = None,
    publisher: Publishers | None = None,
    name: str | None = None,
    min_security_version: int | None = None,
    rollback_state: str | os.PathLike[str] | None = None,
    part: str | None = None,
    threads: int | None = None,
    kdf_limit: int | None = None,
    progress: Progress | None = None,
) -> ov.CompiledModel:
    """Imports a compiled model that was sealed, instead of ``core.import_model``.

    The model is what ``export_model`` wrote; device, machine and OpenVINO must be those that exported it. All of it was found authentic
    before OpenVINO reads it. The device goes on reading the bytes in place; they are in OpenVINO's own memory, which lives as long as the
    compiled model and everything that is made of it.

    Import only models of publishers whom you trust: the device's parser was not made for hostile input.

    Args:
        core, source, key, publisher, name, min_security_version, rollback_state, threads, kdf_limit, progress: As for `read_model`.
        device: The device, such as ``CPU``.
        properties: OpenVINO's properties. One that sets a cache is refused.
        part: The path of the compiled model in the container, when there are several.

    Raises:
        Error: One of its subclasses.
    """
    properties = dict(properties or {})
    refuse_writers(core, properties)
    container = _container(source, key, publisher, name, min_security_version, rollback_state, threads, kdf_limit)
    exported = container._compiled(part)
    with _watched(container, exported.length, progress):
        tensor = exported.tensor()
        compiled = attempt("import the compiled model", lambda: _imported(core, tensor, device, properties))
    container.accept()
    return CompiledModel(compiled, None)


class CompiledModel(openvino.CompiledModel):
    """A compiled model that gives pages of its weights back, and refuses to work in a forked child."""

    def __init__(self, compiled: Any, weights: _ovseal.Weights | None):
        super().__init__(compiled)
        self._tie = _Tie(weights)

    def create_infer_request(self) -> InferRequest:
        self._tie.check()
        return InferRequest(super().create_infer_request(), self._tie)

    def export_model(self, *arguments: Any) -> Any:
        self._tie.check()
        return super().export_model(*arguments)


class InferRequest(openvino.InferRequest):
    """An inference of a `CompiledModel`."""

    def __init__(self, request: Any, tie: _Tie):
        super().__init__(request)
        self._tie = tie

    def infer(self, *arguments: Any, **keywords: Any) -> Any:
        self._tie.check()
        results = super().infer(*arguments, **keywords)
        self._tie.inferred()
        return results

    def start_async(self, *arguments: Any, **keywords: Any) -> None:
        self._tie.check()
        super().start_async(*arguments, **keywords)

    def wait(self) -> None:
        self._tie.check()
        super().wait()
        self._tie.inferred()


class _Tie:
    """What a compiled model and its requests know together: the process, and weights whose pages are not needed any more."""

    def __init__(self, weights: _ovseal.Weights | None):
        self._process = os.getpid()
        self._weights = weights

    def check(self) -> None:
        if self._process != os.getpid():
            raise _errors.ForkedError(
                "this model was compiled before the process forked, and its memory did not come along",
                _errors.FORKED,
                'compile the model in the child, or start it without forking: multiprocessing\'s "spawn"',
            )

    def inferred(self) -> None:
        weights, self._weights = self._weights, None
        if weights is not None:
            weights.release()


class _Export(io.BytesIO):
    """A stream to which OpenVINO exports. OpenVINO wants a `BytesIO`; what it writes goes into the file in memory at once."""

    def __init__(self, exported: _ovseal.Exported):
        super().__init__()
        self._exported = exported

    def write(self, piece: Any) -> int:
        return self._exported.write(piece)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._exported.seek(offset, whence)

    def tell(self) -> int:
        return self._exported.seek(0, 1)


def _container(
    source: Source, key: Any, publisher: Any, name: Any, version: Any, state: Any, threads: Any, kdf_limit: Any
) -> Container:
    if isinstance(source, _ovseal.Container):
        return source
    return _ovseal.open(
        source,
        key=key,
        publisher=publisher,
        name=name,
        min_security_version=version,
        rollback_state=state,
        threads=threads,
        kdf_limit=kdf_limit,
        _stacklevel=3,  # whoever called the function that called this one
    )


def _read(core: ov.Core, network: _ovseal.Network, device: str | None) -> ov.Model:
    """Reads a network whose weights may still be on the way."""
    is_lent = network.has_weights and not network.is_copied
    weights = _tensor(network, device) if is_lent else b""
    model = attempt("read the model", lambda: core.read_model(network.topology(), weights), network)
    if network.is_copied or is_tied(device):
        # The model goes on reading that memory.
        model.set_rt_info(network.owner, "ovseal")
    return model


def _tensor(network: _ovseal.Network, device: str | None) -> ov.Tensor:
    array = numpy.frombuffer(memoryview(network.lend()), numpy.uint8)
    if is_tied(device):
        return openvino.Tensor(array, [len(array)], openvino.Type.u8)
    tensor = openvino.Tensor(openvino.Type.u8, [len(array)])
    tensor.data[:] = array
    return tensor


def is_tied(device: str | None) -> bool:
    """Whether what is compiled for a device keeps the ``rt_info`` of its model, and with it the weights.

    Seen with the CPU, also below AUTO, MULTI and BATCH. HETERO, which cuts models into several, keeps none.
    """
    if device is None:
        return True
    names = re.split("[:,(]", device.upper())
    return "CPU" in names and all(name.rstrip(")") in _TIED or name.rstrip(")").isdigit() for name in names)


def _compile(
    core: ov.Core, container: Container, part: str | None, device: str, properties: Any, shapes: Any, opening: str
) -> ov.CompiledModel:
    network = _ovseal.Network(container, part, device, opening)
    model = _read(core, network, device)
    if shapes:
        attempt("reshape the model", lambda: model.reshape(dict(shapes)), network)
    properties = {**properties, "CACHE_DIR": ""}
    compiled = attempt("compile the model", lambda: core.compile_model(model, device, properties), network)
    weights = network.owner if is_tied(device) else None
    network.verify()
    network.accept()
    return CompiledModel(compiled, weights)


def _cache(
    core: ov.Core, container: Container, part: Any, device: str, properties: Any, shapes: Any, folder: Any, limit: Any
) -> _ovseal.Cache | None:
    if folder is None:
        return None
    settings: _ovseal._Settings = {
        "part": part,
        "device": device,
        "properties": [(name, str(value)) for name, value in sorted(properties.items())],
        "shapes": [(name, list(shape)) for name, shape in (shapes or {}).items()],
    }
    try:
        versions = attempt("load the device", lambda: core.get_versions(device))
        plugins = [_plugin(core, *plugin) for plugin in versions.items()]
        runtime: _ovseal._Runtime = {"version": openvino.get_version(), "plugins": plugins}
        return _ovseal.Cache(folder, limit, container, runtime, settings)
    except _errors.HostError as error:
        warnings.warn(_errors.CacheWarning(f"the cache is not used: {error}"), stacklevel=3)
        return None


def _plugin(core: ov.Core, device: str, version: Any) -> tuple[str, str, str, list[tuple[str, str]]]:
    said = []
    for name in _ovseal.Cache.properties():
        try:
            said.append((name, str(core.get_property(device, name))))
        except RuntimeError:
            pass  # Devices have those that mean something to them.
    # What is set for the device decides what is compiled for it.
    said += attempt("ask the device for its settings", lambda: _settings(core, device))
    return device, version.description, version.build_number, said


def _settings(core: ov.Core, device: str) -> list[tuple[str, str]]:
    settings = core.get_property(device, "SUPPORTED_PROPERTIES").items()
    return [(name, _text(core.get_property(device, name))) for name, access in settings if access == "RW"]


def _text(value: Any) -> str:
    """A property's value. The order of sets is another one in each process."""
    return str(sorted(map(str, value)) if isinstance(value, (set, frozenset)) else value)


def _import(core: ov.Core, cache: _ovseal.Cache, device: str, properties: Any) -> ov.CompiledModel | None:
    """Imports the compiled model, if it is there.

    The runtime reads the bytes in place for as long as it likes, and an imported model has no ``rt_info`` that would keep ours. So
    they are put into memory of the runtime's own.
    """
    try:
        found = cache.read()
    except _errors.HostError as error:
        warnings.warn(_errors.CacheWarning(f"the cache is not used: {error}"), stacklevel=3)
        return None
    if found is None:
        return None
    tensor = openvino.Tensor(openvino.Type.u8, [len(found)])
    tensor.data[:] = numpy.frombuffer(memoryview(found), numpy.uint8)
    try:
        # An import writes nothing, and not every version takes the property of the cache there.
        compiled = attempt("import the compiled model", lambda: _imported(core, tensor, device, properties))
    except _errors.HostError as error:
        warnings.warn(_errors.CacheWarning(f"the compiled model that was kept is not used: {error}"), stacklevel=3)
        cache.discard()
        return None
    return CompiledModel(compiled, None)


def _imported(core: ov.Core, exported: ov.Tensor, device: str, properties: Any) -> ov.CompiledModel:
    """Imports what a device has exported. Before 2026 OpenVINO takes a stream only, and copies it."""
    try:
        return core.import_model(exported, device, properties)
    except TypeError:
        return core.import_model(io.BytesIO(exported.data), device, properties)


def _store(cache: _ovseal.Cache, compiled: ov.CompiledModel) -> None:
    try:
        exported = _ovseal.Exported()
        attempt("export the compiled model", lambda: compiled.export_model(_Export(exported)))
        cache.write(exported)
    except _errors.Error as error:
        warnings.warn(_errors.CacheWarning(f"the compiled model is not kept: {error}"), stacklevel=3)


@contextmanager
def _watched(container: Container, total: int, progress: Progress | None) -> Iterator[None]:
    """Calls the call-back from a thread of its own while the caller's is in the runtime."""
    if progress is None:
        yield
        return
    start, end = container._done, threading.Event()
    raised: list[BaseException] = []

    def watch() -> None:
        try:
            while not end.wait(0.1):
                progress(min(container._done - start, total), total)
        except BaseException as error:
            raised.append(error)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        end.set()
        watcher.join()
    if raised:
        raise raised[0]
    progress(total, total)


# Also those that others make of our models.
keep_in_children(openvino.CompiledModel, openvino.InferRequest, openvino.AsyncInferQueue)

_TIED = {"CPU", "AUTO", "MULTI", "BATCH", ""}
