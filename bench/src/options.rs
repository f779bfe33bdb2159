//! The options of the benchmarks. `cargo xtask bench` also uses this file.

use std::path::PathBuf;
use std::str::FromStr;

use clap::ValueEnum;

/// A benchmark and its options.
#[derive(clap::Subcommand)]
pub(crate) enum Benchmark {
    /// Measure sealing and opening of one large part
    Container(ContainerOptions),
    /// Measure loading of real networks, from file to first inference
    Load(LoadOptions),
    /// Search the least memory limit under which real networks run
    Memory(MemoryOptions),
    /// Measure what a TPM (simulated by swtpm) adds to an opening
    Tpm(Common),
    /// Measure reading of a sealed model of 500 MB from C++ and Python, relative to Rust
    Bindings(Common),
}

/// The options of every benchmark.
#[derive(clap::Args)]
pub(crate) struct Common {
    /// Measure N rounds [default: container 7, load 15, memory 1, tpm 30, bindings 21]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: Option<u32>,
    /// Write the samples to FILE after each round [default: target/bench/BENCHMARK.json]
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Continue an interrupted run from its samples
    #[arg(long)]
    pub(crate) resume: bool,
    /// Leave the documentation as it is
    #[arg(long)]
    pub(crate) no_docs: bool,
}

/// The options of `container`.
#[derive(clap::Args)]
pub(crate) struct ContainerOptions {
    /// Length of the part in bytes; K, M and G stand for 10^3, 10^6 and 10^9
    #[arg(long, value_name = "LENGTH", default_value = "2G")]
    pub(crate) size: Size,
    /// Length of the largest file for which the memory of sealing is measured [default: four times
    /// --size]
    #[arg(long, value_name = "LENGTH")]
    pub(crate) largest: Option<Size>,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// The options of `load`.
#[derive(clap::Args)]
pub(crate) struct LoadOptions {
    /// Networks to load, separated by commas [default: all]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) models: Vec<Network>,
    /// Methods of loading, separated by commas; the plaintext is always included [default: all]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) methods: Vec<Method>,
    /// Leave out the rounds with a cold page cache
    #[arg(long)]
    pub(crate) no_cold: bool,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// The options of `memory`.
#[derive(clap::Args)]
pub(crate) struct MemoryOptions {
    /// Networks to load, separated by commas [default: all]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) models: Vec<Network>,
    /// Methods of loading, separated by commas, the plaintext first [default: six of them]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) methods: Vec<Method>,
    #[command(flatten)]
    pub(crate) common: Common,
}

impl Benchmark {
    /// Returns its name on the command line and in the JSON.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Container(_) => "container",
            Self::Load(_) => "load",
            Self::Memory(_) => "memory",
            Self::Tpm(_) => "tpm",
            Self::Bindings(_) => "bindings",
        }
    }

    /// Returns the options that every benchmark has.
    pub(crate) fn common(&self) -> &Common {
        match self {
            Self::Container(options) => &options.common,
            Self::Load(options) => &options.common,
            Self::Memory(options) => &options.common,
            Self::Tpm(common) | Self::Bindings(common) => common,
        }
    }

    /// Returns the number of rounds.
    pub(crate) fn rounds(&self) -> u32 {
        self.common().rounds.unwrap_or(match self {
            Self::Container(_) => 7,
            Self::Load(_) => 15,
            Self::Memory(_) => 1,
            Self::Tpm(_) => 30,
            Self::Bindings(_) => 21,
        })
    }
}

impl LoadOptions {
    /// Returns the networks to load.
    pub(crate) fn networks(&self) -> &[Network] {
        if self.models.is_empty() { Network::value_variants() } else { &self.models }
    }
}

impl MemoryOptions {
    /// Returns the networks to load.
    pub(crate) fn networks(&self) -> &[Network] {
        if self.models.is_empty() { Network::value_variants() } else { &self.models }
    }
}

/// A network at its real size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Network {
    /// 25.6 million parameters in fp32, as OpenVINO IR
    Resnet50,
    /// The same network with the same weights, in one ONNX file
    Resnet50Onnx,
    /// An encoder of 110 million parameters in fp16, as OpenVINO IR
    Bert,
    /// A decoder of 1.1 billion parameters, compressed to 8 bits, as OpenVINO IR
    DecoderInt8,
    /// The same decoder, compressed to 4 bits except for the first and the last layer
    DecoderInt4,
}

/// A method of getting from a file to a compiled model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Method {
    // Methods whose ratio matters are adjacent, so that they are measured soon after each other.
    /// A script that decrypts whole files
    Script,
    /// Plaintext in a file system that a process decrypts
    Gocryptfs,
    /// Sealed, digests checked, in a process that may not use `userfaultfd`
    ForbiddenPublisher,
    /// Sealed, decrypted before the runtime reads it, only tags checked
    EagerAny,
    /// The same with digests checked, because the publisher is specified
    EagerPublisher,
    /// Sealed, decrypted while the runtime compiles, only tags checked
    OverlappedAny,
    /// The method with which all others are compared
    Plaintext,
    /// The same as `overlapped-any` with digests checked
    OverlappedPublisher,
    /// Sealed, already compiled, in the sealed cache, only tags checked
    CachedAny,
    /// Plaintext, already compiled, in OpenVINO's own cache
    PlaintextCached,
    /// The same as `cached-any` with digests checked
    CachedPublisher,
}

/// A number of bytes, written like `256M` or `2G`: K, M and G stand for 10^3, 10^6 and 10^9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, unit) = text.split_at(split);
        let factor = match unit {
            "" => 1,
            "K" => 1_000,
            "M" => 1_000_000,
            "G" => 1_000_000_000,
            _ => return Err(format!("the unit {unit} is not K, M or G")),
        };
        let number = digits.parse::<u64>().map_err(|error| error.to_string())?;
        let bytes = number.checked_mul(factor).filter(|bytes| (LEAST..=MOST).contains(bytes));
        bytes.map(Self).ok_or_else(|| "a length is from 16M to 64G".to_owned())
    }
}

/// In a shorter part, there would be no room for random ranges.
const LEAST: u64 = 16_000_000;

const MOST: u64 = 64_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_powers_of_a_thousand() {
        assert_eq!("2G".parse(), Ok(Size(2_000_000_000)));
        assert_eq!("256M".parse(), Ok(Size(256_000_000)));
    }

    #[test]
    fn other_lengths_are_rejected() {
        for text in ["", "2T", "G", "1K", "99999999999G"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }
}
