"""The extension module. A test compares signatures and first paragraphs with those in Rust."""

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
    """A key that opens containers, or to which a model can be sealed, or both."""

def passphrase(text: str | bytes) -> Key:
    """Return a passphrase, to seal and to open."""

def keyfile(path_or_bytes: _Path | bytes | bytearray) -> Key:
    """Return a key file, to seal and to open."""

def identity(path_or_bytes: _Path | bytes | bytearray) -> Key:
    """Return the identities in a file, to open, and to seal to their recipients."""

def recipient(text: str) -> Key:
    """Return a public key, to seal."""

def device(folder: _Path | None = None, *, tcti: str | None = None, pin: str | bytes | None = None) -> Key:
    """Return this device's own key, held by its TPM, to open."""

def callback(
    *,
    wrap: Callable[[bytearray, ServiceContext], bytes | bytearray] | None = None,
    unwrap: Callable[[bytes, ServiceContext], bytes | bytearray | None] | None = None,
) -> Key:
    """Return a key held by your own key service."""

@final
class ServiceContext:
    """The container for which a key service wraps or unwraps."""

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
    """An opened container: its manifest is authentic, and its parts can be read."""

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
        """The key id of the trusted publisher who signed; ``None`` if none was specified."""

    @property
    def parts(self) -> tuple[Part, ...]:
        """All parts, in the order of the container."""

    @property
    def closed(self) -> bool:
        """True if the container is closed."""

    def accept(self) -> None:
        """Record the security version in the rollback state, if one was specified."""

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
    """A part of an opened container, and a read-only buffer of its decrypted bytes."""

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
        """Decrypt ``length`` bytes starting at ``offset``; by default all of them."""

    def tensor(self) -> openvino.Tensor:
        """Decrypt the part into a new ``openvino.Tensor``, in memory that OpenVINO owns."""

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
    memory_budget: int | None = None,
    _stacklevel: int = 1,
) -> Container:
    """Open a container."""

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
    """Seal a model into a container, which appears complete or not at all."""

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
    """The files that `seal` would seal."""

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
    """List the files that `seal` would seal, and write nothing."""

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
    """Change the keys that open a container, without touching its payload."""

@final
class Stanza:
    """A stanza: the data key, wrapped for one recipient."""

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
        """True if a key showed that a holder of that key sealed the content, else ``False``."""

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
    """Verify a container: its signature and digests and, with a key, every tag."""

def create_rollback_state(path: _Path) -> None:
    """Create an empty rollback state at ``path``."""

def protections() -> dict[str, Any]:
    """Return the facts about this host and process that protect keys and weights."""

def harden_process() -> bool:
    """Disable core dumps, and keep other processes of the same user out of this one's memory."""

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
