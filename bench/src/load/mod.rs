//! Loading of real architectures at their real size: from the file to the first inference, in every way beside the plaintext.

mod chart;
mod mount;
mod network;
mod once;
mod outcome;
mod page_cache;
mod ratios;
mod raw;
mod rounds;
mod sample;
mod span;
mod subject;
mod table;
mod targets;
mod way;

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use clap::ValueEnum;

use crate::Result;
use crate::document;

pub(crate) use once::LoadOnce;

use outcome::Outcome;
use sample::Measure;
use subject::{Places, Subject};
use way::{Cache, Network, Way};

/// How loading is measured.
#[derive(clap::Args)]
pub(crate) struct LoadTask {
    /// How often everything is measured; what is slow and no side of a target takes its turn in every third round
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Lets everything take its turn in every round
    #[arg(long)]
    all_rounds: bool,
    /// The networks, separated by commas; all of them unless given
    #[arg(long, value_delimiter = ',')]
    models: Vec<Network>,
    /// The ways of loading, separated by commas; all of them unless given. The plaintext is always among them
    #[arg(long, value_delimiter = ',')]
    ways: Vec<Way>,
    /// Leaves out the rounds in which the files are not in the page cache
    #[arg(long)]
    no_cold: bool,
    /// Where the results go as JSON
    #[arg(long)]
    json: Option<PathBuf>,
    /// The document between whose markers the tables go
    #[arg(long)]
    document: Option<PathBuf>,
    /// An existing folder for the plots
    #[arg(long)]
    plots: Option<PathBuf>,
    /// A Python interpreter that has the packages `openvino` and `cryptography`
    #[arg(long)]
    python: PathBuf,
    /// The folder of the networks, one folder each
    #[arg(long)]
    networks: PathBuf,
    /// An existing folder on the disk that is measured; the folder `load` in it is emptied and removed
    #[arg(long)]
    folder: PathBuf,
}

impl LoadTask {
    /// Measures, and tells what was found.
    #[expect(clippy::print_stdout, reason = "the tables are the result")]
    pub(crate) fn run(&self) -> Result<()> {
        // A file that cannot be written is found out before half an hour of measuring.
        let json = self.json.as_ref().map(fs::File::create).transpose()?;
        let outcome = self.measure()?;
        let tables = table::markdown(&outcome);
        println!("\n{tables}");
        if let Some(mut file) = json {
            writeln!(file, "{}", serde_json::to_string_pretty(&outcome)?)?;
        }
        if let Some(file) = &self.document {
            document::insert(file, "load", &tables)?;
        }
        if let Some(folder) = &self.plots {
            self.plot(&outcome, folder)?;
        }
        outcome.demand_equal_outputs()
    }

    fn measure(&self) -> Result<Outcome> {
        let places = Places::create(&self.folder, &self.networks, &self.python)?;
        let networks = chosen(&self.models);
        let measured = networks.iter().map(|&network| self.measure_one(network, &places));
        Ok(Outcome::new(self.rounds, measured.collect::<Result<_>>()?))
    }

    fn measure_one(&self, network: Network, places: &Places) -> Result<rounds::Measured> {
        let mut ways = chosen(&self.ways);
        if !ways.contains(&Way::Plaintext) {
            ways.insert(0, Way::Plaintext);
        }
        let subject = Subject::prepare(network, places, &ways)?;
        let caches: &[Cache] = if self.no_cold { &[Cache::Warm] } else { &[Cache::Warm, Cache::Cold] };
        rounds::run(subject, caches, self.rounds, self.all_rounds)
    }

    fn plot(&self, outcome: &Outcome, folder: &std::path::Path) -> Result<()> {
        let charts = [
            ("load-warm.svg", Cache::Warm, Measure::FirstInference),
            ("load-cold.svg", Cache::Cold, Measure::FirstInference),
            ("load-memory.svg", Cache::Warm, Measure::Peak),
        ];
        for (name, cache, measure) in charts {
            if cache == Cache::Warm || !self.no_cold {
                fs::write(folder.join(name), chart::chart(outcome, cache, measure).svg())?;
            }
        }
        Ok(())
    }
}

/// What was asked for, or everything.
fn chosen<T: ValueEnum>(asked: &[T]) -> Vec<T> {
    if asked.is_empty() { T::value_variants().to_vec() } else { asked.to_vec() }
}
