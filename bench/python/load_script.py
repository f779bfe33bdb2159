"""Loads a model as people do today: decrypts whole files and passes the bytes to OpenVINO.

    load_script.py encrypt DIR FILE...     writes each file encrypted into the directory
    load_script.py load INPUT FILE...      decrypts, compiles and infers once; prints JSON

Importing the packages and loading the device's plugin are not measured.
"""

import hashlib
import json
import os
import resource
import sys
import time
from pathlib import Path

# Otherwise OpenVINO's telemetry, in a thread and a forked process, would also be measured.
sys.modules["openvino_telemetry"] = None

import numpy as np
import openvino as ov
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

# A well-known key, which protects nothing.
KEY = bytes(range(32))
SUFFIX = ".enc"


def encrypt(directory, files):
    Path(directory).mkdir(parents=True)
    for file in map(Path, files):
        nonce = os.urandom(12)
        (Path(directory) / (file.name + SUFFIX)).write_bytes(nonce + AESGCM(KEY).encrypt(nonce, file.read_bytes(), None))


def decrypt(file):
    data = Path(file).read_bytes()
    return AESGCM(KEY).decrypt(data[:12], data[12:], None)


def read_model(core, files):
    """Reads IR with its weights, or a model in one file."""
    weights = [decrypt(file) for file in files if file.endswith(".bin" + SUFFIX)]
    (topology,) = [decrypt(file) for file in files if not file.endswith(".bin" + SUFFIX)]
    return core.read_model(topology, *weights)


def feed(request, data):
    """Sets the inputs' elements, one input after the other."""
    for index, port in enumerate(request.model_inputs):
        elements = np.frombuffer(data, port.element_type.to_dtype(), int(np.prod(port.shape)))
        request.set_input_tensor(index, ov.Tensor(elements.reshape(port.shape).copy()))
        data = data[elements.nbytes :]


def memory():
    """Returns the resident memory in bytes by the kernel's names."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.startswith(("Vm", "Rss"))}


def load(input_file, files):
    core = ov.Core()
    core.get_versions("CPU")
    data, before = Path(input_file).read_bytes(), memory()
    usage, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    compiled = core.compile_model(read_model(core, files), "CPU")
    after_compilation = time.perf_counter()
    request = compiled.create_infer_request()
    feed(request, data)
    request.infer()
    end, now = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    after = memory()
    output = hashlib.sha256()
    for index in range(len(compiled.outputs)):
        output.update(np.ascontiguousarray(request.get_output_tensor(index).data))
    return {
        "compiled": after_compilation - start,
        "first_inference": end - start,
        "user": now.ru_utime - usage.ru_utime,
        "system": now.ru_stime - usage.ru_stime,
        "start_bytes": before["VmRSS"],
        "peak_bytes": after["VmHWM"],
        "anonymous_bytes": after["RssAnon"],
        "file_bytes": after["RssFile"],
        "shared_bytes": after["RssShmem"],
        "output": output.hexdigest(),
        "opening": None,
    }


if __name__ == "__main__":
    verb, place, *files = sys.argv[1:]
    if verb == "encrypt":
        encrypt(place, files)
    else:
        print(json.dumps(load(place, files)))
