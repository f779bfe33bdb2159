//! One network on the disk, in every form that the methods load.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ovseal::{KeyFile, Model, ModelName, ModelOptions, PublisherKey, SealOptions};

use super::mount::{self, Mount};
use super::page_cache;
use super::sample::Sample;
use crate::options::{Method, Network};
use crate::process::{Temporary, files, output, this_program};
use crate::runner::Absent;
use crate::turns::Cache;
use crate::{Places, Result};

/// A network in all its forms.
pub(super) struct Fixture {
    /// The network.
    pub(super) network: Network,
    /// The methods that can be measured on this machine.
    pub(super) methods: Vec<Method>,
    /// The remaining methods, and why they cannot be measured.
    pub(super) absent: Vec<Absent>,
    source: PathBuf,
    python: PathBuf,
    // Dropped in this order: a mounted directory cannot be removed.
    mount: Option<Mount>,
    directory: Temporary,
}

/// Unmounts what an interrupted run left mounted in the directory of a network.
pub(super) fn release(directory: &Path, network: Network) {
    mount::release(&directory.join(network.to_string()).join(MOUNT));
}

impl Fixture {
    /// Creates every form of the network that `methods` need, in `directory`.
    pub(super) fn prepare(
        network: Network,
        places: &Places,
        directory: &Path,
        methods: &[Method],
    ) -> Result<Self> {
        let mut fixture = Self {
            network,
            methods: Vec::new(),
            absent: Vec::new(),
            source: network.source(places),
            python: places.python.clone(),
            mount: None,
            directory: Temporary::create(directory.join(network.to_string()))?,
        };
        methods.iter().try_for_each(|&method| fixture.add(method))?;
        Ok(fixture)
    }

    /// Returns the length of the plaintext in bytes.
    pub(super) fn bytes(&self) -> Result<u64> {
        let lengths =
            self.plaintext()?.iter().map(|file| Ok(fs::metadata(file)?.len())).collect::<Result<Vec<_>>>();
        Ok(lengths?.iter().sum())
    }

    /// Loads once before the measurement. This fills caches, and shows whether the method works on
    /// this machine.
    pub(super) fn trial(&self, method: Method) -> Result<Sample> {
        if method.is_cached() {
            self.start(method, true)?;
        }
        self.start(method, false)
    }

    /// Loads once with the page cache in the given state.
    pub(super) fn load(&self, method: Method, cache: Cache) -> Result<Sample> {
        let prepare = match cache {
            Cache::Warm => page_cache::warm,
            Cache::Cold => page_cache::chill,
        };
        self.files(method)?.iter().try_for_each(|file| prepare(file))?;
        self.start(method, false)
    }

    /// Creates everything that one method needs. A method whose optional program is missing is left
    /// out.
    fn add(&mut self, method: Method) -> Result<()> {
        match method {
            Method::Script => self.encrypt()?,
            Method::Gocryptfs => match self.mount() {
                Ok(mount) => self.mount = Some(mount),
                Err(error) => {
                    self.absent.push(Absent { method: method.to_string(), reason: error.to_string() });
                    return Ok(());
                }
            },
            sealed if sealed.is_sealed() && !self.container().exists() => self.seal()?,
            _ => {}
        }
        self.methods.push(method);
        Ok(())
    }

    fn seal(&self) -> Result<()> {
        let (key, publisher) = (KeyFile::generate()?, PublisherKey::generate()?);
        fs::write(self.directory.join(KEY), *key.expose())?;
        fs::write(self.directory.join(PUBLISHER), publisher.publisher().encode())?;
        let model = Model::find(&self.model(), ModelOptions::default())?;
        let options = SealOptions::new(ModelName::parse("bench")?).recipient(&key).publisher(&publisher);
        options.seal(&model, &self.container())?;
        Ok(())
    }

    fn encrypt(&self) -> Result<()> {
        let mut command = Command::new(&self.python);
        command.arg(SCRIPT).arg("encrypt").arg(self.script_directory()).args(self.plaintext()?);
        output(&mut command).map(drop)
    }

    fn mount(&self) -> Result<Mount> {
        let mount = Mount::create(&self.directory.join(MOUNT))?;
        for file in self.plaintext()? {
            fs::copy(&file, mount.plain().join(file.file_name().unwrap_or_default()))?;
        }
        Ok(mount)
    }

    /// Starts the process that loads, and returns its sample.
    fn start(&self, method: Method, prime: bool) -> Result<Sample> {
        let before =
            self.mount.as_ref().filter(|_| method == Method::Gocryptfs).map(Mount::cpu).transpose()?;
        let text = output(&mut self.command(method, prime)?)?;
        let mut sample: Sample = serde_json::from_str(&text)?;
        if let (Some(mount), Some([user, system])) = (&self.mount, before) {
            let after = mount.cpu()?;
            sample.user += after[0] - user;
            sample.system += after[1] - system;
        }
        Ok(sample)
    }

    /// Returns the command that loads once.
    pub(super) fn command(&self, method: Method, prime: bool) -> Result<Command> {
        if method == Method::Script {
            let mut command = Command::new(&self.python);
            command.arg(SCRIPT).arg("load").arg(self.input()).args(files(&self.script_directory())?);
            return Ok(command);
        }
        let mut command = self.program(method)?;
        command.args(["--method", &method.to_string()]);
        command.arg("--model").arg(self.loaded(method)).arg("--input").arg(self.input());
        if method.is_sealed() {
            command.arg("--key").arg(self.directory.join(KEY));
        }
        if method.names_publisher() {
            command.arg("--publisher").arg(self.directory.join(PUBLISHER));
        }
        if method.is_cached() {
            command.arg("--cache").arg(self.cache_directory(method));
        }
        if prime {
            command.arg("--prime");
        }
        Ok(command)
    }

    /// Returns a command that starts this program, under the method's filter.
    fn program(&self, method: Method) -> Result<Command> {
        let program = this_program("load-child")?;
        if method != Method::ForbiddenPublisher {
            return Ok(program);
        }
        // The script replaces itself with the program, so the time of the script is not measured.
        let mut command = Command::new(&self.python);
        command.arg(FILTER).arg(program.get_program()).args(program.get_args());
        Ok(command)
    }

    /// Returns the opened file.
    fn loaded(&self, method: Method) -> PathBuf {
        match (&self.mount, method) {
            (Some(mount), Method::Gocryptfs) => mount.plain().join(self.network.file()),
            _ if method.is_sealed() => self.container(),
            _ => self.model(),
        }
    }

    /// Returns all files that one method may read.
    pub(super) fn files(&self, method: Method) -> Result<Vec<PathBuf>> {
        let mut all = match (&self.mount, method) {
            // The plaintext comes first, because reading or dropping it also reads the encrypted
            // files.
            (Some(mount), Method::Gocryptfs) => [files(mount.plain())?, files(mount.encrypted())?].concat(),
            (_, Method::Script) => files(&self.script_directory())?,
            _ if method.is_sealed() => vec![self.container()],
            _ => self.plaintext()?,
        };
        if method.is_cached() {
            all.extend(files(&self.cache_directory(method))?);
        }
        Ok(all)
    }

    fn plaintext(&self) -> Result<Vec<PathBuf>> {
        let mut files = files(&self.source)?;
        files.retain(|file| *file != self.input());
        Ok(files)
    }

    fn model(&self) -> PathBuf {
        self.source.join(self.network.file())
    }

    fn input(&self) -> PathBuf {
        self.source.join("input.raw")
    }

    fn container(&self) -> PathBuf {
        self.directory.join("model.ovseal")
    }

    fn script_directory(&self) -> PathBuf {
        self.directory.join("script")
    }

    fn cache_directory(&self, method: Method) -> PathBuf {
        self.directory.join(method.to_string())
    }
}

const KEY: &str = "key";

const MOUNT: &str = "gocryptfs";

const PUBLISHER: &str = "publisher.pub";

/// The script that runs a program under a filter of system calls.
pub(super) const FILTER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../testkit/without_userfaultfd.py");

/// The script that users write today.
pub(super) const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python/load_script.py");
