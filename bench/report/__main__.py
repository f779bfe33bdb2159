"""Reports measurements: python3 bench/report [MEASURED.json] [--record] [--check]

Prints the tables of a measurement. With --record, also keeps its summary in docs/performance/ and
draws the pages and plots from it. Without a measurement, draws them from the stored summaries. With
--check, only fails if a page or plot differs from them.
"""

import argparse
import json
import sys
import textwrap
from pathlib import Path

from plot import plots
from summary import dumps, summarize
from tables import TARGETS, markdown, table
from targets import summary
from titles import METHODS

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
FRONT = DOCS / "performance.md"
RECORDS = DOCS / "performance"
BENCHMARKS = ("load", "memory", "container", "tpm", "bindings")


def main():
    parser = argparse.ArgumentParser(prog="report", description=__doc__.split("\n\n")[1])
    parser.add_argument("measured", nargs="?", type=Path, help="the JSON of a measurement")
    parser.add_argument("--record", action="store_true", help="keep the summary, and draw pages and plots")
    parser.add_argument("--check", action="store_true", help="fail if a page or a plot is not up to date")
    options = parser.parse_args()
    if options.measured is None:
        return draw(options.check)
    record = summarize(json.loads(options.measured.read_text()))
    print(f"\n{markdown(record)}")
    if options.record:
        (RECORDS / f"{record['benchmark']}.json").write_text(dumps(record) + "\n")
        draw(check=False)
    return refuse_differing(record)


def draw(check):
    """Writes every page and plot that has changed, or lists them and fails."""
    records = [json.loads((RECORDS / f"{name}.json").read_text()) for name in BENCHMARKS]
    stale = {path: text for path, text in pages(records).items() if not path.exists() or path.read_text() != text}
    if check and stale:
        sys.exit("not up to date: " + ", ".join(str(path.relative_to(DOCS)) for path in stale))
    for path, text in stale.items():
        path.write_text(text)


def pages(records):
    """Returns the text of every page and plot by its path."""
    front = replace(FRONT.read_text(), "numbers", numbers(*records))
    rows = [row for record in records for row in summary(record)]
    texts = {FRONT: replace(front, "summary", table(TARGETS, rows, "---"))}
    for record in records:
        page = RECORDS / f"{record['benchmark']}.md"
        texts[page] = replace(page.read_text(), record["benchmark"], markdown(record))
        texts |= {DOCS / "plots" / name: text for name, text in plots(record).items()}
    return texts


def replace(text, section, new):
    """Replaces the text between the markers of a section."""
    begin, end = (f"<!-- {section}: {edge} -->" for edge in ("begin", "end"))
    if begin not in text or end not in text:
        sys.exit(f"the markers of {section} are missing")
    before, rest = text.split(begin, 1)
    return f"{before}{begin}\n\n{new}\n\n{end}{rest.split(end, 1)[1]}"


def numbers(load, memory, container, tpm, _bindings):
    """Returns the sentences of the front page."""
    sealed = lambda group, pair="overlapped-publisher / plaintext": span(load, group, pair)
    rate = lambda method: "{:.2f} GB/s ({:.2f} to {:.2f})".format(*container["results"]["part"][method]["rate"])
    added = [one["seconds above keyfile"] for one in tpm["results"]["container"].values() if len(one) > 2]
    least, greatest = (f"{pick(spread[0] for spread in added) * 1000:.1f}" for pick in (min, max))
    sentences = [
        f"""**Loading.** With a warm page cache, a sealed model takes {sealed("first-inference warm")}
        times as long as its plaintext, from the file to the first inference. With a cold page cache, it
        takes {sealed("first-inference cold")} times as long.""",
        f"""**Sealed cache.** If its compiled model is in ovseal's encrypted cache, it takes
        {sealed("first-inference warm", "cached-publisher / plaintext")} times as long as the plaintext
        without a cache.""",
        f"""**Memory.** A sealed model needs {sealed("peak warm")} times the plaintext's memory at the
        peak, and {sealed("settled warm")} times after the first inference.""",
        f"""**Least memory.** A sealed model runs under {span(memory, "least", "overlapped-publisher / plaintext")}
        times the least memory limit under which its plaintext runs.""",
        f"""**Throughput.** One thread opens a container from the page cache at {rate("open_publisher_1")} for
        a named publisher, and at {rate("open_any_1")} for any sender.""",
        f"**TPM.** Using a TPM (simulated by swtpm) adds {least} to {greatest} ms to an opening.",
    ]
    numbered = (f"{number}. {' '.join(text.split())}" for number, text in enumerate(sentences, 1))
    return "\n".join(textwrap.fill(text, 100, subsequent_indent="   ") for text in numbered)


def span(record, group, pair):
    """Returns the smallest and the largest median of the networks."""
    found = record["ratios"][group][pair]
    medians = [found[fixture][0] for fixture in record["fixtures"] if fixture in found]
    return f"{min(medians):.2f} to {max(medians):.2f}"


def refuse_differing(record):
    """Fails if a load computed different outputs than the plaintext: its speed means nothing."""
    differing = [
        f"{group}: {METHODS[method]}"
        for group, results in record["results"].items()
        for method, entry in results.items()
        if "differing_outputs" in entry
    ]
    return f"outputs differ: {'; '.join(differing)}" if differing else None


if __name__ == "__main__":
    sys.exit(main())
