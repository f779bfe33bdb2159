//! One way beside another, in the same rounds.

use serde::Serialize;

use crate::load::outcome::{Load, Loaded};
use crate::load::sample::Measure;
use crate::load::way::{Cache, Network, Way};
use crate::ratios::paired;
use crate::statistics::Summary;

/// What one way took divided by what another took.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LoadRatio {
    /// What was loaded.
    pub(crate) network: Network,
    /// Whether files were in memory.
    pub(crate) cache: Cache,
    /// What was divided.
    pub(crate) measure: Measure,
    /// The way above the line.
    pub(crate) of: Way,
    /// The way below the line.
    pub(crate) to: Way,
    /// In how many rounds both were measured.
    pub(crate) rounds: usize,
    /// Of the ratios of these rounds.
    #[serde(flatten)]
    pub(crate) summary: Summary,
}

/// All pairs that were measured.
pub(crate) fn all(networks: &[Loaded]) -> Vec<LoadRatio> {
    let mut ratios = Vec::new();
    for network in networks {
        for cache in [Cache::Warm, Cache::Cold] {
            for measure in MEASURES {
                ratios.extend(PAIRS.iter().filter_map(|&pair| ratio(network, cache, measure, pair)));
            }
        }
    }
    ratios
}

/// The median of one ratio.
pub(crate) fn median(
    ratios: &[LoadRatio],
    network: Network,
    cache: Cache,
    measure: Measure,
    pair: (Way, Way),
) -> Option<f64> {
    find(ratios, network, cache, measure, pair).map(|ratio| ratio.summary.median)
}

/// One ratio.
pub(crate) fn find(
    ratios: &[LoadRatio],
    network: Network,
    cache: Cache,
    measure: Measure,
    (of, to): (Way, Way),
) -> Option<&LoadRatio> {
    let wanted = (network, cache, measure, of, to);
    ratios.iter().find(|ratio| (ratio.network, ratio.cache, ratio.measure, ratio.of, ratio.to) == wanted)
}

fn ratio(network: &Loaded, cache: Cache, measure: Measure, (of, to): (Way, Way)) -> Option<LoadRatio> {
    let numbers = |way| network.load(way, cache).map(|load: &Load| numbers(load, measure));
    let (rounds, summary) = paired(&numbers(of)?, &numbers(to)?)?;
    Some(LoadRatio { network: network.network, cache, measure, of, to, rounds, summary })
}

fn numbers(load: &Load, measure: Measure) -> Vec<Option<f64>> {
    load.samples.iter().map(|sample| Some(measure.of(sample))).collect()
}

/// What is divided.
pub(crate) const MEASURES: [Measure; 5] =
    [Measure::Compiled, Measure::FirstInference, Measure::Cpu, Measure::Peak, Measure::Settled];

/// The way above the line and the one below it. The last three show what digests cost.
pub(crate) const PAIRS: [(Way, Way); 18] = [
    (Way::EagerAny, Way::Plaintext),
    (Way::EagerPublisher, Way::Plaintext),
    (Way::OverlappedAny, Way::Plaintext),
    (Way::OverlappedPublisher, Way::Plaintext),
    (Way::ForbiddenPublisher, Way::Plaintext),
    (Way::CachedAny, Way::Plaintext),
    (Way::CachedPublisher, Way::Plaintext),
    (Way::CachedAny, Way::PlaintextCached),
    (Way::CachedPublisher, Way::PlaintextCached),
    (Way::PlaintextCached, Way::Plaintext),
    (Way::Script, Way::Plaintext),
    (Way::Gocryptfs, Way::Plaintext),
    (Way::OverlappedAny, Way::Script),
    (Way::OverlappedPublisher, Way::Script),
    (Way::OverlappedPublisher, Way::Gocryptfs),
    (Way::EagerPublisher, Way::EagerAny),
    (Way::OverlappedPublisher, Way::OverlappedAny),
    (Way::CachedPublisher, Way::CachedAny),
];
