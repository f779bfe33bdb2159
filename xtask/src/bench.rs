//! `cargo xtask bench`: measures, and writes the results into the documentation.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bindings::Bindings;
use crate::failure::Failure;
use crate::packages::{self, C_COMPILER, GOCRYPTFS, PYTHON, PYTHON_VENV, SWTPM, TPM2_TOOLS};
use crate::python::{self, Environment};
use crate::workspace::Workspace;
use crate::{process, stamp, tpm};

/// What is measured.
#[derive(clap::Subcommand)]
pub(crate) enum Benchmark {
    /// Measures sealing and opening of one large part beside the machine's own speed and other tools
    Container(Container),
    /// Measures loading of real architectures, from the file to the first inference, beside the plaintext and other tools
    Load(Load),
    /// Measures what a TPM adds to an opening, with swtpm in its place
    Tpm(Tpm),
    /// Measures reading of a sealed model of 500 MB from C++ and from Python beside Rust; it writes no documentation
    Bindings(Bindings),
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

/// How loading is measured.
#[derive(clap::Args)]
pub(crate) struct Load {
    /// How often everything is measured
    #[arg(long, default_value_t = 15)]
    rounds: u32,
    /// The networks, separated by commas, all unless given: resnet50, resnet50-onnx, bert, decoder-int8, decoder-int4
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    models: Vec<String>,
    /// The ways of loading, separated by commas, all unless given: plaintext, plaintext-cached, eager-any, eager-publisher,
    /// forbidden-publisher, overlapped-any, overlapped-publisher, cached-any, cached-publisher, script, gocryptfs
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    ways: Vec<String>,
    /// Leaves out the rounds in which the files are not in the page cache
    #[arg(long)]
    no_cold: bool,
    /// Where the results go as JSON, after each round; target/bench/load.json unless given
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Goes on where an interrupted run ended, from its JSON
    #[arg(long)]
    resume: bool,
    /// Leaves the tables and the plots in the documentation as they are
    #[arg(long)]
    no_docs: bool,
}

/// How the TPM's part in an opening is measured.
#[derive(clap::Args)]
pub(crate) struct Tpm {
    /// How often everything is measured
    #[arg(long, default_value_t = 30)]
    rounds: u32,
    /// Where the results go as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Leaves the table in the documentation as it is
    #[arg(long)]
    no_docs: bool,
}

/// Builds the measuring program, which is no member of the workspace, and starts it.
///
/// # Errors
///
/// When something is missing, or it does not build or ends with an error. A target that is missed is no error.
pub(crate) fn run(workspace: &Workspace, benchmark: &Benchmark) -> Result<(), Failure> {
    packages::require(&[C_COMPILER, PYTHON, PYTHON_VENV])?;
    let folder = workspace.target.join("bench");
    let plots = workspace.root.join(PLOTS);
    fs::create_dir_all(&plots).map_err(|error| Failure::file("create", &plots, &error))?;
    match benchmark {
        Benchmark::Container(options) => options.run(workspace, &folder),
        Benchmark::Load(options) => options.run(workspace, &folder),
        Benchmark::Tpm(options) => options.run(workspace, &folder),
        Benchmark::Bindings(options) => options.run(workspace, &folder),
    }
}

/// Builds the measuring program, and says where it is.
pub(crate) fn build(workspace: &Workspace, folder: &Path) -> Result<PathBuf, Failure> {
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--release", "--locked", "--manifest-path", "bench/Cargo.toml", "--target-dir"]);
    process::run(cargo.arg(folder))?;
    Ok(folder.join("release/ovseal-bench"))
}

impl Container {
    fn run(&self, workspace: &Workspace, folder: &Path) -> Result<(), Failure> {
        let requirements = python::requirements(&workspace.root.join("bench/python/requirements.txt"))?;
        let python = Environment::create(&folder.join("venv"), &requirements)?;
        let mut command = Command::new(build(workspace, folder)?);
        command.arg("container").arg("--python").arg(python.python()).arg("--folder").arg(folder);
        command.args(["--size", &self.size, "--rounds", &self.rounds.to_string()]);
        if let Some(largest) = &self.largest {
            command.args(["--largest", largest]);
        }
        if let Some(json) = &self.json {
            command.arg("--json").arg(json);
        }
        if !self.no_docs {
            command.arg("--document").arg(workspace.root.join(DOCUMENT));
            command.arg("--plot").arg(workspace.root.join(PLOTS).join("container.svg"));
        }
        process::run(&mut command)
    }
}

impl Load {
    fn run(&self, workspace: &Workspace, folder: &Path) -> Result<(), Failure> {
        if let Err(failure) = packages::require(&[GOCRYPTFS]) {
            eprint!("without gocryptfs:\n{failure}");
        }
        // The packages of the tests are the ones that are needed, in the versions that are needed.
        let requirements = python::requirements(&workspace.requirements())?;
        let python = Environment::create(&workspace.target.join("test/venv"), &requirements)?;
        let networks = self.make_networks(workspace, folder, &python, &requirements)?;
        let mut command = Command::new(build(workspace, folder)?);
        command.env("OVSEAL_OPENVINO", python.openvino_libraries()?);
        command.arg("load").arg("--python").arg(python.python()).arg("--folder").arg(folder);
        process::run(self.tell(workspace, command.arg("--networks").arg(networks)))
    }

    /// Writes each network once for the same scripts and packages.
    fn make_networks(
        &self,
        workspace: &Workspace,
        folder: &Path,
        python: &Environment,
        requirements: &str,
    ) -> Result<PathBuf, Failure> {
        let networks = folder.join("networks");
        let wanted = |name: &str| self.models.is_empty() || self.models.iter().any(|model| model == name);
        for &(name, scripts, arguments) in NETWORKS.iter().filter(|(name, ..)| wanted(name)) {
            let scripts = scripts.iter().map(|script| workspace.scripts().join(script));
            let scripts: Vec<PathBuf> = scripts.collect();
            make_network(python, requirements, &networks.join(name), &scripts, arguments)?;
        }
        Ok(networks)
    }

    /// Passes the options on.
    fn tell<'c>(&self, workspace: &Workspace, command: &'c mut Command) -> &'c mut Command {
        command.args(["--rounds", &self.rounds.to_string()]);
        for (name, list) in [("--models", &self.models), ("--ways", &self.ways)] {
            if !list.is_empty() {
                command.args([name, &list.join(",")]);
            }
        }
        let switches = [("--resume", self.resume), ("--no-cold", self.no_cold)];
        command.args(switches.iter().filter(|(_, is_on)| *is_on).map(|(name, _)| name));
        let usual = workspace.target.join("bench/load.json");
        command.arg("--json").arg(self.json.as_ref().unwrap_or(&usual));
        if !self.no_docs {
            command.arg("--document").arg(workspace.root.join(DOCUMENT));
            command.arg("--plots").arg(workspace.root.join(PLOTS));
        }
        command
    }
}

impl Tpm {
    fn run(&self, workspace: &Workspace, folder: &Path) -> Result<(), Failure> {
        packages::require(&[SWTPM, TPM2_TOOLS])?;
        // The TPM of the tests: each start makes another one of it.
        let template = workspace.target.join("test/tpm");
        tpm::make(&template)?;
        let mut command = Command::new(build(workspace, folder)?);
        command.env("OVSEAL_TEST_TPM", template).env("TSS2_LOG", "all+none");
        command.arg("tpm").arg("--folder").arg(folder).args(["--rounds", &self.rounds.to_string()]);
        if let Some(json) = &self.json {
            command.arg("--json").arg(json);
        }
        if !self.no_docs {
            command.arg("--document").arg(workspace.root.join(DOCUMENT));
        }
        process::run(&mut command)
    }
}

/// Writes a network with the first of the scripts, once for the same scripts and packages, and says where it is.
pub(crate) fn make_network(
    python: &Environment,
    requirements: &str,
    place: &Path,
    scripts: &[PathBuf],
    arguments: &[&str],
) -> Result<PathBuf, Failure> {
    let texts = scripts.iter().map(|file| read(file)).collect::<Result<Vec<_>, _>>()?.concat();
    stamp::once(place, &format!("{requirements}{texts}"), || {
        println!("making {}", place.display());
        process::run(python.script(&scripts[0]).arg(place).args(arguments))
    })?;
    Ok(place.to_path_buf())
}

fn read(file: &Path) -> Result<String, Failure> {
    fs::read_to_string(file).map_err(|error| Failure::file("read", file, &error))
}

/// Folder of a network, the script that writes it with the scripts that it needs, and what the script is told.
const NETWORKS: [(&str, &[&str], &[&str]); 5] = [
    ("resnet50", &["make_resnet50.py", "networks.py"], &[]),
    ("resnet50-onnx", &["make_resnet50_onnx.py", "make_resnet50.py", "networks.py"], &[]),
    ("bert", &["make_bert.py", "networks.py"], &[]),
    ("decoder-int8", &["make_decoder.py", "networks.py"], &["int8"]),
    ("decoder-int4", &["make_decoder.py", "networks.py"], &["int4"]),
];

const DOCUMENT: &str = "docs/performance.md";

const PLOTS: &str = "docs/plots";
