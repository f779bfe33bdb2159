//! Loading of real architectures at their real size: from the file to the first inference, in every way beside the plaintext.

mod chart;
mod kept;
mod mount;
mod network;
mod once;
mod outcome;
mod page_cache;
mod ratios;
mod raw;
mod rounds;
mod sample;
mod setting;
mod span;
mod subject;
mod table;
mod targets;
mod way;

use std::fs;
use std::path::PathBuf;

use clap::ValueEnum;

use crate::Result;
use crate::document;

pub(crate) use once::LoadOnce;
pub(crate) use span::status;
pub(crate) use subject::output;

use kept::Kept;
pub(crate) use kept::replace;
use outcome::Outcome;
use rounds::{Measured, Plan};
use sample::Measure;
use setting::Setting;
use subject::{Places, Subject};
use way::{Cache, Network, Way};

/// How loading is measured.
#[derive(clap::Args)]
pub(crate) struct LoadTask {
    /// How often everything is measured
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// The networks, separated by commas; all of them unless given
    #[arg(long, value_delimiter = ',')]
    models: Vec<Network>,
    /// The ways of loading, separated by commas; all of them unless given. The plaintext is always among them
    #[arg(long, value_delimiter = ',')]
    ways: Vec<Way>,
    /// Leaves out the rounds in which the files are not in the page cache
    #[arg(long)]
    no_cold: bool,
    /// Where the results go as JSON, after each round
    #[arg(long)]
    json: PathBuf,
    /// Goes on from an interrupted run's JSON
    #[arg(long)]
    resume: bool,
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
        let outcome = self.measure()?;
        let tables = table::markdown(&outcome);
        println!("\n{tables}");
        if let Some(file) = &self.document {
            document::insert(file, "load", &tables)?;
        }
        if let Some(folder) = &self.plots {
            self.plot(&outcome, folder)?;
        }
        outcome.demand_equal_outputs()
    }

    fn measure(&self) -> Result<Outcome> {
        let setting = self.setting()?;
        let mut earlier = if self.resume { self.earlier(&setting)? } else { Vec::new() };
        // A file that cannot be written is found out before an hour of measuring.
        self.keep(&setting, &earlier.iter().collect::<Vec<_>>())?;
        let places = Places::create(&self.folder, &self.networks, &self.python)?;
        let mut done: Vec<Measured> = Vec::new();
        for network in chosen(&self.models) {
            let position = earlier.iter().position(|measured| measured.network == network);
            let begun = position.map(|position| earlier.remove(position));
            let keep = |measured: &Measured| {
                self.keep(&setting, &done.iter().chain([measured]).chain(&earlier).collect::<Vec<_>>())
                    .map(drop)
            };
            let measured = measure_one(network, &places, &setting, begun, keep)?;
            done.push(measured);
        }
        self.keep(&setting, &done.iter().chain(&earlier).collect::<Vec<_>>())
    }

    fn setting(&self) -> Result<Setting> {
        let mut ways = chosen(&self.ways);
        if !ways.contains(&Way::Plaintext) {
            ways.insert(0, Way::Plaintext);
        }
        let caches = if self.no_cold { vec![Cache::Warm] } else { vec![Cache::Warm, Cache::Cold] };
        Setting::detect(self.rounds, ways, caches, &self.python)
    }

    /// What an interrupted run found, if nothing is different now.
    fn earlier(&self, setting: &Setting) -> Result<Vec<Measured>> {
        let earlier = Kept::read(&self.json, setting)?;
        for measured in &earlier {
            measured.demand_same(&setting::folder_digest(&self.networks.join(measured.network.file().0))?)?;
        }
        Ok(earlier)
    }

    /// Writes what was found until now.
    fn keep(&self, setting: &Setting, measured: &[&Measured]) -> Result<Outcome> {
        let outcome = Outcome::new(setting, measured);
        replace(&self.json, &(serde_json::to_string_pretty(&outcome)? + "\n"))?;
        Ok(outcome)
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

/// Measures a network, or the rounds of it that are missing.
fn measure_one(
    network: Network,
    places: &Places,
    setting: &Setting,
    earlier: Option<Measured>,
    keep: impl FnMut(&Measured) -> Result<()>,
) -> Result<Measured> {
    if let Some(complete) = earlier.clone().filter(|measured| measured.rounds() >= setting.rounds) {
        return Ok(complete);
    }
    let subject = Subject::prepare(network, places, &setting.ways)?;
    rounds::run(subject, Plan { caches: &setting.caches, rounds: setting.rounds, earlier }, keep)
}

/// What was asked for, or everything.
fn chosen<T: ValueEnum>(asked: &[T]) -> Vec<T> {
    if asked.is_empty() { T::value_variants().to_vec() } else { asked.to_vec() }
}
