//! Measures sealing, opening and loading beside what the machine can do at best, and beside other tools.
//!
//! `cargo xtask bench container`, `load`, `tpm` and `bindings` build and start it; `docs/performance.md` says what the numbers
//! mean, and `bench/README.md` describes the JSON.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a measurement talks to the terminal")]

mod aead;
mod bindings;
mod container_plot;
mod document;
mod fixture;
mod job;
mod jobs;
mod load;
mod machine;
mod outcome;
mod plot;
mod ratios;
mod sealing_memory;
mod size;
mod statistics;
mod table;
mod targets;
mod tpm;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use crate::bindings::{BindingsTask, ReadOnce};
use crate::fixture::{Buffers, Fixture};
use crate::job::Rounds;
use crate::load::{LoadOnce, LoadTask};
use crate::outcome::Outcome;
use crate::sealing_memory::SealOnce;
use crate::size::Size;
use crate::tpm::TpmTask;

/// What any step of a measurement gives: there is nothing to do about a failure but to tell it.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Measures sealing, opening and loading beside what the machine can do at best, and beside other tools.
#[derive(Parser)]
enum Task {
    /// Measures a container with one large part
    Container(ContainerTask),
    /// Seals one file and prints the peak memory of this process in bytes; started by `container`
    #[command(hide = true)]
    SealOnce(SealOnce),
    /// Measures from the file of a model to its first inference, in every way
    Load(LoadTask),
    /// Loads a model once and prints what it took as JSON; started by `load`
    #[command(hide = true)]
    LoadOnce(LoadOnce),
    /// Measures what a TPM adds to an opening
    Tpm(TpmTask),
    /// Measures reading of a sealed model from C++ and Python beside Rust
    Bindings(BindingsTask),
    /// Reads a model once and prints what it took; started by `bindings`
    #[command(hide = true)]
    ReadOnce(ReadOnce),
}

/// How a container is measured.
#[derive(clap::Args)]
struct ContainerTask {
    /// Length of the part in bytes; K, M and G stand for 10^3, 10^6 and 10^9
    #[arg(long, default_value = "2G")]
    size: Size,
    /// Length of the largest file whose sealing is watched for memory; four times SIZE unless given
    #[arg(long)]
    largest: Option<Size>,
    /// How often everything is measured; what writes to the disk takes its turn in every third round
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Where the results go as JSON
    #[arg(long)]
    json: Option<PathBuf>,
    /// The document between whose markers the table goes
    #[arg(long)]
    document: Option<PathBuf>,
    /// Where the plot goes as SVG
    #[arg(long)]
    plot: Option<PathBuf>,
    /// A Python interpreter that has the package `cryptotensors`
    #[arg(long)]
    python: PathBuf,
    /// An existing folder on the disk that is measured; the folders `files` and `memory` in it are emptied and removed
    #[arg(long)]
    folder: PathBuf,
}

fn main() -> ExitCode {
    let outcome = match Task::parse() {
        Task::Container(task) => container(&task),
        Task::SealOnce(task) => task.run(),
        Task::Load(task) => task.run(),
        Task::LoadOnce(task) => task.run(),
        Task::Tpm(task) => task.run(),
        Task::Bindings(task) => task.run(),
        Task::ReadOnce(task) => task.run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ovseal-bench: error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn container(task: &ContainerTask) -> Result<()> {
    let series = measure(task)?;
    let sizes = [task.size.0 / 8, task.size.0, task.largest.map_or(task.size.0 * 4, |size| size.0)];
    let memory = sealing_memory::measure(&task.folder, &sizes)?;
    let outcome = Outcome::new(task.size, task.rounds, series, memory);
    println!("\n{}", table::markdown(&outcome));
    if let Some(file) = &task.json {
        std::fs::write(file, serde_json::to_string_pretty(&outcome)? + "\n")?;
    }
    if let Some(file) = &task.document {
        document::insert(file, "container", &table::markdown(&outcome))?;
    }
    if let Some(file) = &task.plot {
        std::fs::write(file, container_plot::chart(&outcome).svg())?;
    }
    Ok(())
}

/// Runs all jobs in rounds. The files and buffers are gone when this returns, so that the memory of sealing can be watched.
fn measure(task: &ContainerTask) -> Result<Vec<job::Series>> {
    eprintln!("preparing files of {}", task.size);
    let fixture = Fixture::create(&task.folder, task.size.0, &task.python)?;
    let mut buffers = Buffers::new(task.size.0)?;
    Rounds::new(jobs::all(&fixture)?).run(task.rounds, &mut buffers)
}
