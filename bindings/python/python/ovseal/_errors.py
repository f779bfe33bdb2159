"""The exceptions and warnings of this package."""

from __future__ import annotations

from typing import Sequence


class Error(Exception):
    """A call failed. An error never contains secrets or content of a model.

    ``str(error)`` is one line that says what went wrong and why. A hint, if there is one, is a note
    below it.
    """

    kind: str = "internal"
    """The kind of failure, one word that is the same in every language."""

    def __init__(
        self, message: str, code: int = 25500, hint: str | None = None, causes: Sequence[str] = ()
    ) -> None:
        super().__init__(": ".join([message, *causes]))
        self.message = message
        self.code = code
        """The failure as a number, which is the same in every language and never reused."""
        self.hint = hint
        """Advice for the caller, or ``None``."""
        self.causes = tuple(causes)
        """The causes, starting with the most direct one."""
        if hint is not None:
            self.add_note(f"hint: {hint}")

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.message, self.code, self.hint, self.causes)


class HostError(Error):
    """The host failed: a file, a device, memory, or OpenVINO."""

    kind = "environment"
    detail: str | None = None
    """OpenVINO's own message, if it failed. **It may quote the plaintext of the model.**"""


class UsageError(Error):
    """The call is invalid."""

    kind = "usage"


class ForkedError(UsageError):
    """An object was used in a forked child, which does not inherit its memory."""


class ClosedError(UsageError):
    """An object was used after it was closed."""


class NotAuthenticError(Error):
    """The container is damaged, truncated, or differs from what its publisher sealed."""

    kind = "not-authentic"


class NoMatchingKeyError(Error):
    """None of the keys opens the container."""

    kind = "no-key-fits"


class DeniedError(Error):
    """The container does not meet a requirement: its signer, its name, or its security version."""

    kind = "denied"


class UnsupportedError(Error):
    """The file is not a container, or uses a feature that this version does not support."""

    kind = "unsupported"


class UnknownSenderWarning(UserWarning):
    """A container was opened without a publisher, so nothing shows who created it."""


class ExposedKeyWarning(UserWarning):
    """A key is exposed: other users can access its file, or it cannot be locked in memory."""


class CacheWarning(UserWarning):
    """The cache of compiled models failed. The model itself is usable."""


RUNTIME = 105
USAGE = 200
SEVERAL_MODELS = 205
CLOSED = 209
FORKED = 210
WRITES_MODEL = 212
NOT_A_MODEL = 603

_BY_CODE: dict[int, type[Error]] = {CLOSED: ClosedError, FORKED: ForkedError}
_BY_KIND: dict[str, type[Error]] = {
    each.kind: each
    for each in (HostError, UsageError, NotAuthenticError, NoMatchingKeyError, DeniedError, UnsupportedError)
}


def error(kind: str, code: int, message: str, hint: str | None, causes: list[str]) -> Error:
    """Return the exception for a failure of the extension module."""
    return _BY_CODE.get(code, _BY_KIND.get(kind, Error))(message, code, hint, causes)
