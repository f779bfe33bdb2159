//! `cargo xtask bench`: measures, and writes the results into the documentation.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::packages::{self, C_COMPILER, PYTHON, PYTHON_VENV};
use crate::process;
use crate::python::{self, Environment};
use crate::workspace::Workspace;

/// What is measured.
#[derive(clap::Subcommand)]
pub(crate) enum Benchmark {
    /// Measures sealing and opening of one large part beside the machine's own speed and other tools
    Container(Container),
}

/// How a container is measured.
#[derive(clap::Args)]
pub(crate) struct Container {
    /// Length of the part in bytes; K, M and G stand for 10^3, 10^6 and 10^9
    #[arg(long, default_value = "2G")]
    size: String,
    /// Length of the largest file whose sealing is watched for memory; four times SIZE unless given
    #[arg(long)]
    largest: Option<String>,
    /// How often everything is measured; what writes to the disk takes its turn in every third round
    #[arg(long, default_value_t = 7)]
    rounds: u32,
    /// Where the results go as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Leaves the table and the plot in the documentation as they are
    #[arg(long)]
    no_docs: bool,
}

/// Builds the measuring program, which is no member of the workspace, and starts it.
///
/// # Errors
///
/// When something is missing, or it does not build or ends with an error. A target that is missed is no error.
pub(crate) fn run(workspace: &Workspace, benchmark: &Benchmark) -> Result<(), Failure> {
    let Benchmark::Container(options) = benchmark;
    packages::require(&[C_COMPILER, PYTHON, PYTHON_VENV])?;
    let folder = workspace.target.join("bench");
    let requirements = python::requirements(&workspace.root.join("bench/python/requirements.txt"))?;
    let python = Environment::create(&folder.join("venv"), &requirements)?;
    let binary = build(workspace, &folder)?;
    let plots = workspace.root.join(PLOTS);
    fs::create_dir_all(&plots).map_err(|error| Failure::file("create", &plots, &error))?;
    let mut command = Command::new(binary);
    command.arg("container").arg("--python").arg(python.python()).arg("--folder").arg(&folder);
    process::run(options.tell(workspace, &mut command))
}

fn build(workspace: &Workspace, folder: &Path) -> Result<PathBuf, Failure> {
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--release", "--locked", "--manifest-path", "bench/Cargo.toml", "--target-dir"]);
    process::run(cargo.arg(folder))?;
    Ok(folder.join("release/ovseal-bench"))
}

impl Container {
    /// Passes the options on.
    fn tell<'c>(&self, workspace: &Workspace, command: &'c mut Command) -> &'c mut Command {
        command.args(["--size", &self.size, "--rounds", &self.rounds.to_string()]);
        if let Some(largest) = &self.largest {
            command.args(["--largest", largest]);
        }
        if let Some(json) = &self.json {
            command.arg("--json").arg(json);
        }
        if !self.no_docs {
            command.arg("--document").arg(workspace.root.join("docs/performance.md"));
            command.arg("--plot").arg(workspace.root.join(PLOTS).join("container.svg"));
        }
        command
    }
}

const PLOTS: &str = "docs/plots";
