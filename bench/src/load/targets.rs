//! What the project wants of loading, and whether this run reached it. Nothing fails when it did not.

use crate::load::outcome::Loaded;
use crate::load::ratios::{LoadRatio, median};
use crate::load::sample::{Measure, Sample};
use crate::load::way::{Cache, Network, Way};
use crate::statistics::geometric_mean;
use crate::targets::Target;

/// Compares all aims with a run, for any sender and for a named publisher. What was not measured is left out.
pub(crate) fn all(networks: &[Loaded], ratios: &[LoadRatio]) -> Vec<Target> {
    let any = Found {
        networks,
        ratios,
        sender: "any sender",
        overlapped: Way::OverlappedAny,
        cached: Way::CachedAny,
    };
    let named = Found {
        sender: "named publisher",
        overlapped: Way::OverlappedPublisher,
        cached: Way::CachedPublisher,
        ..any
    };
    [any, named].iter().flat_map(Found::targets).collect()
}

/// What was found, and whose containers are meant.
#[derive(Clone, Copy)]
struct Found<'a> {
    networks: &'a [Loaded],
    ratios: &'a [LoadRatio],
    sender: &'static str,
    overlapped: Way,
    cached: Way,
}

/// One number for each network.
type Values = Vec<(Network, f64)>;

impl Found<'_> {
    fn targets(&self) -> Vec<Target> {
        let (overlapped, cached) = (self.overlapped, self.cached);
        let plain = |cache, measure| self.values(cache, measure, (overlapped, Way::Plaintext));
        let mean = "overlapped / plaintext, time to the first inference, warm: at most 1.00 each, geometric mean 0.95";
        let cached_plain = self.values(Cache::Warm, Measure::FirstInference, (cached, Way::Plaintext));
        let cached_cached = self.values(Cache::Warm, Measure::FirstInference, (cached, Way::PlaintextCached));
        let script = self.values(Cache::Warm, Measure::FirstInference, (overlapped, Way::Script));
        let targets = [
            self.mean(mean, plain(Cache::Warm, Measure::FirstInference)),
            self.each("overlapped / plaintext, processor time, warm: at most 1.10 each", plain(Cache::Warm, Measure::Cpu), |_| Some(1.1)),
            self.each("overlapped / plaintext, time to the first inference, cold: at most 1.00 each", plain(Cache::Cold, Measure::FirstInference), |_| Some(1.0)),
            self.each("sealed cache / plaintext without a cache: at most 0.80 (ResNet-50), 0.60 (BERT), 0.75 (int8 decoder)", cached_plain, cached_limit),
            self.each("sealed cache / OpenVINO's cache: at most 1.05 each", cached_cached, |_| Some(1.05)),
            self.each("overlapped / plaintext, settled memory: at most 1.02 each", plain(Cache::Warm, Measure::Settled), |_| Some(1.02)),
            self.each("overlapped / plaintext, peak memory: at most 1.05 each", plain(Cache::Warm, Measure::Peak), |_| Some(1.05)),
            self.each("overlapped / script, time to the first inference: below 1.00 each", script, |_| Some(1.0)),
            self.each("what overlapped adds to the plaintext's peak memory / what the script adds: at most 0.50 each", self.added(), |_| Some(0.5)),
        ];
        targets.into_iter().flatten().collect()
    }

    fn values(&self, cache: Cache, measure: Measure, pair: (Way, Way)) -> Values {
        let value = |network: &Loaded| {
            median(self.ratios, network.network, cache, measure, pair).map(|value| (network.network, value))
        };
        self.networks.iter().filter_map(value).collect()
    }

    /// What the container adds to the plaintext's peak divided by what the script adds. Interpreter, runtime and plugin are not counted.
    fn added(&self) -> Values {
        let value = |network: &Loaded| {
            let peak = |way| Some(network.load(way, Cache::Warm)?.median(Sample::peak_above_start));
            let plaintext = peak(Way::Plaintext)?;
            let (sealed, script) = (peak(self.overlapped)? - plaintext, peak(Way::Script)? - plaintext);
            Some((network.network, sealed.max(0.0) / script))
        };
        self.networks.iter().filter_map(value).collect()
    }

    /// Every network below its limit.
    fn each(&self, wanted: &str, values: Values, limit: impl Fn(Network) -> Option<f64>) -> Option<Target> {
        let limited: Values = values.into_iter().filter(|(network, _)| limit(*network).is_some()).collect();
        let met = limited.iter().all(|(network, value)| limit(*network).is_some_and(|limit| *value <= limit));
        let wanted = format!("{}: {wanted}", self.sender);
        (!limited.is_empty()).then(|| Target { wanted, found: listed(&limited), met })
    }

    /// Every network at most 1, and all together at most 0.95.
    fn mean(&self, wanted: &str, values: Values) -> Option<Target> {
        let numbers: Vec<f64> = values.iter().map(|(_, value)| *value).collect();
        let mean = geometric_mean(&numbers)?;
        let target = self.each(wanted, values, |_| Some(1.0))?;
        let found = format!("{}; mean {mean:.3}", target.found);
        Some(Target { found, met: target.met && mean <= 0.95, ..target })
    }
}

fn cached_limit(network: Network) -> Option<f64> {
    match network {
        Network::Resnet50 => Some(0.8),
        Network::Bert => Some(0.6),
        Network::DecoderInt8 => Some(0.75),
        Network::Resnet50Onnx | Network::DecoderInt4 => None,
    }
}

fn listed(values: &Values) -> String {
    let listed: Vec<String> =
        values.iter().map(|(network, value)| format!("{} {value:.3}", network.short())).collect();
    listed.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUND: Found<'_> = Found {
        networks: &[],
        ratios: &[],
        sender: "any sender",
        overlapped: Way::OverlappedAny,
        cached: Way::CachedAny,
    };

    #[test]
    fn one_network_above_its_limit_misses_the_target() {
        let values = vec![(Network::Resnet50, 0.79), (Network::Bert, 0.61), (Network::DecoderInt4, 9.0)];
        let target = FOUND.each("w", values, cached_limit).unwrap();
        assert!(!target.met);
        assert_eq!(target.found, "ResNet-50 0.790, BERT 0.610");
    }

    #[test]
    fn the_mean_has_a_limit_of_its_own() {
        assert!(!FOUND.mean("w", vec![(Network::Bert, 0.98), (Network::Resnet50, 0.97)]).unwrap().met);
        assert!(FOUND.mean("w", vec![(Network::Bert, 0.98), (Network::Resnet50, 0.9)]).unwrap().met);
        assert!(FOUND.mean("w", Vec::new()).is_none());
    }
}
