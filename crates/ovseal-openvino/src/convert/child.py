"""Converts a model to IR. Descriptors 0 (topology) and 1 (weights) are the anonymous output files.

Exits with 6 if OpenVINO rejects the model, and with 1, as a failing interpreter does, after any
other error.
"""

import fcntl
import os
import shutil
import sys
import tempfile

REFUSED = 6

# The converter would import this package, which writes to the home directory and uses the network.
sys.modules["openvino_telemetry"] = None


class Refused(Exception):
    """OpenVINO rejects the model, for a reason other than the machine."""


def main(source, precision):
    topology, weights = (take(descriptor) for descriptor in (0, 1))
    # Find the directory before there is any plaintext that could be written elsewhere.
    place = place_in_memory()
    save(convert(source), {"model.xml": topology, "model.bin": weights}, place, precision == "half")


def take(descriptor):
    """Moves an inherited descriptor out of the way of libraries that print."""
    taken = os.dup(descriptor)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, descriptor)
    os.close(null)
    if not is_in_memory(taken):
        raise RuntimeError("the output file is not in memory")
    return taken


def is_in_memory(file):
    """Returns whether a file is in memory. Only files of tmpfs and memfd support seals."""
    try:
        fcntl.fcntl(file, fcntl.F_GET_SEALS)
    except OSError:
        return False
    return True


def place_in_memory():
    """Returns a directory for links. A file that replaced one of them would also stay in memory."""
    for place in ("/dev/shm", os.environ.get("XDG_RUNTIME_DIR"), os.environ.get("TMPDIR")):
        if place and can_hold(place):
            return place
    raise RuntimeError("none of /dev/shm, XDG_RUNTIME_DIR and TMPDIR is a writable tmpfs")


def can_hold(place):
    try:
        with tempfile.TemporaryFile(dir=place) as probe:
            return is_in_memory(probe.fileno())
    except OSError:
        return False


def convert(source):
    import openvino

    is_ir = source.endswith(".xml")
    try:
        return openvino.Core().read_model(source) if is_ir else openvino.convert_model(source)
    except (MemoryError, OSError, ImportError):
        raise
    except Exception as error:
        # The parsers report a lack of memory as their own error.
        if "bad_alloc" in str(error):
            raise
        raise Refused from error


def save(model, files, place, is_half):
    """Saves through links: OpenVINO requires an extension, and an anonymous file has none."""
    import openvino

    directory = tempfile.mkdtemp(prefix="ovseal-", dir=place)
    try:
        for name, descriptor in files.items():
            os.symlink(f"/proc/self/fd/{descriptor}", f"{directory}/{name}")
        openvino.save_model(model, f"{directory}/model.xml", compress_to_fp16=is_half)
        if not all(os.path.islink(f"{directory}/{name}") for name in files):
            raise RuntimeError("this version of OpenVINO replaces its output files instead of writing to them")
    finally:
        shutil.rmtree(directory)


def report(error):
    print(" ".join(f"{type(error).__name__}: {error}".split()), file=sys.stderr)


try:
    main(*sys.argv[1:])
except Refused as refused:
    report(refused.__cause__)
    sys.exit(REFUSED)
except Exception as error:
    report(error)
    sys.exit(1)
