"""Sealed models as objects of OpenVINO's package."""

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
from ._compiled import CompiledModel
from ._runtime import attempt, numpy, openvino, reject_writers

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
    """Read the network of a sealed container into OpenVINO, and verify all of it.

    The decrypted weights live exactly as long as the model and everything that OpenVINO creates
    from it: an object in the model's ``rt_info`` holds them. Operations taken out of the model
    (``model.get_ops()``) do not keep them alive.

    Args:
        core: OpenVINO's core. A core with a ``CACHE_DIR`` is rejected, because it would write the
            model to disk.
        source: A path, a binary file object, bytes, or an opened `Container`. With a container,
            ``key`` and the requirements are ignored.
        key, publisher, name, min_security_version, rollback_state, threads, kdf_limit: As for
            `open`.
        part: The path of the network in the container, if there are several.
        device: The device for which the model will be compiled, if not ``CPU``. For a device that
            does not keep the ``rt_info``, the weights are in OpenVINO's own memory.
        progress: Called as ``progress(done, total)`` from time to time, in decrypted bytes.

    Raises:
        Error: One of its subclasses.
        TypeError: If an argument has the wrong type.
    """
    reject_writers(core)
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
    memory_budget: int | None = None,
    progress: Progress | None = None,
) -> ov.CompiledModel:
    """Compile the network of a sealed container for a device.

    For the device ``CPU``, decryption continues while OpenVINO compiles. The compiled model is
    returned after every chunk has been verified. After its first inference, the pages of the
    weights are returned to the kernel if they can be decrypted again on the next access.

    Args:
        core, source, part, progress: As for `read_model`.
        device: The device, such as ``CPU``.
        properties: OpenVINO's properties. A property that sets a cache is rejected, because it
            would write the model to disk.
        key, publisher, name, min_security_version, rollback_state, threads, kdf_limit: As for
            `open`.
        memory_budget: As for `open`. It applies while OpenVINO reads the weights in place: with an
            ``eager`` opening, or a device other than ``CPU``, all of them stay in memory.
        shapes: The shapes to give to inputs before compiling, by input name.
        opening: ``overlapped`` decrypts while OpenVINO compiles, ``eager`` decrypts before.
            ``auto`` is overlapped for the device ``CPU``, and eager for all others.
        cache_dir: The directory in which compiled models are cached, each sealed for its container
            and this device. A cached model is loaded without reading the container's payload.
        cache_limit: The maximum size of that directory in bytes. The least recently used models are
            removed first.

    Raises:
        Error: One of its subclasses. The cache raises only one, `UsageError`, if the device's
            secret would be stored inside ``cache_dir``. All other failures of the cache are a
            `CacheWarning`.
        TypeError: If an argument has the wrong type.
    """
    properties = dict(properties or {})
    reject_writers(core, properties)
    container = _container(
        source, key, publisher, name, min_security_version, rollback_state, threads, kdf_limit, memory_budget
    )
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
    """Import a sealed compiled model. Use it instead of ``core.import_model``.

    The model was written by ``export_model``, with the same device, machine and OpenVINO. All of it
    is verified before OpenVINO reads it. The device goes on reading the bytes in place: they are in
    OpenVINO's own memory, and live as long as everything created from the compiled model.

    Import only models from publishers that you trust: the device's parser is not built for hostile
    input.

    Args:
        core, source, progress: As for `read_model`.
        device: The device, such as ``CPU``.
        properties: OpenVINO's properties. A property that sets a cache is rejected.
        key, publisher, name, min_security_version, rollback_state, threads, kdf_limit: As for
            `open`.
        part: The path of the compiled model in the container, if there are several.

    Raises:
        Error: One of its subclasses.
        TypeError: If an argument has the wrong type.
    """
    properties = dict(properties or {})
    reject_writers(core, properties)
    container = _container(source, key, publisher, name, min_security_version, rollback_state, threads, kdf_limit)
    exported = container._compiled(part)
    with _watched(container, exported.length, progress):
        tensor = exported.tensor()
        compiled = attempt("import the compiled model", lambda: _imported(core, tensor, device, properties))
    container.accept()
    return CompiledModel(compiled, None)


class _Export(io.BytesIO):
    """The stream to which OpenVINO exports. It must be a `BytesIO`, but stores nothing itself."""

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
    source: Source,
    key: Any,
    publisher: Any,
    name: Any,
    version: Any,
    state: Any,
    threads: Any,
    kdf_limit: Any,
    memory_budget: Any = None,
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
        memory_budget=memory_budget,
        _stacklevel=3,  # the caller of the public function
    )


def _read(core: ov.Core, network: _ovseal.Network, device: str | None) -> ov.Model:
    """Read a network whose weights may still be decrypting."""
    needs_tensor = network.has_weights and not network.is_copied
    weights = _tensor(network, device) if needs_tensor else b""
    model = attempt("read the model", lambda: core.read_model(network.topology(), weights), network)
    if network.is_copied or keeps_rt_info(device):
        # The model goes on reading that memory.
        model.set_rt_info(network.owner, "ovseal")
    return model


def _tensor(network: _ovseal.Network, device: str | None) -> ov.Tensor:
    """Return the weights: our memory if the device keeps its owner alive, otherwise a copy."""
    array = numpy.frombuffer(memoryview(network.writable_view()), numpy.uint8)
    if keeps_rt_info(device):
        return openvino.Tensor(array, [len(array)], openvino.Type.u8)
    tensor = openvino.Tensor(openvino.Type.u8, [len(array)])
    tensor.data[:] = array
    return tensor


def keeps_rt_info(device: str | None) -> bool:
    """Return whether a model compiled for a device keeps its ``rt_info``, and with it the weights.

    Observed for the CPU, also below AUTO, MULTI and BATCH. HETERO splits models and keeps none.
    """
    if device is None:
        return True
    names = re.split("[:,(]", device.upper())
    return "CPU" in names and all(
        name.rstrip(")") in _KEEP_RT_INFO or name.rstrip(")").isdigit() for name in names
    )


def _compile(
    core: ov.Core, container: Container, part: str | None, device: str, properties: Any, shapes: Any, opening: str
) -> ov.CompiledModel:
    network = _ovseal.Network(container, part, device, opening)
    model = _read(core, network, device)
    if shapes:
        attempt("reshape the model", lambda: model.reshape(dict(shapes)), network)
    properties = {**properties, "CACHE_DIR": ""}
    compiled = attempt("compile the model", lambda: core.compile_model(model, device, properties), network)
    weights = network.owner if keeps_rt_info(device) else None
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
            pass  # A device has only the properties that apply to it.
    # The compiled model depends on the device's settings.
    said += attempt("ask the device for its settings", lambda: _settings(core, device))
    return device, version.description, version.build_number, said


def _settings(core: ov.Core, device: str) -> list[tuple[str, str]]:
    settings = core.get_property(device, "SUPPORTED_PROPERTIES").items()
    return [(name, _text(core.get_property(device, name))) for name, access in settings if access == "RW"]


def _text(value: Any) -> str:
    """Return a property's value as a string. Sets are sorted: their order varies by process."""
    return str(sorted(map(str, value)) if isinstance(value, (set, frozenset)) else value)


def _import(core: ov.Core, cache: _ovseal.Cache, device: str, properties: Any) -> ov.CompiledModel | None:
    """Import the compiled model if it is cached.

    The runtime goes on reading the bytes in place, and an imported model has no ``rt_info`` to keep
    our memory alive. So the bytes are copied into the runtime's own memory.
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
        # Do not pass CACHE_DIR here: an import writes nothing, and some versions reject the
        # property.
        compiled = attempt("import the compiled model", lambda: _imported(core, tensor, device, properties))
    except _errors.HostError as error:
        warnings.warn(_errors.CacheWarning(f"the cached model is not used: {error}"), stacklevel=3)
        cache.discard()
        return None
    return CompiledModel(compiled, None)


def _imported(core: ov.Core, exported: ov.Tensor, device: str, properties: Any) -> ov.CompiledModel:
    """Import a compiled model. Before 2026, OpenVINO accepts only a stream, and copies it."""
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
        warnings.warn(_errors.CacheWarning(f"the compiled model is not cached: {error}"), stacklevel=3)


@contextmanager
def _watched(container: Container, total: int, progress: Progress | None) -> Iterator[None]:
    """Report progress from a separate thread while the caller's thread is inside OpenVINO."""
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


_KEEP_RT_INFO = {"CPU", "AUTO", "MULTI", "BATCH", ""}
