"""Summarizes samples into a record: medians and spreads, ratios, differences."""

import json
from statistics import geometric_mean, median

from titles import METHODS, PAIRS, PROVIDERS


def summarize(measured):
    """Returns the record of one run. A spread is a list: median, minimum, maximum."""
    record = {
        "benchmark": measured["benchmark"],
        "environment": measured["environment"],
        "fixtures": {},
        "results": {},
        "ratios": {},
    }
    for fixture in measured["fixtures"]:
        name = fixture["fixture"]
        record["fixtures"][name] = {key: fixture[key] for key in ("bytes", "sha256", "absent") if key in fixture}
        for cache in dict.fromkeys(series.get("cache") for series in fixture["series"]):
            series = [one for one in fixture["series"] if one.get("cache") == cache]
            add_group(record, name, cache, series, fixture.get("output"))
    for pairs in record["ratios"].values():
        for found in pairs.values():
            # A share of memory can be 0.
            if all(spread[0] > 0 for spread in found.values()):
                found["mean"] = [geometric_mean(spread[0] for spread in found.values())]
    if "sealing_memory" in measured:
        record["sealing_memory"] = measured["sealing_memory"]
    return record


def add_group(record, fixture, cache, series, output):
    """Adds the methods of one fixture that took turns with the page cache in the same state."""
    if untitled := {one["method"] for one in series} - METHODS.keys():
        raise KeyError(f"methods without a title: {untitled}")
    suffix = f" {cache}" if cache else ""
    columns = {one["method"]: extract(record["benchmark"], one["samples"]) for one in series}
    columns = {method: measures for method, measures in columns.items() if measures}
    results = record["results"].setdefault(fixture + suffix, {})
    for one in series:
        if measures := columns.get(one["method"]):
            results[one["method"]] = describe(one["method"], measures, one["samples"], output)
    add_differences(record["benchmark"], results, columns)
    add_ratios(record, fixture, suffix, columns)
    add_peak_shares(record, fixture, suffix, results)


def describe(method, measures, samples, output):
    """Returns how often a method was measured, the spread of each measure, and the errors."""
    taken = [sample for sample in samples if sample is not None]
    known = {measure: numbers for measure, numbers in measures.items() if any(n is not None for n in numbers)}
    entry = {"rounds": len(taken)} | {measure: spread(numbers) for measure, numbers in known.items()}
    if output and (differing := sum(sample["output"] != output for sample in taken)):
        entry["differing_outputs"] = differing
    if method.startswith("overlapped") and any(sample["opening"] != "overlapped" for sample in taken):
        entry["was_eager"] = True
    return entry


def extract(benchmark, samples):
    """Returns each measure's numbers, one per round, or None if it was not the method's turn."""
    if all(sample is None for sample in samples):
        return {}
    of = lambda measure: [None if sample is None else measure(sample) for sample in samples]
    return {name: of(measure) for name, measure in MEASURES[benchmark].items()}


MEASURES = {
    "load": {
        "compiled": lambda sample: sample["compiled"],
        "first-inference": lambda sample: sample["first_inference"],
        "cpu": lambda sample: sample["user"] + sample["system"],
        "peak": lambda sample: sample["peak_bytes"],
        "settled": lambda sample: sample["anonymous_bytes"] + sample["file_bytes"] + sample["shared_bytes"],
        "files": lambda sample: sample["file_bytes"],
        "peak-above-start": lambda sample: max(0, sample["peak_bytes"] - sample["start_bytes"]),
    },
    "memory": {
        "least": lambda sample: sample["least_bytes"],
        "first-inference": lambda sample: sample["first_inference"],
        "pressed": lambda sample: sample["pressed"],
        "peak": lambda sample: sample["peak_bytes"],
    },
    "container": {"rate": lambda sample: sample["rate"]},
    "tpm": {"seconds": lambda sample: sample["seconds"]},
    "bindings": {
        "seconds": lambda sample: sample["seconds"],
        "peak": lambda sample: sample["peak_bytes"],
        "grown": lambda sample: sample["peak_bytes"] - sample["start_bytes"],
    },
}

# The measures of which ratios are taken, and the method and measures of which differences are
# taken.
RATIOS = {
    "load": ["compiled", "first-inference", "cpu", "peak", "settled"],
    "memory": ["least", "pressed", "peak"],
    "container": ["rate"],
    "bindings": ["seconds"],
}
DIFFERENCES = {"tpm": ("keyfile", ["seconds"]), "bindings": ("rust", ["peak", "grown"])}


def add_ratios(record, fixture, suffix, columns):
    chosen = PROVIDERS.get(record["environment"].get("provider"))
    columns = columns | ({"aes": columns[chosen]} if chosen in columns else {})
    for measure in RATIOS.get(record["benchmark"], []):
        for pair in PAIRS[record["benchmark"]]:
            of, to = pair.split(" / ")
            if of in columns and to in columns:
                if quotients := paired(columns[of][measure], columns[to][measure], lambda a, b: a / b):
                    group = record["ratios"].setdefault(measure + suffix, {})
                    group.setdefault(pair, {})[fixture] = spread(quotients)


def add_differences(benchmark, results, columns):
    base, measures = DIFFERENCES.get(benchmark, (None, []))
    for method in columns if base in columns else []:
        for measure in measures if method != base else []:
            numbers = paired(columns[method][measure], columns[base][measure], lambda a, b: a - b)
            if numbers:
                results[method][f"{measure} above {base}"] = spread(numbers)


def add_peak_shares(record, fixture, suffix, results):
    """Adds a ratio: the memory that a container adds to the plaintext's peak, relative to that of
    the script.

    The interpreter, the runtime and the plugin are not counted.
    """
    above = {method: entry["peak-above-start"][0] for method, entry in results.items() if "peak-above-start" in entry}
    for sealed in ("overlapped-any", "overlapped-publisher"):
        if {"plaintext", "script", sealed} <= above.keys():
            share = max(0, above[sealed] - above["plaintext"]) / (above["script"] - above["plaintext"])
            group = record["ratios"].setdefault("added-peak" + suffix, {})
            group.setdefault(f"{sealed} / script", {})[fixture] = [share]


def paired(of, to, combine):
    """Combines two series round by round, for rounds in which both methods took their turn."""
    return [combine(a, b) for a, b in zip(of, to) if a is not None and b is not None]


def spread(numbers):
    """Returns median, least and greatest."""
    numbers = [number for number in numbers if number is not None]
    return [median(numbers), min(numbers), max(numbers)]


def dumps(value, levels=3, indent=""):
    """Formats a record, with one method or pair per line."""
    if levels == 0 or not isinstance(value, (dict, list)) or not value:
        return json.dumps(value, ensure_ascii=False)
    inner = indent + "  "
    if isinstance(value, list):
        lines = [dumps(one, 0) for one in value]
        ends = "[]"
    else:
        lines = [f"{json.dumps(key)}: {dumps(one, levels - 1, inner)}" for key, one in value.items()]
        ends = "{}"
    return ends[0] + "".join(f"\n{inner}{line}," for line in lines)[:-1] + f"\n{indent}{ends[1]}"
