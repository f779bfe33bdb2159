"""Compares a record with the targets in `bench/targets.json`. A missed target is not an error."""

import json
from pathlib import Path

from titles import FIXTURES, METHODS, SENDERS

TARGETS = json.loads((Path(__file__).parent.parent / "targets.json").read_text())
LIMITS = {
    "at_most": ("at most", lambda value, limit: value <= limit),
    "below": ("below", lambda value, limit: value < limit),
    "at_least": ("at least", lambda value, limit: value >= limit),
}


def all_targets(record):
    """Returns a row for each target of the record's benchmark: name, limit, value, verdict.

    Targets of loading are compared for any sender, then for a named publisher. Anything not
    measured is left out.
    """
    own = [target for target in TARGETS if target["benchmark"] == record["benchmark"]]
    if record["benchmark"] != "load":
        return [row for target in own if (row := compare(record, target))]
    rows = []
    for sender, title in SENDERS.items():
        for target in own:
            if row := compare(record, for_sender(target, sender)):
                rows.append([f"{title}: {row[0]}", *row[1:]])
    return rows


def summary(record):
    """Returns the rows of a named publisher for the front page, with ranges instead of lists."""
    own = [target for target in TARGETS if target["benchmark"] == record["benchmark"] and target.get("summary")]
    rows = [compare(record, for_sender(target, "publisher"), as_range) for target in own]
    return [row for row in rows if row]


def for_sender(target, sender):
    return target | ({"pair": target["pair"].format(sender=sender)} if "pair" in target else {})


def compare(record, target, show=None):
    """Returns one row, or None if none of its values was measured."""
    parts = [part for part in target.get("any_of", [target]) if values(record, part)]
    if not parts:
        return None
    found = ", ".join((show or as_list)(values(record, part), part) for part in parts)
    if "mean_at_most" in target:
        found += f"; mean {mean(record, target):.3f}"
    met = any(is_met(record, part) for part in parts)
    limit = " or ".join(limit_text(part, len(values(record, part)) > 1) for part in parts)
    return [target["what"], limit, found, "met" if met else "**missed**"]


def values(record, target):
    """Returns the medians that have a limit, by the name of the measure."""
    if "sealing_memory" in target:
        memory = record.get("sealing_memory", [])
        return {str(one["size"]): one["peak_bytes"] - one["baseline_bytes"] for one in memory}
    if "result" in target:
        entries = {method: entry for group in record["results"].values() for method, entry in group.items()}
        wanted = lambda method: target.get("method", method) == method
        return {m: e[target["result"]][0] for m, e in entries.items() if target["result"] in e and wanted(m)}
    pairs = record["ratios"].get(target["ratio"], {})
    if target["pair"].startswith("*"):
        return {pair.split(" / ")[0]: next(iter(found.values()))[0] for pair, found in pairs.items()}
    limits, found = limit_of(target)[1], pairs.get(target["pair"], {})
    wanted = limits if isinstance(limits, dict) else record["fixtures"]
    return {fixture: found[fixture][0] for fixture in record["fixtures"] if fixture in found and fixture in wanted}


def mean(record, target):
    """Returns the geometric mean over the networks."""
    return record["ratios"][target["ratio"]][target["pair"]]["mean"][0]


def limit_of(target):
    """Returns the kind of the limit, and the limit or the limits by fixture."""
    return next((kind, target[kind]) for kind in LIMITS if kind in target)


def is_met(record, target):
    if "needs" in target and not record["environment"].get("machine", {}).get(target["needs"]):
        return False
    kind, limits = limit_of(target)
    found = values(record, target)
    limit = lambda name: limits[name] if isinstance(limits, dict) else limits
    each = all(LIMITS[kind][1](value, limit(name)) for name, value in found.items())
    return each and ("mean_at_most" not in target or mean(record, target) <= target["mean_at_most"])


def limit_text(target, several):
    kind, limits = limit_of(target)
    if isinstance(limits, dict):
        return f"{LIMITS[kind][0]} " + ", ".join(f"{limit:.2f} ({name_of(name)})" for name, limit in limits.items())
    text = f"{LIMITS[kind][0]} {number(limits, target, is_limit=True)}" + (" each" if several else "")
    if "mean_at_most" in target:
        text += f", geometric mean {target['mean_at_most']:.2f}"
    return text + (f" with {target['needs'].upper()}" if "needs" in target else "")


def as_list(found, target):
    """Lists every value by name. For times and memory, lists only the largest."""
    if target.get("unit") in ("ms", "MiB"):
        return ("at most " if len(found) > 1 else "") + number(max(found.values()), target)
    if len(found) == 1:
        return number(*found.values(), target)
    return ", ".join(f"{name_of(name)} {number(value, target)}" for name, value in found.items())


def as_range(found, target):
    if len(found) == 1 or target.get("unit") == "MiB":
        return as_list(found, target)
    least, greatest = (number(pick(found.values()), target) for pick in (min, max))
    return f"{least.removesuffix(' ms')}–{greatest}"


def name_of(name):
    return FIXTURES[name][1] if name in FIXTURES else METHODS.get(name, name)


def number(value, target, is_limit=False):
    match target.get("unit"):
        case "GB/s":
            return f"{value:.0f} GB/s" if is_limit else f"{value:.2f} GB/s"
        case "of AES-GCM alone":
            return f"{value * 100:.0f} % of AES-GCM alone"
        case "ms":
            return f"{value * 1000:.0f} ms" if is_limit else f"{value * 1000:.1f} ms"
        case "MiB":
            return f"{value / 2**20:.0f} MiB" if is_limit else f"{value / 2**20:.1f} MiB"
        case _:
            return f"{value:.2f}" if is_limit else f"{value:.{target.get('digits', 3)}f}"


def ratio(value):
    """Formats a ratio with three digits after the point, or with two if only two were recorded."""
    return f"{value:.2f}" if value == round(value, 2) else f"{value:.3f}"
