"""OpenVINO's package, which is needed only where a model is run, and what must not happen there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import _errors, _ovseal

try:
    import numpy as numpy
    import openvino as openvino
except ModuleNotFoundError as missing:
    raise _errors.HostError(
        f"the package {missing.name} is not installed", _errors.RUNTIME, "pip install openvino==2026.4.*"
    ) from None


def refuse_writers(core: Any, device: str | None, properties: Mapping[str, Any] | None = None) -> None:
    """Refuses whatever would make OpenVINO write the model to disk."""
    if not isinstance(core, openvino.Core):
        raise TypeError(f"core is an openvino.Core, not {type(core).__name__}")
    if variables := _ovseal.variables_that_write_models():
        message = f"OpenVINO would write the model to disk because of {', '.join(variables)}"
        raise _errors.UsageError(message, _errors.WRITES_MODEL, "unset it")
    for name, value in (properties or {}).items():
        if _CACHE in str(name) or _CACHE in str(value):
            raise _writes_model(f"the property {name} would write the model to disk")
    if folder := _cache_folder(core, device):
        raise _writes_model(f"the core has the CACHE_DIR {folder}, to which OpenVINO would write the model")


def runtime_error(operation: str, cause: Exception) -> _errors.HostError:
    """The exception when OpenVINO refuses something. Its own words may quote the model, so they stand apart."""
    error = _errors.HostError(f"OpenVINO could not {operation}", _errors.RUNTIME)
    error.detail = str(cause)
    return error


def _cache_folder(core: Any, device: str | None) -> str:
    try:
        return str(core.get_property("CACHE_DIR") or core.get_property(device or "CPU", "CACHE_DIR"))
    except RuntimeError:
        return ""  # Not every device has a cache.


def _writes_model(message: str) -> _errors.UsageError:
    hint = "use cache_dir= of ovseal.compile_model: it keeps compiled models sealed"
    return _errors.UsageError(message, _errors.WRITES_MODEL, hint)


_CACHE = "CACHE_DIR"
