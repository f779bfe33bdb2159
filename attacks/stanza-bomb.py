"""Opens containers that claim 10,000 stanzas, one more than allowed, or lengths beyond the region.

Required outcome: exit code 3 before any key is tried, within two seconds of processor time and 200
MB of memory.
"""

from support import VECTORS, check, refuse_cheaply, temporary_directory

NAMES = ("stanzas-10000-claimed", "stanzas-33", "stanzas-length-beyond-region", "region-size-2-63")

with temporary_directory():
    for name in NAMES:
        path = VECTORS / f"{name}.json"
        check(path.exists(), f"the vector {name} is missing")
        refuse_cheaply(path)
