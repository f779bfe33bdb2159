//! Everything that a run found, as it stands in the JSON.

use serde::Serialize;

use crate::job::{Series, Unit};
use crate::machine::Machine;
use crate::ratios::{self, Ratio};
use crate::sealing_memory::SealingMemory;
use crate::size::Size;
use crate::statistics::Summary;
use crate::targets::{self, Target};

/// A run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Outcome {
    /// What it ran on.
    pub(crate) machine: Machine,
    /// The library for AES-GCM that `ovseal` chooses there.
    pub(crate) provider: &'static str,
    /// Length of the part in bytes.
    pub(crate) size: u64,
    /// How often everything was measured.
    pub(crate) rounds: u32,
    /// The rate of each job.
    pub(crate) jobs: Vec<Measured>,
    /// Jobs beside each other.
    pub(crate) ratios: Vec<Ratio>,
    /// Memory of sealing.
    pub(crate) sealing_memory: Vec<SealingMemory>,
    /// What is wanted, and whether it was reached.
    pub(crate) targets: Vec<Target>,
}

/// The rate that one job reached.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Measured {
    /// Its name in the JSON.
    pub(crate) id: &'static str,
    /// Its name for readers.
    pub(crate) title: String,
    /// What is counted.
    pub(crate) unit: Unit,
    /// Of all rounds.
    #[serde(flatten)]
    pub(crate) summary: Summary,
    /// One rate for each round in which it took its turn, null for the others.
    pub(crate) rates: Vec<Option<f64>>,
}

impl Outcome {
    /// Summarizes what was measured.
    pub(crate) fn new(size: Size, rounds: u32, series: Vec<Series>, memory: Vec<SealingMemory>) -> Self {
        let machine = Machine::detect();
        let ratios = ratios::all(&series);
        let jobs: Vec<Measured> = series.into_iter().filter_map(Measured::new).collect();
        let targets = targets::all(&jobs, &ratios, &memory, machine.vaes);
        let provider = ovseal::AeadProvider::detect().name();
        Self { machine, provider, size: size.0, rounds, jobs, ratios, sealing_memory: memory, targets }
    }
}

impl Measured {
    fn new(series: Series) -> Option<Self> {
        let summary = Summary::of(series.rates.iter().copied().flatten())?;
        Some(Self { id: series.id, title: series.title, unit: series.unit, summary, rates: series.rates })
    }
}
