//! The measurements of one load, as its process prints them.

use serde::{Deserialize, Serialize};

/// One load in a separate process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Sample {
    /// Seconds from the start to the compiled model.
    pub(super) compiled: f64,
    /// Seconds from the start to the end of the first inference.
    pub(super) first_inference: f64,
    /// Seconds that all threads spent outside the kernel in that time.
    pub(super) user: f64,
    /// Seconds inside the kernel. A process that decrypts for this one is included in both.
    pub(super) system: f64,
    /// Resident memory at the start, in bytes: the program, the runtime, the device's plugin.
    pub(super) start_bytes: u64,
    /// The peak of resident memory, including the pages of mapped files.
    pub(super) peak_bytes: u64,
    /// Anonymous resident memory after the first inference.
    pub(super) anonymous_bytes: u64,
    /// Resident pages of mapped files at that time.
    pub(super) file_bytes: u64,
    /// Resident shared memory at that time.
    pub(super) shared_bytes: u64,
    /// SHA-256 of all outputs, in hexadecimal digits.
    pub(super) output: String,
    /// The actual opening of a container: `overlapped`, `eager`, `cached`; null for a plaintext.
    pub(super) opening: Option<String>,
}
