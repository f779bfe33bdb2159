"""Searches the disk for the model after sealing and running it: plaintext-search.py [MODEL.xml]

The weights and the network's name are random, so that any match comes from this run. Required
outcome: no file contains 64 bytes of the weights or the network's name. The search covers the
container, and the run's working, home, cache and temporary directories. It also covers the user's
new files in /tmp, /var/tmp and /dev/shm. If OpenVINO is set to write its models, the run fails (1).
"""

import contextlib
import os
import stat
import time
from pathlib import Path

from needles import find, fresh_copy
from support import DONE, check, must, network, temporary_directory

ENVIRONMENT = 1


def files_below(directory):
    """Returns all files below a directory."""
    return {Path(parent, name) for parent, _, names in os.walk(directory) for name in names}


def new_files(moment, shared):
    """Yields the files in a shared directory that are new or changed since `moment`.

    Skips unchanged subdirectories, in which builds and other tests may write.
    """
    for entry in Path(shared).iterdir():
        if is_new(moment, entry):
            files = files_below(entry) if entry.is_dir() and not entry.is_symlink() else [entry]
            yield from (file for file in files if is_new(moment, file, stat.S_ISREG))


def is_new(moment, path, kind=lambda mode: True):
    """Returns whether a path has this user and kind, and is new or changed; false if it is gone."""
    with contextlib.suppress(OSError):
        status = path.lstat()
        return status.st_uid == os.getuid() and status.st_ctime >= moment and kind(status.st_mode)
    return False


with temporary_directory() as place:
    began = time.time() - 1
    needles = fresh_copy(network())
    check(len(needles) > 50, "the model has too few weights to search for")
    plain = [Path("plain/model.xml"), Path("plain/model.bin")]
    check(find(plain, needles) == plain, "the search does not find the plaintext")
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
    print(f"searched {len(searched)} files for {len(needles)} needles")
    check(place / "model.ovseal" in searched, "the container was not searched")
    check(not found, f"plaintext in {found}")
