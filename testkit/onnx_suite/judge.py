"""Compares the runner's results with the recorded outputs: python judge.py CASES RESULTS

`CASES` is the directory that cases.py wrote, with the runner's outputs; `RESULTS` is the runner's
output. A case counts if the plaintext model passes within the suite's own tolerances, and two runs
agree bit for bit. Its sealed form must then return the same bits. The exit code is 1 if a sealed
form does not, or if fewer than `LEAST` cases count.
"""

import collections
import json
import pickle
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
from onnx.backend.test.runner import Runner

from cases import TYPES, unpacked

# Detects lost cases, with a margin for processors that round differently.
LEAST = 1500

DTYPES = {ours: np.dtype(getattr(ml_dtypes, name, name)) for name, ours in TYPES.items()}


def outputs(folder):
    """Reads the outputs of the plaintext model."""
    data, arrays = (folder / "outputs.raw").read_bytes(), []
    for described in json.loads((folder / "outputs.json").read_bytes()):
        dtype, shape = DTYPES[described["type"]], described["shape"]
        numbers, data = unpacked(data, dtype, int(np.prod(shape, dtype=np.int64)))
        arrays.append(numbers.reshape(shape))
    return arrays


def passes(folder, recorded):
    """Returns whether the plaintext model's outputs match the recorded ones."""
    expected = [value for values in recorded["outputs"] for value in values]
    try:
        given = outputs(folder)
        Runner.assert_similar_outputs(expected, given, recorded["rtol"], recorded["atol"])
    except (AssertionError, KeyError):
        return False
    return True


def main(cases, results):
    results = dict(line.split("\t", 1) for line in results.read_text().splitlines())
    counts, failures, passed = collections.Counter(), [], collections.Counter()
    for name, outcome in results.items():
        recorded = pickle.loads((cases / name / "recorded.pickle").read_bytes())
        kind = recorded["kind"]
        counts[kind] += 1
        word, stage = outcome.split(":")[0], outcome.split(":")[-1].strip()
        if word in ("refused", "unstable") or (word in ("crashes", "hangs") and stage == "plaintext"):
            continue
        if word != "same":
            failures.append(f"{name}: {outcome}")
        if passes(cases / name, recorded):
            passed[kind, "plaintext"] += 1
            passed[kind, "sealed"] += word == "same"
    report(counts, passed, json.loads((cases / "left_out.json").read_text()))
    print("".join(f"\n{failure}" for failure in failures))
    total = sum(passed[kind, "plaintext"] for kind in counts)
    if failures or total < LEAST:
        sys.exit(f"onnx suite: {len(failures)} models differ or fail when sealed; {total} count, {LEAST} required")


def report(counts, passed, left_out):
    left = collections.Counter(reason.split(":")[0] for reason in left_out.values())
    print(f"{'kind':20}{'cases':>8}{'run':>8}{'plaintext passes':>18}{'sealed passes':>15}")
    rows = [(k, counts[k] + left[k], counts[k], passed[k, "plaintext"], passed[k, "sealed"]) for k in counts]
    rows.append(("all", *(sum(row[i] for row in rows) for i in range(1, 5))))
    for kind, *numbers in rows:
        print(f"{kind:20}{numbers[0]:8}{numbers[1]:8}{numbers[2]:18}{numbers[3]:15}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
