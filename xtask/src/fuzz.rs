//! Short runs of every fuzz target.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::steps::Steps;
use crate::workspace::{Metadata, Workspace};
use crate::{process, sanitize};

/// Builds the targets in the `fuzz` directory, if it exists, and runs each.
///
/// # Errors
///
/// Fails if a target does not build, crashes, hangs or uses too much memory. `fuzz/artifacts` keeps
/// the input.
pub(crate) fn run(workspace: &Workspace, steps: &mut Steps) -> Result<(), Failure> {
    let manifest = workspace.root.join("fuzz/Cargo.toml");
    if !manifest.exists() {
        return Ok(());
    }
    let metadata = Metadata::read(&manifest)?;
    steps.run("fuzz targets, build", || process::run(&mut build(workspace, &manifest)))?;
    let targets = metadata.targets("bin");
    targets.iter().try_for_each(|(_, name)| {
        steps.run(&format!("fuzz {name}"), || process::run(&mut fuzz(workspace, name)?))
    })
}

fn build(workspace: &Workspace, manifest: &Path) -> Command {
    let mut cargo = sanitize::cargo(workspace, "build", INSTRUMENTATION);
    cargo.args(["--locked", "--release", "--bins", "--manifest-path"]).arg(manifest);
    cargo
}

/// Returns a command that runs one target on its seeds, and on a corpus that grows with each run.
fn fuzz(workspace: &Workspace, name: &str) -> Result<Command, Failure> {
    let binary = sanitize::folder(workspace).join(&workspace.host).join("release").join(name);
    let artifacts = folder(workspace, "artifacts", name)?;
    let mut command = Command::new(binary);
    command.args([format!("-max_total_time={SECONDS}"), format!("-rss_limit_mb={MEMORY_MIB}")]);
    command.arg(format!("-timeout={HANG_SECONDS}")).arg("-verbosity=0");
    command.arg(format!("-artifact_prefix={}/", artifacts.display()));
    command.arg(folder(workspace, "corpus", name)?);
    command.args(seeds(&workspace.root, name)).env("ASAN_OPTIONS", sanitize::ASAN_OPTIONS);
    Ok(command)
}

/// Returns the existing directories of a target's first inputs. Test vectors are containers.
fn seeds(root: &Path, name: &str) -> Vec<PathBuf> {
    let own = root.join("fuzz/seeds").join(name);
    let vectors = (name == CONTAINER).then(|| root.join("testkit/vectors"));
    [own].into_iter().chain(vectors).filter(|folder| folder.is_dir()).collect()
}

fn folder(workspace: &Workspace, kind: &str, name: &str) -> Result<PathBuf, Failure> {
    let folder = workspace.root.join("fuzz").join(kind).join(name);
    fs::create_dir_all(&folder).map_err(|error| Failure::file("create", &folder, &error))?;
    Ok(folder)
}

/// Name of the target that reads whole containers.
const CONTAINER: &str = "container";
const SECONDS: u32 = 5;
const HANG_SECONDS: u32 = 20;
const MEMORY_MIB: u32 = 2048;

/// Coverage for libFuzzer, and `cfg(fuzzing)`: the flags of `cargo fuzz`, so that it is not needed.
const INSTRUMENTATION: &str = "--cfg fuzzing --check-cfg cfg(fuzzing) -Cdebug-assertions -Ccodegen-units=1 -Cpasses=sancov-module \
                               -Cllvm-args=-sanitizer-coverage-level=4 \
                               -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
                               -Cllvm-args=-sanitizer-coverage-pc-table \
                               -Cllvm-args=-sanitizer-coverage-trace-compares \
                               -Cllvm-args=-simplifycfg-branch-fold-threshold=0";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_seeds_and_only_one_has_the_vectors() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let metadata = Metadata::read(&root.join("fuzz/Cargo.toml")).unwrap();
        for (_, name) in metadata.targets("bin") {
            let seeds = seeds(&root, name);
            assert!(!seeds.is_empty(), "{name} has no seeds");
            assert_eq!(seeds.contains(&root.join("testkit/vectors")), name == CONTAINER, "{name}");
        }
    }
}
