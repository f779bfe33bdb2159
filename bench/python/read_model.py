"""Reads a sealed model into OpenVINO from Python: python read_model.py CONTAINER KEYFILE

Prints the seconds that `ovseal.read_model` took, and in KiB the process's memory before it and at the peak: what `ovseal-bench bindings`
compares with Rust and C++.
"""

import sys
import time

# OpenVINO reports to its makers in a thread and a forked process while a script goes on: it would be measured, too.
sys.modules["openvino_telemetry"] = None

import openvino as ov
import ovseal


def status(name: str) -> int:
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(name))


def main() -> None:
    container, keyfile = sys.argv[1:]
    core, key = ov.Core(), ovseal.keyfile(keyfile)
    # Loads the device's plugin, which `read_model` asks whether it has a cache; the others load it, too.
    core.get_versions("CPU")
    read_model = ovseal.read_model  # imports what needs OpenVINO
    before = status("VmRSS")
    start = time.perf_counter()
    model = read_model(core, container, key=key)
    seconds = time.perf_counter() - start
    print(seconds, before, status("VmHWM"))
    del model


if __name__ == "__main__":
    main()
