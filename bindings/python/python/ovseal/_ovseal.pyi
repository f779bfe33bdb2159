"""What the extension module has: `mypy` compares this file with it in a test."""

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
    """The type of `ANY_SENDER`."""

ANY_SENDER: AnySender

@final
class Key:
    """What opens a container, or what it is sealed to, or both."""

def passphrase(text: str | bytes) -> Key:
    """A passphrase, for sealing and opening: UTF-8 of 1 to 1024 bytes, of which one final line ending does not count."""

def keyfile(path_or_bytes: _Path | bytes | bytearray) -> Key:
    """A key file, by its path or by its 32 bytes, for sealing and opening."""

def identity(path_or_bytes: _Path | bytes | bytearray) -> Key:
    """The identities in a file, by its path or by its bytes. They open, and what belongs to them is sealed to."""

def recipient(text: str) -> Key:
    """A public key, ``age1…``, ``age1pq1…`` or ``ovdev1…``, for sealing."""

def device(folder: _Path | None = None, *, tcti: str | None = None, pin: str | bytes | None = None) -> Key:
    """This device's own key, in its TPM. It opens; what is sealed to is the recipient that ``ovseal device enroll`` prints."""

def callback(
    *,
    wrap: Callable[[bytearray, ServiceContext], bytes | bytearray] | None = None,
    unwrap: Callable[[bytes, ServiceContext], bytes | bytearray | None] | None = None,
) -> Key:
    """A key that the caller's own key service holds.

    ``wrap(secret, context)`` gets 32 random bytes as a ``bytearray``, which is zeroized afterwards, and gives what the service makes of
    them, at most 8 KiB. ``unwrap(wrapped, context)`` gives the 32 bytes again, or ``None`` when another key made them. ``context`` says
    for which container, so that a service can limit, log, and bind it. Both are called in a thread of their own.
    """

@final
class ServiceContext:
    """The container for which a key service wraps or unwraps.

    When a container is opened, both ids come from the container. The model id is authentic if a publisher was named.
    """

    @property
    def container_id(self) -> str:
        """The container's random name, in hexadecimal digits: another one for each sealing."""

    @property
    def model_id(self) -> str:
        """The id of the model, in hexadecimal digits: the same for all versions of a model."""

    @property
    def associated_data(self) -> bytes:
        """The 64 bytes that a service should bind as associated data: container id, then model id."""

def generate_identity(path: _Path) -> str:
    """Makes a new post-quantum identity in a new file at ``path``, and gives the recipient that belongs to it."""

def generate_keyfile(path: _Path) -> None:
    """Makes a new key file at ``path``."""

def generate_publisher(private: _Path, public: _Path) -> str:
    """Makes a new publisher's key in two new files, and gives the key id."""

@final
class Container:
    """An opened container: its manifest is authentic, and its parts can be read. It is a mapping of paths to parts."""

    @property
    def name(self) -> str:
        """The model's name."""

    @property
    def security_version(self) -> int:
        """The model's security version."""

    @property
    def container_id(self) -> str:
        """The container's random name, in hexadecimal digits."""

    @property
    def publisher(self) -> str | None:
        """The key id of the trusted publisher who signed; ``None`` when no publisher was named."""

    @property
    def parts(self) -> tuple[Part, ...]:
        """All parts, in the order of the container."""

    @property
    def closed(self) -> bool:
        """Whether it was closed."""

    def accept(self) -> None:
        """Records the security version in the rollback state, if there is one."""

    def close(self) -> None:
        """Forgets the keys and what was decrypted. Buffers that are in use stay."""

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
    """One part of an opened container, which is also a read-only buffer of its decrypted bytes."""

    @property
    def path(self) -> str:
        """Its path in the container."""

    @property
    def kind(self) -> str:
        """What it is to the model: ``ir``, ``onnx``, ``paddle``, ``compiled``, ``weights``, ``file`` or another word."""

    @property
    def length(self) -> int:
        """Its length in bytes."""

    @property
    def companions(self) -> list[str]:
        """The paths of the parts that this topology needs."""

    def read(self, offset: int = 0, length: int | None = None) -> bytes:
        """Decrypts bytes from ``offset`` on, by default all; only the chunks that they touch are read."""

    def tensor(self) -> openvino.Tensor:
        """The bytes as an ``openvino.Tensor`` in OpenVINO's own memory, which everything that is made of the tensor keeps."""

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
    """Opens a container: a path, a binary file object or bytes.

    Without a key this device's own is taken. ``publisher`` is whose signature is demanded, or ``ovseal.ANY_SENDER``. Only a container
    for passphrases and key files alone opens without. A dictionary of model names as ``publisher`` trusts each publisher for that name only.
    ``kdf_limit`` is the most work for passphrases, in MiB of memory times passes; 1024 by default.
    """

@final
class Sealed:
    """What a sealing made."""

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
    """Seals a model, a file with its companions or a folder, into a container, which appears whole or not at all.

    ``recipients`` are keys, or texts like ``age1…``; ``publisher_key`` is the path of a publisher's private key, or its bytes.
    ``progress(done, total)`` is called now and then with bytes of the model. Of a folder some names are left out that no model needs,
    what a file ``.ovsealignore`` matches, and what ``exclude`` matches, a pattern or several in the syntax of gitignore; `plan` shows it.
    ``replace`` replaces a container, and never anything else.
    """

@final
class PlannedPart:
    """A file that would become a part."""

    @property
    def path(self) -> str:
        """Its path in the container."""

    @property
    def kind(self) -> str:
        """What it is to the model: ``ir``, ``onnx``, ``paddle``, ``weights``, ``file`` or another word."""

    @property
    def length(self) -> int:
        """Its length in bytes."""

@final
class Plan:
    """What a sealing would make."""

    @property
    def parts(self) -> list[PlannedPart]:
        """The files that would become parts, in the order of the container."""

    @property
    def left_out(self) -> list[Path]:
        """The files and folders that would be left out, by their paths in the model's folder."""

def plan(
    model: _Path,
    *,
    only: bool = False,
    follow_symlinks: bool = False,
    exclude: str | Sequence[str] | None = None,
    include_everything: bool = False,
) -> Plan:
    """Finds out what `seal` would seal, and writes nothing.

    It fails where `seal` would fail because of the model, such as for a private key in its folder.
    """

@final
class Rekeyed:
    """What a rekeying made."""

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
    """Gives a container other keys, without touching its payload: a crash at any moment leaves the old or the new ones.

    ``remove`` are positions in what `inspect` lists, of the generation ``expect_generation``. Removing a stanza revokes nothing:
    whoever kept an old copy still opens it. Rekeying vouches for the container, so it needs a ``publisher`` as `open` does.

    ``waiting`` decides about stanzas that wait in ``path`` + ``.rekey`` and that a rekeying may not take over by itself: ``None`` raises
    `NotAuthenticError`, ``"discard"`` removes them, and ``"finish"`` takes them over. With a decision, nothing else needs to change.
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
    """What can be known of a container without a key; none of it is authenticated."""

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
    """Looks at a container without a key. None of what it shows is authenticated."""

@final
class Verification:
    """What a successful verification showed."""

    @property
    def publisher(self) -> str | None: ...
    @property
    def claimed_publishers(self) -> list[str]: ...
    @property
    def security_version(self) -> int: ...
    @property
    def content_verified(self) -> bool:
        """Whether a key showed that the content is what a holder of the key sealed; ``False`` without a key."""

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
    """Verifies a container: without a key its signature and digests, with one also every tag.

    Without a key this shows who signed, and not that the content is what a holder of the key sealed: see ``content_verified``.
    """

def create_rollback_state(path: _Path) -> None:
    """Makes an empty rollback state, once for a device."""

def protections() -> dict[str, Any]:
    """What this host and process give to protect keys and weights."""

def harden_process() -> bool:
    """Keeps core dumps and debuggers of the same user out of this process, for as long as it lives. Returns whether both was done.

    Call it first, before keys or models are in memory. Profilers and debuggers cannot attach afterwards.
    """

# What follows is for this package alone.

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
class Lent:
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
    def lend(self) -> Lent: ...
    def topology(self) -> bytes: ...
    def verify(self) -> None: ...
    def accept(self) -> None: ...

@final
class Exported:
    def __new__(cls) -> Exported: ...
    def write(self, bytes: Any) -> int: ...
    def seek(self, offset: int, whence: int) -> int: ...

@final
class _Runtime(TypedDict):
    version: str
    plugins: Sequence[tuple[str, str, str, Sequence[tuple[str, str]]]]

class _Settings(TypedDict):
    part: str | None
    device: str
    properties: Sequence[tuple[str, str]]
    shapes: Sequence[tuple[str, Sequence[int]]]

class Cache:
    def __new__(
        cls,
        folder: _Path,
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
