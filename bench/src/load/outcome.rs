//! Everything that a run found, as it stands in the JSON.

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::load::ratios::{self, LoadRatio};
use crate::load::rounds::{Measured, Series};
use crate::load::sample::{Measure, Sample};
use crate::load::setting::Setting;
use crate::load::targets;
use crate::load::way::{Cache, Network, Way};
use crate::statistics::Summary;
use crate::targets::Target;

/// A run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Outcome {
    /// With what it was measured, and how.
    #[serde(flatten)]
    pub(crate) setting: Setting,
    /// The library for AES-GCM that `ovseal` chooses there.
    pub(crate) provider: &'static str,
    /// What was loaded.
    pub(crate) networks: Vec<Loaded>,
    /// Ways beside each other.
    pub(crate) ratios: Vec<LoadRatio>,
    /// What is wanted, and whether it was reached.
    pub(crate) targets: Vec<Target>,
}

/// All ways of one network.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Loaded {
    /// Which one.
    pub(crate) network: Network,
    /// Its name for readers.
    pub(crate) title: &'static str,
    /// Length of its plaintext.
    pub(crate) bytes: u64,
    /// SHA-256 of its files.
    pub(crate) sha256: String,
    /// The ways.
    pub(crate) loads: Vec<Load>,
    /// What could not be measured.
    pub(crate) absent: Vec<Absent>,
}

/// One way of one network.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Load {
    /// The way.
    pub(crate) way: Way,
    /// Its name for readers.
    pub(crate) title: &'static str,
    /// Whether files were in memory.
    pub(crate) cache: Cache,
    /// In how many rounds it was measured.
    pub(crate) rounds: usize,
    /// How many loads computed something else than the plaintext does.
    pub(crate) differing_outputs: usize,
    /// Seconds to the compiled model.
    pub(crate) compiled: Summary,
    /// Seconds to the end of the first inference.
    pub(crate) first_inference: Summary,
    /// Seconds of all threads.
    pub(crate) cpu: Summary,
    /// Bytes of memory at the peak.
    pub(crate) peak: Summary,
    /// Bytes of memory after the first inference.
    pub(crate) settled: Summary,
    /// One for each round.
    pub(crate) samples: Vec<Sample>,
}

/// A way that cannot be measured here.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Absent {
    /// The way.
    pub(crate) way: Way,
    /// Why.
    pub(crate) reason: String,
}

impl Outcome {
    /// Summarizes what was measured.
    pub(crate) fn new(setting: &Setting, measured: &[&Measured]) -> Self {
        let networks: Vec<Loaded> = measured.iter().map(|&measured| Loaded::new(measured)).collect();
        let ratios = ratios::all(&networks);
        let targets = targets::all(&networks, &ratios);
        let provider = ovseal::AeadProvider::detect().name();
        Self { setting: setting.clone(), provider, networks, ratios, targets }
    }

    /// Fails when a load computed something else than the plaintext does: then its speed means nothing.
    pub(crate) fn demand_equal_outputs(&self) -> Result<()> {
        let loads =
            self.networks.iter().flat_map(|network| network.loads.iter().map(move |load| (network, load)));
        let differing = loads.filter(|(_, load)| load.differing_outputs > 0);
        let names: Vec<_> =
            differing.map(|(network, load)| format!("{}: {}", network.title, load.title)).collect();
        if names.is_empty() { Ok(()) } else { Err(format!("outputs differ: {}", names.join("; ")).into()) }
    }
}

impl Loaded {
    fn new(measured: &Measured) -> Self {
        Self {
            network: measured.network,
            title: measured.network.title(),
            bytes: measured.bytes,
            sha256: measured.sha256.clone(),
            loads: measured.series.iter().filter_map(Load::new).collect(),
            absent: measured.absent.clone(),
        }
    }

    /// One way.
    pub(crate) fn load(&self, way: Way, cache: Cache) -> Option<&Load> {
        self.loads.iter().find(|load| load.way == way && load.cache == cache)
    }
}

impl Load {
    fn new(series: &Series) -> Option<Self> {
        let Series { way, cache, differing, samples } = series;
        let summary = |measure: Measure| Summary::of(samples.iter().map(|sample| measure.of(sample)));
        Some(Self {
            way: *way,
            title: way.title(),
            cache: *cache,
            rounds: samples.len(),
            differing_outputs: *differing,
            compiled: summary(Measure::Compiled)?,
            first_inference: summary(Measure::FirstInference)?,
            cpu: summary(Measure::Cpu)?,
            peak: summary(Measure::Peak)?,
            settled: summary(Measure::Settled)?,
            samples: samples.clone(),
        })
    }

    /// The summary of one measure.
    pub(crate) fn summary(&self, measure: Measure) -> Summary {
        match measure {
            Measure::Compiled => self.compiled,
            Measure::FirstInference => self.first_inference,
            Measure::Cpu => self.cpu,
            Measure::Peak => self.peak,
            Measure::Settled => self.settled,
        }
    }

    /// The median of something else.
    pub(crate) fn median(&self, of: impl Fn(&Sample) -> f64) -> f64 {
        Summary::of(self.samples.iter().map(of)).map_or(f64::NAN, |summary| summary.median)
    }
}
