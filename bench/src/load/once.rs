//! One load in a process of its own.

use std::fs::{self, File};
use std::path::PathBuf;

use ovseal::{DeviceSecret, KeyFile, OpenOptions, Opened, Publisher, Trust};
use ovseal_openvino::{
    Compilation, CompileCache, CompiledModel, Core, Decrypted, Environment, Loader, Opening, Runtime,
};

use crate::Result;
use crate::load::network::{Ready, Safe};
use crate::load::raw::RawCore;
use crate::load::sample::Sample;
use crate::load::span::Span;
use crate::load::way::Way;

/// How a model is loaded once.
#[derive(clap::Args)]
pub(crate) struct LoadOnce {
    /// The way
    #[arg(long)]
    way: Way,
    /// The model or the container
    #[arg(long)]
    model: PathBuf,
    /// What the network is fed: the elements of all inputs, one after the other
    #[arg(long)]
    input: PathBuf,
    /// The key file of the container
    #[arg(long)]
    key: Option<PathBuf>,
    /// The publisher's public key; any sender unless given
    #[arg(long)]
    publisher: Option<PathBuf>,
    /// The folder in which compiled models are kept
    #[arg(long)]
    cache: Option<PathBuf>,
    /// Lets the compiled model come from elsewhere than the cache, and keeps it there
    #[arg(long)]
    prime: bool,
}

/// A network, and how it was opened.
type Loaded = (Box<dyn Ready>, Option<&'static str>);

/// What can be got ready before the clock starts.
enum Start {
    Plaintext(Core),
    PlaintextCached(RawCore),
    Sealed { core: Core, options: Box<OpenOptions>, key: KeyFile, how: How },
}

/// How a container becomes a compiled model.
enum How {
    Compile(Opening),
    Cache(Box<CompileCache>),
}

impl LoadOnce {
    /// Loads, and prints a [`Sample`].
    #[expect(clippy::print_stdout, reason = "the sample is the result")]
    pub(crate) fn run(&self) -> Result<()> {
        let (sample, network) = self.measure()?;
        println!("{}", serde_json::to_string(&sample)?);
        // The process ends: to zeroize and free a network of a gigabyte would only let the next one wait.
        std::mem::forget(network);
        Ok(())
    }

    fn measure(&self) -> Result<(Sample, Box<dyn Ready>)> {
        let runtime = Runtime::locate(None, &Environment::from_process())?;
        let start = self.start(&runtime)?;
        let input = fs::read(&self.input)?;
        // As in `ovseal run`: the runtime and the device's plugin are loaded, keys are read, the model is not opened yet.
        let span = Span::start()?;
        let (mut network, opening) = self.load(&runtime, start)?;
        let compiled = span.seconds();
        network.feed(&input)?;
        network.infer()?;
        let ended = span.end(compiled)?;
        network.settle();
        let sample = ended.sample(network.output()?, opening)?;
        Ok((sample, network))
    }

    fn start(&self, runtime: &Runtime) -> Result<Start> {
        if self.way == Way::PlaintextCached {
            return Ok(Start::PlaintextCached(RawCore::new(runtime)?));
        }
        let core = Core::new(runtime)?;
        core.load_device(CPU)?;
        Ok(match self.way {
            Way::Plaintext | Way::Gocryptfs => Start::Plaintext(core),
            Way::EagerAny | Way::EagerPublisher => self.sealed(core, How::Compile(Opening::Eager))?,
            Way::OverlappedAny | Way::OverlappedPublisher | Way::ForbiddenPublisher => {
                self.sealed(core, How::Compile(Opening::Overlapped))?
            }
            Way::CachedAny | Way::CachedPublisher => {
                let cache = self.compile_cache()?;
                self.sealed(core, How::Cache(Box::new(cache)))?
            }
            Way::PlaintextCached | Way::Script => {
                return Err(format!("{} is loaded otherwise", self.way).into());
            }
        })
    }

    fn compile_cache(&self) -> Result<CompileCache> {
        let folder = self.cache_folder()?;
        let device = DeviceSecret::obtain(&folder.with_extension("secret"))?;
        Ok(CompileCache::open(folder, device)?)
    }

    fn cache_folder(&self) -> Result<&PathBuf> {
        Ok(self.cache.as_ref().ok_or("there is no --cache")?)
    }

    fn sealed(&self, core: Core, how: How) -> Result<Start> {
        let trust = match &self.publisher {
            Some(file) => Trust::Publishers(vec![Publisher::parse(&fs::read_to_string(file)?)?]),
            None => Trust::AnySender,
        };
        let key = KeyFile::read_from(&mut File::open(self.key.as_ref().ok_or("there is no --key")?)?)?;
        Ok(Start::Sealed { core, options: Box::new(OpenOptions::new(trust)), key, how })
    }

    fn load(&self, runtime: &Runtime, start: Start) -> Result<Loaded> {
        match start {
            Start::PlaintextCached(core) => self.load_cached(&core),
            Start::Plaintext(core) => {
                let model = core.read_model_from_path(&self.model)?;
                ready(runtime, &core.compile(&model, CPU, &[])?, None)
            }
            Start::Sealed { core, options, key, how } => {
                let opened = options.open(&self.model, &[&key])?;
                let (compiled, opening) = match how {
                    How::Compile(opening) => compile(&core, &opened, opening)?,
                    How::Cache(cache) => (self.import(&core, &opened, &cache)?, "cached"),
                };
                opened.accept()?;
                ready(runtime, &compiled, Some(opening))
            }
        }
    }

    fn load_cached(&self, core: &RawCore) -> Result<Loaded> {
        let network = core.compile(&self.model, self.cache_folder()?)?;
        if network.is_from_cache()? == self.prime {
            return Err("OpenVINO's cache did not do what was expected".into());
        }
        Ok((Box::new(network), None))
    }

    /// From the sealed cache, or into it.
    fn import(&self, core: &Core, opened: &Opened, cache: &CompileCache) -> Result<CompiledModel> {
        let (compilation, opening) = (Compilation::on(CPU), Opening::Auto);
        let loaded = Loader { core, compilation, opening, cache: Some(cache), observer: () }.load(opened)?;
        let is_expected = if self.prime { loaded.empty_slot.is_some() } else { loaded.is_cached };
        if !is_expected {
            return Err("the sealed cache did not do what was expected".into());
        }
        loaded.store()?;
        Ok(loaded.model)
    }
}

fn compile(core: &Core, opened: &Opened, opening: Opening) -> Result<(CompiledModel, &'static str)> {
    let decrypted = Decrypted::read(opened, None, CPU, opening)?;
    let opening = if decrypted.is_overlapped() { "overlapped" } else { "eager" };
    let compiled = core.read_decrypted(decrypted)?.compile(core, CPU, &[])?;
    Ok((compiled, opening))
}

fn ready(runtime: &Runtime, compiled: &CompiledModel, opening: Option<&'static str>) -> Result<Loaded> {
    Ok((Box::new(Safe::new(runtime, compiled.create_request()?)), opening))
}

const CPU: &str = "CPU";
