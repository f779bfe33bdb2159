"""Opens containers whose passphrase stanza demands absurd work of Argon2id: memory, passes, lanes or their product.

Must happen: the outcome of the vector (4, the stanza is unusable) with less than two seconds of processor time and 200 MB of memory.
"""

from support import VECTORS, check, folder, refuse_cheaply

NAMES = ("kdf-memory", "kdf-passes", "kdf-lanes", "kdf-product")

with folder():
    for name in NAMES:
        path = VECTORS / f"{name}.json"
        check(path.exists(), f"the vector {name} is missing")
        refuse_cheaply(path)
