"""Measures `ovseal.read_model` from Python, each time in a process of its own: python read_model.py MODEL.ovseal KEYFILE [ROUNDS]

Prints one line of JSON for each round: seconds until the model was read, and the most memory that it took beyond what the runtime
takes for itself, in bytes. To be compared with the same from Rust, in alternation, by whoever calls it.
"""

import json
import subprocess
import sys

ROUND = """
import json, resource, sys, time
import openvino as ov, ovseal
core, key = ov.Core(), ovseal.keyfile(sys.argv[2])
core.get_versions("CPU")  # loads the plugin
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
model = ovseal.read_model(core, sys.argv[1], key=key)
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"way": "python", "seconds": seconds, "peak_bytes": (peak - before) * 1024}))
"""


def main() -> None:
    container, keyfile, *rounds = sys.argv[1:]
    for _ in range(int(rounds[0]) if rounds else 1):
        subprocess.run([sys.executable, "-c", ROUND, container, keyfile], check=True)


if __name__ == "__main__":
    main()
