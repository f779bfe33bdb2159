"""One test vector: a container, how it is to be opened and what must come of it."""

import json
from dataclasses import dataclass, field

from vectormaker.container import KEYFILE, Container


@dataclass
class Vector:
    """`why` names the rule of docs/format.md that decides; `source` is a Container or the file's bytes."""

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
        """Writes NAME.ovseal, NAME.json and the files beside the container; gives the number of bytes."""
        data = self.source.build() if isinstance(self.source, Container) else self.source
        files = {".ovseal": data, ".json": self.to_json().encode()}
        for suffix, beside in ((".ovseal.rekey", self.rekey), (".ovseal.keys", self.keys)):
            if beside is not None:
                files[suffix] = beside(self.source) if callable(beside) else beside
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
    """Gives a function that writes `new` over the bytes at `position`, counted from the end when it is negative."""

    def patch(data):
        start = position % len(data)
        return data[:start] + new + data[start + len(new) :]

    return patch
