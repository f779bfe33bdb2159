"""Reads a sealed model into OpenVINO from Python: python read_model.py CONTAINER KEYFILE

Prints a sample as JSON: the seconds that `ovseal.read_model` took, and the memory of the process
before it and at the peak. `ovseal-bench bindings` compares them with Rust and C++.
"""

import json
import sys
import time

# Otherwise OpenVINO's telemetry, in a thread and a forked process, would be measured too.
sys.modules["openvino_telemetry"] = None

import openvino as ov
import ovseal


def status(name: str) -> int:
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def main() -> None:
    container, keyfile = sys.argv[1:]
    core, key = ov.Core(), ovseal.keyfile(keyfile)
    # Load the device's plugin, as the other languages do, because `read_model` asks it about its
    # cache.
    core.get_versions("CPU")
    read_model = ovseal.read_model  # imports the modules that need OpenVINO
    before = status("VmRSS")
    start = time.perf_counter()
    model = read_model(core, container, key=key)
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "start_bytes": before, "peak_bytes": status("VmHWM")}))
    del model


if __name__ == "__main__":
    main()
