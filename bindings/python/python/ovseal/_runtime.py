"""OpenVINO's package, which is needed only where a model is run, and what must not happen there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from . import _errors, _ovseal

try:
    import numpy as numpy
    import openvino as openvino
except ModuleNotFoundError as missing:
    raise _errors.HostError(
        f"the package {missing.name} is not installed", _errors.RUNTIME, "pip install openvino==2026.4.*"
    ) from None

Result = TypeVar("Result")


def refuse_writers(core: Any, properties: Mapping[str, Any] | None = None) -> None:
    """Refuses whatever would make OpenVINO write the model to disk."""
    if not isinstance(core, openvino.Core):
        raise TypeError(f"core is an openvino.Core, not {type(core).__name__}")
    refuse_writing(properties)
    if folder := _cache_folder(core):
        raise _writes_model(f"the core has the CACHE_DIR {folder}, to which OpenVINO would write the model")


def refuse_writing(properties: Mapping[str, Any] | None = None) -> None:
    """Refuses variables and properties that would make OpenVINO write the model to disk."""
    if variables := _ovseal.variables_that_write_models():
        message = f"OpenVINO would write the model to disk because of {', '.join(variables)}"
        raise _errors.UsageError(message, _errors.WRITES_MODEL, "unset it")
    for name, value in (properties or {}).items():
        if _ovseal.writes_model(str(name), str(value)):
            raise _writes_model(f"the property {name} would write the model to disk")


def attempt(operation: str, work: Callable[[], Result], network: _ovseal.Network | None = None) -> Result:
    """Lets OpenVINO do something. What it raises instead is told in words of our own: its own may quote the model, so they stand apart.

    What it says of weights that are not authentic is a consequence; then the network's own exception is the cause.
    """
    try:
        return work()
    except _errors.Error:
        raise
    except Exception as error:
        failure = _errors.HostError(f"OpenVINO could not {operation}", _errors.RUNTIME)
        failure.detail = str(error)
    # Out here OpenVINO's exception is not the context of ours.
    if network is not None:
        network.verify()
    raise failure


def _cache_folder(core: Any) -> str:
    """The folder that is set for the core, or for one of its devices."""
    folders = [core.get_property("CACHE_DIR")]
    for device in [*core.available_devices, *_MADE_OF_OTHERS]:
        try:
            folders.append(core.get_property(device, "CACHE_DIR"))
        except RuntimeError:
            pass  # Not every device has a cache.
    return next((str(folder) for folder in folders if folder), "")


def _writes_model(message: str) -> _errors.UsageError:
    hint = "use cache_dir= of ovseal.compile_model: it keeps compiled models sealed"
    return _errors.UsageError(message, _errors.WRITES_MODEL, hint)


# Devices that OpenVINO does not list.
_MADE_OF_OTHERS = ("AUTO", "BATCH", "HETERO", "MULTI")
