"""Converts the model that is named first into the anonymous files that stand as descriptors 0 (topology) and 1 (weights).

It ends with 6 when OpenVINO refuses the model, and with 1, as an interpreter that cannot go on does, when anything else fails.
"""

import fcntl
import os
import shutil
import sys
import tempfile

REFUSED = 6

# The converter would import it, and it would write into the home folder and ask the network.
sys.modules["openvino_telemetry"] = None


class Refused(Exception):
    """The model is the reason, not the machine."""


def main(source, precision):
    topology, weights = (take(descriptor) for descriptor in (0, 1))
    # Before there is a plaintext that could be written elsewhere.
    place = place_in_memory()
    save(convert(source), {"model.xml": topology, "model.bin": weights}, place, precision == "half")


def take(descriptor):
    """Moves an inherited descriptor away from where libraries print to."""
    taken = os.dup(descriptor)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, descriptor)
    os.close(null)
    if not is_in_memory(taken):
        raise RuntimeError("the file to write to is not in memory")
    return taken


def is_in_memory(file):
    """Only files in memory, with a name (tmpfs) or without (memfd), know seals."""
    try:
        fcntl.fcntl(file, fcntl.F_GET_SEALS)
    except OSError:
        return False
    return True


def place_in_memory():
    """A folder for links. What replaced one of them would stay in memory, too."""
    for place in ("/dev/shm", os.environ.get("XDG_RUNTIME_DIR"), os.environ.get("TMPDIR")):
        if place and can_hold(place):
            return place
    raise RuntimeError("none of /dev/shm, XDG_RUNTIME_DIR and TMPDIR is a tmpfs that can be written")


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
        # The parsers tell a lack of memory as an error of their own.
        if "bad_alloc" in str(error):
            raise
        raise Refused from error


def save(model, files, place, is_half):
    """Lets OpenVINO write through links: it demands the name's extension, which an anonymous file has not."""
    import openvino

    folder = tempfile.mkdtemp(prefix="ovseal-", dir=place)
    try:
        for name, descriptor in files.items():
            os.symlink(f"/proc/self/fd/{descriptor}", f"{folder}/{name}")
        openvino.save_model(model, f"{folder}/model.xml", compress_to_fp16=is_half)
        if not all(os.path.islink(f"{folder}/{name}") for name in files):
            raise RuntimeError("this version of OpenVINO replaces the files that it should write to")
    finally:
        shutil.rmtree(folder)


def tell(error):
    print(" ".join(f"{type(error).__name__}: {error}".split()), file=sys.stderr)


try:
    main(*sys.argv[1:])
except Refused as refused:
    tell(refused.__cause__)
    sys.exit(REFUSED)
except Exception as error:
    tell(error)
    sys.exit(1)
