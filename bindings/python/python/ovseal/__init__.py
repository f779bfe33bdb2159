"""Seals AI models into one encrypted, authenticated and signed file, and opens them for OpenVINO in memory only.

    import openvino as ov, ovseal

    model = ovseal.read_model(ov.Core(), "model.ovseal", key=ovseal.identity("device.key"), publisher="acme.pub")

=====================================  =====================================================================
need                                   name
=====================================  =====================================================================
a model for OpenVINO                   `read_model`, `compile_model`; `ovseal.genai` for language models
a compiled model for OpenVINO          `import_model`
the parts of a container               `open`, `Container`, `Part`
seal, look, verify, change keys        `seal`, `plan`, `inspect`, `verify`, `rekey`
keys                                   `passphrase`, `keyfile`, `identity`, `recipient`, `callback`, `device`
new keys                               `generate_identity`, `generate_keyfile`, `generate_publisher`
a container from anyone                `ANY_SENDER`
no way back to old versions            `create_rollback_state`
what this host gives                   `doctor`, `harden_process`
=====================================  =====================================================================

Whoever controls the running device can read the decrypted model from memory; the package protects it on every disk, on the way, and
against being changed.
"""

from typing import TYPE_CHECKING, Any

from ._errors import (
    CacheWarning,
    ClosedError,
    DeniedError,
    Error,
    ExposedKeyWarning,
    ForkedError,
    HostError,
    NoMatchingKeyError,
    NotAuthenticError,
    UnknownSenderWarning,
    UnsupportedError,
    UsageError,
)
from ._ovseal import (
    ANY_SENDER,
    AnySender,
    Container,
    Inspection,
    Key,
    Part,
    Plan,
    PlannedPart,
    Rekeyed,
    Sealed,
    ServiceContext,
    Stanza,
    Verification,
    callback,
    create_rollback_state,
    device,
    generate_identity,
    generate_keyfile,
    generate_publisher,
    harden_process,
    identity,
    inspect,
    keyfile,
    open,
    passphrase,
    plan,
    recipient,
    rekey,
    seal,
    verify,
)
from ._ovseal import protections as doctor

if TYPE_CHECKING:
    from . import genai
    from ._model import compile_model, import_model, read_model

__all__ = [
    "ANY_SENDER",
    "AnySender",
    "CacheWarning",
    "ClosedError",
    "Container",
    "DeniedError",
    "Error",
    "ExposedKeyWarning",
    "ForkedError",
    "HostError",
    "Inspection",
    "Key",
    "NoMatchingKeyError",
    "NotAuthenticError",
    "Part",
    "Plan",
    "PlannedPart",
    "Rekeyed",
    "Sealed",
    "ServiceContext",
    "Stanza",
    "UnknownSenderWarning",
    "UnsupportedError",
    "UsageError",
    "Verification",
    "callback",
    "compile_model",
    "create_rollback_state",
    "device",
    "doctor",
    "genai",
    "generate_identity",
    "generate_keyfile",
    "generate_publisher",
    "harden_process",
    "identity",
    "import_model",
    "inspect",
    "keyfile",
    "open",
    "passphrase",
    "plan",
    "read_model",
    "recipient",
    "rekey",
    "seal",
    "verify",
]


def __getattr__(name: str) -> Any:
    """What needs OpenVINO is imported when it is used: sealing and verifying do without."""
    import importlib

    if name in ("read_model", "compile_model", "import_model"):
        return getattr(importlib.import_module("._model", __name__), name)
    if name == "genai":
        return importlib.import_module(".genai", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
