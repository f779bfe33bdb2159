//! A run as Markdown tables.

use std::fmt::{self, Display, Write};

use crate::load::outcome::{Load, Loaded, Outcome};
use crate::load::ratios::{PAIRS, find};
use crate::load::sample::Measure;
use crate::load::way::{Cache, Way};
use crate::statistics::Summary;
use crate::table::{head, row, targets};

/// Targets, ratios, and what each network took in each way.
pub(crate) fn markdown(outcome: &Outcome) -> String {
    let mut text = String::new();
    // Writing into a string does not fail.
    let _ = write(&mut text, outcome);
    text
}

fn write(text: &mut String, outcome: &Outcome) -> fmt::Result {
    let (setting, provider) = (&outcome.setting, outcome.provider);
    let (rounds, machine) = (setting.rounds, setting.machine.describe());
    writeln!(text, "{rounds} rounds. {machine}; `ovseal` chooses `{provider}`.\n")?;
    if !outcome.targets.is_empty() {
        targets(text, &outcome.targets)?;
        writeln!(text)?;
    }
    for (measure, cache) in RATIOS {
        ratios(text, outcome, measure, cache)?;
    }
    outcome.networks.iter().try_for_each(|network| loads(text, network))?;
    outcome.networks.iter().try_for_each(|network| absent(text, network))
}

/// One table: pairs of ways from top to bottom, networks from left to right.
fn ratios(text: &mut String, outcome: &Outcome, measure: Measure, cache: Cache) -> fmt::Result {
    let title = format!("{}, {}", measure.title(), cache.title());
    let names = outcome.networks.iter().map(|network| network.network.short());
    let names: Vec<&str> = std::iter::once(title.as_str()).chain(names).collect();
    let rows: Vec<Vec<String>> =
        pairs(measure).filter_map(|pair| cells(outcome, measure, cache, pair)).collect();
    if rows.is_empty() {
        return Ok(());
    }
    head(text, &names)?;
    for cells in &rows {
        let cells: Vec<&dyn Display> = cells.iter().map(|cell| -> &dyn Display { cell }).collect();
        row(text, &cells)?;
    }
    writeln!(text)
}

/// The pairs that are worth a line. Memory is compared with the plaintext's only.
fn pairs(measure: Measure) -> impl Iterator<Item = (Way, Way)> {
    let is_memory = matches!(measure, Measure::Peak | Measure::Settled);
    PAIRS.into_iter().filter(move |pair| !is_memory || pair.1 == Way::Plaintext)
}

/// The cells of one pair, if some network has it.
fn cells(outcome: &Outcome, measure: Measure, cache: Cache, pair: (Way, Way)) -> Option<Vec<String>> {
    let found: Vec<_> = outcome
        .networks
        .iter()
        .map(|network| find(&outcome.ratios, network.network, cache, measure, pair))
        .collect();
    let [of, to] = [pair.0, pair.1].map(|way| way.title().trim_start_matches("ovseal, "));
    let title = format!("{of} / {to}");
    let cell = |summary: Summary| format!("{:.2} ({:.2}–{:.2})", summary.median, summary.min, summary.max);
    let cells = found.iter().map(|ratio| ratio.map_or_else(String::new, |ratio| cell(ratio.summary)));
    found.iter().any(Option::is_some).then(|| std::iter::once(title).chain(cells).collect())
}

/// What one network took.
fn loads(text: &mut String, network: &Loaded) -> fmt::Result {
    for cache in [Cache::Warm, Cache::Cold] {
        let loads: Vec<&Load> = Way::TABLE.iter().filter_map(|&way| network.load(way, cache)).collect();
        if loads.is_empty() {
            continue;
        }
        let title = format!("{}, {} MB, {}", network.title, network.bytes / 1_000_000, cache.title());
        head(
            text,
            &[&title, "compiled", "first inference", "processor", "peak", "settled", "of it files", "rounds"],
        )?;
        loads.iter().try_for_each(|load| one(text, load))?;
        writeln!(text)?;
    }
    Ok(())
}

fn one(text: &mut String, load: &Load) -> fmt::Result {
    let first = load.first_inference;
    let first = format!("{:.2} s ({:.2}–{:.2})", first.median, first.min, first.max);
    let [compiled, cpu] = [load.compiled, load.cpu].map(|summary| format!("{:.2} s", summary.median));
    let files = load.median(|sample| sample.file_bytes as f64);
    let [peak, settled, files] = [load.peak.median, load.settled.median, files].map(mebibytes);
    row(text, &[&name(load), &compiled, &first, &cpu, &peak, &settled, &files, &load.rounds])
}

/// The way, and what went otherwise than its name says.
fn name(load: &Load) -> String {
    let is_overlapped = matches!(load.way, Way::OverlappedAny | Way::OverlappedPublisher);
    let mut openings = load.samples.iter().map(|sample| sample.opening.as_deref());
    let eager = is_overlapped && openings.any(|opening| opening != Some("overlapped"));
    let differs = load.differing_outputs > 0;
    let note = match (eager, differs) {
        (_, true) => " (**output differs**)",
        (true, false) => " (was eager)",
        (false, false) => "",
    };
    format!("{}{note}", load.title)
}

fn absent(text: &mut String, network: &Loaded) -> fmt::Result {
    for absent in &network.absent {
        writeln!(text, "- {} without {}: {}", network.title, absent.way.title(), absent.reason)?;
    }
    Ok(())
}

/// A length as text.
pub(crate) fn mebibytes(bytes: f64) -> String {
    format!("{:.0} MiB", bytes / f64::from(1 << 20))
}

/// The ratios that are worth a table; the JSON has all.
const RATIOS: [(Measure, Cache); 5] = [
    (Measure::FirstInference, Cache::Warm),
    (Measure::FirstInference, Cache::Cold),
    (Measure::Cpu, Cache::Warm),
    (Measure::Peak, Cache::Warm),
    (Measure::Settled, Cache::Warm),
];
