//! Measures reading a sealed model from C++ and Python, relative to Rust.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use ovseal::{KeyFile, Model, ModelName, ModelOptions, OpenOptions, SealOptions, Trust};
use ovseal_openvino::{Core, Environment as Variables, Runtime};
use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::options::Benchmark;
use crate::process::{Temporary, output, status, this_program};
use crate::runner::Facts;
use crate::turns::Method;
use crate::{Places, Result};

/// Measures the call that reads the model, in a separate process for each language.
pub(crate) fn run(benchmark: &Benchmark, environment: Environment, places: &Places) -> Result<()> {
    let cpp = cpp(places);
    let scripts = [SCRIPT.as_ref(), cpp.as_path()];
    let environment = environment.with_openvino()?.with_python(
        &places.python,
        &["numpy", "openvino", "ovseal"],
        &scripts,
    )?;
    let mut run = places.begin(benchmark, environment)?;
    let mut fixture = Fixture::create(&places.dir)?;
    // From now on, the container and the programs are in the page cache.
    LANGUAGES.iter().try_for_each(|language| fixture.read(command(language, places)?).map(drop))?;
    let method = |&language: &&'static str| {
        Method::new(language, move |fixture: &mut Fixture| fixture.read(command(language, places)?))
    };
    let methods = LANGUAGES.iter().map(method).collect();
    let bytes = fs::metadata(fixture.container())?.len();
    run.measure(Facts { fixture: "layers".to_owned(), bytes, ..Facts::default() }, &mut fixture, methods)
}

/// The languages. The first is the one with which the others are compared.
const LANGUAGES: [&str; 3] = ["rust", "cpp", "python"];

/// Returns a command that reads a container in this language.
fn command(language: &str, places: &Places) -> Result<Command> {
    Ok(match language {
        "cpp" => Command::new(cpp(places)),
        "python" => {
            let mut command = Command::new(&places.python);
            command.arg(SCRIPT);
            command
        }
        _ => this_program("read-child")?,
    })
}

fn cpp(places: &Places) -> PathBuf {
    places.dir.join("read_model")
}

/// One reading, as its process prints it.
#[derive(Serialize, Deserialize)]
struct Sample {
    /// Seconds of the call.
    seconds: f64,
    /// Resident memory before the call: the program or interpreter, the runtime and the plugin.
    start_bytes: u64,
    /// The peak of resident memory up to the end of the call.
    peak_bytes: u64,
}

/// A sealed model and its key.
struct Fixture {
    directory: Temporary,
}

impl Fixture {
    fn create(directory: &Path) -> Result<Self> {
        let fixture = Self { directory: Temporary::create(directory.join("sealed"))? };
        let key = KeyFile::generate()?;
        fs::write(fixture.key(), *key.expose())?;
        let model = Model::find(&directory.join("networks/layers/layers.xml"), ModelOptions::default())?;
        let options = SealOptions::new(ModelName::parse("bench")?).recipient(&key);
        options.seal(&model, &fixture.container())?;
        rustix::fs::sync();
        Ok(fixture)
    }

    fn read(&self, mut command: Command) -> Result<Sample> {
        Ok(serde_json::from_str(&output(command.arg(self.container()).arg(self.key()))?)?)
    }

    fn container(&self) -> PathBuf {
        self.directory.join("model.ovseal")
    }

    fn key(&self) -> PathBuf {
        self.directory.join("key")
    }
}

/// Reads a model once and prints a sample, as `bench/python/read_model.py` does.
#[derive(clap::Args)]
pub(crate) struct ReadChild {
    container: PathBuf,
    key: PathBuf,
}

impl ReadChild {
    /// Reads.
    #[expect(clippy::print_stdout, reason = "the sample is the result")]
    pub(crate) fn run(&self) -> Result<()> {
        let key = KeyFile::read_from(&mut File::open(&self.key)?)?;
        let core = Core::new(&Runtime::locate(None, &Variables::from_process())?)?;
        core.load_device("CPU")?;
        let start_bytes = status("VmRSS")?;
        let start = Instant::now();
        let opened = OpenOptions::new(Trust::AnySender).open(&self.container, &[&key])?;
        let model = core.read_sealed(&opened, None)?;
        let seconds = start.elapsed().as_secs_f64();
        let sample = Sample { seconds, start_bytes, peak_bytes: status("VmHWM")? };
        println!("{}", serde_json::to_string(&sample)?);
        drop(model);
        Ok(())
    }
}

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python/read_model.py");
