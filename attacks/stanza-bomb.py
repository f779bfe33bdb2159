"""Opens containers that claim 10,000 stanzas, one more than allowed, or lengths that reach beyond the region.

Must happen: exit code 3 with less than two seconds of processor time and 200 MB of memory, before any key is tried.
"""

from support import VECTORS, check, folder, refuse_cheaply

NAMES = ("stanzas-10000-claimed", "stanzas-33", "stanzas-length-beyond-region", "region-size-2-63")

with folder():
    for name in NAMES:
        path = VECTORS / f"{name}.json"
        check(path.exists(), f"the vector {name} is missing")
        refuse_cheaply(path)
