//! Tests of the installed C library: examples built with CMake and pkg-config.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use crate::failure::Failure;
use crate::setting::Setting;
use crate::steps::Steps;
use crate::{install, process, stamp};

/// Installs the library that the tests built, builds the examples against it, and runs them.
///
/// # Errors
///
/// Fails if the library cannot be installed, or an example cannot be built or fails.
pub(crate) fn run(setting: &Setting<'_>, steps: &mut Steps) -> Result<(), Failure> {
    let folder = setting.workspace.target.join("test/installed");
    stamp::clear(&folder)?;
    let prefix = folder.join("prefix");
    steps.run("C library, installed", || {
        install::place(setting.workspace, &archive(&setting.workspace.target)?, &prefix)
    })?;
    steps.run("examples in C and C++", || {
        let passphrase = folder.join("passphrase");
        fs::write(&passphrase, "correct horse battery staple\n")
            .map_err(|error| Failure::file("write", &passphrase, &error))?;
        let programs = [c(setting, &folder, &prefix)?, cxx(setting, &folder, &prefix)?];
        let run = |program: &PathBuf| {
            let mut command = Command::new(program);
            command.arg(setting.model("conv/model.xml")).arg(program.with_extension("ovseal"));
            command.arg(&passphrase);
            command.env("LD_LIBRARY_PATH", prefix.join("lib")).env("XDG_STATE_HOME", &folder);
            let output = process::output(&mut command)?;
            print!("{output}");
            Ok(output)
        };
        programs.iter().try_for_each(|program| run(program).map(drop))?;
        // The second run must load the compiled model from the cache.
        if run(&programs[1])?.contains("from the cache") {
            return Ok(());
        }
        Err(Failure::new("the C++ example did not use its cache"))
    })
}

/// Builds the C example with the flags of pkg-config.
fn c(setting: &Setting<'_>, folder: &Path, prefix: &Path) -> Result<PathBuf, Failure> {
    let program = folder.join("hello_in_c");
    let mut pkg_config = Command::new("pkg-config");
    pkg_config.args(["--cflags", "--libs", "ovseal"]).env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig"));
    let flags = process::output(&mut pkg_config)?;
    let mut compiler = Command::new("cc");
    compiler.args(["-std=c11", "-pedantic-errors", "-Wall", "-Wextra", "-Werror"]).arg("-o").arg(&program);
    compiler.arg(setting.workspace.root.join("examples/c/hello_sealed/main.c")).args(words(&flags));
    process::run(&mut compiler)?;
    Ok(program)
}

/// Splits the output of pkg-config, which escapes a space in a path with a backslash.
fn words(flags: &str) -> Vec<String> {
    let (mut words, mut word, mut letters) = (Vec::new(), String::new(), flags.chars());
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => word.extend(letters.next()),
            _ if letter.is_whitespace() => words.push(std::mem::take(&mut word)),
            _ => word.push(letter),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// Builds the C++ example with CMake.
fn cxx(setting: &Setting<'_>, folder: &Path, prefix: &Path) -> Result<PathBuf, Failure> {
    let build = folder.join("hello_in_cxx");
    let mut configure = Command::new("cmake");
    configure.arg("-S").arg(setting.workspace.root.join("examples/cpp/hello_sealed")).arg("-B").arg(&build);
    configure.arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display()));
    configure.arg(format!("-DOpenVINO_DIR={}", setting.openvino_package().join("cmake").display()));
    configure.arg("-DCMAKE_CXX_FLAGS=-pedantic-errors -Wall -Wextra -Werror");
    process::run(&mut configure)?;
    process::run(Command::new("cmake").arg("--build").arg(&build))?;
    Ok(build.join("hello_sealed"))
}

/// Finds the newest static library that cargo built for the tests.
fn archive(target: &Path) -> Result<PathBuf, Failure> {
    let folder = target.join("debug/deps");
    let entries = fs::read_dir(&folder).map_err(|error| Failure::file("read", &folder, &error))?;
    let is_archive = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("libovseal_c") && name.ends_with(".a")
    };
    let archives = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_archive);
    let made =
        |path: &PathBuf| path.metadata().and_then(|file| file.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    archives.max_by_key(made).ok_or_else(|| Failure::new("the C library was not built"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_a_space_stays_one_word() {
        assert_eq!(words("-I/a\\ b/include  -lovseal\n"), ["-I/a b/include", "-lovseal"]);
        assert_eq!(words("\n"), [""; 0]);
    }
}
