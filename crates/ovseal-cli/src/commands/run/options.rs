//! `ovseal run`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use ovseal_openvino::Opening;

use super::size;
use crate::keys::KeyOptions;
use crate::keys::rollback::RollbackOptions;
use crate::keys::trust::TrustOptions;

/// Open a model in memory only, and run it with OpenVINO
///
/// FILE may also be a plaintext model (.xml, .onnx, .pdmodel, .tflite, .pb, .pbtxt, .meta), for
/// comparison. Inputs without --input get the same generated numbers in every run: floats in [0,1),
/// integers from 0 to 99, alternating booleans.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The container, or a plaintext model
    #[arg(value_name = "FILE")]
    pub(crate) model: PathBuf,

    #[command(flatten)]
    pub(crate) keys: KeyOptions,

    #[command(flatten)]
    pub(crate) trust: TrustOptions,

    #[command(flatten)]
    pub(crate) rollback: RollbackOptions,

    /// Fail if this host lacks a protection for keys or weights, or if no --publisher is given
    #[arg(long, help_heading = "Trust options")]
    pub(crate) strict: bool,

    /// Run on this device
    #[arg(long, value_name = "DEVICE", default_value = "CPU")]
    pub(crate) device: String,

    /// Decrypt the weights before the runtime reads them, or while it does
    ///
    /// auto is overlapped on the CPU and eager on any other device: only a device that reads the
    /// weights with the processor can wait for them. The checks are the same: no inference starts
    /// until every chunk has been verified.
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = OpeningChoice::Auto)]
    pub(crate) opening: OpeningChoice,

    /// Keep at most this much of the weights in memory while the runtime reads them, such as 64M
    ///
    /// Weights beyond it are decrypted again when they are read again. By default, they stay while
    /// the system and the memory cgroups around the process have room. Tensors that are being read
    /// stay in any case. It applies to the overlapped opening only.
    #[arg(long, value_name = "SIZE", value_parser = size::bytes)]
    pub(crate) memory_budget: Option<u64>,

    /// Use this OpenVINO runtime: a directory or the library's file [default: OVSEAL_OPENVINO, or a
    /// search]
    #[arg(long, value_name = "PATH")]
    pub(crate) openvino: Option<PathBuf>,

    /// Run the network at this path in the container, if it has several
    #[arg(long, value_name = "PATH")]
    pub(crate) part: Option<String>,

    /// Read an input from a NumPy file; may be repeated
    #[arg(long = "input", value_name = "NAME=FILE.npy", value_parser = named_file)]
    pub(crate) inputs: Vec<(String, PathBuf)>,

    /// Set the shape of an input; may be repeated. Dynamic dimensions that are not set become 1
    #[arg(long = "shape", value_name = "NAME=1,16", value_parser = named_shape)]
    pub(crate) shapes: Vec<(String, Vec<usize>)>,

    /// Write each output as NAME.npy to this directory; created if missing
    #[arg(long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,

    /// Cache the compiled model in this directory, sealed for this device and container
    #[arg(long, value_name = "DIR")]
    pub(crate) cache_dir: Option<PathBuf>,

    /// Limit the cache to this size, such as 500M or 2G (powers of 1000); the least recently used
    /// models are removed first
    #[arg(long, value_name = "SIZE", requires = "cache_dir", value_parser = size::bytes)]
    pub(crate) cache_limit: Option<u64>,

    /// Run N inferences
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) iterations: u32,

    /// Show OpenVINO's own message when it fails; the message may quote a sealed model
    #[arg(long)]
    pub(crate) show_detail: bool,

    /// Print times, memory, inputs and outputs as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// The choice of when the weights are decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OpeningChoice {
    /// Overlapped for the device CPU, eager otherwise
    Auto,
    /// Decrypt before the runtime reads
    Eager,
    /// Decrypt while it reads, if the host supports it
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
    let extent = |extent: &str| extent.trim().parse().map_err(|_| format!("{extent:?} is not a number"));
    Ok((name, extents.split(',').map(extent).collect::<Result<_, _>>()?))
}

/// Splits at the last equals sign, because names of inputs may contain equals signs.
fn split(text: &str) -> Result<(String, &str), String> {
    let (name, value) = text.rsplit_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value))
}
