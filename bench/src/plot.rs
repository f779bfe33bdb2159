//! A run as a plot: one bar a job, with the spread, readable on light and dark ground.

use crate::job::Unit;
use crate::outcome::{Measured, Outcome};
use crate::table::number;

/// An SVG without scripts. Only rates in bytes are drawn.
pub(crate) fn svg(outcome: &Outcome) -> String {
    let jobs: Vec<&Measured> = outcome.jobs.iter().filter(|job| job.unit == Unit::Gigabytes).collect();
    let greatest = jobs.iter().map(|job| job.summary.max).fold(f64::MIN_POSITIVE, f64::max);
    let height = TOP + jobs.len() * ROW + BOTTOM;
    let scale = PLOT as f64 / greatest;
    let bars: String = jobs.iter().enumerate().map(|(row, job)| bar(row, job, scale)).collect();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         role=\"img\" aria-label=\"GB/s of each job\">\n<style>{STYLE}</style>\n\
         <rect class=\"ground\" width=\"{WIDTH}\" height=\"{height}\"/>\n\
         <text class=\"title\" x=\"{MARGIN}\" y=\"24\">GB/s on {} with {} cores; bar: median, line: min to max; \
         blue: ovseal, orange: other tools, grey: the machine</text>\n\
         {bars}</svg>\n",
        escape(&outcome.machine.cpu),
        outcome.machine.cores,
    )
}

fn bar(row: usize, job: &Measured, scale: f64) -> String {
    let (top, middle) = (TOP + row * ROW, TOP + row * ROW + ROW / 2);
    let [median, min, max] =
        [job.summary.median, job.summary.min, job.summary.max].map(|rate| LEFT as f64 + rate * scale);
    let width = median - LEFT as f64;
    let (title, class, rate) =
        (escape(&job.title.replace('`', "")), class(job), number(job, job.summary.median));
    format!(
        "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{title}</text>\n\
         <rect class=\"{class}\" x=\"{LEFT}\" y=\"{}\" width=\"{width:.1}\" height=\"{}\"/>\n\
         <line x1=\"{min:.1}\" x2=\"{max:.1}\" y1=\"{middle}\" y2=\"{middle}\"/>\n\
         <text x=\"{:.1}\" y=\"{}\">{rate}</text>\n",
        LEFT - 8,
        middle + 4,
        top + 3,
        ROW - 6,
        max + 6.0,
        middle + 4,
    )
}

/// Ours, another tool's, or the machine's.
fn class(job: &Measured) -> &'static str {
    match job.title.split([' ', ',']).next() {
        Some("ovseal") => "ovseal",
        Some("age" | "cryptotensors") => "other",
        _ => "machine",
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#24292f}.title{font-weight:600}.ground{fill:#fff}\
                     line{stroke:#24292f;stroke-width:1.5}.ovseal{fill:#1f77b4}.machine{fill:#9aa5b1}.other{fill:#e08a3c}\
                     @media(prefers-color-scheme:dark){text{fill:#e6edf3}.ground{fill:#0d1117}line{stroke:#e6edf3}\
                     .ovseal{fill:#4aa3df}.machine{fill:#6b7683}.other{fill:#d9822b}}";

const WIDTH: usize = 1000;
/// Where the bars begin.
const LEFT: usize = 400;
/// How long the longest line is.
const PLOT: usize = 540;
const MARGIN: usize = 16;
const TOP: usize = 40;
const ROW: usize = 24;
const BOTTOM: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Summary;

    #[test]
    fn names_are_escaped_and_bars_scaled() {
        let summary = Summary { median: 2.0, min: 1.0, max: 3.0 };
        let title = "ovseal <1>".to_owned();
        let job = Measured { id: "a", title, unit: Unit::Gigabytes, summary, rates: Vec::new() };
        let text = bar(0, &job, 10.0);
        assert!(text.contains("ovseal &lt;1&gt;") && text.contains("class=\"ovseal\""));
        assert!(text.contains("width=\"20.0\"") && text.contains("x1=\"410.0\" x2=\"430.0\""));
    }
}
