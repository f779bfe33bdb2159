//! A run of the container's jobs as a plot.

use crate::job::Unit;
use crate::outcome::{Measured, Outcome};
use crate::plot::{Bar, Chart, Class, Row};
use crate::table::number;

/// One bar a job. Only rates in bytes are drawn.
pub(crate) fn chart(outcome: &Outcome) -> Chart {
    let jobs = outcome.jobs.iter().filter(|job| job.unit == Unit::Gigabytes);
    Chart {
        label: "GB/s of each job".to_owned(),
        title: format!(
            "GB/s on {} with {} cores; bar: median, line: min to max; blue: ovseal, orange: other tools, grey: the machine",
            outcome.machine.cpu, outcome.machine.cores,
        ),
        rows: jobs.map(|job| Row::Bar(bar(job))).collect(),
    }
}

fn bar(job: &Measured) -> Bar {
    let number = number(job, job.summary.median);
    Bar { title: job.title.clone(), class: class(job), summary: job.summary, number }
}

fn class(job: &Measured) -> Class {
    match job.title.split([' ', ',']).next() {
        Some("ovseal") => Class::Ovseal,
        Some("age" | "cryptotensors") => Class::Other,
        _ => Class::Machine,
    }
}
