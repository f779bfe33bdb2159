"""Draws a record as Markdown tables."""

from targets import all_targets, ratio
from titles import FIXTURES, MEASURES, METHODS, PAIRS, PROVIDERS

MIB = 2**20
TARGETS = ["target", "limit", "found", ""]


def markdown(record):
    """Returns the tables of one benchmark, under a line with rounds and machine."""
    blocks = [headline(record), table(TARGETS, all_targets(record), "---")]
    blocks += BLOCKS[record["benchmark"]](record)
    return "\n\n".join(block for block in blocks if block)


def headline(record):
    environment, sizes = record["environment"], [one["bytes"] for one in record["fixtures"].values()]
    parts = {"container": "A part of {}, ", "bindings": "A container of {}, "}
    text = parts.get(record["benchmark"], "").format(size(sizes[0]))
    text += f"{environment['rounds']} rounds."
    if machine := environment.get("machine"):
        text += f" {describe(machine)}"
        text += f"; `ovseal` chooses `{environment['provider']}`." if "provider" in environment else "."
    if "source" in record:
        text += f" {record['source']}"
    return text


def describe(machine):
    has = lambda key, name: f"{'with' if machine[key] else 'without'} {name}"
    features = f"{has('vaes', 'VAES')}, {has('avx512', 'AVX-512')}"
    memory = machine["memory_bytes"] // 10**9
    return f"{machine['cpu']}, {machine['cores']} cores, {features}, {memory} GB of memory"


def load(record):
    blocks = [ratio_table(record, measure, cache) for measure, cache in RATIO_TABLES]
    for fixture, facts in record["fixtures"].items():
        for cache in ("warm", "cold"):
            blocks.append(load_table(record, fixture, facts, cache))
    for fixture, facts in record["fixtures"].items():
        for one in facts.get("absent", []):
            blocks.append(f"- {FIXTURES[fixture][0]} without {METHODS[one['method']]}: {one['reason']}")
    return blocks


# The ratios that are shown in a table.
RATIO_TABLES = [
    ("first-inference", "warm"),
    ("first-inference", "cold"),
    ("cpu", "warm"),
    ("peak", "warm"),
    ("settled", "warm"),
]


def ratio_table(record, measure, cache):
    """Returns pairs as rows, networks as columns. Memory is compared only with the plaintext's."""
    found = record["ratios"].get(f"{measure} {cache}", {})
    is_memory = measure in ("peak", "settled")
    rows = [
        [title] + [around(found[pair].get(fixture), ratio, "{:.2f}") for fixture in record["fixtures"]]
        for pair, title in PAIRS["load"].items()
        if pair in found and (pair.endswith(" / plaintext") or not is_memory)
    ]
    names = [FIXTURES[fixture][1] for fixture in record["fixtures"]]
    return table([f"{MEASURES[measure]}, {cache}", *names], rows)


def memory(record):
    """Returns the least limits of each network, and the ratios to the plaintext."""
    names = [FIXTURES[fixture][1] for fixture in record["fixtures"]]
    blocks = []
    for measure in ("least", "pressed"):
        found = record["ratios"].get(measure, {})
        rows = [
            [title] + [around(found[pair].get(fixture), ratio, "{:.2f}") for fixture in record["fixtures"]]
            for pair, title in PAIRS["memory"].items()
            if pair in found
        ]
        blocks.append(table([MEASURES[measure], *names], rows))
    return blocks + [memory_table(record, fixture, facts) for fixture, facts in record["fixtures"].items()]


def memory_table(record, fixture, facts):
    mebibytes = lambda entry, measure: f"{entry[measure][0] / MIB:.0f} MiB"
    seconds = lambda entry, measure: f"{entry[measure][0]:.2f} s" if measure in entry else "failed"
    rows = [
        [
            METHODS[method] + note(entry),
            mebibytes(entry, "least"),
            mebibytes(entry, "peak"),
            seconds(entry, "first-inference"),
            seconds(entry, "pressed"),
        ]
        for method, entry in record["results"].get(fixture, {}).items()
    ]
    title = f"{FIXTURES[fixture][0]}, {facts['bytes'] // 10**6} MB"
    head = [title, "least limit", "peak without a limit", "first inference without a limit", "under 1.15 times"]
    return table(head, rows)


def load_table(record, fixture, facts, cache):
    found = record["results"].get(f"{fixture} {cache}", {})
    seconds = lambda spread: f"{spread[0]:.2f} s"
    rows = [
        [
            title + note(found[method]),
            seconds(found[method]["compiled"]),
            around(found[method]["first-inference"], "{:.2f} s".format, "{:.2f}"),
            seconds(found[method]["cpu"]),
            *(f"{found[method][measure][0] / MIB:.0f} MiB" for measure in ("peak", "settled", "files")),
            found[method]["rounds"],
        ]
        for method, title in METHODS.items()
        if method in found
    ]
    title = f"{FIXTURES[fixture][0]}, {facts['bytes'] // 10**6} MB, {cache}"
    return table([title, "compiled", "first inference", "processor", "peak", "settled", "of it files", "rounds"], rows)


def note(entry):
    """Describes how a method's behaviour differed from its name."""
    if "differing_outputs" in entry:
        return " (**output differs**)"
    return " (was eager)" if "was_eager" in entry else ""


def container(record):
    results, chosen = record["results"]["part"], PROVIDERS.get(record["environment"]["provider"])
    title = lambda method: METHODS[method] + (" (ovseal's choice here)" if method == chosen else "")
    rates = [[title(m), *rate(m, results[m]["rate"])] for m in METHODS if m in results]
    ratios = [
        [name, ratio(found[0]), f"{found[1]:.2f}–{found[2]:.2f}", pair_rounds(results, pair, chosen)]
        for pair, name in PAIRS["container"].items()
        if (found := record["ratios"].get("rate", {}).get(pair, {}).get("part"))
    ]
    memory = [
        [size(one["size"])] + [f"{number / MIB:.1f} MiB" for number in memory_numbers(one)]
        for one in record.get("sealing_memory", [])
    ]
    return [
        table(["", "median", "min–max", "unit"], rates),
        table(["ratio", "median of the rounds", "min–max", "rounds"], ratios),
        table(["sealing a file of", "peak memory", "doing nothing", "difference"], memory),
    ]


def rate(method, spread):
    form, unit = ("{:.0f}", "ranges/s") if method.startswith("range") else ("{:.2f}", "GB/s")
    median, least, greatest = map(form.format, spread)
    return median, f"{least}–{greatest}", unit


def pair_rounds(results, pair, chosen):
    return min(results[chosen if name == "aes" else name]["rounds"] for name in pair.split(" / "))


def memory_numbers(one):
    return one["peak_bytes"], one["baseline_bytes"], one["peak_bytes"] - one["baseline_bytes"]


def tpm(record):
    cells = lambda spread: [f"{spread[0] * 1e3:.1f}", "–".join(f"{n * 1e3:.1f}" for n in spread[1:])]
    rows = [
        [METHODS[method], *cells(entry["seconds"]), *(cells(added) if added else ["", ""])]
        for method, entry in record["results"]["container"].items()
        for added in [entry.get("seconds above keyfile")]
    ]
    return [table(["opening with", "whole, ms", "min–max", "added, ms", "min–max"], rows)]


def bindings(record):
    results, ratios = record["results"]["layers"], record["ratios"].get("seconds", {})
    mebibytes = lambda spread: around(spread and [number / MIB for number in spread], "{:.1f}".format, "{:.1f}")
    rows = [
        [
            METHODS[method],
            around(entry["seconds"], "{:.3f}".format, "{:.3f}"),
            around(ratios.get(f"{method} / rust", {}).get("layers"), ratio, "{:.2f}"),
            *(mebibytes(entry.get(measure)) for measure in ("peak", "peak above rust", "grown above rust")),
        ]
        for method, entry in results.items()
    ]
    head = ["`read_model` from", "seconds", "over Rust", "peak, MiB", "above Rust", "growth above Rust"]
    return [table(head, rows)]


BLOCKS = {"load": load, "memory": memory, "container": container, "tpm": tpm, "bindings": bindings}


def table(head, rows, column="---:"):
    """Returns a table whose columns after the first are numbers; nothing without rows."""
    if not rows:
        return ""
    lines = [head, *rows]
    lines = ["".join(f"| {cell} " for cell in line) + "|" for line in lines]
    return "\n".join([lines[0], "|---|" + f"{column}|" * (len(head) - 1), *lines[1:]])


def around(spread, median, rest):
    """Formats a median with its spread, if they are known."""
    if not spread:
        return ""
    ends = f" ({rest.format(spread[1])}–{rest.format(spread[2])})" if len(spread) == 3 else ""
    return median(spread[0]) + ends


def size(length):
    return f"{length // 10**9} GB" if length % 10**9 == 0 else f"{length // 10**6} MB"
