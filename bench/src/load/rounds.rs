//! The rounds in which the ways of one network take turns, each in a process of its own.

use crate::Result;
use crate::job::{order, progress};
use crate::load::sample::Sample;
use crate::load::subject::Subject;
use crate::load::way::{Cache, Network, Way};

/// Everything that was measured of one network.
pub(crate) struct Measured {
    /// Which one.
    pub(crate) network: Network,
    /// Length of its plaintext.
    pub(crate) bytes: u64,
    /// The ways that cannot be measured here, and why.
    pub(crate) absent: Vec<(Way, String)>,
    /// The others.
    pub(crate) series: Vec<Series>,
}

/// All loads in one way.
pub(crate) struct Series {
    /// The way.
    pub(crate) way: Way,
    /// Whether files were in memory.
    pub(crate) cache: Cache,
    /// How many loads computed something else than the plaintext does.
    pub(crate) differing: usize,
    /// One for each round; none where it was not its turn.
    pub(crate) samples: Vec<Option<Sample>>,
}

/// Measures all ways of a network.
pub(crate) fn run(mut subject: Subject, caches: &[Cache], rounds: u32, all: bool) -> Result<Measured> {
    let expected = subject.trial(Way::Plaintext)?.output;
    try_all(&mut subject);
    // What was just written would otherwise be on its way to the disk while others are measured.
    rustix::fs::sync();
    let ways = subject.ways.clone();
    let empty = |cache: &Cache| ways.iter().map(|&way| Series::new(way, *cache)).collect();
    let mut series: Vec<Vec<Series>> = caches.iter().map(empty).collect();
    for round in 0..rounds {
        progress(round, rounds);
        for series in &mut series {
            for index in order(ways.len(), round, rounds) {
                series[index].add(&subject, round, all, &expected)?;
            }
        }
    }
    let (network, bytes) = (subject.network, subject.bytes()?);
    Ok(Measured { network, bytes, absent: subject.absent, series: series.into_iter().flatten().collect() })
}

/// Loads once in every way, and leaves those out that do not work here.
#[expect(clippy::print_stderr, reason = "who waits wants to know at once")]
fn try_all(subject: &mut Subject) {
    for way in subject.ways.clone() {
        if let Err(error) = subject.trial(way) {
            eprintln!("without {way}: {error}");
            subject.ways.retain(|other| *other != way);
            subject.absent.push((way, error.to_string()));
        }
    }
}

impl Series {
    fn new(way: Way, cache: Cache) -> Self {
        Self { way, cache, differing: 0, samples: Vec::new() }
    }

    /// Loads once, if it is this way's turn.
    fn add(&mut self, subject: &Subject, round: u32, all: bool, expected: &str) -> Result<()> {
        let is_its_turn = all || !self.way.is_seldom(self.cache) || round.is_multiple_of(3);
        let sample = is_its_turn.then(|| subject.load(self.way, self.cache)).transpose()?;
        self.differing += usize::from(sample.as_ref().is_some_and(|sample| sample.output != expected));
        self.samples.push(sample);
        Ok(())
    }
}
