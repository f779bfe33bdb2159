"""Reads a sealed model into OpenVINO from Python: python read_model.py CONTAINER KEYFILE

Prints the seconds that `ovseal.read_model` took, and the peak of the process's memory in KiB: what the program `overhead` of the C interface
compares with Rust (`overhead CONTAINER KEYFILE PROGRAM ROUNDS`, where PROGRAM calls this script). On stderr, how much of the peak
came with the reading, since an interpreter takes memory of its own.
"""

import sys
import time

import openvino as ov
import ovseal


def status(name: str) -> int:
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(name))


def main() -> None:
    container, keyfile = sys.argv[1:]
    core, key = ov.Core(), ovseal.keyfile(keyfile)
    # `read_model` asks the device whether it has a cache, which loads its plugin. Rust loads that when it compiles.
    core.get_property("CPU", "CACHE_DIR")
    read_model = ovseal.read_model  # imports what needs OpenVINO
    before = status("VmRSS")
    start = time.perf_counter()
    model = read_model(core, container, key=key)
    seconds = time.perf_counter() - start
    peak = status("VmHWM")
    print(seconds, peak)
    print(f"{(peak - before) / 1024:.1f} MiB beyond the interpreter", file=sys.stderr)
    del model


if __name__ == "__main__":
    main()
