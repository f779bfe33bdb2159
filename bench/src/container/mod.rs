//! Measures one container with one large part: opening and sealing, and for comparison the
//! hardware's limits and other tools.

mod aead;
mod fixture;
mod opening;
mod others;
mod reference;
mod sealing;
mod sealing_memory;

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::options::{Benchmark, ContainerOptions};
use crate::runner::{Facts, progress};
use crate::turns::Method;
use crate::{Places, Result};

use fixture::{Buffers, Fixture};
pub(crate) use sealing_memory::SealChild;

/// A method of this benchmark.
type Job<'f> = Method<'f, Buffers, Sample>;

/// One measurement.
#[derive(Serialize, Deserialize)]
struct Sample {
    /// GB/s with 10^9 bytes, or ranges a second.
    rate: f64,
}

/// Measures all methods, then the memory of sealing.
pub(crate) fn run(
    benchmark: &Benchmark,
    options: &ContainerOptions,
    environment: Environment,
    places: &Places,
) -> Result<()> {
    let size = options.size.0;
    let scripts: [&Path; 1] = [others::SCRIPT.as_ref()];
    let environment = environment.with_python(&places.python, &["cryptotensors", "numpy"], &scripts)?;
    let mut run = places.begin(benchmark, environment.with_option("size", size))?;
    // The files and buffers are dropped before the memory of sealing is measured.
    {
        progress(&format!("preparing files of {size} bytes"));
        let fixture = Fixture::create(&places.dir, size, &places.python)?;
        let facts = Facts { fixture: "part".to_owned(), bytes: size, ..Facts::default() };
        run.measure(facts, &mut Buffers::new(size)?, jobs(&fixture)?)?;
    }
    let sizes = [size / 8, size, options.largest.map_or(size * 4, |largest| largest.0)];
    run.save_with("sealing_memory", sealing_memory::measure(&places.dir, &sizes)?)
}

fn jobs(fixture: &Fixture) -> Result<Vec<Job<'_>>> {
    let mut jobs = reference::jobs(fixture)?;
    jobs.extend(opening::jobs(fixture)?);
    jobs.extend(sealing::jobs(fixture));
    jobs.extend(others::jobs(fixture));
    Ok(jobs)
}

/// Creates a method that handles the whole part each time.
fn job<'f>(
    name: &'static str,
    fixture: &Fixture,
    work: impl FnMut(&mut Buffers) -> Result<Duration> + 'f,
) -> Job<'f> {
    counting(name, fixture.size as f64 / 1e9, work)
}

/// Creates a method that handles `amount` each time.
fn counting<'f>(
    name: &'static str,
    amount: f64,
    mut work: impl FnMut(&mut Buffers) -> Result<Duration> + 'f,
) -> Job<'f> {
    Method::new(name, move |buffers| Ok(Sample { rate: amount / work(buffers)?.as_secs_f64() }))
}
