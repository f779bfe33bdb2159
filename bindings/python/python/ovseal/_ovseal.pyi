"""The extension module. A test compares the signatures and docstrings here with those in Rust."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Literal, TypedDict, final

import openvino
from typing_extensions import Buffer

_Path = str | os.PathLike[str]
_Source = _Path | BinaryIO | Buffer
_Keys = Key | Sequence[Key]
_Recipients = Key | str | Sequence[Key | str]
_PublisherKeys = _Path | bytes | Sequence[_Path | bytes]
_Senders = _PublisherKeys | Mapping[str, _PublisherKeys] | AnySender
_Progress = Callable[[int, int], object]

@final
class AnySender:
    """The type of ``ANY_SENDER``, which accepts a container from anyone."""

ANY_SENDER: AnySender

@final
class Key:
    """A key that opens containers, or that a model can be sealed to, or both."""

def passphrase(text: str | bytes) -> Key:
    """Return a passphrase, to seal and to open.

    Args:
        text: UTF-8 of 1 to 1024 bytes. A single trailing newline is ignored.
    """

def keyfile(path_or_bytes: _Path | bytes | bytearray) -> Key:
    """Return a key file, to seal and to open.

    Args:
        path_or_bytes: The path of the file, or its 32 bytes.
    """

def identity(path_or_bytes: _Path | bytes | bytearray) -> Key:
    """Return the identities in a file, to open, and to seal to their recipients.

    Args:
        path_or_bytes: The path of the file, or its content.
    """

def recipient(text: str) -> Key:
    """Return a public key, to seal.

    Args:
        text: ``age1…``, ``age1pq1…``, or ``ovdev1…`` for a device's TPM.
    """

def device(folder: _Path | None = None, *, tcti: str | None = None, pin: str | bytes | None = None) -> Key:
    """Return this device's own key, which its TPM holds, to open.

    To seal to the device, use the recipient that ``ovseal device enroll`` prints.

    Args:
        folder: The directory with the device's state; by default the one that the command uses.
        tcti: The TPM to use, as a TCTI string; by default ``OVSEAL_TCTI``, then the kernel's TPM.
        pin: The PIN, if the key has one.
    """

def callback(
    *,
    wrap: Callable[[bytearray, ServiceContext], bytes | bytearray] | None = None,
    unwrap: Callable[[bytes, ServiceContext], bytes | bytearray | None] | None = None,
) -> Key:
    """Return a key that your own key service holds.

    Both functions get a `ServiceContext`. The service can limit and log by it, and should bind it.
    They are called on a thread of their own. An exception from them becomes the ``__cause__`` of
    the `Error` that is raised.

    Args:
        wrap: Called as ``wrap(secret, context)`` to seal. ``secret`` is a ``bytearray`` of 32
            random bytes, which is zeroized afterwards. Returns the wrapped secret, 1 byte to 8 KiB.
        unwrap: Called as ``unwrap(wrapped, context)`` to open. Returns the 32 bytes again, or
            ``None`` if another key wrapped them.

    Raises:
        TypeError: If neither function is passed, or one is not callable.
    """

@final
class ServiceContext:
    """The container for which a key service wraps or unwraps.

    When a container is opened, both ids come from that container. The model id is authentic only if
    a publisher was named.
    """

    @property
    def container_id(self) -> str:
        """The container's random id, in hexadecimal; different for each sealing."""

    @property
    def model_id(self) -> str:
        """The model's id, in hexadecimal; the same for all versions of a model."""

    @property
    def associated_data(self) -> bytes:
        """The 64 bytes to bind as associated data: the container id, then the model id."""

def generate_identity(path: _Path) -> str:
    """Create a post-quantum identity in a new file at ``path``, and return its recipient."""

def generate_keyfile(path: _Path) -> None:
    """Create a key file of 32 random bytes at ``path``."""

def generate_publisher(private: _Path, public: _Path) -> str:
    """Create a publisher's key in new files at ``private`` and ``public``. Return its key id."""

@final
class Container:
    """An opened container: its manifest is authentic, and its parts can be read.

    It maps paths to parts, iterates over the parts, and closes itself as a context manager.
    """

    @property
    def name(self) -> str:
        """The model's name."""

    @property
    def security_version(self) -> int:
        """The model's security version."""

    @property
    def container_id(self) -> str:
        """The container's random id, in hexadecimal."""

    @property
    def publisher(self) -> str | None:
        """The key id of the trusted publisher who signed; ``None`` if no publisher was named."""

    @property
    def parts(self) -> tuple[Part, ...]:
        """All parts, in the order of the container."""

    @property
    def closed(self) -> bool:
        """True if the container is closed."""

    def accept(self) -> None:
        """Record the security version in the rollback state, if one was named."""

    def close(self) -> None:
        """Forget the keys and the decrypted parts. Buffers that are still in use remain valid."""

    def __getitem__(self, path: str, /) -> Part: ...
    def __contains__(self, path: object, /) -> bool: ...
    def __iter__(self) -> Iterator[Part]: ...
    def __len__(self) -> int: ...
    def __enter__(self) -> Container: ...
    def __exit__(
        self, *_raised: type[BaseException] | BaseException | TracebackType | None
    ) -> None: ...
    def _compiled(self, path: str | None) -> Part: ...
    @property
    def _done(self) -> int: ...

@final
class Part:
    """A part of an opened container, and a read-only buffer of its decrypted bytes.

    The first buffer decrypts the whole part; later ones share the same memory.
    """

    @property
    def path(self) -> str:
        """Its path in the container."""

    @property
    def kind(self) -> str:
        """One of ``ir``, ``onnx``, ``paddle``, ``compiled``, ``weights``, ``file``, ``other``."""

    @property
    def length(self) -> int:
        """Its length in bytes."""

    @property
    def companions(self) -> list[str]:
        """The paths of the parts that this topology refers to."""

    def read(self, offset: int = 0, length: int | None = None) -> bytes:
        """Decrypt ``length`` bytes from ``offset`` on; by default all of them.

        Only the chunks that contain these bytes are read.

        Raises:
            UsageError: If the range goes beyond the end of the part.
        """

    def tensor(self) -> openvino.Tensor:
        """Decrypt the part into a new ``openvino.Tensor``, in memory that OpenVINO owns.

        Everything that OpenVINO creates from the tensor keeps that memory alive. OpenVINO neither
        locks nor zeroizes it. For models, use `read_model`, `compile_model` or `import_model`.
        """

    def __len__(self) -> int: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...

def open(
    source: _Source,
    *,
    key: _Keys | None = None,
    publisher: _Senders | None = None,
    name: str | None = None,
    min_security_version: int | None = None,
    rollback_state: _Path | None = None,
    threads: int | None = None,
    kdf_limit: int | None = None,
    _stacklevel: int = 1,
) -> Container:
    """Open a container.

    Without ``publisher``, only a container whose keys are all passphrases or key files opens.
    Anyone for whom it was ever sealed or rekeyed could have made it, so there is an
    `UnknownSenderWarning`.

    Args:
        source: A path, a binary file object, or bytes.
        key: A key or several; by default this device's own.
        publisher: The publisher who must have signed: the path of a public key, or its bytes, or
            several. A dictionary maps model names to the publishers trusted for that name only.
            ``ovseal.ANY_SENDER`` accepts a container from anyone.
        name: The model name to require. This and the next two require ``publisher``.
        min_security_version: The lowest security version to accept.
        rollback_state: The path of a state that `create_rollback_state` created. Versions below
            those it records are rejected.
        threads: The number of threads; by default one per processor, at most 16.
        kdf_limit: The most work to spend on passphrases, in MiB of memory times passes; by default
            1024.

    Returns:
        The opened container. Close it, or use it as a context manager.

    Raises:
        Error: One of its subclasses.
        TypeError: If an argument has the wrong type.
    """

@final
class Sealed:
    """A container that was sealed."""

    @property
    def container_id(self) -> str: ...
    @property
    def length(self) -> int: ...

def seal(
    model: _Path,
    output: _Path,
    *,
    recipients: _Recipients,
    publisher_key: _PublisherKeys | None = None,
    name: str | None = None,
    security_version: int = 0,
    suite: int = 1,
    only: bool = False,
    follow_symlinks: bool = False,
    exclude: str | Sequence[str] | None = None,
    include_everything: bool = False,
    allow_mixed: bool = False,
    replace: bool = False,
    threads: int | None = None,
    progress: _Progress | None = None,
) -> Sealed:
    """Seal a model into a container, which appears complete or not at all.

    Args:
        model: A model file, which is sealed with its companion files, or a directory.
        output: The path of the new container.
        recipients: The keys that can open it: a `Key`, text such as ``age1…``, or several of them.
        publisher_key: The private key to sign with: its path, or its bytes, or several.
        name: The model's name; by default derived from its file name.
        security_version: The security version. Devices can require a minimum.
        suite: The cryptographic suite, 1 or 2.
        only: Seal just this file: no companion files, and no check that OpenVINO can load it from
            memory.
        follow_symlinks: Follow symbolic links inside the model; by default they are rejected.
        exclude: A gitignore pattern, or several, of files to leave out of a directory. By default
            also files that no model needs, and those that ``.ovsealignore`` matches, are left out.
        include_everything: Leave out only what ``exclude`` matches.
        allow_mixed: Allow post-quantum and classical recipients in one container.
        replace: Replace an existing container. Any other file is never replaced.
        threads: The number of threads; by default one per processor, at most 16.
        progress: Called as ``progress(done, total)`` from time to time, in bytes of the model. An
            exception from it cancels the sealing.

    Returns:
        The container's id and length.

    Raises:
        Error: One of its subclasses.
    """

@final
class PlannedPart:
    """A file that would become a part."""

    @property
    def path(self) -> str:
        """Its path in the container."""

    @property
    def kind(self) -> str:
        """One of ``ir``, ``onnx``, ``paddle``, ``compiled``, ``weights``, ``file``, ``other``."""

    @property
    def length(self) -> int:
        """Its length in bytes."""

@final
class Plan:
    """The content that `seal` would seal."""

    @property
    def parts(self) -> list[PlannedPart]:
        """The files that would become parts, in the order of the container."""

    @property
    def left_out(self) -> list[Path]:
        """The files and directories that would be left out, relative to the model's directory."""

def plan(
    model: _Path,
    *,
    only: bool = False,
    follow_symlinks: bool = False,
    exclude: str | Sequence[str] | None = None,
    include_everything: bool = False,
) -> Plan:
    """List the files that `seal` would seal, and write nothing.

    The arguments are those of `seal` that select files. The exceptions about the model are the same
    as well, such as for a private key in its directory.
    """

@final
class Rekeyed:
    """The stanzas of a container after a rekeying."""

    @property
    def generation(self) -> int: ...
    @property
    def stanzas(self) -> int: ...
    @property
    def added(self) -> list[Stanza]: ...
    @property
    def removed(self) -> list[Stanza]: ...

def rekey(
    path: _Path,
    *,
    key: _Keys | None = None,
    publisher: _Senders | None = None,
    add: _Recipients | None = None,
    remove: Sequence[int] = ...,
    expect_generation: int | None = None,
    allow_mixed: bool = False,
    waiting: Literal["discard", "finish"] | None = None,
    kdf_limit: int | None = None,
) -> Rekeyed:
    """Change the keys that open a container, without touching its payload.

    A crash at any moment leaves either the old keys or the new ones. Removing a stanza revokes
    nothing: an old copy of the container still opens.

    Args:
        path: The container.
        key: A key or several that open it; by default this device's own.
        publisher: As for `open`, and for the same reason: rekeying vouches for the container.
        add: The recipients to add, as for `seal`.
        remove: The stanzas to remove, by their index in what `inspect` lists.
        expect_generation: The generation that ``remove`` refers to; fails if it has changed.
        allow_mixed: Allow post-quantum and classical recipients in one container.
        waiting: Decides about stanzas that wait in ``path`` + ``.rekey``, if a rekeying may not
            take them over by itself. ``None`` raises `NotAuthenticError`, ``"discard"`` removes
            them, ``"finish"`` takes them over. With a decision, nothing else needs to change.
        kdf_limit: As for `open`.

    Returns:
        The container's new stanzas.

    Raises:
        Error: One of its subclasses.
    """

@final
class Stanza:
    """A stanza: one key that opens the container."""

    @property
    def type(self) -> str: ...
    @property
    def length(self) -> int: ...
    @property
    def post_quantum(self) -> bool | None: ...

@final
class Inspection:
    """The facts about a container that need no key; none of them is authenticated."""

    @property
    def suite(self) -> int: ...
    @property
    def chunk_size(self) -> int: ...
    @property
    def container_id(self) -> str: ...
    @property
    def length(self) -> int: ...
    @property
    def is_region_damaged(self) -> bool: ...
    @property
    def generation(self) -> int: ...
    @property
    def stanzas(self) -> list[Stanza]: ...
    @property
    def side_file(self) -> list[Stanza] | None: ...
    @property
    def part_lengths(self) -> list[int]: ...
    @property
    def model_id(self) -> str: ...
    @property
    def security_version(self) -> int: ...
    @property
    def publishers(self) -> list[str]: ...

def inspect(path: _Path) -> Inspection:
    """Read the facts about a container that need no key. None of them is authenticated."""

@final
class Verification:
    """The result of a successful verification."""

    @property
    def publisher(self) -> str | None: ...
    @property
    def claimed_publishers(self) -> list[str]: ...
    @property
    def security_version(self) -> int: ...
    @property
    def content_verified(self) -> bool:
        """True if a key showed that the content is what a holder of that key sealed; without a key
        ``False``.
        """

def verify(
    path: _Path,
    *,
    key: _Keys | None = None,
    publisher: _Senders | None = None,
    name: str | None = None,
    min_security_version: int | None = None,
    rollback_state: _Path | None = None,
    threads: int | None = None,
    kdf_limit: int | None = None,
    progress: _Progress | None = None,
) -> Verification:
    """Verify a container: its signature and digests, and with a key every tag as well.

    A publisher without a key shows who signed the container. It does not show that the content is
    what a holder of the key sealed: see ``Verification.content_verified``. With neither, the
    container is only shown to be consistent.

    Args:
        path: The container.
        key: A key or several. Without one, no tag is verified.
        publisher, name, min_security_version, rollback_state, threads, kdf_limit: As for `open`.
        progress: Called as ``progress(done, total)`` from time to time, in bytes of the payload.
            An exception from it cancels the verification.

    Returns:
        The facts that were verified, and those that were only claimed.

    Raises:
        Error: One of its subclasses.
    """

def create_rollback_state(path: _Path) -> None:
    """Create an empty rollback state at ``path``.

    Do this once per device. The state records the highest security version that the device has
    accepted of each publisher's models.
    """

def protections() -> dict[str, Any]:
    """Return the facts about this host and process that protect keys and weights."""

def harden_process() -> bool:
    """Disable core dumps, and keep other processes of the same user out of this one's memory.

    Call it before loading keys or models. Debuggers and profilers cannot attach afterwards.

    Returns:
        True if both measures succeeded.
    """

# Everything below is private to this package.

@final
class Memory:
    def __buffer__(self, flags: int, /) -> memoryview: ...

@final
class Weights:
    @property
    def resident_bytes(self) -> int: ...
    def release(self) -> None: ...
    def __len__(self) -> int: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...

@final
class WritableView:
    def __buffer__(self, flags: int, /) -> memoryview: ...

@final
class Network:
    def __new__(
        cls,
        container: Container,
        part: str | None,
        device: str,
        opening: str,
        progress: _Progress | None = None,
    ) -> Network: ...
    @staticmethod
    def length(container: Container, part: str | None) -> int: ...
    @property
    def is_copied(self) -> bool: ...
    @property
    def has_weights(self) -> bool: ...
    @property
    def owner(self) -> Weights: ...
    def writable_view(self) -> WritableView: ...
    def topology(self) -> bytes: ...
    def verify(self) -> None: ...
    def accept(self) -> None: ...

@final
class Exported:
    def __new__(cls) -> Exported: ...
    def write(self, bytes: Any) -> int: ...
    def seek(self, offset: int, whence: int) -> int: ...

class _Runtime(TypedDict):
    version: str
    plugins: Sequence[tuple[str, str, str, Sequence[tuple[str, str]]]]

class _Settings(TypedDict):
    part: str | None
    device: str
    properties: Sequence[tuple[str, str]]
    shapes: Sequence[tuple[str, Sequence[int]]]

@final
class Cache:
    def __new__(
        cls,
        directory: _Path,
        limit: int | None,
        container: Container,
        runtime: _Runtime,
        settings: _Settings,
    ) -> Cache: ...
    @staticmethod
    def properties() -> list[str]: ...
    def read(self) -> Weights | None: ...
    def discard(self) -> None: ...
    def write(self, exported: Exported) -> None: ...

def abandon(object: object) -> None: ...
def run(arguments: Sequence[_Path]) -> int: ...
def variables_that_write_models() -> list[str]: ...
def writes_model(name: str, value: str) -> bool: ...
