"""Replaces a container with an older one, signed and genuine: rollback.py [MODEL.xml]

Required outcome: after the newer container, the older one is denied (5) with a rollback state or a
minimum version. A damaged or missing state is also denied. Without either, or with an older copy of
the state, the older container runs.
"""

import shutil
from pathlib import Path

from support import DENIED, DONE, must, network, temporary_directory

KEYS = ["--keyfile", "device.key", "--publisher", "acme.pub", "--name", "detector"]
STATE = ["--rollback-state", "state"]


def run(code, container, *requirements):
    """Runs a container with the device's key."""
    must(code, "run", container, *KEYS, *requirements)


with temporary_directory():
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
