//! The project's own tasks; `cargo xtask --help` lists them.
//!
//! Downloads and results stay in the target directory. The exception is system packages, which are
//! installed only by root, and only on Debian or Ubuntu.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a task talks to the terminal")]

mod advisories;
mod bench;
mod demo;
mod failure;
mod fuzz;
mod install;
mod installed;
mod onnx_suite;
mod packages;
mod process;
mod python;
mod report;
mod sanitize;
mod setting;
mod soak;
mod stamp;
mod steps;
mod test;
mod tools;
mod tpm;
mod wheel;
mod words;
mod workspace;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use crate::failure::Failure;
use crate::workspace::Workspace;

/// The project's own tasks.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Task {
    /// Seal a network, run it from the sealed file, and compare the outputs
    Demo,
    /// Set up the test environment and run all tests
    Test {
        /// Run only the tests that these arguments of `cargo nextest run` select
        #[arg(last = true)]
        nextest: Vec<OsString>,
    },
    /// Build and install the C library with headers, CMake package and pkg-config file
    Install(install::Install),
    /// Open and close a model in OpenVINO thousands of times; fail if memory use grows
    Soak(soak::Soak),
    /// Run the ONNX project's backend tests in plaintext and sealed
    OnnxSuite,
    /// Check comments for unidiomatic words, width and openings
    Words {
        /// Check only these files and directories
        paths: Vec<PathBuf>,
    },
    /// Run a benchmark
    #[command(subcommand)]
    Bench(bench::Benchmark),
}

fn main() -> ExitCode {
    match perform(Task::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprint!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn perform(task: Task) -> Result<(), Failure> {
    let workspace = Workspace::find()?;
    match task {
        Task::Demo => demo::run(&workspace),
        Task::Test { nextest } => test::run(&workspace, &nextest),
        Task::Install(install) => install::run(&workspace, &install),
        Task::Soak(soak) => soak::run(&workspace, &soak),
        Task::OnnxSuite => onnx_suite::run(&workspace),
        Task::Words { paths } => words::run(&workspace, &paths),
        Task::Bench(benchmark) => bench::run(&workspace, &benchmark),
    }
}
