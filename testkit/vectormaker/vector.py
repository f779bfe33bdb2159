"""A test vector: a container, the way to open it, and the expected outcome."""

import json
from dataclasses import dataclass, field

from vectormaker.container import KEYFILE, Container


@dataclass
class Vector:
    """One test vector.

    `why` states the deciding rule of docs/format.md; `source` is a Container or the bytes of the
    file.
    """

    name: str
    expect: str
    why: str
    description: str
    source: object
    key: dict = field(default_factory=lambda: {"keyfile": KEYFILE.hex()})
    publisher: str = None
    demanded_name: str = None
    min_security_version: int = None
    rekey: object = None
    keys: object = None

    def write(self, folder):
        """Writes NAME.ovseal, NAME.json and accompanying files; returns the number of bytes."""
        data = self.source.build() if isinstance(self.source, Container) else self.source
        files = {".ovseal": data, ".json": self.to_json().encode()}
        for suffix, content in ((".ovseal.rekey", self.rekey), (".ovseal.keys", self.keys)):
            if content is not None:
                files[suffix] = content(self.source) if callable(content) else content
        for suffix, content in files.items():
            (folder / (self.name + suffix)).write_bytes(content)
        return sum(map(len, files.values()))

    def to_json(self):
        record = {"description": self.description, "key": self.key, "publisher": self.publisher and self.publisher + ".pub",
                  "name": self.demanded_name, "expect": self.expect, "why": self.why}
        if self.min_security_version is not None:
            record["min_security_version"] = self.min_security_version
        if self.expect == "opened":
            record |= self.source.expected()
        return json.dumps(record, indent=2, ensure_ascii=True) + "\n"


def patched(position, new):
    """Returns a function that overwrites the bytes at `position`, which may be negative."""

    def patch(data):
        start = position % len(data)
        return data[:start] + new + data[start + len(new) :]

    return patch
