//! The environment of a run, which must not change before the run is continued.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;

use aws_lc_rs::digest::{Context, SHA256};
use ovseal_openvino::{Environment as Variables, Runtime};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Result;
use crate::machine::Machine;
use crate::process;

/// Everything that determines the results of a run, except the fixtures.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Environment {
    /// The machine.
    machine: Machine,
    /// The AES-GCM library that `ovseal` chooses on this machine.
    provider: String,
    /// SHA-256 of the measuring program, which includes `ovseal`.
    program: String,
    /// The number of rounds.
    pub(crate) rounds: u32,
    /// Version of the runtime.
    #[serde(skip_serializing_if = "Option::is_none")]
    openvino: Option<String>,
    /// Versions of the interpreter and its packages.
    #[serde(skip_serializing_if = "Option::is_none")]
    python: Option<String>,
    /// SHA-256 of the started scripts and programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    scripts: Option<String>,
    /// The options of the benchmark.
    #[serde(flatten)]
    options: BTreeMap<String, Value>,
}

impl Environment {
    /// Detects the machine.
    pub(crate) fn detect(rounds: u32) -> Result<Self> {
        Ok(Self {
            machine: Machine::detect(),
            provider: ovseal::AeadProvider::detect().name().to_owned(),
            program: digest(&[&std::env::current_exe()?])?,
            rounds,
            openvino: None,
            python: None,
            scripts: None,
            options: BTreeMap::new(),
        })
    }

    /// Adds the runtime's version.
    pub(crate) fn with_openvino(self) -> Result<Self> {
        let runtime = Runtime::locate(None, &Variables::from_process())?;
        Ok(Self { openvino: Some(runtime.version().to_owned()), ..self })
    }

    /// Adds the versions of an interpreter and its packages, and the digest of the started files.
    pub(crate) fn with_python(self, python: &Path, packages: &[&str], scripts: &[&Path]) -> Result<Self> {
        let versions = process::output(Command::new(python).args(["-c", VERSIONS]).args(packages))?;
        Ok(Self { python: Some(versions.trim_end().to_owned()), scripts: Some(digest(scripts)?), ..self })
    }

    /// Adds an option.
    pub(crate) fn with_option(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.options.insert(name.to_owned(), value.into());
        self
    }

    /// Fails, with the reason, if a run from that environment cannot be continued in this one.
    pub(crate) fn ensure_same(&self, earlier: &Self) -> Result<()> {
        let [here, there] = [serde_json::to_value(self)?, serde_json::to_value(earlier)?];
        let names = [&here, &there].into_iter().filter_map(Value::as_object).flat_map(|object| object.keys());
        let mut different: Vec<&str> =
            names.filter(|name| here.get(name) != there.get(name)).map(String::as_str).collect();
        different.sort_unstable();
        different.dedup();
        if different.is_empty() {
            return Ok(());
        }
        Err(format!("this run differs from the measured one in: {}; {START_AGAIN}", different.join(", "))
            .into())
    }
}

/// Returns the SHA-256 of the files in a directory.
pub(crate) fn directory_digest(directory: &Path) -> Result<String> {
    let files = process::files(directory)?;
    digest(&files.iter().map(|file| file.as_path()).collect::<Vec<_>>())
}

/// Returns the SHA-256 of names, lengths and contents.
fn digest(files: &[&Path]) -> Result<String> {
    let mut digest = Digest(Context::new(&SHA256));
    for file in files {
        let contents = fs::File::open(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let name = file.file_name().unwrap_or_default().as_encoded_bytes();
        digest.write_all(&[name, b"\0", &contents.metadata()?.len().to_be_bytes()[..]].concat())?;
        io::copy(&mut &contents, &mut digest)?;
    }
    Ok(base16ct::lower::encode_string(digest.0.finish().as_ref()))
}

/// A writer that digests everything written to it.
struct Digest(Context);

impl Write for Digest {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const VERSIONS: &str = "import platform, sys\n\
    from importlib.metadata import version\n\
    print('Python', platform.python_version(), *(f'{name} {version(name)}' for name in sys.argv[1:]), sep=', ')";

/// Advice for a run that cannot be continued.
pub(crate) const START_AGAIN: &str = "start again without --resume";

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An environment of this machine.
    pub(crate) fn environment(rounds: u32) -> Environment {
        let environment = Environment::detect(rounds).unwrap();
        Environment { program: "a".into(), ..environment }.with_option("caches", "warm")
    }

    #[test]
    fn every_difference_is_named() {
        let here = environment(15);
        here.ensure_same(&environment(15)).unwrap();
        let others = [
            (
                Environment { machine: Machine { cores: 99, ..Machine::detect() }, ..environment(15) },
                "machine",
            ),
            (Environment { provider: "none".into(), ..environment(15) }, "provider"),
            (Environment { program: "c".into(), ..environment(15) }, "program"),
            (Environment { openvino: Some("2026.5".into()), ..environment(15) }, "openvino"),
            (Environment { python: Some("3".into()), ..environment(15) }, "python"),
            (Environment { scripts: Some("c".into()), ..environment(15) }, "scripts"),
            (environment(3).with_option("caches", "cold"), "caches, rounds"),
            (environment(15).with_option("size", 7), "size"),
        ];
        for (earlier, name) in others {
            let expected = format!("this run differs from the measured one in: {name}; {START_AGAIN}");
            assert_eq!(here.ensure_same(&earlier).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn one_changed_byte_changes_the_digest_of_a_directory() {
        let directory = std::env::current_exe().unwrap().with_extension("networks");
        fs::create_dir_all(&directory).unwrap();
        let [one, two, again] = ["one", "two", "one"].map(|contents| {
            fs::write(directory.join("bert.bin"), contents).unwrap();
            directory_digest(&directory).unwrap()
        });
        fs::remove_dir_all(&directory).unwrap();
        assert!(one == again && one != two);
    }
}
