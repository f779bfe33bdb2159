//! `cargo xtask install`: installs the C library, headers, CMake package and pkg-config file.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use crate::failure::Failure;
use crate::packages::{self, C_COMPILER};
use crate::process;
use crate::workspace::{Metadata, Workspace};

/// Options of the installation.
#[derive(Args)]
pub(crate) struct Install {
    /// Install below DIR, such as /usr/local
    #[arg(long, value_name = "DIR")]
    prefix: PathBuf,
}

/// Builds and installs the library and reports its location.
///
/// # Errors
///
/// Fails if the library cannot be built, or the prefix cannot be written.
pub(crate) fn run(workspace: &Workspace, install: &Install) -> Result<(), Failure> {
    packages::require(&[C_COMPILER])?;
    build(workspace, &install.prefix)?;
    println!("installed below {}", install.prefix.display());
    Ok(())
}

/// Builds the library with the release profile and installs it.
///
/// # Errors
///
/// Fails if the library cannot be built, or the prefix cannot be written.
pub(crate) fn build(workspace: &Workspace, prefix: &Path) -> Result<(), Failure> {
    let mut cargo = workspace.cargo();
    cargo.args([
        "rustc",
        "--locked",
        "--release",
        "--package",
        PACKAGE,
        "--lib",
        "--crate-type",
        "staticlib",
    ]);
    process::run(&mut cargo)?;
    place(workspace, &workspace.target.join("release/libovseal_c.a"), prefix)
}

/// Installs a static library, and a shared library linked from it.
///
/// # Errors
///
/// Any error of the linker or of the file system.
pub(crate) fn place(workspace: &Workspace, archive: &Path, prefix: &Path) -> Result<(), Failure> {
    let source = workspace.root.join("bindings/c");
    let metadata = Metadata::read(&workspace.root.join("Cargo.toml"))?;
    let version = metadata.version(PACKAGE).ok_or_else(|| Failure::new("the package has no version"))?;
    let (lib, include) = (prefix.join("lib"), prefix.join("include/ovseal"));
    let (cmake, pkgconfig) = (lib.join("cmake/ovseal"), lib.join("pkgconfig"));
    for folder in [&include, &cmake, &pkgconfig] {
        fs::create_dir_all(folder).map_err(|error| Failure::file("create", folder, &error))?;
    }
    for header in files(&source.join("include/ovseal"))? {
        copy(&header, &include)?;
    }
    copy(&source.join("cmake/ovsealConfig.cmake"), &cmake)?;
    let filled = [("cmake/ovsealConfigVersion.cmake.in", &cmake), ("ovseal.pc.in", &pkgconfig)];
    for (template, folder) in filled {
        fill(&source.join(template), folder, version)?;
    }
    let library = lib.join(format!("libovseal.so.{version}"));
    process::run(&mut linker(archive, &source.join("ovseal.map"), &library))?;
    for (link, target) in
        [("libovseal.so.1", format!("libovseal.so.{version}")), ("libovseal.so", "libovseal.so.1".into())]
    {
        relink(&lib.join(link), &target)?;
    }
    let static_library = lib.join("libovseal.a");
    fs::copy(archive, &static_library).map_err(|error| Failure::file("write", &static_library, &error))?;
    Ok(())
}

/// Returns the command that links the shared library.
///
/// rustc cannot link it: it passes its own version script, and linkers accept only one.
fn linker(archive: &Path, map: &Path, library: &Path) -> Command {
    let mut linker = Command::new("cc");
    linker.args([
        "-shared",
        "-Wl,-soname,libovseal.so.1",
        "-Wl,-z,defs,-z,relro,-z,now",
        "-Wl,--gc-sections",
    ]);
    linker.arg(format!("-Wl,--version-script={}", map.display())).arg("-o").arg(library);
    linker.arg("-Wl,--whole-archive").arg(archive).arg("-Wl,--no-whole-archive");
    linker.args(["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl", "-lc"]);
    linker
}

/// Fills the version into a template `NAME.in` and writes it as `NAME`.
fn fill(template: &Path, folder: &Path, version: &str) -> Result<(), Failure> {
    let text = fs::read_to_string(template).map_err(|error| Failure::file("read", template, &error))?;
    let path = folder.join(template.file_stem().unwrap_or_default());
    fs::write(&path, text.replace("@VERSION@", version))
        .map_err(|error| Failure::file("write", &path, &error))
}

fn copy(file: &Path, folder: &Path) -> Result<(), Failure> {
    let path = folder.join(file.file_name().unwrap_or_default());
    fs::copy(file, &path).map_err(|error| Failure::file("write", &path, &error))?;
    Ok(())
}

fn relink(link: &Path, target: &str) -> Result<(), Failure> {
    if link.symlink_metadata().is_ok() {
        fs::remove_file(link).map_err(|error| Failure::file("remove", link, &error))?;
    }
    symlink(target, link).map_err(|error| Failure::file("create", link, &error))
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let refused = |error| Failure::file("read", folder, &error);
    let entries = fs::read_dir(folder).map_err(refused)?;
    entries.map(|entry| Ok(entry?.path())).collect::<Result<_, _>>().map_err(refused)
}

const PACKAGE: &str = "ovseal-c";
