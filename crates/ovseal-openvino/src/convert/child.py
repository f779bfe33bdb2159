"""Converts the model that is named first into the anonymous files that stand as descriptors 0 (topology) and 1 (weights)."""

import os
import shutil
import sys
import tempfile

# The converter would import it, and it would write into the home folder and ask the network.
sys.modules["openvino_telemetry"] = None


def main(source, precision):
    topology, weights = (take(descriptor) for descriptor in (0, 1))
    import openvino

    is_ir = source.endswith(".xml")
    model = openvino.Core().read_model(source) if is_ir else openvino.convert_model(source)
    save(model, {"model.xml": topology, "model.bin": weights}, precision == "half")


def take(descriptor):
    """Moves an inherited descriptor away from where libraries print to."""
    taken = os.dup(descriptor)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, descriptor)
    os.close(null)
    return taken


def save(model, files, is_half):
    """Lets OpenVINO write through links: it demands the name's extension, which an anonymous file has not."""
    import openvino

    folder = tempfile.mkdtemp(prefix="ovseal-", dir=parent())
    try:
        for name, descriptor in files.items():
            os.symlink(f"/proc/self/fd/{descriptor}", f"{folder}/{name}")
        openvino.save_model(model, f"{folder}/model.xml", compress_to_fp16=is_half)
        if not all(os.path.islink(f"{folder}/{name}") for name in files):
            raise RuntimeError("this version of OpenVINO replaces the files that it should write to")
    finally:
        shutil.rmtree(folder)


def parent():
    """A folder in memory, if there is one, although nothing but links goes there."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK | os.X_OK) else os.environ.get("TMPDIR") or "/tmp"


try:
    main(*sys.argv[1:])
except Exception as error:
    sys.exit(" ".join(f"{type(error).__name__}: {error}".split()))
