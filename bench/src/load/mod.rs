//! Measures loading real networks of real size with every method, from file to first inference.

mod child;
mod fixture;
pub(crate) mod memory;
mod method;
mod mount;
mod network;
mod openvino_cache;
mod page_cache;
mod sample;
mod timer;

use clap::ValueEnum;

use crate::environment::{Environment, directory_digest};
use crate::options::{Benchmark, LoadOptions, Method, Network};
use crate::process::Temporary;
use crate::runner::{Absent, Facts, Run, progress};
use crate::turns::{Cache, Method as Turn};
use crate::{Places, Result};

pub(crate) use child::LoadChild;

use fixture::{FILTER, Fixture, SCRIPT};
use sample::Sample;

/// Measures every network with every method that works on this machine.
pub(crate) fn run(
    benchmark: &Benchmark,
    options: &LoadOptions,
    environment: Environment,
    places: &Places,
) -> Result<()> {
    let (methods, caches) = (methods(options), caches(options));
    let environment = environment
        .with_openvino()?
        .with_python(&places.python, &PACKAGES, &[SCRIPT.as_ref(), FILTER.as_ref()])?
        .with_option("methods", methods.iter().map(Method::to_string).collect::<Vec<_>>())
        .with_option("caches", if options.no_cold { "warm" } else { "warm, cold" });
    let mut run = places.begin(benchmark, environment)?;
    // A network that differs from that of the interrupted run is detected before anything is
    // measured.
    let mut missing = Vec::new();
    for &network in options.networks() {
        let sha256 = directory_digest(&network.source(places))?;
        if !run.is_complete(&network.to_string(), &sha256)? {
            missing.push((network, sha256));
        }
    }
    let directory = places.dir.join("load");
    Network::value_variants().iter().for_each(|network| fixture::release(&directory, *network));
    let directory = Temporary::create(directory)?;
    for (network, sha256) in missing {
        progress(&format!("preparing {network}"));
        let fixture = Fixture::prepare(network, places, &directory, &methods)?;
        measure(&mut run, fixture, sha256, &caches)?;
    }
    Ok(())
}

/// Tries all methods once, and measures those that work.
fn measure(run: &mut Run<Sample>, mut fixture: Fixture, sha256: String, caches: &[Cache]) -> Result<()> {
    let output = fixture.trial(Method::Plaintext)?.output;
    try_all(&mut fixture);
    // Otherwise new files would be written back to the disk during the measurement.
    rustix::fs::sync();
    let facts = Facts {
        fixture: fixture.network.to_string(),
        bytes: fixture.bytes()?,
        sha256: Some(sha256),
        output: Some(output),
        absent: fixture.absent.clone(),
    };
    let turn = |method: Method, cache: Cache| {
        let measured =
            Turn::new(method.to_string(), move |fixture: &mut Fixture| fixture.load(method, cache));
        measured.with_cache(cache)
    };
    let mut turns = Vec::new();
    for &cache in caches {
        let measured = fixture.methods.iter().filter(|method| method.is_measured(cache));
        turns.extend(measured.map(|&method| turn(method, cache)));
    }
    run.measure(facts, &mut fixture, turns)
}

/// Loads once with every method, and leaves out those that do not work on this machine.
fn try_all(fixture: &mut Fixture) {
    for method in fixture.methods.clone() {
        if let Err(error) = fixture.trial(method) {
            progress(&format!("without {method}: {error}"));
            fixture.methods.retain(|other| *other != method);
            fixture.absent.push(Absent { method: method.to_string(), reason: error.to_string() });
        }
    }
}

fn methods(options: &LoadOptions) -> Vec<Method> {
    let mut methods = options.methods.clone();
    if methods.is_empty() {
        methods = Method::value_variants().to_vec();
    }
    if !methods.contains(&Method::Plaintext) {
        methods.insert(0, Method::Plaintext);
    }
    methods
}

fn caches(options: &LoadOptions) -> Vec<Cache> {
    if options.no_cold { vec![Cache::Warm] } else { vec![Cache::Warm, Cache::Cold] }
}

/// The packages whose versions belong to the environment.
const PACKAGES: [&str; 3] = ["cryptography", "numpy", "openvino"];
