//! `cargo xtask bench`: prepares and starts the measuring program, then reports its results.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::packages::{self, C_COMPILER, GOCRYPTFS, PYTHON, PYTHON_VENV, SWTPM, TPM2_TOOLS};
use crate::python::{self, Environment};
use crate::workspace::Workspace;
use crate::{process, stamp, tpm};

pub(crate) use options::Benchmark;
use options::Network;

mod bindings;

// The measuring program is not a member of the workspace. It receives the options as they were
// typed.
#[path = "../../bench/src/options.rs"]
#[expect(dead_code, reason = "only the measuring program reads most options")]
mod options;

/// The Python interpreter and the environment variables for the measuring program.
#[derive(Default)]
pub(crate) struct Prepared {
    pub(crate) python: Option<PathBuf>,
    pub(crate) variables: Vec<(&'static str, OsString)>,
}

/// Builds the measuring program, starts it, and reports its measurements.
///
/// # Errors
///
/// Fails if something is missing, or a program fails. A missed target is not an error.
pub(crate) fn run(workspace: &Workspace, benchmark: &Benchmark) -> Result<(), Failure> {
    packages::require(&[C_COMPILER, PYTHON, PYTHON_VENV])?;
    let dir = workspace.target.join("bench");
    let prepared = match benchmark {
        Benchmark::Container(_) => container(workspace, &dir)?,
        Benchmark::Load(options) => load(workspace, options.networks(), &dir)?,
        Benchmark::Memory(options) => load(workspace, options.networks(), &dir)?,
        Benchmark::Tpm(_) => simulated_tpm(workspace)?,
        Benchmark::Bindings(_) => bindings::prepare(workspace, &dir)?,
    };
    let mut program = Command::new(build(workspace, &dir)?);
    program.arg("--dir").arg(&dir).envs(prepared.variables);
    if let Some(python) = prepared.python {
        program.arg("--python").arg(python);
    }
    process::run(program.args(typed()))?;
    report(workspace, benchmark, &dir)
}

/// Builds the measuring program and returns its path.
fn build(workspace: &Workspace, dir: &Path) -> Result<PathBuf, Failure> {
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--release", "--locked", "--manifest-path", "bench/Cargo.toml", "--target-dir"]);
    process::run(cargo.arg(dir))?;
    Ok(dir.join("release/ovseal-bench"))
}

/// Returns the benchmark and its options as they were typed after `bench`.
fn typed() -> impl Iterator<Item = OsString> {
    std::env::args_os().skip_while(|word| word != "bench").skip(1)
}

/// Prints the tables and, unless `--no-docs` is given, redraws the pages and plots.
fn report(workspace: &Workspace, benchmark: &Benchmark, dir: &Path) -> Result<(), Failure> {
    let usual = dir.join(benchmark.name()).with_extension("json");
    let mut script = Command::new("python3");
    script.arg(workspace.root.join("bench/report")).env("PYTHONDONTWRITEBYTECODE", "1");
    script.arg(benchmark.common().json.as_ref().unwrap_or(&usual));
    if !benchmark.common().no_docs {
        script.arg("--record");
    }
    process::run(&mut script)
}

fn container(workspace: &Workspace, dir: &Path) -> Result<Prepared, Failure> {
    let requirements = python::requirements(&workspace.root.join("bench/python/requirements.txt"))?;
    let python = Environment::create(&dir.join("venv"), &requirements)?;
    Ok(Prepared { python: Some(python.python()), ..Prepared::default() })
}

fn load(workspace: &Workspace, networks: &[Network], dir: &Path) -> Result<Prepared, Failure> {
    if let Err(failure) = packages::require(&[GOCRYPTFS]) {
        eprint!("without gocryptfs:\n{failure}");
    }
    // The tests need the same packages in the same versions.
    let requirements = python::requirements(&workspace.requirements())?;
    let python = Environment::create(&workspace.target.join("test/venv"), &requirements)?;
    for &network in networks {
        let (name, scripts, arguments) = scripts(network);
        let scripts: Vec<PathBuf> = scripts.iter().map(|script| workspace.scripts().join(script)).collect();
        make_network(&python, &requirements, &dir.join("networks").join(name), &scripts, arguments)?;
    }
    let variables = vec![("OVSEAL_OPENVINO", python.openvino_libraries()?.into_os_string())];
    Ok(Prepared { python: Some(python.python()), variables })
}

fn simulated_tpm(workspace: &Workspace) -> Result<Prepared, Failure> {
    packages::require(&[SWTPM, TPM2_TOOLS])?;
    // The TPM state that the tests also use. Each start copies it.
    let template = workspace.target.join("test/tpm");
    tpm::make(&template)?;
    let variables = vec![("OVSEAL_TEST_TPM", template.into_os_string()), ("TSS2_LOG", "all+none".into())];
    Ok(Prepared { variables, ..Prepared::default() })
}

/// Writes a network with the first of the scripts, unless scripts and packages are unchanged.
pub(crate) fn make_network(
    python: &Environment,
    requirements: &str,
    place: &Path,
    scripts: &[PathBuf],
    arguments: &[&str],
) -> Result<(), Failure> {
    let texts = scripts.iter().map(|file| read(file)).collect::<Result<Vec<_>, _>>()?.concat();
    stamp::once(place, &format!("{requirements}{texts}"), || {
        println!("making {}", place.display());
        process::run(python.script(&scripts[0]).arg(place).args(arguments))
    })
}

fn read(file: &Path) -> Result<String, Failure> {
    fs::read_to_string(file).map_err(|error| Failure::file("read", file, &error))
}

/// Returns a network's directory, its script with the modules, and the script's arguments.
fn scripts(network: Network) -> (&'static str, &'static [&'static str], &'static [&'static str]) {
    match network {
        Network::Resnet50 => ("resnet50", &["make_resnet50.py", "networks.py"], &[]),
        Network::Resnet50Onnx => {
            ("resnet50-onnx", &["make_resnet50_onnx.py", "make_resnet50.py", "networks.py"], &[])
        }
        Network::Bert => ("bert", &["make_bert.py", "networks.py"], &[]),
        Network::DecoderInt8 => ("decoder-int8", &["make_decoder.py", "networks.py"], &["int8"]),
        Network::DecoderInt4 => ("decoder-int4", &["make_decoder.py", "networks.py"], &["int4"]),
    }
}
