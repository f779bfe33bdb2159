//! Jobs, and the rounds in which they take turns.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::Result;
use crate::fixture::Buffers;

/// Something that is measured again and again.
pub(crate) struct Job<'f> {
    /// Its name in the JSON.
    pub(crate) id: &'static str,
    /// Its name for readers.
    pub(crate) title: String,
    /// What one run handles, in the unit.
    pub(crate) amount: f64,
    /// What is counted.
    pub(crate) unit: Unit,
    /// It takes its turn in every round that is a multiple of this.
    pub(crate) every: u32,
    /// Prepares what need not be measured, works, and gives the time that the work alone took.
    pub(crate) work: Work<'f>,
}

/// One run of a job.
type Work<'f> = Box<dyn FnMut(&mut Buffers) -> Result<Duration> + 'f>;

/// What a rate counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Unit {
    /// 10^9 bytes a second.
    #[serde(rename = "GB/s")]
    Gigabytes,
    /// Operations a second.
    #[serde(rename = "ops/s")]
    Operations,
}

/// The rates that one job reached.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    /// Its name in the JSON.
    pub(crate) id: &'static str,
    /// Its name for readers.
    pub(crate) title: String,
    /// What is counted.
    pub(crate) unit: Unit,
    /// One rate for each round; none where it was not its turn.
    pub(crate) rates: Vec<Option<f64>>,
}

impl<'f> Job<'f> {
    /// A job that handles `bytes` in each round.
    pub(crate) fn new(
        id: &'static str,
        title: impl Into<String>,
        bytes: u64,
        work: impl FnMut(&mut Buffers) -> Result<Duration> + 'f,
    ) -> Self {
        let amount = bytes as f64 / 1e9;
        Self { id, title: title.into(), amount, unit: Unit::Gigabytes, every: 1, work: Box::new(work) }
    }

    /// The same job, which counts operations.
    pub(crate) fn counting(self, operations: u32) -> Self {
        Self { amount: operations.into(), unit: Unit::Operations, ..self }
    }

    /// The same job, less often: it waits for the disk.
    pub(crate) fn seldom(self) -> Self {
        Self { every: 3, ..self }
    }
}

/// Runs all jobs in rounds, so that a disturbance of the machine meets all of them.
pub(crate) struct Rounds<'f> {
    jobs: Vec<(Job<'f>, Vec<Option<f64>>)>,
}

impl<'f> Rounds<'f> {
    pub(crate) fn new(jobs: Vec<Job<'f>>) -> Self {
        Self { jobs: jobs.into_iter().map(|job| (job, Vec::new())).collect() }
    }

    /// Runs `rounds` rounds in the [`order`] of each.
    pub(crate) fn run(mut self, rounds: u32, buffers: &mut Buffers) -> Result<Vec<Series>> {
        for round in 0..rounds {
            progress(round, rounds);
            for index in order(self.jobs.len(), round, rounds) {
                let (job, rates) = &mut self.jobs[index];
                rates.push(rate(job, round, buffers)?);
            }
        }
        let series =
            |(job, rates): (Job<'_>, _)| Series { id: job.id, title: job.title, unit: job.unit, rates };
        Ok(self.jobs.into_iter().map(series).collect())
    }
}

/// Runs one job, if it is its turn.
fn rate(job: &mut Job<'_>, round: u32, buffers: &mut Buffers) -> Result<Option<f64>> {
    if !round.is_multiple_of(job.every) {
        return Ok(None);
    }
    let time = (job.work)(buffers).map_err(|error| format!("{}: {error}", job.title))?;
    Ok(Some(job.amount / time.as_secs_f64()))
}

/// The order of so many jobs in a round: two rounds at a time begin with another job, and the second of them goes backwards.
///
/// So of any two jobs each is the first as often as the other.
pub(crate) fn order(jobs: usize, round: u32, rounds: u32) -> Vec<usize> {
    let mut order: Vec<usize> = (0..jobs).collect();
    order.rotate_left(jobs * (round & !1) as usize / rounds as usize);
    if round % 2 == 1 {
        order.reverse();
    }
    order
}

#[expect(clippy::print_stderr, reason = "a long measurement shows that it goes on")]
pub(crate) fn progress(round: u32, rounds: u32) {
    eprintln!("round {} of {rounds}", round + 1);
}

/// Measures how long `work` takes.
pub(crate) fn timed(work: impl FnOnce() -> Result<()>) -> Result<Duration> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_holds_all_jobs_in_another_order() {
        let rounds: Vec<_> = (0..3).map(|round| order(6, round, 3)).collect();
        assert_eq!(rounds, [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [4, 5, 0, 1, 2, 3]]);
    }

    #[test]
    fn seldom_jobs_have_no_rate_in_other_rounds() {
        let work = |_: &mut Buffers| Ok(Duration::from_secs(2));
        let job = Job::new("a", "a", 4_000_000_000, work).seldom();
        let series = Rounds::new(vec![job]).run(4, &mut Buffers::new(16).unwrap()).unwrap();
        assert_eq!(series[0].rates, [Some(2.0), None, None, Some(2.0)]);
    }
}
