//! `ovseal run`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use ovseal_openvino::Opening;

use super::{KeyOptions, TrustOptions, size};

/// Opens a model in memory only and infers with OpenVINO
///
/// FILE may also be a plaintext model (.xml, .onnx, .pdmodel, .tflite, .pb), so that both can be compared. Without --input, sealed and plaintext
/// models are fed the same seeded numbers: floats in [0,1), integers from 0 to 99, booleans in turn.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The container, or a plaintext model
    #[arg(value_name = "FILE")]
    pub(crate) model: PathBuf,

    #[command(flatten)]
    pub(crate) keys: KeyOptions,

    #[command(flatten)]
    pub(crate) trust: TrustOptions,

    /// Demands at least the security version that was accepted before, and records a newer one; needs --publisher
    #[arg(long, value_name = "F", help_heading = "Trust options")]
    pub(crate) rollback_state: Option<PathBuf>,

    /// Demands that the rollback state is tied to this device's TPM, as rollback-state --tpm makes it
    #[arg(long, requires = "rollback_state", help_heading = "Trust options")]
    pub(crate) rollback_tpm: bool,

    /// Refuses to run where a protection of keys or weights is missing, or the sender is not known
    #[arg(long, help_heading = "Trust options")]
    pub(crate) strict: bool,

    /// The device to run on
    #[arg(long, value_name = "DEVICE", default_value = "CPU")]
    pub(crate) device: String,

    /// When the weights are decrypted: before the runtime reads them, or while it does
    ///
    /// auto is overlapped for the device CPU and eager for every other one: only a device that reads weights with the processor can wait
    /// for them. Both check the same, and nothing is computed before every chunk was found authentic.
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = OpeningChoice::Auto)]
    pub(crate) opening: OpeningChoice,

    /// The OpenVINO runtime: a folder or the library's file. Otherwise OVSEAL_OPENVINO names it, or it is looked for
    #[arg(long, value_name = "PATH")]
    pub(crate) openvino: Option<PathBuf>,

    /// Which network of a container that holds several
    #[arg(long, value_name = "PATH")]
    pub(crate) part: Option<String>,

    /// Feeds an input from a NumPy file; may be repeated
    #[arg(long = "input", value_name = "NAME=FILE.npy", value_parser = named_file)]
    pub(crate) inputs: Vec<(String, PathBuf)>,

    /// Sets the shape of an input; dynamic dimensions are 1 otherwise; may be repeated
    #[arg(long = "shape", value_name = "NAME=1,16", value_parser = named_shape)]
    pub(crate) shapes: Vec<(String, Vec<usize>)>,

    /// Writes each output as NAME.npy into this directory, which is created if it is missing
    #[arg(long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,

    /// Keeps the compiled model in this folder, sealed for this device and container, and uses it the next time
    #[arg(long, value_name = "DIR")]
    pub(crate) cache_dir: Option<PathBuf>,

    /// Bytes that the cache may have: 500M, 2G (powers of 1000). What was not used for the longest time is removed first
    #[arg(long, value_name = "SIZE", requires = "cache_dir", value_parser = size::bytes)]
    pub(crate) cache_limit: Option<u64>,

    /// How often to infer
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) iterations: u32,

    /// Shows OpenVINO's own words when it fails; about a sealed model they may quote what is secret
    #[arg(long)]
    pub(crate) show_detail: bool,

    /// Writes one JSON object with times, memory, inputs and outputs
    #[arg(long)]
    pub(crate) json: bool,
}

/// When the weights are decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OpeningChoice {
    /// Overlapped for the device CPU, eager otherwise
    Auto,
    /// Before the runtime reads them
    Eager,
    /// While the runtime reads them, where the host can do it
    Overlapped,
}

impl From<OpeningChoice> for Opening {
    fn from(choice: OpeningChoice) -> Self {
        match choice {
            OpeningChoice::Auto => Self::Auto,
            OpeningChoice::Eager => Self::Eager,
            OpeningChoice::Overlapped => Self::Overlapped,
        }
    }
}

fn named_file(text: &str) -> Result<(String, PathBuf), String> {
    let (name, file) = split(text)?;
    Ok((name, file.into()))
}

fn named_shape(text: &str) -> Result<(String, Vec<usize>), String> {
    let (name, extents) = split(text)?;
    let extent = |extent: &str| extent.trim().parse().map_err(|_| format!("{extent:?} is no number"));
    Ok((name, extents.split(',').map(extent).collect::<Result<_, _>>()?))
}

/// Splits at the last equals sign: names of inputs may contain some.
fn split(text: &str) -> Result<(String, &str), String> {
    let (name, value) = text.rsplit_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value))
}
