"""The exceptions of this package."""

from __future__ import annotations

from typing import Sequence


class Error(Exception):
    """A call failed. Nothing in it is secret, and nothing of a model's content.

    ``str(error)`` says what went wrong and why, in one line; the advice, where there is some, is a note below it.
    """

    kind: str = "internal"
    """Whose fault it is, in a word that is the same in every language."""

    def __init__(self, message: str, code: int = 25500, hint: str | None = None, causes: Sequence[str] = ()) -> None:
        super().__init__(": ".join([message, *causes]))
        self.message = message
        self.code = code
        """What went wrong, as a number that is the same in every language and keeps its meaning."""
        self.hint = hint
        """What helps, where something does."""
        self.causes = tuple(causes)
        """Why, the nearest cause first."""
        if hint is not None:
            self.add_note(f"hint: {hint}")

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.message, self.code, self.hint, self.causes)


class HostError(Error):
    """The host: a file, a device, memory, OpenVINO."""

    kind = "environment"
    detail: str | None = None
    """OpenVINO's own words, where it refused. **They may quote the plaintext of the model.**"""


class UsageError(Error):
    """The call makes no sense."""

    kind = "usage"


class ForkedError(UsageError):
    """An object was used in a forked child, which has none of its memory."""


class ClosedError(UsageError):
    """An object was used after it was closed."""


class NotAuthenticError(Error):
    """The container is damaged, truncated, or not what its publisher made."""

    kind = "not-authentic"


class NoMatchingKeyError(Error):
    """None of the keys opens the container."""

    kind = "no-key-fits"


class DeniedError(Error):
    """The caller's demands refuse the container: another signer or none, another name, a version that is too low."""

    kind = "denied"


class UnsupportedError(Error):
    """The file is no container, or has something that this version does not know."""

    kind = "unsupported"


class UnknownSenderWarning(UserWarning):
    """A container was opened without a check of who made it: no publisher was named, nor `ANY_SENDER`."""


class ExposedKeyWarning(UserWarning):
    """A key is not kept as it should be: other users can access its file, or it cannot be locked in memory."""


class CacheWarning(UserWarning):
    """A compiled model could not be kept. The model itself can be used all the same."""


RUNTIME = 105
USAGE = 200
SEVERAL_MODELS = 205
CLOSED = 209
FORKED = 210
WRITES_MODEL = 212
NOT_A_MODEL = 603

_BY_CODE: dict[int, type[Error]] = {CLOSED: ClosedError, FORKED: ForkedError}
_BY_KIND: dict[str, type[Error]] = {
    kind.kind: kind
    for kind in (HostError, UsageError, NotAuthenticError, NoMatchingKeyError, DeniedError, UnsupportedError)
}


def error(kind: str, code: int, message: str, hint: str | None, causes: list[str]) -> Error:
    """Makes the exception for a failure of the extension module."""
    return _BY_CODE.get(code, _BY_KIND.get(kind, Error))(message, code, hint, causes)
