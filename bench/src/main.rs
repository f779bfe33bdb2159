//! Measures sealing, opening and loading, and for comparison the hardware's limits and other tools.
//!
//! `cargo xtask bench` builds and starts this program. The program writes samples as JSON, and
//! `bench/report` draws tables and plots from them. `bench/README.md` describes the JSON,
//! `docs/performance.md` what the numbers mean.

mod bindings;
mod container;
mod environment;
mod load;
mod machine;
mod options;
mod process;
mod runner;
mod tpm;
mod turns;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::environment::Environment;
use crate::options::Benchmark;
use crate::runner::Run;

/// The result of any step. Failures are only reported, never handled.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Measures sealing, opening and loading.
#[derive(Parser)]
struct Program {
    #[command(flatten)]
    places: Places,
    #[command(subcommand)]
    task: Task,
}

/// The directory and the interpreter of a benchmark.
#[derive(clap::Args)]
struct Places {
    /// An existing directory on the measured disk, with the files that `cargo xtask bench` prepared
    #[arg(long, default_value = "target/bench")]
    dir: PathBuf,
    /// A Python interpreter with the packages that the benchmark needs
    #[arg(long, default_value = "python3")]
    python: PathBuf,
}

#[derive(clap::Subcommand)]
enum Task {
    #[command(flatten)]
    Benchmark(Benchmark),
    #[command(hide = true)]
    SealChild(container::SealChild),
    #[command(hide = true)]
    LoadChild(load::LoadChild),
    #[command(hide = true)]
    ReadChild(bindings::ReadChild),
}

#[expect(clippy::print_stderr, reason = "an error goes to the terminal")]
fn main() -> ExitCode {
    let Program { places, task } = Program::parse();
    let outcome = match task {
        Task::Benchmark(benchmark) => measure(&benchmark, &places),
        Task::SealChild(child) => child.run(),
        Task::LoadChild(child) => child.run(),
        Task::ReadChild(child) => child.run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ovseal-bench: error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(benchmark: &Benchmark, places: &Places) -> Result<()> {
    let environment = Environment::detect(benchmark.rounds())?;
    match benchmark {
        Benchmark::Container(options) => container::run(benchmark, options, environment, places),
        Benchmark::Load(options) => load::run(benchmark, options, environment, places),
        Benchmark::Memory(options) => load::memory::run(benchmark, options, environment, places),
        Benchmark::Tpm(_) => tpm::run(benchmark, environment, places),
        Benchmark::Bindings(_) => bindings::run(benchmark, environment, places),
    }
}

impl Places {
    /// Begins a run of a benchmark, or continues it.
    fn begin<S: Serialize + DeserializeOwned>(
        &self,
        benchmark: &Benchmark,
        environment: Environment,
    ) -> Result<Run<S>> {
        let (name, common) = (benchmark.name(), benchmark.common());
        let file = common.json.clone().unwrap_or_else(|| self.dir.join(name).with_extension("json"));
        Run::begin(name, environment, file, common.resume)
    }
}

/// Measures how long `work` takes.
fn timed(work: impl FnOnce() -> Result<()>) -> Result<Duration> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed())
}
