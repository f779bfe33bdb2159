//! `ovseal seal`.

use std::path::PathBuf;

use clap::Args;

use crate::keys::Source;
#[cfg(feature = "pkcs11")]
use crate::keys::token::TokenOptions;
use crate::keys::tpm::{BoundOptions, Requirement};

/// Seal a model into a container
///
/// An .xml includes its .bin, a .pdmodel its .pdiparams, an .onnx its external data. In a
/// directory, every regular file becomes a part. Models that OpenVINO cannot read from memory are
/// rejected without --optimize or --only. The container appears complete or not at all.
///
/// In a directory, these names are left out: .git, .cache, .ipynb_checkpoints, __pycache__,
/// .DS_Store, .env and *.ovseal*. So are files that match .ovsealignore, which has the syntax of
/// .gitignore. Private keys are never sealed: neither a file that you give as a key, passphrase,
/// PIN or list of recipients, nor a file that contains a private key.
///
/// The output never overwrites a file that seal reads, a symbolic link, a pipe or a directory.
#[derive(Debug, Args)]
pub(crate) struct SealArgs {
    /// The model: a file or a directory
    #[arg(value_name = "MODEL")]
    pub(crate) model: PathBuf,

    /// The container to write
    #[arg(short, long, value_name = "OUT.ovseal", required_unless_present = "dry_run")]
    pub(crate) output: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) recipients: RecipientOptions,

    /// Require both the device's TPM and the passphrase; neither one opens the container alone
    #[arg(long, value_name = "BOTH", value_enum, help_heading = "Device options")]
    pub(crate) require: Option<Requirement>,

    #[command(flatten)]
    pub(crate) bounds: BoundOptions,

    /// Sign with a publisher's private key, from keygen --publisher, or with a token's key,
    /// pkcs11:…
    #[arg(long, value_name = "F", value_parser = Source::parser())]
    pub(crate) publisher_key: Option<Source>,

    /// The ML-DSA half of a publisher's key whose Ed25519 half is on a token, from token publisher
    #[cfg(feature = "pkcs11")]
    #[arg(long, value_name = "F", value_parser = Source::parser(), requires = "publisher_key")]
    pub(crate) ml_dsa_key: Option<Source>,

    #[cfg(feature = "pkcs11")]
    #[command(flatten)]
    pub(crate) token: TokenOptions,

    /// The model's name [default: the name of the file or directory, without extension]
    #[arg(long, value_name = "N")]
    pub(crate) name: Option<String>,

    /// Set the security version. Devices can require a minimum
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) security_version: u64,

    /// The suite: 1 for digests with BLAKE3, 2 for SHA-256
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=2))]
    pub(crate) suite: u16,

    /// Seal just this file: no companion files, and no check that OpenVINO can load it from memory
    #[arg(long)]
    pub(crate) only: bool,

    /// Convert the model to IR in memory, with OpenVINO's Python package, and seal the IR
    ///
    /// Use this for models that OpenVINO cannot read from memory, such as TensorFlow and TensorFlow
    /// Lite, and to halve the weights of others. python3 must be in PATH and have the package
    /// openvino.
    #[arg(long, conflicts_with = "only")]
    pub(crate) optimize: bool,

    /// Keep the floating-point weights as they are; otherwise --optimize converts them to 16 bits,
    /// as OpenVINO's ovc does
    #[arg(long, requires = "optimize")]
    pub(crate) keep_precision: bool,

    /// Allow classical public keys next to post-quantum ones
    #[arg(long)]
    pub(crate) allow_mixed: bool,

    /// Follow symbolic links inside the model instead of rejecting them
    #[arg(long)]
    pub(crate) follow_symlinks: bool,

    /// Leave out files of a directory that match this pattern, as in .gitignore; may be repeated
    #[arg(long, value_name = "GLOB")]
    pub(crate) exclude: Vec<String>,

    /// Seal every file of a directory, even those usually left out or matched by .ovsealignore
    ///
    /// Private keys are still rejected, except for files that merely look like a key file.
    /// --exclude still applies.
    #[arg(long)]
    pub(crate) include_everything: bool,

    /// List what would be sealed, with kinds and sizes, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Replace an existing container; no other file is replaced
    #[arg(long)]
    pub(crate) force: bool,
}

/// The recipients that can open the container.
#[derive(Debug, Args)]
pub(crate) struct RecipientOptions {
    /// Seal to a public key: age1…, age1pq1…, a token's age1tag1… or a device's ovdev1…; may be
    /// repeated
    #[arg(short, long = "recipient", value_name = "RECIPIENT", help_heading = "Key options")]
    pub(crate) recipients: Vec<String>,

    /// Seal to the recipients in a file, one per line; may be repeated
    #[arg(short = 'R', long = "recipients-file", value_name = "FILE", value_parser = Source::parser())]
    #[arg(help_heading = "Key options")]
    pub(crate) recipients_files: Vec<Source>,

    /// Ask for a new passphrase, or generate one
    #[arg(short, long, conflicts_with = "passphrase_file", help_heading = "Key options")]
    pub(crate) passphrase: bool,

    /// Seal to the passphrase in a file; a single trailing newline is ignored
    #[arg(long, value_name = "F", value_parser = Source::parser(), help_heading = "Key options")]
    pub(crate) passphrase_file: Option<Source>,

    /// Seal to the key file F, 32 bytes; may be repeated
    #[arg(long = "keyfile", value_name = "F", value_parser = Source::parser(), help_heading = "Key options")]
    pub(crate) keyfiles: Vec<Source>,
}
