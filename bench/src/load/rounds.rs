//! The rounds in which the ways of one network take turns, each in a process of its own.

use serde::Deserialize;

use crate::Result;
use crate::job::{order, progress};
use crate::load::outcome::Absent;
use crate::load::sample::Sample;
use crate::load::subject::Subject;
use crate::load::way::{Cache, Network, Way};

/// Everything that was measured of one network.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Measured {
    /// Which one.
    pub(crate) network: Network,
    /// Length of its plaintext.
    pub(crate) bytes: u64,
    /// SHA-256 of its files.
    pub(crate) sha256: String,
    /// The ways that cannot be measured here.
    pub(crate) absent: Vec<Absent>,
    /// The others.
    #[serde(rename = "loads")]
    pub(crate) series: Vec<Series>,
}

/// All loads in one way.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Series {
    /// The way.
    pub(crate) way: Way,
    /// Whether files were in memory.
    pub(crate) cache: Cache,
    /// How many loads computed something else than the plaintext does.
    #[serde(rename = "differing_outputs")]
    pub(crate) differing: usize,
    /// One for each round.
    pub(crate) samples: Vec<Sample>,
}

/// How often, and from where on.
pub(crate) struct Plan<'p> {
    /// Whether files are in memory, one after the other in each round.
    pub(crate) caches: &'p [Cache],
    /// How many rounds there are in all.
    pub(crate) rounds: u32,
    /// What an interrupted run found.
    pub(crate) earlier: Option<Measured>,
}

/// Measures all ways of a network, and lets `keep` have what was found after each round.
pub(crate) fn run(
    mut subject: Subject,
    plan: Plan<'_>,
    mut keep: impl FnMut(&Measured) -> Result<()>,
) -> Result<Measured> {
    let expected = subject.trial(Way::Plaintext)?.output;
    try_all(&mut subject);
    // What was just written would otherwise be on its way to the disk while others are measured.
    rustix::fs::sync();
    let begun = Measured::begin(&subject, plan.caches)?;
    let mut measured = match plan.earlier {
        Some(earlier) => earlier.continued_by(&begun)?,
        None => begun,
    };
    for round in measured.rounds()..plan.rounds {
        progress(round, plan.rounds);
        for cache in plan.caches {
            let mut series: Vec<&mut Series> =
                measured.series.iter_mut().filter(|series| series.cache == *cache).collect();
            for index in order(series.len(), round, plan.rounds) {
                series[index].add(&subject, &expected)?;
            }
        }
        keep(&measured)?;
    }
    Ok(measured)
}

/// Loads once in every way, and leaves those out that do not work here.
#[expect(clippy::print_stderr, reason = "who waits wants to know at once")]
fn try_all(subject: &mut Subject) {
    for way in subject.ways.clone() {
        if let Err(error) = subject.trial(way) {
            eprintln!("without {way}: {error}");
            subject.ways.retain(|other| *other != way);
            subject.absent.push(Absent { way, reason: error.to_string() });
        }
    }
}

impl Measured {
    /// Nothing yet.
    fn begin(subject: &Subject, caches: &[Cache]) -> Result<Self> {
        let series = |cache: &Cache| {
            let ways = subject.ways.iter().filter(|way| way.is_measured(*cache));
            ways.map(|&way| Series { way, cache: *cache, differing: 0, samples: Vec::new() })
                .collect::<Vec<_>>()
        };
        let absent = subject.absent.clone();
        let series = caches.iter().flat_map(series).collect();
        let (bytes, sha256) = (subject.bytes()?, subject.digest()?);
        Ok(Self { network: subject.network, bytes, sha256, absent, series })
    }

    /// Fails when the network's files are others now.
    pub(crate) fn demand_same(&self, sha256: &str) -> Result<()> {
        if self.sha256 == sha256 {
            return Ok(());
        }
        Err(format!("{} is another network than the one measured before: begin anew", self.network.title())
            .into())
    }

    /// This, if the same ways work here in the run that goes on.
    fn continued_by(self, begun: &Self) -> Result<Self> {
        let ways = |of: &Self| of.series.iter().map(|series| (series.way, series.cache)).collect::<Vec<_>>();
        self.demand_same(&begun.sha256)?;
        if ways(&self) == ways(begun) {
            return Ok(self);
        }
        let title = self.network.title();
        Err(format!("other ways than before work here for {title}: begin anew without --resume").into())
    }

    /// How many rounds all ways have behind them.
    pub(crate) fn rounds(&self) -> u32 {
        self.series.iter().map(|series| series.samples.len()).min().unwrap_or(0) as u32
    }
}

impl Series {
    /// Loads once.
    fn add(&mut self, subject: &Subject, expected: &str) -> Result<()> {
        let sample = subject.load(self.way, self.cache)?;
        self.differing += usize::from(sample.output != expected);
        self.samples.push(sample);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(ways: &[(Way, Cache)]) -> Measured {
        let series = |&(way, cache): &(Way, Cache)| Series { way, cache, differing: 0, samples: Vec::new() };
        let series = ways.iter().map(series).collect();
        Measured { network: Network::Bert, bytes: 7, sha256: "a".into(), absent: Vec::new(), series }
    }

    #[test]
    fn a_run_goes_on_in_the_same_ways_only() {
        let both = [(Way::Plaintext, Cache::Warm), (Way::Script, Cache::Cold)];
        assert!(measured(&both).continued_by(&measured(&both)).is_ok());
        for other in [&both[..1], &[both[1], both[0]], &[(Way::Plaintext, Cache::Cold), both[1]]] {
            assert!(measured(&both).continued_by(&measured(other)).is_err());
        }
        let another = Measured { sha256: "b".into(), ..measured(&both) };
        let refused = measured(&both).continued_by(&another).err().unwrap().to_string();
        assert_eq!(refused, "BERT-base, fp16 is another network than the one measured before: begin anew");
    }
}
