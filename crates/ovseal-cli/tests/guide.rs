//! Runs the commands of the guides and of README.md exactly as written, and the Rust of the pages.
#![allow(clippy::unwrap_used, clippy::panic, reason = "clippy knows tests by their attribute only")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

#[test]
fn the_guides_commands_and_its_rust_work_as_they_stand_there() {
    let page = page("docs/guides/protect-a-model.md");
    let folder = folder_with(&[
        ("onnx/model.onnx", "detector.onnx"),
        ("onnx/model.onnx", "reader.onnx"),
        ("paddle/model.pdmodel", "classifier.pdmodel"),
        ("paddle/model.pdiparams", "classifier.pdiparams"),
        ("folder", "assistant"),
    ]);
    run(&page, folder.path());
    assert_shows(&page, include_str!("guide/open.rs"));
    assert_eq!(open::run(folder.path()).unwrap().len(), 32 * size_of::<f32>());
}

#[test]
fn the_commands_for_formats_work_as_they_stand_there() {
    let page = page("docs/guides/formats.md");
    let folder =
        folder_with(&[("tflite/model.tflite", "detector.tflite"), ("onnx/model.onnx", "reader.onnx")]);
    std::fs::write(folder.path().join("shared.key"), [7; 32]).unwrap();
    run_with(&page, folder.path(), &[("PATH", path_with_python())]);
}

#[test]
fn the_commands_for_programs_that_load_files_work_as_they_stand_there() {
    if !ovseal_testkit::has_namespaces() || !ovseal_testkit::has_fuse() {
        return;
    }
    let page = page("docs/guides/run-anything.md");
    let folder = folder_with(&[("conv/model.xml", "model.xml"), ("conv/model.bin", "model.bin")]);
    let llama = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testkit/llm/tiny-llama");
    let copied = Command::new("cp").arg("-r").arg(llama).arg(folder.path().join("llama")).status();
    assert!(copied.unwrap().success());
    run_with(&page, folder.path(), &[("PATH", path_with_python())]);
}

#[test]
fn the_commands_for_tokens_and_the_rust_for_evidence_work_as_they_stand_there() {
    let page = page("docs/guides/tokens-and-enclaves.md");
    let folder = folder_with(&[("conv/model.xml", "model.xml"), ("conv/model.bin", "model.bin")]);
    let module = set_up("OVSEAL_TEST_SOFTHSM");
    run(&page.replace("/usr/lib/softhsm/libsofthsm2.so", module.to_str().unwrap()), folder.path());
    assert_shows(&page, include_str!("guide/evidence.rs"));
    assert_ne!(evidence::of_this_machine(), Some(0));
}

#[test]
fn the_commands_for_a_tpm_work_as_they_stand_there() {
    let page = page("docs/guides/hardware.md");
    let folder = folder_with(&[("conv/model.xml", "model.xml"), ("conv/model.bin", "model.bin")]);
    let tpm = ovseal_testkit::Swtpm::start();
    let state = folder.path().join("state").display().to_string();
    let variables = [("OVSEAL_TCTI", tpm.tcti()), ("TPM2TOOLS_TCTI", tpm.tcti()), ("XDG_STATE_HOME", state)];
    run_with(&page, folder.path(), &variables);
}

#[test]
fn the_readmes_session_and_its_rust_work_as_they_stand_there() {
    let page = page("README.md");
    let folder = folder_with(&[
        ("conv/model.xml", "model.xml"),
        ("conv/model.bin", "model.bin"),
        ("conv/model.xml", "resnet50.xml"),
        ("conv/model.bin", "resnet50.bin"),
    ]);
    // The page's Python needs this project's package, so the package's own tests run it.
    run(&without_installing(&page.replace("```python", "```text")), folder.path());
    assert_shows(&page, include_str!("guide/in_memory.rs"));
    in_memory::run(folder.path()).unwrap();
}

#[test]
fn the_new_kind_of_key_in_the_architecture_opens_what_it_sealed() {
    assert_shows(&page("docs/architecture.md"), include_str!("guide/service_key.rs"));
    let folder = folder_with(&[("conv/model.xml", "model.xml"), ("conv/model.bin", "model.bin")]);
    service_key::run(folder.path()).unwrap();
}

#[test]
fn blocks_are_found_by_their_language() {
    let page = "a\n```sh\none\ntwo\n```\n```text\nno\n```\n```python\nthree\n```\n";
    let blocks: Vec<Block<'_>> = blocks(page).collect();
    let expected = [("sh", 3, "one\ntwo\n"), ("text", 7, "no\n"), ("python", 10, "three\n")];
    let expected = expected.map(|(language, line, text)| Block { language, line, text: text.to_owned() });
    assert_eq!(blocks, expected);
}

/// Runs the guide's Rust.
mod open {
    include!("guide/open.rs");

    pub(super) fn run(folder: &Path) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
        detect(folder)
    }
}

/// Runs the Rust for evidence, on a machine that may have no trusted environment.
mod evidence {
    include!("guide/evidence.rs");

    pub(super) fn of_this_machine() -> Option<usize> {
        evidence(&[7; 64]).ok().flatten().map(|evidence| evidence.len())
    }
}

/// Runs README's Rust.
#[expect(clippy::print_stdout, reason = "an example shows what it got")]
mod in_memory {
    include!("guide/in_memory.rs");

    pub(super) fn run(folder: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
        seal_and_open(folder)
    }
}

/// Runs the Rust of the architecture page. A different key of the same kind does not open the
/// container.
mod service_key {
    use std::path::Path;

    use ovseal::{Model, ModelName, ModelOptions, OpenError, OpenOptions, SealOptions, Trust};

    include!("guide/service_key.rs");

    pub(super) fn run(folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
        let (key, other) = (DerivedKey(|_| Some([1; 32])), DerivedKey(|_| Some([2; 32])));
        let model = Model::find(&folder.join("model.xml"), ModelOptions::default())?;
        let container = folder.join("model.ovseal");
        SealOptions::new(ModelName::parse("model")?).recipient(&key).seal(&model, &container)?;
        let open = |key: &DerivedKey| OpenOptions::new(Trust::AnySender).open(&container, &[key]);
        assert!(matches!(open(&other), Err(OpenError::NoKeyFits { .. })));
        assert!(matches!(open(&DerivedKey(|_| None)), Err(OpenError::Unwrap(_))));
        open(&key)?;
        Ok(())
    }
}

/// A code block of a page.
#[derive(Debug, PartialEq, Eq)]
struct Block<'p> {
    language: &'p str,
    /// The number of its first line.
    line: usize,
    text: String,
}

fn blocks(page: &str) -> impl Iterator<Item = Block<'_>> {
    let mut lines = page.lines().enumerate();
    std::iter::from_fn(move || {
        let (number, language) =
            lines.by_ref().find_map(|(number, line)| Some((number, line.strip_prefix("```")?)))?;
        let text = lines.by_ref().map(|(_, line)| line).take_while(|line| !line.starts_with("```"));
        Some(Block { language, line: number + 2, text: text.map(|line| format!("{line}\n")).collect() })
    })
}

/// Returns a page without the lines that install programs or make a model, because the test set-up
/// has both.
fn without_installing(page: &str) -> String {
    let installs = |line: &str| {
        ["sudo ", "curl ", "cargo ", "pip ", "python3 "].iter().any(|word| line.starts_with(word))
    };
    page.lines().filter(|line| !installs(line)).map(|line| format!("{line}\n")).collect()
}

/// Runs the blocks in `sh` and `python`, one after another, in `folder`.
fn run(page: &str, folder: &Path) {
    run_with(page, folder, &[]);
}

/// Runs the blocks with variables in the environment.
fn run_with(page: &str, folder: &Path, variables: &[(&str, String)]) {
    let mut count = 0;
    for block in blocks(page) {
        let mut command = match block.language {
            "sh" => shell(&block.text),
            "python" => python(&block.text),
            _ => continue,
        };
        let output = in_folder(&mut command, folder).envs(variables.iter().cloned()).output().unwrap();
        let (told, failed) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let Block { line, text, .. } = &block;
        assert!(output.status.success(), "line {line}: {}\n{text}\n{told}{failed}", output.status);
        count += 1;
    }
    assert!(count > 0, "the page has no commands");
}

/// Returns a `PATH` with the program under test, and the set-up's Python.
fn path_with_python() -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_ovseal")).parent().unwrap().to_owned();
    let python = set_up("OVSEAL_TEST_PYTHON").parent().unwrap().to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = [program, python].into_iter().chain(std::env::split_paths(&path));
    std::env::join_paths(path).unwrap().into_string().unwrap()
}

fn shell(text: &str) -> Command {
    let mut command = Command::new("bash");
    command.args(["-euo", "pipefail", "-c", text]);
    command
}

fn python(text: &str) -> Command {
    let mut command = Command::new(set_up("OVSEAL_TEST_PYTHON"));
    command.args(["-c", text]);
    command
}

fn in_folder<'c>(command: &'c mut Command, folder: &Path) -> &'c mut Command {
    let program = Path::new(env!("CARGO_BIN_EXE_ovseal")).parent().unwrap().to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(program).chain(std::env::split_paths(&path))).unwrap();
    command.current_dir(folder).stdin(Stdio::null()).env("PATH", path).env("PYTHONDONTWRITEBYTECODE", "1");
    // A test must not use the user's device secret.
    command.env("XDG_STATE_HOME", folder.join("state"));
    command.env("OVSEAL_OPENVINO", set_up("OVSEAL_OPENVINO"))
}

fn assert_shows(page: &str, source: &str) {
    let shown: Vec<Block<'_>> = blocks(page).filter(|block| block.language == "rust").collect();
    assert!(
        shown.iter().any(|block| block.text == source),
        "the page does not show this Rust, but {shown:#?}:\n{source}"
    );
}

/// Creates a temporary directory with models of the test set-up under other names.
fn folder_with(models: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (from, to) in models {
        let copied = Command::new("cp")
            .arg("-r")
            .arg(set_up("OVSEAL_TEST_MODELS").join(from))
            .arg(folder.path().join(to))
            .status();
        assert!(copied.unwrap().success(), "cannot copy {from}");
    }
    folder
}

fn page(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).unwrap()
}

/// Returns a variable of the test set-up.
fn set_up(name: &str) -> PathBuf {
    let value = std::env::var_os(name);
    PathBuf::from(value.unwrap_or_else(|| panic!("{name} is not set: run `cargo xtask test`")))
}
