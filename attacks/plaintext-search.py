"""Looks for the model on the disk after it was sealed and run: plaintext-search.py [MODEL.xml]

The weights are replaced by random ones and the network is renamed, so that whatever is found comes from this run. Must happen: no
64 bytes of the weights and nothing of the topology stand in the container, the working folder, the home, cache and temporary
folders of the run, or in what appeared meanwhile in /tmp, /var/tmp and /dev/shm and belongs to the same user. A runtime that is told to
write its models is refused (1).
"""

import contextlib
import os
import stat
import time
from pathlib import Path

from needles import find, fresh_copy
from support import DONE, check, folder, must, network

ENVIRONMENT = 1


def files_below(folder):
    """All files below a folder."""
    return {Path(parent, name) for parent, _, names in os.walk(folder) for name in names}


def new_files(moment, shared):
    """The files that appeared or changed since then in a folder that others use too.

    A folder in it counts only if it is new or something was put into it: builds and other tests go on below the old ones.
    """
    for entry in Path(shared).iterdir():
        if is_new(moment, entry):
            files = files_below(entry) if entry.is_dir() and not entry.is_symlink() else [entry]
            yield from (file for file in files if is_new(moment, file, stat.S_ISREG))


def is_new(moment, path, kind=lambda mode: True):
    """Whether something is of this user and kind, and appeared or changed since then. What is gone again is not."""
    with contextlib.suppress(OSError):
        status = path.lstat()
        return status.st_uid == os.getuid() and status.st_ctime >= moment and kind(status.st_mode)
    return False


with folder() as place:
    began = time.time() - 1
    needles = fresh_copy(network())
    check(len(needles) > 50, "the model has too few weights to look for")
    plain = [Path("plain/model.xml"), Path("plain/model.bin")]
    check(find(plain, needles) == plain, "the search does not find what is there")
    for name in ("home", "cache", "temporary", "outputs"):
        Path(name).mkdir()
    environment = os.environ | {
        "HOME": str(place / "home"),
        "XDG_CACHE_HOME": str(place / "cache"),
        "TMPDIR": str(place / "temporary"),
    }
    must(DONE, "keygen", "--keyfile", "-o", "device.key")
    must(DONE, "keygen", "--publisher", "-o", "acme")
    seal = ["seal", "plain/model.xml", "-o", "model.ovseal", "--keyfile", "device.key", "--publisher-key", "acme.key"]
    must(DONE, *seal, environment=environment)
    for path in plain:
        path.unlink()
    run = ["run", "model.ovseal", "--keyfile", "device.key", "--publisher", "acme.pub"]
    must(DONE, *run, "--iterations", "3", "--output", "outputs", environment=environment)
    must(ENVIRONMENT, *run, environment=environment | {"OV_ENABLE_SERIALIZE_TRACING": "1"})
    searched = files_below(place)
    for shared in filter(os.path.isdir, ("/tmp", "/var/tmp", "/dev/shm")):
        searched.update(new_files(began, shared))
    found = find(searched, needles)
    print(f"looked for {len(needles)} needles in {len(searched)} files")
    check(place / "model.ovseal" in searched, "the container was not searched")
    check(not found, f"plaintext stands in {found}")
