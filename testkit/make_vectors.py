#!/usr/bin/env python3
"""Writes all test vectors to testkit/vectors and vectors-*, reproducibly.

Run it after a change to docs/format.md or to a vector; `git diff --stat` shows the changed files.
"""

import sys
from pathlib import Path

from vectormaker import (publishers, vectors_answers, vectors_files, vectors_layout, vectors_lease, vectors_license, vectors_manifest,
                         vectors_payload, vectors_service, vectors_signatures, vectors_stanzas, vectors_tpm)

HERE = Path(__file__).parent
MODULES = (vectors_layout, vectors_stanzas, vectors_payload, vectors_manifest, vectors_signatures, vectors_files)
TPM_MODULES = (vectors_tpm,)
LICENSE_MODULES, LEASE_MODULES = (vectors_license,), (vectors_service, vectors_lease, vectors_answers)
FOLDERS = {HERE / "vectors": MODULES, HERE / "vectors-tpm": TPM_MODULES, HERE / "vectors-license": LICENSE_MODULES,
           HERE / "vectors-lease": LEASE_MODULES}


def make_all(folder, modules=MODULES):
    """Writes the vectors to an empty directory; returns the numbers of vectors and bytes."""
    for publisher in publishers.ALL if modules in (MODULES, LEASE_MODULES) else ():
        (folder / f"{publisher.name}.pub").write_text(publisher.pem())
    names, total = set(), 0
    for vector in (vector for module in modules for vector in module.vectors()):
        if vector.name in names:
            sys.exit(f"two vectors are named {vector.name}")
        names.add(vector.name)
        total += vector.write(folder)
    return len(names), total


def main():
    for folder, modules in FOLDERS.items():
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        print("{}: {} vectors, {} bytes".format(folder.name, *make_all(folder, modules)))


if __name__ == "__main__":
    main()
