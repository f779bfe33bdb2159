//! `cargo xtask demo`: seals ResNet-50, runs it from the sealed file and compares.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::available_parallelism;
use std::time::Instant;

use crate::failure::Failure;
use crate::packages::{self, C_COMPILER, PYTHON, PYTHON_VENV};
use crate::python::{self, Environment};
use crate::report::{Run, quoted, size};
use crate::workspace::Workspace;
use crate::{process, stamp};

/// Seals and runs a model, then prints the commands for the reader's own model.
///
/// Keys from an earlier run are reused, so that containers sealed with them still open.
///
/// # Errors
///
/// Fails if a package is missing, a command fails, or the outputs differ.
pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    announce(workspace);
    let demo = Demo::prepare(workspace)?;
    let plaintext = demo.make_model()?;
    let expected = demo.run(&[demo.file("resnet50/resnet50.xml")])?;
    println!("plaintext  {plaintext}\n           {}", expected.cost());
    demo.make_keys()?;
    println!("sealed     {}", demo.seal()?);
    stamp::clear(&demo.file("resnet50"))?;
    println!("removed    {}", quoted(&demo.file("resnet50")));
    let opened = demo.run_sealed()?;
    println!(
        "opened     in memory only, after the publisher's signature was checked\n           {}",
        opened.cost()
    );
    println!("same       {}", opened.same_outputs(&expected)?);
    demo.print_own_model();
    Ok(())
}

/// Prints the duration of the first build, unless the command is already built.
fn announce(workspace: &Workspace) {
    let cores = available_parallelism().map_or(1, usize::from);
    let minutes = BUILD_CORE_MINUTES.div_ceil(cores);
    if !binary(workspace).exists() {
        println!("The first build takes about {minutes} minutes on {cores} cores, later ones seconds.");
    }
}

fn binary(workspace: &Workspace) -> PathBuf {
    workspace.target.join("release/ovseal")
}

struct Demo<'a> {
    workspace: &'a Workspace,
    folder: PathBuf,
    python: Environment,
    openvino: PathBuf,
    ovseal: PathBuf,
}

impl<'a> Demo<'a> {
    /// Installs OpenVINO in a separate environment and builds the command.
    fn prepare(workspace: &'a Workspace) -> Result<Self, Failure> {
        packages::require(&[C_COMPILER, PYTHON, PYTHON_VENV])?;
        let folder = workspace.target.join("demo");
        let requirement = python::requirement(&workspace.requirements(), "openvino")?;
        println!("Installing {requirement} into {}", folder.join("venv").display());
        let python = Environment::create(&folder.join("venv"), &requirement)?;
        let openvino = python.openvino_libraries()?;
        process::run(workspace.cargo().args(["build", "--release", "--locked", "--package", "ovseal-cli"]))?;
        println!();
        Ok(Self { workspace, folder, python, openvino, ovseal: binary(workspace) })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn make_model(&self) -> Result<String, Failure> {
        let folder = self.file("resnet50");
        stamp::clear(&folder)?;
        let script = self.workspace.scripts().join("make_resnet50.py");
        process::run(self.python.script(script).arg(&folder))?;
        let bytes = length(&folder.join("resnet50.xml"))? + length(&folder.join("resnet50.bin"))?;
        Ok(format!("ResNet-50, 25.6 million parameters, seeded weights, {}", size(bytes)))
    }

    fn make_keys(&self) -> Result<(), Failure> {
        if !self.file("acme.key").exists() {
            process::output(self.ovseal(&["keygen", "--publisher", "-o"]).arg(self.file("acme")))?;
        }
        if !self.file("device.recipient").exists() {
            let recipient = process::output(self.ovseal(&["keygen", "-o"]).arg(self.file("device.key")))?;
            let file = self.file("device.recipient");
            fs::write(&file, recipient).map_err(|error| Failure::file("write", &file, &error))?;
        }
        Ok(())
    }

    fn seal(&self) -> Result<String, Failure> {
        let (model, sealed) = (self.file("resnet50/resnet50.xml"), self.file("resnet50.ovseal"));
        let mut command = self.ovseal(&["seal", "--name", "resnet50", "--force"]);
        command.arg(model).arg("-o").arg(&sealed).arg("-R").arg(self.file("device.recipient"));
        command.arg("--publisher-key").arg(self.file("acme.key"));
        let start = Instant::now();
        process::output(&mut command)?;
        let (seconds, bytes) = (start.elapsed().as_secs_f64(), size(length(&sealed)?));
        Ok(format!(
            "{} in {seconds:.2} s, {bytes}: encrypted for the device's key, signed by the publisher",
            quoted(&sealed)
        ))
    }

    fn run_sealed(&self) -> Result<Run, Failure> {
        let [key, publisher] = [self.file("device.key"), self.file("acme.pub")];
        let sealed = self.file("resnet50.ovseal");
        self.run(&[
            sealed,
            "-i".into(),
            key,
            "--publisher".into(),
            publisher,
            "--name".into(),
            "resnet50".into(),
        ])
    }

    fn run(&self, arguments: &[PathBuf]) -> Result<Run, Failure> {
        Run::parse(&process::output(self.ovseal(&["run", "--json"]).args(arguments))?)
    }

    fn ovseal(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.ovseal);
        command.args(arguments).env("OVSEAL_OPENVINO", &self.openvino);
        command
    }

    /// Prints commands for the reader's own model, of which only the first line must be edited.
    fn print_own_model(&self) {
        let [recipient, key] = ["device.recipient", "device.key"].map(|name| quoted(&self.file(name)));
        let [publisher, public] = ["acme.key", "acme.pub"].map(|name| quoted(&self.file(name)));
        let (ovseal, openvino) = (quoted(&self.ovseal), quoted(&self.openvino));
        println!(
            "\nTry your own model (an .xml with its .bin, an .onnx, a .pdmodel, or a directory) with these keys:\n"
        );
        println!("MODEL=path/to/model.xml");
        println!(
            "{ovseal} seal \"$MODEL\" -o model.ovseal -R {recipient} --publisher-key {publisher} --name my-model"
        );
        println!(
            "OVSEAL_OPENVINO={openvino} {ovseal} run model.ovseal -i {key} --publisher {public} --name my-model"
        );
    }
}

fn length(file: &Path) -> Result<u64, Failure> {
    let metadata = fs::metadata(file).map_err(|error| Failure::file("read", file, &error))?;
    Ok(metadata.len())
}

/// Minutes that one core takes to build the command with thin link-time optimization.
const BUILD_CORE_MINUTES: usize = 6;
