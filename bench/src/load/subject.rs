//! One network on the disk, in every form in which it is loaded.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::ValueEnum;
use ovseal::{KeyFile, Model, ModelName, ModelOptions, PublisherKey, SealOptions};

use crate::Result;
use crate::fixture::emptied;
use crate::load::mount::{self, Mount};
use crate::load::outcome::Absent;
use crate::load::page_cache;
use crate::load::sample::Sample;
use crate::load::setting;
use crate::load::way::{Cache, Network, Way};

/// Where things are.
pub(crate) struct Places {
    folder: Temporary,
    networks: PathBuf,
    python: PathBuf,
}

/// A folder that is removed, with all that is in it, when this is dropped.
struct Temporary(PathBuf);

/// A network in all its forms.
pub(crate) struct Subject {
    /// Which one.
    pub(crate) network: Network,
    /// The ways that can be measured here.
    pub(crate) ways: Vec<Way>,
    /// The others that were asked for, and why they cannot.
    pub(crate) absent: Vec<Absent>,
    source: PathBuf,
    python: PathBuf,
    // Dropped in this order: what is mounted cannot be removed.
    mount: Option<Mount>,
    folder: Temporary,
}

impl Places {
    /// Empties the folder `load` below `folder`.
    pub(crate) fn create(folder: &Path, networks: &Path, python: &Path) -> Result<Self> {
        let folder = folder.join("load");
        for network in Network::value_variants() {
            mount::release(&folder.join(network.file().0).join(MOUNT));
        }
        let folder = Temporary(emptied(folder)?);
        Ok(Self { folder, networks: networks.to_owned(), python: python.to_owned() })
    }
}

impl Temporary {
    fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // Nothing is left to do about files that cannot be removed.
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Subject {
    /// Brings a network into every form that `ways` need.
    #[expect(clippy::print_stderr, reason = "a long measurement shows that it goes on")]
    pub(crate) fn prepare(network: Network, places: &Places, ways: &[Way]) -> Result<Self> {
        eprintln!("preparing {}", network.title());
        let (name, _) = network.file();
        let mut subject = Self {
            network,
            ways: Vec::new(),
            absent: Vec::new(),
            source: places.networks.join(name),
            python: places.python.clone(),
            mount: None,
            folder: Temporary(emptied(places.folder.join(name))?),
        };
        ways.iter().try_for_each(|&way| subject.add(way))?;
        Ok(subject)
    }

    /// SHA-256 of the plaintext and the input.
    pub(crate) fn digest(&self) -> Result<String> {
        setting::folder_digest(&self.source)
    }

    /// Length of the plaintext in bytes.
    pub(crate) fn bytes(&self) -> Result<u64> {
        let lengths =
            self.plaintext()?.iter().map(|file| Ok(fs::metadata(file)?.len())).collect::<Result<Vec<_>>>();
        Ok(lengths?.iter().sum())
    }

    /// Loads once before it is measured: fills caches, and shows whether this way works here at all.
    pub(crate) fn trial(&self, way: Way) -> Result<Sample> {
        if way.is_cached() {
            self.start(way, true)?;
        }
        self.start(way, false)
    }

    /// Loads once with the page cache as it should be.
    pub(crate) fn load(&self, way: Way, cache: Cache) -> Result<Sample> {
        let prepare = match cache {
            Cache::Warm => page_cache::warm,
            Cache::Cold => page_cache::chill,
        };
        self.files(way)?.iter().try_for_each(|file| prepare(file))?;
        self.start(way, false).map_err(|error| format!("{way}: {error}").into())
    }

    /// Makes what one way needs; an optional program that is missing leaves the way out.
    fn add(&mut self, way: Way) -> Result<()> {
        match way {
            Way::Script => self.encrypt()?,
            Way::Gocryptfs => match self.mount() {
                Ok(mount) => self.mount = Some(mount),
                Err(error) => {
                    self.absent.push(Absent { way, reason: error.to_string() });
                    return Ok(());
                }
            },
            way if way.is_sealed() && !self.container().exists() => self.seal()?,
            _ => {}
        }
        self.ways.push(way);
        Ok(())
    }

    fn seal(&self) -> Result<()> {
        let (key, publisher) = (KeyFile::generate()?, PublisherKey::generate()?);
        fs::write(self.folder.join(KEY), *key.expose())?;
        fs::write(self.folder.join(PUBLISHER), publisher.publisher().encode())?;
        let model = Model::find(&self.model(), ModelOptions::default())?;
        let options = SealOptions::new(ModelName::parse("bench")?).recipient(&key).publisher(&publisher);
        options.seal(&model, &self.container())?;
        Ok(())
    }

    fn encrypt(&self) -> Result<()> {
        let mut command = Command::new(&self.python);
        command.arg(SCRIPT).arg("encrypt").arg(self.script_folder()).args(self.plaintext()?);
        output(&mut command).map(drop)
    }

    fn mount(&self) -> Result<Mount> {
        let mount = Mount::create(&emptied(self.folder.join(MOUNT))?)?;
        for file in self.plaintext()? {
            fs::copy(&file, mount.plain().join(file.file_name().unwrap_or_default()))?;
        }
        Ok(mount)
    }

    /// Starts the process that loads.
    fn start(&self, way: Way, prime: bool) -> Result<Sample> {
        let before = self.mount.as_ref().filter(|_| way == Way::Gocryptfs).map(Mount::cpu).transpose()?;
        let text = output(&mut self.command(way, prime)?)?;
        let mut sample: Sample = serde_json::from_str(&text)?;
        if let (Some(mount), Some([user, system])) = (&self.mount, before) {
            let after = mount.cpu()?;
            sample.user += after[0] - user;
            sample.system += after[1] - system;
        }
        Ok(sample)
    }

    fn command(&self, way: Way, prime: bool) -> Result<Command> {
        if way == Way::Script {
            let mut command = Command::new(&self.python);
            command.arg(SCRIPT).arg("load").arg(self.input()).args(files(&self.script_folder())?);
            return Ok(command);
        }
        let mut command = self.program(way)?;
        let model = self.loaded(way);
        command
            .args(["load-once", "--way", &way.to_string(), "--model"])
            .arg(model)
            .arg("--input")
            .arg(self.input());
        if way.is_sealed() {
            command.arg("--key").arg(self.folder.join(KEY));
        }
        if way.names_publisher() {
            command.arg("--publisher").arg(self.folder.join(PUBLISHER));
        }
        if way.is_cached() {
            command.arg("--cache").arg(self.cache_folder(way));
        }
        if prime {
            command.arg("--prime");
        }
        Ok(command)
    }

    /// This program, in the surroundings of the way.
    fn program(&self, way: Way) -> Result<Command> {
        let program = std::env::current_exe()?;
        if way != Way::ForbiddenPublisher {
            return Ok(Command::new(program));
        }
        // It becomes the program, so it takes no time of the measured.
        let mut command = Command::new(&self.python);
        command.arg(FILTER).arg(program);
        Ok(command)
    }

    /// The file that is opened.
    fn loaded(&self, way: Way) -> PathBuf {
        match (&self.mount, way) {
            (Some(mount), Way::Gocryptfs) => mount.plain().join(self.network.file().1),
            _ if way.is_sealed() => self.container(),
            _ => self.model(),
        }
    }

    /// All files that one way may read.
    fn files(&self, way: Way) -> Result<Vec<PathBuf>> {
        let mut all = match (&self.mount, way) {
            // The plaintext first: while it is read or dropped, the encrypted files are read too.
            (Some(mount), Way::Gocryptfs) => [files(mount.plain())?, files(mount.encrypted())?].concat(),
            (_, Way::Script) => files(&self.script_folder())?,
            _ if way.is_sealed() => vec![self.container()],
            _ => self.plaintext()?,
        };
        if way.is_cached() {
            all.extend(files(&self.cache_folder(way))?);
        }
        Ok(all)
    }

    fn plaintext(&self) -> Result<Vec<PathBuf>> {
        let mut files = files(&self.source)?;
        files.retain(|file| *file != self.input());
        Ok(files)
    }

    fn model(&self) -> PathBuf {
        self.source.join(self.network.file().1)
    }

    fn input(&self) -> PathBuf {
        self.source.join("input.raw")
    }

    fn container(&self) -> PathBuf {
        self.folder.join("model.ovseal")
    }

    fn script_folder(&self) -> PathBuf {
        self.folder.join("script")
    }

    fn cache_folder(&self, way: Way) -> PathBuf {
        self.folder.join(&way.to_string())
    }
}

/// The files in a folder, in the order of their names.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.retain(|path| path.is_file());
    files.sort();
    Ok(files)
}

/// Runs a command to its end, and gives what it printed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    command.env("PYTHONDONTWRITEBYTECODE", "1").stdin(Stdio::null());
    let output = command.output()?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        let last = errors.trim().lines().last().unwrap_or("it says nothing").to_owned();
        let program = command.get_program().display();
        return Err(format!("{program} ended with {}: {last}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

const KEY: &str = "key";

const MOUNT: &str = "gocryptfs";

const PUBLISHER: &str = "publisher.pub";

/// A script that runs a program under a filter of system calls.
pub(crate) const FILTER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../testkit/without_userfaultfd.py");

/// The script that people write today.
pub(crate) const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python/load_script.py");
