//! The preparation of `cargo xtask bench bindings`: C library, C++ program and wheel, optimized.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Prepared, make_network};
use crate::failure::Failure;
use crate::packages::{self, CXX_COMPILER};
use crate::python::{self, Environment};
use crate::workspace::Workspace;
use crate::{install, process, stamp, wheel};

/// Builds the library, the program and the wheel with the release profile, and writes the network.
pub(crate) fn prepare(workspace: &Workspace, dir: &Path) -> Result<Prepared, Failure> {
    packages::require(&[CXX_COMPILER])?;
    let requirements = requirements(workspace)?;
    let python = Environment::create(&dir.join("bindings"), &requirements)?;
    let openvino = python.openvino_libraries()?;
    let script = workspace.root.join("bench/python/make_layers.py");
    make_network(&python, &requirements, &dir.join("networks/layers"), &[script], &[])?;
    python.replace_wheel(&wheel::build(workspace, &python, "release", &dir.join("wheel"))?)?;
    compile(workspace, dir, &openvino)?;
    let variables = vec![("OVSEAL_OPENVINO", openvino.into_os_string())];
    Ok(Prepared { python: Some(python.python()), variables })
}

/// Returns the tests' packages that build the wheel and read the model.
fn requirements(workspace: &Workspace) -> Result<String, Failure> {
    let all = python::requirements(&workspace.requirements())?;
    let is_needed = |line: &&str| {
        line.split("==").next().is_some_and(|name| ["maturin", "numpy", "openvino"].contains(&name))
    };
    Ok(all.lines().filter(is_needed).collect::<Vec<_>>().join("\n"))
}

/// Installs the C library in the directory, and builds the program in C++ against it.
fn compile(workspace: &Workspace, dir: &Path, openvino: &Path) -> Result<(), Failure> {
    let (prefix, program) = (dir.join("prefix"), dir.join("read_model"));
    stamp::clear(&prefix)?;
    install::build(workspace, &prefix)?;
    let mut compiler = Command::new("c++");
    compiler.args(["-std=c++17", "-O2", "-o"]).arg(&program);
    compiler.arg(workspace.root.join("bench/cpp/read_model.cpp"));
    compiler.arg("-I").arg(prefix.join("include"));
    compiler.arg("-isystem").arg(openvino.join("../include"));
    let library = prefix.join("lib");
    compiler.arg(library.join("libovseal.so")).arg(runtime(openvino)?);
    for directory in [&library, openvino] {
        compiler.arg(format!("-Wl,-rpath,{}", directory.display()));
    }
    process::run(&mut compiler)
}

/// Returns the runtime's library. In the wheel, its name ends with its version.
fn runtime(libraries: &Path) -> Result<PathBuf, Failure> {
    let entries = fs::read_dir(libraries).map_err(|error| Failure::file("read", libraries, &error))?;
    let mut paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let absent = || Failure::new(format!("there is no libopenvino.so in {}", libraries.display()));
    paths.find(|path| path.to_string_lossy().contains("/libopenvino.so.")).ok_or_else(absent)
}
