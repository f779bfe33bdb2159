//! `cargo xtask bench bindings`: reading a sealed model from C++ and Python compared with Rust.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bench::{build, make_network};
use crate::failure::Failure;
use crate::packages::{self, CXX_COMPILER};
use crate::python::{self, Environment};
use crate::workspace::Workspace;
use crate::{install, process, stamp, wheel};

/// Options of the benchmark.
#[derive(clap::Args)]
pub(crate) struct Bindings {
    /// Repeat every measurement N times
    #[arg(long, value_name = "N", default_value_t = 21)]
    rounds: u32,
    /// Write the results as JSON to FILE instead of target/bench/bindings.json
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Bindings {
    /// Builds the library, program and wheel with the release profile, and starts the benchmark.
    pub(crate) fn run(&self, workspace: &Workspace, folder: &Path) -> Result<(), Failure> {
        packages::require(&[CXX_COMPILER])?;
        let requirements = requirements(workspace)?;
        let python = Environment::create(&folder.join("bindings"), &requirements)?;
        let openvino = python.openvino_libraries()?;
        let script = workspace.root.join("bench/python/make_layers.py");
        let network = make_network(&python, &requirements, &folder.join("networks/layers"), &[script], &[])?;
        python.replace_wheel(&wheel::build(workspace, &python, "release", &folder.join("wheel"))?)?;
        let cpp = compile(workspace, folder, &openvino)?;
        let mut command = Command::new(build(workspace, folder)?);
        let usual = folder.join("bindings.json");
        command.env("OVSEAL_OPENVINO", openvino).arg("bindings");
        command.arg("--model").arg(network.join("layers.xml")).arg("--folder").arg(folder);
        command.arg("--python").arg(python.python()).arg("--cpp").arg(cpp);
        command.arg("--json").arg(self.json.as_ref().unwrap_or(&usual));
        process::run(command.args(["--rounds", &self.rounds.to_string()]))
    }
}

/// Selects the packages that build the wheel and read the model.
fn requirements(workspace: &Workspace) -> Result<String, Failure> {
    let all = python::requirements(&workspace.requirements())?;
    let is_needed = |line: &&str| {
        line.split("==").next().is_some_and(|name| ["maturin", "numpy", "openvino"].contains(&name))
    };
    Ok(all.lines().filter(is_needed).collect::<Vec<_>>().join("\n"))
}

/// Installs the C library in `folder` and builds the C++ program against it.
fn compile(workspace: &Workspace, folder: &Path, openvino: &Path) -> Result<PathBuf, Failure> {
    let (prefix, program) = (folder.join("prefix"), folder.join("read_model"));
    stamp::clear(&prefix)?;
    install::build(workspace, &prefix)?;
    let mut compiler = Command::new("c++");
    compiler.args(["-std=c++17", "-O2", "-o"]).arg(&program);
    compiler.arg(workspace.root.join("bench/cpp/read_model.cpp"));
    compiler.arg("-I").arg(prefix.join("include"));
    compiler.arg("-isystem").arg(openvino.join("../include"));
    let library = prefix.join("lib");
    compiler.arg(library.join("libovseal.so")).arg(runtime(openvino)?);
    for folder in [&library, openvino] {
        compiler.arg(format!("-Wl,-rpath,{}", folder.display()));
    }
    process::run(&mut compiler)?;
    Ok(program)
}

/// Finds the runtime's library, whose name in the wheel ends with a version.
fn runtime(libraries: &Path) -> Result<PathBuf, Failure> {
    let entries = fs::read_dir(libraries).map_err(|error| Failure::file("read", libraries, &error))?;
    let mut paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let absent = || Failure::new(format!("{} does not contain libopenvino.so", libraries.display()));
    paths.find(|path| path.to_string_lossy().contains("/libopenvino.so.")).ok_or_else(absent)
}
