//! What one process found, as it prints it.

use serde::{Deserialize, Serialize};

/// One load in a process of its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// Seconds from the start to the compiled model.
    pub(crate) compiled: f64,
    /// Seconds from the start to the end of the first inference.
    pub(crate) first_inference: f64,
    /// Seconds that all threads computed in that time, outside the kernel.
    pub(crate) user: f64,
    /// The same inside the kernel. Those of a process that decrypts for this one are added.
    pub(crate) system: f64,
    /// Resident memory when the clock started, in bytes: the program, the runtime, the device's plugin.
    pub(crate) start_bytes: u64,
    /// The most resident memory up to the end, with the pages of mapped files.
    pub(crate) peak_bytes: u64,
    /// Resident memory after the first inference that no file stands behind.
    pub(crate) anonymous_bytes: u64,
    /// The pages of mapped files that are resident then.
    pub(crate) file_bytes: u64,
    /// Resident shared memory then.
    pub(crate) shared_bytes: u64,
    /// SHA-256 of all outputs, in hexadecimal digits.
    pub(crate) output: String,
    /// How a container was opened in fact: `overlapped`, `eager`, `cached`; null for a plaintext.
    pub(crate) opening: Option<String>,
}

/// What of a sample is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Measure {
    /// Seconds to the compiled model.
    Compiled,
    /// Seconds to the end of the first inference.
    FirstInference,
    /// Seconds of all threads.
    Cpu,
    /// Bytes at the peak.
    Peak,
    /// Bytes after the first inference.
    Settled,
}

impl Measure {
    /// Takes it out of a sample.
    pub(crate) fn of(self, sample: &Sample) -> f64 {
        match self {
            Self::Compiled => sample.compiled,
            Self::FirstInference => sample.first_inference,
            Self::Cpu => sample.user + sample.system,
            Self::Peak => sample.peak_bytes as f64,
            Self::Settled => sample.settled_bytes() as f64,
        }
    }

    /// For readers.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Compiled => "time to the compiled model",
            Self::FirstInference => "time to the first inference",
            Self::Cpu => "processor time",
            Self::Peak => "peak memory",
            Self::Settled => "settled memory",
        }
    }
}

impl Sample {
    /// Everything that is resident after the first inference.
    fn settled_bytes(&self) -> u64 {
        self.anonymous_bytes + self.file_bytes + self.shared_bytes
    }

    /// What the load took above the program and the runtime, at the peak.
    pub(crate) fn peak_above_start(&self) -> f64 {
        self.peak_bytes.saturating_sub(self.start_bytes) as f64
    }
}
