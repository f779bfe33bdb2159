"""OpenVINO's package, and checks of the settings with which it would write models to disk."""

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


def reject_writers(core: Any, properties: Mapping[str, Any] | None = None) -> None:
    """Fail if the core, a property or a variable would make OpenVINO write the model to disk."""
    if not isinstance(core, openvino.Core):
        raise TypeError(f"core must be an openvino.Core, not {type(core).__name__}")
    reject_writing_settings(properties)
    if directory := _cache_directory(core):
        raise _writes_model(f"the core has CACHE_DIR {directory}: OpenVINO would write the model there")


def reject_writing_settings(properties: Mapping[str, Any] | None = None) -> None:
    """Fail if a property or a variable would make OpenVINO write the model to disk."""
    if variables := _ovseal.variables_that_write_models():
        message = f"OpenVINO would write the model to disk because of {', '.join(variables)}"
        raise _errors.UsageError(message, _errors.WRITES_MODEL, "unset it")
    for name, value in (properties or {}).items():
        if _ovseal.writes_model(str(name), str(value)):
            raise _writes_model(f"the property {name} would write the model to disk")


def attempt(operation: str, action: Callable[[], Result], network: _ovseal.Network | None = None) -> Result:
    """Call OpenVINO, and replace its exceptions with our own.

    OpenVINO's message may quote the model, so it is kept separately in ``detail``. If OpenVINO
    fails because of weights that are not authentic, the exception of ``network`` is raised instead.
    """
    try:
        return action()
    except _errors.Error:
        raise
    except Exception as error:
        failure = _errors.HostError(f"OpenVINO could not {operation}", _errors.RUNTIME)
        failure.detail = str(error)
    # Raise outside the handler, so that OpenVINO's exception does not become the context of ours.
    if network is not None:
        network.verify()
    raise failure


def _cache_directory(core: Any) -> str:
    """Return the cache directory set for the core or for one of its devices, or ``""``."""
    directories = [core.get_property("CACHE_DIR")]
    for device in [*core.available_devices, *_VIRTUAL_DEVICES]:
        try:
            directories.append(core.get_property(device, "CACHE_DIR"))
        except RuntimeError:
            pass  # Not every device has a cache.
    return next((str(directory) for directory in directories if directory), "")


def _writes_model(message: str) -> _errors.UsageError:
    hint = "use cache_dir= of ovseal.compile_model, which seals the compiled models that it caches"
    return _errors.UsageError(message, _errors.WRITES_MODEL, hint)


# OpenVINO does not list these devices.
_VIRTUAL_DEVICES = ("AUTO", "BATCH", "HETERO", "MULTI")
