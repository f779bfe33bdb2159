"""Encrypt and sign AI models for OpenVINO, and open them in memory only.

    import openvino as ov, ovseal

    key = ovseal.identity("device.key")
    model = ovseal.read_model(ov.Core(), "model.ovseal", key=key, publisher="acme.pub")

=============================  ==================================================================
task                           names
=============================  ==================================================================
load a model into OpenVINO     `read_model`, `compile_model`; `ovseal.genai` for language models
import a compiled model        `import_model`
read the parts of a container  `open`, `Container`, `Part`
seal, inspect, verify, rekey   `seal`, `plan`, `inspect`, `verify`, `rekey`
choose a key                   `passphrase`, `keyfile`, `identity`, `recipient`, `callback`,
                               `device`
create keys                    `generate_identity`, `generate_keyfile`, `generate_publisher`
accept any publisher           `ANY_SENDER`
prevent rollback               `create_rollback_state`
check and harden the host      `doctor`, `harden_process`
=============================  ==================================================================

The package protects a model on every disk and in transit, and detects every change to it. Anyone
who controls the running device can read the decrypted model from memory.
"""

from typing import TYPE_CHECKING, Any

from ._errors import (
    CacheWarning, ClosedError, DeniedError, Error, ExposedKeyWarning, ForkedError, HostError,
    NoMatchingKeyError, NotAuthenticError, UnknownSenderWarning, UnsupportedError, UsageError,
)
from ._ovseal import (
    ANY_SENDER, AnySender, Container, Inspection, Key, Part, Plan, PlannedPart, Rekeyed, Sealed,
    ServiceContext, Stanza, Verification, callback, create_rollback_state, device,
    generate_identity, generate_keyfile, generate_publisher, harden_process, identity, inspect,
    keyfile, open, passphrase, plan, recipient, rekey, seal, verify,
)
from ._ovseal import protections as doctor

if TYPE_CHECKING:
    from . import genai
    from ._model import compile_model, import_model, read_model

__all__ = [
    "ANY_SENDER", "AnySender", "CacheWarning", "ClosedError", "Container", "DeniedError", "Error",
    "ExposedKeyWarning", "ForkedError", "HostError", "Inspection", "Key", "NoMatchingKeyError",
    "NotAuthenticError", "Part", "Plan", "PlannedPart", "Rekeyed", "Sealed", "ServiceContext",
    "Stanza", "UnknownSenderWarning", "UnsupportedError", "UsageError", "Verification", "callback",
    "compile_model", "create_rollback_state", "device", "doctor", "genai", "generate_identity",
    "generate_keyfile", "generate_publisher", "harden_process", "identity", "import_model",
    "inspect", "keyfile", "open", "passphrase", "plan", "read_model", "recipient", "rekey", "seal",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Import modules that need OpenVINO on first use, so that sealing and verifying do not."""
    import importlib

    if name in ("read_model", "compile_model", "import_model"):
        return getattr(importlib.import_module("._model", __name__), name)
    if name == "genai":
        return importlib.import_module(".genai", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
