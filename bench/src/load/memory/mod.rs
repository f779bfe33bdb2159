//! The least memory limit under which a network runs, and its speed a little above that.

mod group;
mod search;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use self::group::Group;
use self::search::least;
use super::fixture::Fixture;
use super::page_cache;
use super::sample::Sample;
use crate::environment::{Environment, directory_digest};
use crate::options::{Benchmark, MemoryOptions, Method};
use crate::process::{Temporary, files};
use crate::runner::{Facts, Run, progress};
use crate::turns::Method as Turn;
use crate::{Places, Result};

/// The least limit of one method.
#[derive(Serialize, Deserialize)]
struct Least {
    /// The least limit under which three of three tries succeeded, in bytes.
    least_bytes: u64,
    /// Seconds to the first inference without a limit, with cold files.
    first_inference: f64,
    /// The peak of resident memory without a limit.
    peak_bytes: u64,
    /// Seconds to the first inference under 1.15 times the plaintext's least limit: the median of
    /// three tries. Null if one failed.
    pressed: Option<f64>,
    /// SHA-256 of all outputs.
    output: String,
    opening: Option<String>,
}

/// A network, and what was found out about it.
struct Context {
    fixture: Fixture,
    group: Group,
    output: String,
    /// The plaintext's least limit, which is searched first.
    plaintext: Option<u64>,
    /// A copy of the runtime, which is cold at the start of each try. The script has its own.
    runtime: PathBuf,
}

/// Searches the least limit of every network with every method.
pub(crate) fn run(
    benchmark: &Benchmark,
    options: &MemoryOptions,
    environment: Environment,
    places: &Places,
) -> Result<()> {
    let methods = if options.methods.is_empty() { METHODS.to_vec() } else { options.methods.clone() };
    let names: Vec<_> = methods.iter().map(Method::to_string).collect();
    let environment = environment.with_openvino()?.with_option("methods", names);
    let mut run = places.begin(benchmark, environment)?;
    let directory = Temporary::create(places.dir.join("memory"))?;
    copy_runtime(&directory.join("runtime"))?;
    for &network in options.networks() {
        let sha256 = directory_digest(&network.source(places))?;
        if !run.is_complete(&network.to_string(), &sha256)? {
            let fixture = Fixture::prepare(network, places, &directory, &methods)?;
            measure(&mut run, fixture, sha256, &directory.join("runtime"))?;
        }
    }
    Ok(())
}

/// Copies the runtime, so that no other process has its libraries in memory.
fn copy_runtime(to: &Path) -> Result<()> {
    let from = std::env::var_os("OVSEAL_OPENVINO").ok_or("OVSEAL_OPENVINO is not set")?;
    fs::create_dir(to)?;
    for file in files(Path::new(&from))? {
        fs::copy(&file, to.join(file.file_name().unwrap_or_default()))?;
    }
    Ok(())
}

fn measure(run: &mut Run<Least>, fixture: Fixture, sha256: String, runtime: &Path) -> Result<()> {
    let output = fixture.trial(Method::Plaintext)?.output;
    for &method in &fixture.methods {
        fixture.trial(method)?;
    }
    let facts = Facts {
        fixture: fixture.network.to_string(),
        bytes: fixture.bytes()?,
        sha256: Some(sha256),
        output: Some(output.clone()),
        absent: fixture.absent.clone(),
    };
    let search =
        |method: Method| Turn::new(method.to_string(), move |context: &mut Context| context.search(method));
    let turns = fixture.methods.iter().map(|method| search(*method)).collect();
    let mut context =
        Context { fixture, group: Group::create()?, output, plaintext: None, runtime: runtime.to_owned() };
    run.measure(facts, &mut context, turns)
}

impl Context {
    fn search(&mut self, method: Method) -> Result<Least> {
        self.group.set_limit(None)?;
        let patience = Duration::from_secs(600);
        let free = self.attempt(method, patience)?.ok_or("it fails without a limit")?;
        let patience = Duration::from_secs_f64(SLOWEST * (free.first_inference + START));
        let name = format!("{} {method}", self.fixture.network);
        let least_bytes = least(free.peak_bytes, |limit| {
            self.group.set_limit(Some(limit))?;
            let mut runs = true;
            for _ in 0..TRIES {
                runs = runs && self.attempt(method, patience)?.is_some();
            }
            progress(&format!(
                "{name}: {} MiB {}",
                limit >> 20,
                if runs { "suffice" } else { "do not suffice" }
            ));
            Ok(runs)
        })?;
        if method == Method::Plaintext {
            self.plaintext = Some(least_bytes);
        }
        let Sample { first_inference, peak_bytes, output, opening, .. } = free;
        let pressed = self.press(method)?;
        Ok(Least { least_bytes, first_inference, peak_bytes, pressed, output, opening })
    }

    /// Measures a little above the plaintext's least limit.
    fn press(&self, method: Method) -> Result<Option<f64>> {
        let Some(plaintext) = self.plaintext else { return Ok(None) };
        self.group.set_limit(Some(plaintext / 100 * PRESSED_PERCENT))?;
        let attempts = (0..TRIES).map(|_| self.attempt(method, Duration::from_secs(120)));
        let samples = attempts.collect::<Result<Option<Vec<_>>>>()?;
        Ok(samples.map(|samples| {
            let mut seconds: Vec<_> = samples.iter().map(|sample| sample.first_inference).collect();
            seconds.sort_by(f64::total_cmp);
            seconds[TRIES / 2]
        }))
    }

    /// Loads once with cold files. Returns `None` if it is killed, too slow, or computes other
    /// outputs.
    fn attempt(&self, method: Method, patience: Duration) -> Result<Option<Sample>> {
        let cold = [self.fixture.files(method)?, files(&self.runtime)?].concat();
        cold.iter().try_for_each(|file| page_cache::chill(file))?;
        let mut command = self.fixture.command(method, false)?;
        command.env("OVSEAL_OPENVINO", &self.runtime);
        let text = self.group.run(&command, Instant::now() + patience)?;
        let sample: Option<Sample> = text.and_then(|text| serde_json::from_str(&text).ok());
        Ok(sample.filter(|sample| sample.output == self.output))
    }
}

/// The methods that are measured unless others are chosen. The plaintext comes first.
const METHODS: [Method; 6] = [
    Method::Plaintext,
    Method::OverlappedPublisher,
    Method::EagerPublisher,
    Method::PlaintextCached,
    Method::CachedPublisher,
    Method::Script,
];

/// The tries that must succeed for a limit to count.
const TRIES: usize = 3;

/// A try may take so many times as long as without a limit.
const SLOWEST: f64 = 5.0;

/// Seconds that a process needs before its clock starts.
const START: f64 = 0.3;

/// The limit for the measurement under pressure, in percent of the plaintext's least one.
const PRESSED_PERCENT: u64 = 115;
