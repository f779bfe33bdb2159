//! The search for the runtime. The libraries are empty files: the error of loading such a file
//! shows its path.
#![expect(clippy::unwrap_used, clippy::panic, reason = "clippy knows tests by their attribute only")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ovseal_openvino::{Environment, LocateError, Runtime};

/// Creates an empty library in a directory and returns its path.
fn library(folder: impl AsRef<Path>, name: &str) -> PathBuf {
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.as_ref().join(name);
    std::fs::write(&path, b"").unwrap();
    path
}

/// Returns the chosen library.
fn chosen(explicit: Option<&Path>, environment: &Environment) -> PathBuf {
    match Runtime::locate(explicit, environment) {
        Err(LocateError::Load { path, .. }) => path,
        other => panic!("{other:?}"),
    }
}

/// Returns the message of the error if nothing is found.
fn searched(explicit: Option<&Path>, environment: &Environment) -> String {
    let error = Runtime::locate(explicit, environment).err().unwrap();
    assert!(matches!(error, LocateError::NotFound { .. }), "{error:?}");
    assert!(!error.searched().is_empty());
    error.to_string()
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn a_given_path_is_a_library_its_folder_a_package_a_virtual_environment_or_an_installation() {
    for below in
        ["", "libs", "openvino/libs", "lib/python3.12/site-packages/openvino/libs", installed_below()]
    {
        let root = folder();
        let expected = library(root.path().join(below), "libopenvino_c.so");
        assert_eq!(chosen(Some(root.path()), &Environment::default()), expected);
        assert_eq!(chosen(Some(&expected), &Environment::default()), expected);
    }
}

fn installed_below() -> &'static str {
    if cfg!(target_arch = "aarch64") { "runtime/lib/aarch64" } else { "runtime/lib/intel64" }
}

#[test]
fn the_plain_name_comes_first_and_then_the_highest_version() {
    let root = folder();
    library(root.path(), "libopenvino_c.so.bak");
    library(root.path(), "libopenvino_c.so.2025.4.1");
    let newest = library(root.path(), "libopenvino_c.so.2641");
    library(root.path(), "libopenvino_c.so.2500");
    assert_eq!(chosen(Some(root.path()), &Environment::default()), newest);
    let plain = library(root.path(), "libopenvino_c.so");
    assert_eq!(chosen(Some(root.path()), &Environment::default()), plain);
}

#[test]
fn a_choice_is_the_only_place_that_is_searched() {
    let (empty, other) = (folder(), folder());
    library(other.path(), "libopenvino_c.so");
    let elsewhere = Environment::default().with("LD_LIBRARY_PATH", other.path());
    let text = searched(Some(empty.path()), &elsewhere);
    let line = format!("given path: {}: no libopenvino_c.so", empty.path().display());
    assert_eq!(text, format!("the OpenVINO runtime was not found; searched:\n  {line}"));

    let chosen = elsewhere.with("OVSEAL_OPENVINO", "/no/such/folder");
    let text = searched(None, &chosen);
    assert!(text.ends_with("searched:\n  OVSEAL_OPENVINO: /no/such/folder: no such directory"), "{text}");
}

#[test]
fn a_given_path_comes_before_the_variable() {
    let (given, variable) = (folder(), folder());
    let expected = library(given.path(), "libopenvino_c.so");
    library(variable.path(), "libopenvino_c.so");
    let environment = Environment::default().with("OVSEAL_OPENVINO", variable.path());
    assert_eq!(chosen(Some(given.path()), &environment), expected);
}

#[test]
fn places_are_searched_in_the_documented_order() {
    let root = folder();
    let names = [
        "OPENVINO_BUILD_DIR",
        "OPENVINO_INSTALL_DIR",
        "INTEL_OPENVINO_DIR",
        "OpenVINO_DIR",
        "LD_LIBRARY_PATH",
        "VIRTUAL_ENV",
    ];
    let mut environment = Environment {
        system_folders: vec![root.path().join("system")],
        installation_folders: vec![root.path().join("opt")],
        ..Environment::default()
    };
    let mut expected = vec![
        library(root.path().join("opt/openvino_2026").join(installed_below()), "libopenvino_c.so"),
        library(root.path().join("system"), "libopenvino_c.so.2641"),
        wheel(root.path(), &mut environment),
    ];
    for name in names.iter().rev() {
        let place = root.path().join("variables").join(name).join("libs");
        expected.push(library(&place, "libopenvino_c.so"));
        let value = if *name == "LD_LIBRARY_PATH" { place } else { place.parent().unwrap().to_path_buf() };
        environment = environment.with(*name, value);
    }
    while let Some(first) = expected.pop() {
        assert_eq!(chosen(None, &environment), first);
        std::fs::remove_file(first).unwrap();
    }
    let text = searched(None, &environment);
    for origin in names.iter().chain(&["python3", "system"]) {
        assert!(text.contains(&format!("\n  {origin}: ")), "{origin} in {text}");
    }
}

/// Creates a `python3` that prints a package's directory, and adds it to `PATH`.
fn wheel(root: &Path, environment: &mut Environment) -> PathBuf {
    let package = root.join("site-packages/openvino");
    let answer = format!("#!/bin/sh\nprintf %s '{}'\n", package.display());
    interpreter(&root.join("bin"), &answer);
    *environment = environment.clone().with("PATH", root.join("bin"));
    library(package.join("libs"), "libopenvino_c.so.2641")
}

fn interpreter(folder: &Path, script: &str) {
    std::fs::create_dir_all(folder).unwrap();
    let program = folder.join("python3");
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn an_interpreter_that_does_not_answer_costs_seconds_at_most() {
    let root = folder();
    interpreter(root.path(), "#!/bin/sh\nexec /bin/sleep 3600\n");
    let start = std::time::Instant::now();
    let text = searched(None, &Environment::default().with("PATH", root.path()));
    assert!(text.contains("python3: has no package openvino"), "{text}");
    assert!(start.elapsed() < std::time::Duration::from_secs(120), "seconds, on a machine that is not busy");
}

#[test]
fn relative_folders_in_variables_are_not_searched() {
    let environment = Environment::default().with("LD_LIBRARY_PATH", ".:libs").with("PATH", "");
    assert_eq!(
        searched(None, &environment),
        "the OpenVINO runtime was not found; searched:\n  python3: not in PATH"
    );
}

#[test]
fn a_library_that_is_not_openvino_is_refused() {
    let libc = ["/lib/x86_64-linux-gnu/libc.so.6", "/lib/aarch64-linux-gnu/libc.so.6", "/lib64/libc.so.6"];
    let libc = libc.iter().map(Path::new).find(|path| path.is_file()).unwrap();
    let refused = Runtime::locate(Some(libc), &Environment::default()).err();
    assert!(matches!(refused, Some(LocateError::Unsupported { .. })), "{refused:?}");
}
