//! The project's own tasks, started with `cargo xtask`.
//!
//! - `cargo xtask demo` seals a network, runs it from the sealed file and compares.
//! - `cargo xtask test` sets up what the tests need and runs all of them.
//! - `cargo xtask install --prefix DIR` builds and installs the C library.
//! - `cargo xtask soak` opens and closes again and again, and looks at the memory.
//! - `cargo xtask onnx-suite` runs the ONNX project's backend tests in plaintext and sealed; `test` does, too.
//! - `cargo xtask bench` measures sealing and opening (`container`), loading (`load`), a TPM (`tpm`),
//!   and reading from C++ and Python (`bindings`), and writes `docs/performance.md`.
//!
//! Whatever they download or make stays under the target folder. System packages alone are installed elsewhere, and only
//! when the task runs as root on Debian or Ubuntu.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a task talks to the terminal")]

mod advisories;
mod bench;
mod bindings;
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
mod soak;
mod stamp;
mod steps;
mod test;
mod tools;
mod tpm;
mod wheel;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use crate::failure::Failure;
use crate::workspace::Workspace;

/// The project's own tasks.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Task {
    /// Seals a network, runs it from the sealed file and compares the output with the plaintext model's
    Demo,
    /// Sets up what the tests need and runs all of them, Rust and Python
    Test {
        /// Arguments for `cargo nextest run`; with any, nothing but these tests runs
        #[arg(last = true)]
        nextest: Vec<OsString>,
    },
    /// Builds the C library optimized, and installs it with its headers, CMake package and pkg-config file
    Install(install::Install),
    /// Opens and closes with OpenVINO again and again; memory must stay flat
    Soak(soak::Soak),
    /// Runs the ONNX project's backend tests in plaintext and sealed, and counts what passes
    OnnxSuite,
    /// Measures, and writes most of the results into the documentation
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
        Task::Bench(benchmark) => bench::run(&workspace, &benchmark),
    }
}
