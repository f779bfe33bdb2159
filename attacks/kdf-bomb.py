"""Opens containers whose passphrase stanza requests excessive memory, passes or lanes of Argon2id.

Required outcome: the vector's own (4, no key fits), within two seconds of processor time and 200 MB
of memory.
"""

from support import VECTORS, check, refuse_cheaply, temporary_directory

NAMES = ("kdf-memory", "kdf-passes", "kdf-lanes", "kdf-product")

with temporary_directory():
    for name in NAMES:
        path = VECTORS / f"{name}.json"
        check(path.exists(), f"the vector {name} is missing")
        refuse_cheaply(path)
