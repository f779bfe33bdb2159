//! What reading a sealed model costs from C++ and from Python, beside Rust.

use std::fmt::{self, Write as _};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use ovseal::{KeyFile, Model, ModelName, ModelOptions, OpenOptions, SealOptions, Trust};
use ovseal_openvino::{Core, Environment, Runtime};
use serde::Serialize;

use crate::Result;
use crate::fixture::emptied;
use crate::job::{order, progress};
use crate::load::{output, replace, status};
use crate::machine::Machine;
use crate::statistics::Summary;

/// How reading is measured.
#[derive(clap::Args)]
pub(crate) struct BindingsTask {
    /// How often everything is measured
    #[arg(long, default_value_t = 21, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Where the results go as JSON
    #[arg(long)]
    json: PathBuf,
    /// The model that is sealed
    #[arg(long)]
    model: PathBuf,
    /// A Python interpreter that has the packages `openvino` and `ovseal`
    #[arg(long)]
    python: PathBuf,
    /// The program in C++
    #[arg(long)]
    cpp: PathBuf,
    /// An existing folder; the folder `sealed` in it is emptied and removed
    #[arg(long)]
    folder: PathBuf,
}

impl BindingsTask {
    /// Measures, and tells what was found.
    #[expect(clippy::print_stdout, reason = "the table is the result")]
    pub(crate) fn run(&self) -> Result<()> {
        let outcome = self.measure()?;
        println!("\n{}", outcome.markdown());
        replace(&self.json, &format!("{}\n", serde_json::to_string_pretty(&outcome)?))
    }

    fn measure(&self) -> Result<Outcome> {
        let stage = Stage::set(&self.folder, &self.model)?;
        let read = |language| self.command(language).and_then(|command| stage.read(command));
        // The container is in the page cache then, and so are the programs.
        LANGUAGES.iter().try_for_each(|(language, ..)| read(*language).map(drop))?;
        let mut samples = vec![Vec::new(); LANGUAGES.len()];
        for round in 0..self.rounds {
            progress(round, self.rounds);
            for index in order(LANGUAGES.len(), round, self.rounds) {
                samples[index].push(read(LANGUAGES[index].0)?);
            }
        }
        let openvino = Runtime::locate(None, &Environment::from_process())?.version().to_owned();
        let bytes = fs::metadata(stage.container())?.len();
        let readings = readings(&samples);
        Ok(Outcome { machine: Machine::detect(), openvino, bytes, rounds: self.rounds, readings })
    }

    fn command(&self, language: Language) -> Result<Command> {
        Ok(match language {
            Language::Rust => {
                let mut command = Command::new(std::env::current_exe()?);
                command.arg("read-once");
                command
            }
            Language::Cpp => Command::new(&self.cpp),
            Language::Python => {
                let mut command = Command::new(&self.python);
                command.arg(SCRIPT);
                command
            }
        })
    }
}

/// Reads a model once.
#[derive(clap::Args)]
pub(crate) struct ReadOnce {
    container: PathBuf,
    key: PathBuf,
}

impl ReadOnce {
    /// Prints what `bench/python/read_model.py` prints.
    #[expect(clippy::print_stdout, reason = "the numbers are the result")]
    pub(crate) fn run(&self) -> Result<()> {
        let key = KeyFile::read_from(&mut File::open(&self.key)?)?;
        let core = Core::new(&Runtime::locate(None, &Environment::from_process())?)?;
        core.load_device("CPU")?;
        let before = status("VmRSS")?;
        let start = Instant::now();
        let opened = OpenOptions::new(Trust::AnySender).open(&self.container, &[&key])?;
        let model = core.read_sealed(&opened, None)?;
        let seconds = start.elapsed().as_secs_f64();
        println!("{seconds} {} {}", before / KIB, status("VmHWM")? / KIB);
        drop(model);
        Ok(())
    }
}

/// From which language a model is read.
#[derive(Clone, Copy)]
enum Language {
    Rust,
    Cpp,
    Python,
}

/// Each language, its name in the JSON and its name for readers. The others are compared with the first.
const LANGUAGES: [(Language, &str, &str); 3] =
    [(Language::Rust, "rust", "Rust"), (Language::Cpp, "cpp", "C++"), (Language::Python, "python", "Python")];

/// A sealed model and its key. Dropping it removes them.
struct Stage {
    folder: PathBuf,
}

impl Stage {
    fn set(folder: &Path, model: &Path) -> Result<Self> {
        let stage = Self { folder: emptied(folder.join("sealed"))? };
        let key = KeyFile::generate()?;
        fs::write(stage.key(), *key.expose())?;
        let model = Model::find(model, ModelOptions::default())?;
        SealOptions::new(ModelName::parse("bench")?).recipient(&key).seal(&model, &stage.container())?;
        rustix::fs::sync();
        Ok(stage)
    }

    fn read(&self, mut command: Command) -> Result<Sample> {
        Sample::parse(&output(command.arg(self.container()).arg(self.key()))?)
    }

    fn container(&self) -> PathBuf {
        self.folder.join("model.ovseal")
    }

    fn key(&self) -> PathBuf {
        self.folder.join("key")
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Nothing is left to do about files that cannot be removed.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// One reading in a process of its own.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Sample {
    /// Of the call alone.
    seconds: f64,
    /// Resident memory before it: the program or interpreter, the runtime, the plugin.
    start_bytes: f64,
    /// The most resident memory up to its end.
    peak_bytes: f64,
}

impl Sample {
    fn parse(text: &str) -> Result<Self> {
        let numbers: Vec<f64> =
            text.split_whitespace().map(str::parse).collect::<std::result::Result<_, _>>()?;
        match numbers[..] {
            [seconds, start, peak] => {
                let [start_bytes, peak_bytes] = [start, peak].map(|kibibytes| kibibytes * KIB as f64);
                Ok(Self { seconds, start_bytes, peak_bytes })
            }
            _ => Err(format!("a reading printed something else: {text}").into()),
        }
    }

    fn grown(&self) -> f64 {
        self.peak_bytes - self.start_bytes
    }
}

/// Everything that a run found, as it stands in the JSON.
#[derive(Serialize)]
struct Outcome {
    machine: Machine,
    openvino: String,
    /// Length of the container.
    bytes: u64,
    rounds: u32,
    readings: Vec<Reading>,
}

/// All readings from one language.
#[derive(Serialize)]
struct Reading {
    id: &'static str,
    title: &'static str,
    seconds: Summary,
    peak_bytes: Summary,
    /// Time over that of Rust, within each round.
    ratio: Summary,
    /// Peak above that of Rust, within each round.
    peak_above_bytes: Summary,
    /// The same of what came with the reading.
    grown_above_bytes: Summary,
    samples: Vec<Sample>,
}

fn readings(samples: &[Vec<Sample>]) -> Vec<Reading> {
    let readings = LANGUAGES.iter().zip(samples);
    readings.filter_map(|(&(_, id, title), own)| Reading::new(id, title, own, &samples[0])).collect()
}

impl Reading {
    fn new(id: &'static str, title: &'static str, own: &[Sample], rust: &[Sample]) -> Option<Self> {
        let alone = |of: fn(&Sample) -> f64| Summary::of(own.iter().map(of));
        let paired =
            |of: fn(&Sample, &Sample) -> f64| Summary::of(own.iter().zip(rust).map(|(a, b)| of(a, b)));
        Some(Self {
            id,
            title,
            seconds: alone(|sample| sample.seconds)?,
            peak_bytes: alone(|sample| sample.peak_bytes)?,
            ratio: paired(|own, rust| own.seconds / rust.seconds)?,
            peak_above_bytes: paired(|own, rust| own.peak_bytes - rust.peak_bytes)?,
            grown_above_bytes: paired(|own, rust| own.grown() - rust.grown())?,
            samples: own.to_vec(),
        })
    }
}

impl Outcome {
    /// The table for people.
    fn markdown(&self) -> String {
        let mut text = String::new();
        // Writing into a string does not fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> fmt::Result {
        let (megabytes, machine) = (self.bytes / 1_000_000, self.machine.describe());
        writeln!(text, "{} rounds, a container of {megabytes} MB. {machine}\n", self.rounds)?;
        writeln!(
            text,
            "| `read_model` from | seconds | over Rust | peak, MiB | above Rust | growth above Rust |"
        )?;
        writeln!(text, "|---|---:|---:|---:|---:|---:|")?;
        self.readings.iter().try_for_each(|reading| {
            let seconds = cell(&reading.seconds, 1.0, 3);
            let ratio = cell(&reading.ratio, 1.0, 3);
            let memory = [&reading.peak_bytes, &reading.peak_above_bytes, &reading.grown_above_bytes];
            let [peak, above, grown] = memory.map(|summary| cell(summary, MIB, 1));
            writeln!(text, "| {} | {seconds} | {ratio} | {peak} | {above} | {grown} |", reading.title)
        })
    }
}

/// Median, least and greatest in a unit.
fn cell(Summary { median, min, max }: &Summary, unit: f64, digits: usize) -> String {
    let [median, min, max] = [median, min, max].map(|number| format!("{:.digits$}", number / unit));
    format!("{median} ({min}–{max})")
}

const KIB: u64 = 1 << 10;
const MIB: f64 = (1 << 20) as f64;
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python/read_model.py");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_compared_with_rust_round_by_round() {
        let samples = |seconds: [f64; 3], peak: f64| {
            let sample = |seconds| Sample { seconds, start_bytes: MIB, peak_bytes: peak * MIB };
            seconds.map(sample).to_vec()
        };
        let all =
            [samples([1.0, 2.0, 4.0], 5.0), samples([1.0, 3.0, 8.0], 6.0), samples([2.0, 2.0, 2.0], 7.0)];
        let readings = readings(&all);
        assert_eq!(readings[0].ratio, Summary { median: 1.0, min: 1.0, max: 1.0 });
        assert_eq!(readings[1].ratio, Summary { median: 1.5, min: 1.0, max: 2.0 });
        assert_eq!((readings[1].id, readings[1].peak_above_bytes.median), ("cpp", MIB));
        assert_eq!((readings[2].ratio.median, readings[2].grown_above_bytes.median), (1.0, 2.0 * MIB));
    }

    #[test]
    fn three_numbers_are_a_sample() {
        let sample = Sample { seconds: 0.5, start_bytes: 1024.0, peak_bytes: 2048.0 };
        assert_eq!(Sample::parse("0.5 1 2\n").unwrap(), sample);
        assert!(
            Sample::parse("0.5 1").unwrap_err().to_string().starts_with("a reading printed something else")
        );
    }
}
