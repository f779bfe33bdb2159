//! What must be the same for two runs to belong together.

use std::fs;
use std::path::Path;
use std::process::Command;

use aws_lc_rs::digest::{Context, SHA256};
use ovseal_openvino::{Environment, Runtime};
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::load::subject::{self, FILTER, SCRIPT};
use crate::load::way::{Cache, Way};
use crate::machine::Machine;

/// Everything but the networks that decides what a run finds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Setting {
    /// What it runs on.
    pub(crate) machine: Machine,
    /// SHA-256 of the program that measures; `ovseal` is a part of it.
    pub(crate) program: String,
    /// Version of the runtime.
    pub(crate) openvino: String,
    /// SHA-256 of the scripts that are started.
    pub(crate) scripts: String,
    /// Versions of the interpreter and its packages.
    pub(crate) python: String,
    /// How often everything is measured.
    pub(crate) rounds: u32,
    /// The ways that are wanted.
    pub(crate) ways: Vec<Way>,
    /// Whether files are in memory.
    pub(crate) caches: Vec<Cache>,
}

impl Setting {
    /// Looks at what is here.
    pub(crate) fn detect(rounds: u32, ways: Vec<Way>, caches: Vec<Cache>, python: &Path) -> Result<Self> {
        Ok(Self {
            machine: Machine::detect(),
            program: digest(&[&std::env::current_exe()?])?,
            openvino: Runtime::locate(None, &Environment::from_process())?.version().to_owned(),
            scripts: digest(&[SCRIPT.as_ref(), FILTER.as_ref()])?,
            python: subject::output(Command::new(python).args(["-c", VERSIONS]))?.trim_end().to_owned(),
            rounds,
            ways,
            caches,
        })
    }

    /// Fails, and says why, when what was kept is of another setting.
    pub(crate) fn demand(&self, kept: &Self) -> Result<()> {
        let differences = [
            ("on another machine", self.machine != kept.machine),
            ("with another build of this program", self.program != kept.program),
            ("with another version of OpenVINO", self.openvino != kept.openvino),
            ("with other scripts", self.scripts != kept.scripts),
            ("with another Python or other packages", self.python != kept.python),
            ("in another number of rounds", self.rounds != kept.rounds),
            ("in other ways", self.ways != kept.ways),
            ("with other states of the page cache", self.caches != kept.caches),
        ];
        let found: Vec<_> =
            differences.iter().filter(|(_, differs)| *differs).map(|(name, _)| *name).collect();
        if found.is_empty() {
            return Ok(());
        }
        Err(format!("it was measured {}: begin anew without --resume", found.join(", ")).into())
    }
}

/// SHA-256 of all files in the folder of a network.
pub(crate) fn folder_digest(folder: &Path) -> Result<String> {
    let files = subject::files(folder)?;
    digest(&files.iter().map(|file| file.as_path()).collect::<Vec<_>>())
}

/// SHA-256 of names, lengths and contents.
fn digest(files: &[&Path]) -> Result<String> {
    let mut context = Context::new(&SHA256);
    for file in files {
        let contents = fs::File::open(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let name = file.file_name().unwrap_or_default().as_encoded_bytes();
        context.update(&[name, b"\0", &contents.metadata()?.len().to_be_bytes()[..]].concat());
        std::io::copy(&mut &contents, &mut Updated(&mut context))?;
    }
    Ok(base16ct::lower::encode_string(context.finish().as_ref()))
}

/// Takes what is written into a digest.
struct Updated<'c>(&'c mut Context);

impl std::io::Write for Updated<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

const VERSIONS: &str = "import platform\n\
    from importlib.metadata import version\n\
    names = ('cryptography', 'numpy', 'openvino')\n\
    print('Python', platform.python_version(), *(f'{name} {version(name)}' for name in names), sep=', ')";

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A setting that nothing was asked for.
    pub(crate) fn setting() -> Setting {
        Setting {
            machine: Machine::detect(),
            program: "a".into(),
            openvino: "2026.4.1".into(),
            scripts: "b".into(),
            python: "Python, 3.13.5".into(),
            rounds: 15,
            ways: vec![Way::Plaintext, Way::Gocryptfs],
            caches: vec![Cache::Warm, Cache::Cold],
        }
    }

    #[test]
    fn every_difference_is_refused_by_its_name() {
        let here = setting();
        here.demand(&setting()).unwrap();
        let others = [
            (
                Setting { machine: Machine { cores: 99, ..Machine::detect() }, ..setting() },
                "on another machine",
            ),
            (Setting { program: "c".into(), ..setting() }, "with another build of this program"),
            (Setting { openvino: "2026.5".into(), ..setting() }, "with another version of OpenVINO"),
            (Setting { scripts: "c".into(), ..setting() }, "with other scripts"),
            (Setting { python: "3".into(), ..setting() }, "with another Python or other packages"),
            (Setting { rounds: 3, ..setting() }, "in another number of rounds"),
            (Setting { ways: vec![Way::Plaintext], ..setting() }, "in other ways"),
            (Setting { caches: vec![Cache::Warm], ..setting() }, "with other states of the page cache"),
        ];
        for (kept, name) in others {
            let expected = format!("it was measured {name}: begin anew without --resume");
            assert_eq!(here.demand(&kept).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn a_network_of_the_same_length_with_another_byte_is_another() {
        let folder = std::env::current_exe().unwrap().with_extension("networks");
        fs::create_dir_all(&folder).unwrap();
        let [one, two, again] = ["one", "two", "one"].map(|contents| {
            fs::write(folder.join("bert.bin"), contents).unwrap();
            folder_digest(&folder).unwrap()
        });
        fs::remove_dir_all(&folder).unwrap();
        assert!(one == again && one != two);
    }
}
