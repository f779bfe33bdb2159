//! Measurements as a plot: one bar each, with the spread, readable on light and dark ground.

use crate::statistics::Summary;

/// What is drawn.
pub(crate) struct Chart {
    /// What it shows, for those who do not see it.
    pub(crate) label: String,
    /// The line above the bars.
    pub(crate) title: String,
    /// From top to bottom.
    pub(crate) rows: Vec<Row>,
}

/// One line of a chart.
pub(crate) enum Row {
    /// Says what the next bars are about.
    Heading(String),
    /// One measurement.
    Bar(Bar),
}

/// A bar as long as the median, and a line from the least to the greatest.
pub(crate) struct Bar {
    /// What was measured.
    pub(crate) title: String,
    /// Whose it is.
    pub(crate) class: Class,
    /// How long the bar is.
    pub(crate) summary: Summary,
    /// The median as text.
    pub(crate) number: String,
}

/// Whose measurement a bar shows: its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// That of ovseal.
    Ovseal,
    /// That of another tool.
    Other,
    /// What the machine, or the runtime by itself, can do.
    Machine,
}

impl Chart {
    /// An SVG without scripts.
    pub(crate) fn svg(&self) -> String {
        let height = TOP + self.rows.len() * ROW + BOTTOM;
        let scale = PLOT as f64 / self.greatest();
        let rows: String = self.rows.iter().enumerate().map(|(row, line)| line.draw(row, scale)).collect();
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
             role=\"img\" aria-label=\"{}\">\n<style>{STYLE}</style>\n\
             <rect class=\"ground\" width=\"{WIDTH}\" height=\"{height}\"/>\n\
             <text class=\"title\" x=\"{MARGIN}\" y=\"24\">{}</text>\n{rows}</svg>\n",
            escape(&self.label),
            escape(&self.title),
        )
    }

    fn greatest(&self) -> f64 {
        let greatest = |row: &Row| if let Row::Bar(bar) = row { bar.summary.max } else { 0.0 };
        self.rows.iter().map(greatest).fold(f64::MIN_POSITIVE, f64::max)
    }
}

impl Row {
    fn draw(&self, row: usize, scale: f64) -> String {
        match self {
            Self::Heading(text) => {
                let y = TOP + row * ROW + ROW / 2 + 4;
                format!("<text class=\"title\" x=\"{MARGIN}\" y=\"{y}\">{}</text>\n", escape(text))
            }
            Self::Bar(bar) => bar.draw(row, scale),
        }
    }
}

impl Bar {
    fn draw(&self, row: usize, scale: f64) -> String {
        let (top, middle) = (TOP + row * ROW, TOP + row * ROW + ROW / 2);
        let Summary { median, min, max } = self.summary;
        let [median, min, max] = [median, min, max].map(|number| LEFT as f64 + number * scale);
        let width = median - LEFT as f64;
        let (title, class, number) =
            (escape(&self.title.replace('`', "")), self.class.name(), escape(&self.number));
        format!(
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{title}</text>\n\
             <rect class=\"{class}\" x=\"{LEFT}\" y=\"{}\" width=\"{width:.1}\" height=\"{}\"/>\n\
             <line x1=\"{min:.1}\" x2=\"{max:.1}\" y1=\"{middle}\" y2=\"{middle}\"/>\n\
             <text x=\"{:.1}\" y=\"{}\">{number}</text>\n",
            LEFT - 8,
            middle + 4,
            top + 3,
            ROW - 6,
            max + 6.0,
            middle + 4,
        )
    }
}

impl Class {
    fn name(self) -> &'static str {
        match self {
            Self::Ovseal => "ovseal",
            Self::Other => "other",
            Self::Machine => "machine",
        }
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

    #[test]
    fn names_are_escaped_and_bars_scaled() {
        let summary = Summary { median: 2.0, min: 1.0, max: 3.0 };
        let bar =
            Bar { title: "ovseal <1>".to_owned(), class: Class::Ovseal, summary, number: String::new() };
        let text = bar.draw(0, 10.0);
        assert!(text.contains("ovseal &lt;1&gt;") && text.contains("class=\"ovseal\""));
        assert!(text.contains("width=\"20.0\"") && text.contains("x1=\"410.0\" x2=\"430.0\""));
    }
}
