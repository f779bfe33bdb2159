//! A run as plots.

use crate::load::outcome::{Load, Loaded, Outcome};
use crate::load::sample::Measure;
use crate::load::table::mebibytes;
use crate::load::way::{Cache, Way};
use crate::plot::{Bar, Chart, Class, Row};
use crate::statistics::Summary;

/// One measure of all networks and ways.
pub(crate) fn chart(outcome: &Outcome, cache: Cache, measure: Measure) -> Chart {
    let what = format!("{}, page cache {}", measure.title(), cache.title());
    Chart {
        // The machine stands above the tables; the title has to fit into the picture.
        title: format!("{what}; blue: ovseal, orange: other tools, grey: OpenVINO alone; line: min to max"),
        label: what,
        rows: outcome.networks.iter().flat_map(|network| rows(network, cache, measure)).collect(),
    }
}

/// A heading, and bars below it.
fn rows(network: &Loaded, cache: Cache, measure: Measure) -> Vec<Row> {
    let loads = Way::TABLE.iter().filter_map(|&way| network.load(way, cache));
    let bars = loads.map(|load| Row::Bar(bar(load, measure)));
    std::iter::once(Row::Heading(network.title.to_owned())).chain(bars).collect()
}

fn bar(load: &Load, measure: Measure) -> Bar {
    let summary: Summary = load.summary(measure);
    let number = match measure {
        Measure::Peak | Measure::Settled => mebibytes(summary.median),
        Measure::Compiled | Measure::FirstInference | Measure::Cpu => format!("{:.2} s", summary.median),
    };
    Bar { title: load.title.to_owned(), class: class(load.way), summary, number }
}

fn class(way: Way) -> Class {
    match way {
        Way::Plaintext | Way::PlaintextCached => Class::Machine,
        Way::Script | Way::Gocryptfs => Class::Other,
        _ => Class::Ovseal,
    }
}
