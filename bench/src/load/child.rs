//! The process that loads once.

use std::fs::{self, File};
use std::path::PathBuf;

use ovseal::{DeviceSecret, KeyFile, OpenOptions, Opened, Publisher, Trust};
use ovseal_openvino::{
    Compilation, CompileCache, CompiledModel, Core, Decrypted, Environment, Loader, Opening, Runtime,
};

use super::network::{Ready, Safe};
use super::openvino_cache::RawCore;
use super::sample::Sample;
use super::timer::Timer;
use crate::Result;
use crate::options::Method;

/// Loads a model once and prints a sample.
#[derive(clap::Args)]
pub(crate) struct LoadChild {
    /// The method
    #[arg(long)]
    method: Method,
    /// The model or the container
    #[arg(long)]
    model: PathBuf,
    /// The elements of all inputs, one input after another
    #[arg(long)]
    input: PathBuf,
    /// The key file of the container
    #[arg(long)]
    key: Option<PathBuf>,
    /// The publisher's public key [default: any sender]
    #[arg(long)]
    publisher: Option<PathBuf>,
    /// The directory of compiled models
    #[arg(long)]
    cache: Option<PathBuf>,
    /// Require that the compiled model is not in the cache yet, and store it
    #[arg(long)]
    prime: bool,
}

/// A network, and its way of opening.
type Loaded = (Box<dyn Ready>, Option<&'static str>);

/// The objects that exist before the clock starts.
enum Start {
    Plaintext(Core),
    PlaintextCached(RawCore),
    Sealed { core: Core, options: Box<OpenOptions>, key: KeyFile, how: How },
}

/// The way from a container to a compiled model.
enum How {
    Compile(Opening),
    Cache(Box<CompileCache>),
}

impl LoadChild {
    /// Loads, and prints a [`Sample`].
    #[expect(clippy::print_stdout, reason = "the sample is the result")]
    pub(crate) fn run(&self) -> Result<()> {
        let (sample, network) = self.measure()?;
        println!("{}", serde_json::to_string(&sample)?);
        // Zeroizing and freeing a gigabyte would only delay the next process.
        std::mem::forget(network);
        Ok(())
    }

    fn measure(&self) -> Result<(Sample, Box<dyn Ready>)> {
        let runtime = Runtime::locate(None, &Environment::from_process())?;
        let start = self.start(&runtime)?;
        let input = fs::read(&self.input)?;
        // As in `ovseal run`, the runtime and the plugin are loaded and the keys are read first.
        let timer = Timer::start()?;
        let (mut network, opening) = self.load(&runtime, start)?;
        let compiled = timer.seconds();
        network.feed(&input)?;
        network.infer()?;
        let ended = timer.end(compiled)?;
        network.settle();
        let sample = ended.sample(network.output()?, opening)?;
        Ok((sample, network))
    }

    fn start(&self, runtime: &Runtime) -> Result<Start> {
        if self.method == Method::PlaintextCached {
            return Ok(Start::PlaintextCached(RawCore::new(runtime)?));
        }
        let core = Core::new(runtime)?;
        core.load_device(CPU)?;
        Ok(match self.method {
            Method::Plaintext | Method::Gocryptfs => Start::Plaintext(core),
            Method::EagerAny | Method::EagerPublisher => self.sealed(core, How::Compile(Opening::Eager))?,
            Method::OverlappedAny | Method::OverlappedPublisher | Method::ForbiddenPublisher => {
                self.sealed(core, How::Compile(Opening::Overlapped))?
            }
            Method::CachedAny | Method::CachedPublisher => {
                let cache = self.compile_cache()?;
                self.sealed(core, How::Cache(Box::new(cache)))?
            }
            Method::PlaintextCached | Method::Script => {
                return Err("this method has another program".into());
            }
        })
    }

    fn compile_cache(&self) -> Result<CompileCache> {
        let directory = self.cache_directory()?;
        let device = DeviceSecret::obtain(&directory.with_extension("secret"))?;
        Ok(CompileCache::open(directory, device)?)
    }

    fn cache_directory(&self) -> Result<&PathBuf> {
        Ok(self.cache.as_ref().ok_or("--cache is missing")?)
    }

    fn sealed(&self, core: Core, how: How) -> Result<Start> {
        let trust = match &self.publisher {
            Some(file) => Trust::Publishers(vec![Publisher::parse(&fs::read_to_string(file)?)?]),
            None => Trust::AnySender,
        };
        let key = KeyFile::read_from(&mut File::open(self.key.as_ref().ok_or("--key is missing")?)?)?;
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
        let network = core.compile(&self.model, self.cache_directory()?)?;
        if network.is_from_cache()? == self.prime {
            return Err("OpenVINO's cache missed, or held the model too early".into());
        }
        Ok((Box::new(network), None))
    }

    /// Loads from the sealed cache, or stores into it.
    fn import(&self, core: &Core, opened: &Opened, cache: &CompileCache) -> Result<CompiledModel> {
        let (compilation, opening) = (Compilation::on(CPU), Opening::Auto);
        let loaded = Loader { core, compilation, opening, cache: Some(cache), observer: () }.load(opened)?;
        let is_expected = if self.prime { loaded.empty_slot.is_some() } else { loaded.is_cached };
        if !is_expected {
            return Err("the sealed cache missed, or held the model too early".into());
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
