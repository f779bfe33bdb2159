//! A run as Markdown tables.

use std::fmt::{self, Display, Write};

use crate::job::Unit;
use crate::outcome::{Measured, Outcome};
use crate::size::Size;
use crate::targets::Target;

/// Machine, rates, ratios, memory and targets.
pub(crate) fn markdown(outcome: &Outcome) -> String {
    let mut text = String::new();
    // Writing into a string does not fail.
    let _ = write(&mut text, outcome);
    text
}

fn write(text: &mut String, outcome: &Outcome) -> fmt::Result {
    let (size, rounds, machine) = (Size(outcome.size), outcome.rounds, outcome.machine.describe());
    writeln!(
        text,
        "A part of {size}, {rounds} rounds. {machine}; `ovseal` chooses `{}`.\n",
        outcome.provider
    )?;
    rates(text, outcome)?;
    ratios(text, outcome)?;
    memory(text, outcome)?;
    targets(text, &outcome.targets)
}

fn rates(text: &mut String, outcome: &Outcome) -> fmt::Result {
    head(text, &["", "median", "min–max", "unit"])?;
    for job in &outcome.jobs {
        let (median, min, max) = (number(job, job.summary.median), job.summary.min, job.summary.max);
        let spread = format!("{}–{}", number(job, min), number(job, max));
        row(text, &[&job.title, &median, &spread, &unit(job.unit)])?;
    }
    writeln!(text)
}

fn ratios(text: &mut String, outcome: &Outcome) -> fmt::Result {
    head(text, &["ratio", "median of the rounds", "min–max", "rounds"])?;
    for ratio in &outcome.ratios {
        let summary = ratio.summary;
        let (median, spread) =
            (format!("{:.2}", summary.median), format!("{:.2}–{:.2}", summary.min, summary.max));
        row(text, &[&ratio.title, &median, &spread, &ratio.rounds])?;
    }
    writeln!(text)
}

fn memory(text: &mut String, outcome: &Outcome) -> fmt::Result {
    head(text, &["sealing a file of", "peak memory", "doing nothing", "difference"])?;
    for sealing in &outcome.sealing_memory {
        let [peak, baseline] = [sealing.peak_bytes, sealing.baseline_bytes].map(mebibytes);
        row(text, &[&Size(sealing.size), &peak, &baseline, &mebibytes(sealing.above_baseline())])?;
    }
    writeln!(text)
}

/// What is wanted and what was found.
pub(crate) fn targets(text: &mut String, targets: &[Target]) -> fmt::Result {
    head(text, &["target", "found", ""])?;
    for target in targets {
        row(text, &[&target.wanted, &target.found, &if target.met { "met" } else { "**missed**" }])?;
    }
    Ok(())
}

/// The first lines of a table, whose first column alone is text.
pub(crate) fn head(text: &mut String, names: &[&str]) -> fmt::Result {
    let cells: Vec<&dyn Display> = names.iter().map(|name| -> &dyn Display { name }).collect();
    row(text, &cells)?;
    writeln!(text, "|---|{}", "---:|".repeat(names.len() - 1))
}

/// One line of a table.
pub(crate) fn row(text: &mut String, cells: &[&dyn Display]) -> fmt::Result {
    cells.iter().try_for_each(|cell| write!(text, "| {cell} "))?;
    writeln!(text, "|")
}

/// A rate with as many digits as mean something.
pub(crate) fn number(job: &Measured, rate: f64) -> String {
    match job.unit {
        Unit::Gigabytes => format!("{rate:.2}"),
        Unit::Operations => format!("{rate:.0}"),
    }
}

fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Gigabytes => "GB/s",
        Unit::Operations => "ranges/s",
    }
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
