"""Draws a record as SVG, with a bar for each median and a line for its spread."""

from html import escape

from titles import FIXTURES, MEASURES, METHODS

WIDTH, LEFT, PLOT, MARGIN = 1000, 400, 540, 16
TOP, ROW, BOTTOM = 40, 24, 12
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#24292f}.title{font-weight:600}.ground{fill:#fff}"
    "line{stroke:#24292f;stroke-width:1.5}.one{stroke-dasharray:4 3}"
    ".ovseal{fill:#1f77b4}.machine{fill:#9aa5b1}.other{fill:#e08a3c}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.ground{fill:#0d1117}line{stroke:#e6edf3}"
    ".ovseal{fill:#4aa3df}.machine{fill:#6b7683}.other{fill:#d9822b}}"
)


def plots(record):
    """Returns the plots of one benchmark by file name."""
    if record["benchmark"] == "container":
        return {"container.svg": container(record)}
    if record["benchmark"] != "load":
        return {}
    wanted = {
        "load-warm.svg": load(record, "warm", "first-inference"),
        "load-cold.svg": load(record, "cold", "first-inference"),
        "load-memory.svg": load(record, "warm", "peak"),
        "summary-time.svg": relative(record, "time to the first inference, page cache warm", TIMES),
        "summary-memory.svg": relative(record, "memory, at the peak and after the first inference", MEMORY),
    }
    return {name: text for name, text in wanted.items() if text}


# The bars of the front page: the group of ratios, the pair and the title.
TIMES = [
    ("first-inference warm", "overlapped-publisher / plaintext", "ovseal"),
    ("first-inference warm", "cached-publisher / plaintext", "ovseal, sealed cache"),
    ("first-inference warm", "script / plaintext", "Python script"),
    ("first-inference warm", "gocryptfs / plaintext", "gocryptfs"),
]
MEMORY = [
    ("peak warm", "overlapped-publisher / plaintext", "ovseal, peak"),
    ("settled warm", "overlapped-publisher / plaintext", "ovseal, after the first inference"),
    ("peak warm", "script / plaintext", "Python script, peak"),
    ("settled warm", "script / plaintext", "Python script, after the first inference"),
]


def relative(record, what, bars):
    """Draws ratios to the plaintext, network by network."""
    rows = []
    for fixture in record["fixtures"]:
        spreads = [(title, record["ratios"].get(group, {}).get(pair, {}).get(fixture)) for group, pair, title in bars]
        measured = [(title, spread, f"{spread[0]:.2f}") for title, spread in spreads if spread]
        rows += [FIXTURES[fixture][0], *measured] if measured else []
    return chart(what, f"{what}; plaintext = 1 (dashed); line: min to max", rows, one=True)


def load(record, cache, measure):
    """Draws one measure of all networks and methods."""
    mebibytes = lambda value: f"{value / 2**20:.0f} MiB"
    form = mebibytes if measure == "peak" else "{:.2f} s".format
    rows = []
    for fixture in record["fixtures"]:
        results = record["results"].get(f"{fixture} {cache}", {})
        bars = [(METHODS[m], results[m][measure], form(results[m][measure][0])) for m in METHODS if m in results]
        rows += [FIXTURES[fixture][0], *bars] if bars else []
    what = f"{MEASURES[measure]}, page cache {cache}"
    return chart(what, f"{what}; blue: ovseal, orange: other tools, grey: OpenVINO alone; line: min to max", rows)


def container(record):
    """Draws the rate of each method that counts bytes."""
    results, machine = record["results"]["part"], record["environment"]["machine"]
    wanted = [method for method in METHODS if method in results and not method.startswith("range")]
    rows = [(METHODS[m], results[m]["rate"], f"{results[m]['rate'][0]:.2f}") for m in wanted]
    where = f"GB/s on {machine['cpu']} with {machine['cores']} cores"
    colours = "bar: median, line: min to max; blue: ovseal, orange: other tools, grey: the machine"
    return chart("GB/s of each method", f"{where}; {colours}", rows)


def chart(label, title, rows, one=False):
    """Returns an SVG without scripts. A row is a heading, or a bar's title, spread and number."""
    bars = [row for row in rows if not isinstance(row, str)]
    if not bars:
        return ""
    scale = PLOT / max(max(spread) for _, spread, _ in bars)
    height = TOP + len(rows) * ROW + BOTTOM
    drawn = "".join(heading(row, y) if isinstance(row, str) else bar(*row, y, scale) for y, row in placed(rows))
    x = LEFT + scale
    dashed = f'<line class="one" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{height - BOTTOM}"/>\n' if one else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img" aria-label="{escape(label)}">\n<style>{STYLE}</style>\n'
        f'<rect class="ground" width="{WIDTH}" height="{height}"/>\n'
        f'<text class="title" x="{MARGIN}" y="24">{escape(title, quote=False)}</text>\n{drawn}{dashed}</svg>\n'
    )


def placed(rows):
    return ((TOP + index * ROW, row) for index, row in enumerate(rows))


def heading(text, y):
    return f'<text class="title" x="{MARGIN}" y="{y + ROW // 2 + 4}">{escape(text, quote=False)}</text>\n'


def bar(title, spread, number, y, scale):
    middle, ends = y + ROW // 2, [LEFT + value * scale for value in spread]
    least, greatest = ends[1:] if len(ends) == 3 else (ends[0], ends[0])
    return (
        f'<text x="{LEFT - 8}" y="{middle + 4}" text-anchor="end">{escape(title.replace("`", ""), quote=False)}</text>\n'
        f'<rect class="{colour(title)}" x="{LEFT}" y="{y + 3}" width="{ends[0] - LEFT:.1f}" height="{ROW - 6}"/>\n'
        f'<line x1="{least:.1f}" x2="{greatest:.1f}" y1="{middle}" y2="{middle}"/>\n'
        f'<text x="{greatest + 6:.1f}" y="{middle + 4}">{number}</text>\n'
    )


def colour(title):
    first = title.replace(",", " ").split()[0]
    return {"ovseal": "ovseal"}.get(first, "other" if first in OTHERS else "machine")


OTHERS = ("age", "cryptotensors", "Python", "gocryptfs")
