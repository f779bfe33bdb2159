"""Puts an older container, signed and genuine, in the place of the current one: rollback.py [MODEL.xml]

Must happen: a device that keeps a rollback state, or demands a least version, denies it (5) after it ran the newer one; a damaged
or missing state is denied too. Seen too, because it is so: without either, or with the state itself put back, the old one runs.
"""

import shutil
from pathlib import Path

from support import DENIED, DONE, folder, must, network

KEYS = ["--keyfile", "device.key", "--publisher", "acme.pub", "--name", "detector"]
STATE = ["--rollback-state", "state"]


def run(code, container, *demands):
    """Runs a container for its device."""
    must(code, "run", container, *KEYS, *demands)


with folder():
    model = network()
    must(DONE, "keygen", "--keyfile", "-o", "device.key")
    must(DONE, "keygen", "--publisher", "-o", "acme")
    for version in ("1", "2"):
        seal = ["seal", model, "-o", f"v{version}.ovseal", "--name", "detector", "--security-version", version]
        must(DONE, *seal, "--keyfile", "device.key", "--publisher-key", "acme.key")
    run(DENIED, "v1.ovseal", *STATE)
    must(DONE, "rollback-state", "-o", "state")
    run(DONE, "v1.ovseal", *STATE)
    shutil.copy("state", "copy-of-state")
    run(DONE, "v2.ovseal", *STATE)
    run(DENIED, "v1.ovseal", *STATE)
    run(DENIED, "v1.ovseal", "--min-security-version", "2")
    run(DONE, "v2.ovseal", *STATE)
    Path("state").write_bytes(Path("state").read_bytes()[:-2])
    run(DENIED, "v1.ovseal", *STATE)
    run(DONE, "v1.ovseal")
    shutil.copy("copy-of-state", "state")
    run(DONE, "v1.ovseal", *STATE)
