//! `ovseal seal`.

use std::path::PathBuf;

use clap::Args;

use crate::keys::Source;
#[cfg(feature = "pkcs11")]
use crate::keys::token::TokenOptions;
use crate::keys::tpm::{BoundOptions, Requirement};

/// Seal a model into a container
///
/// The companions of a file are also sealed: the .bin of an .xml, the .pdiparams of a .pdmodel, the
/// external data of an .onnx. In a directory, every regular file becomes a part. Models that
/// OpenVINO cannot read from memory are rejected unless you pass --optimize or --only. The
/// container is written completely or not at all.
///
/// In a directory, these names are left out: .git, .cache, .ipynb_checkpoints, __pycache__,
/// .DS_Store, .env and *.ovseal*. Files that match .ovsealignore (.gitignore syntax) are also left
/// out. Private keys are rejected: any file you give as a key, passphrase, PIN or list of
/// recipients, and any file that contains a private key.
///
/// The output never overwrites a file that seal reads, a symbolic link, a pipe or a directory.
#[derive(Debug, Args)]
pub(crate) struct SealArgs {
    /// The model: a file or a directory
    #[arg(value_name = "MODEL")]
    pub(crate) model: PathBuf,

    /// Write the container to this file
    #[arg(short, long, value_name = "OUT.ovseal", required_unless_present = "dry_run")]
    pub(crate) output: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) recipients: RecipientOptions,

    /// Require both the device's TPM and the passphrase; neither opens the container on its own
    #[arg(long, value_name = "FACTORS", value_enum, help_heading = "Device options")]
    pub(crate) require: Option<Requirement>,

    #[command(flatten)]
    pub(crate) bounds: BoundOptions,

    /// Sign with a publisher's private key from keygen --publisher, or with a key on a token
    /// (pkcs11:…)
    #[arg(long, value_name = "F", value_parser = Source::parser())]
    pub(crate) publisher_key: Option<Source>,

    /// Also sign with the ML-DSA half of the key, from token publisher, if the Ed25519 half is on a
    /// token
    #[cfg(feature = "pkcs11")]
    #[arg(long, value_name = "F", value_parser = Source::parser(), requires = "publisher_key")]
    pub(crate) ml_dsa_key: Option<Source>,

    #[cfg(feature = "pkcs11")]
    #[command(flatten)]
    pub(crate) token: TokenOptions,

    /// Set the model's name [default: the file's name without its extension, or the directory's
    /// name]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,

    /// Set the security version; devices can require a minimum
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) security_version: u64,

    /// Choose the suite: 1 uses BLAKE3 for digests, 2 SHA-256
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=2))]
    pub(crate) suite: u16,

    /// Seal only this file, without its companions and without checking that OpenVINO can load it
    /// from memory
    #[arg(long)]
    pub(crate) only: bool,

    /// Convert the model to IR in memory, with OpenVINO's Python package, and seal the IR
    ///
    /// Use this for models that OpenVINO cannot read from memory, such as TensorFlow and TensorFlow
    /// Lite, or to halve the weights of other models. Requires python3 in PATH with the package
    /// openvino.
    #[arg(long, conflicts_with = "only")]
    pub(crate) optimize: bool,

    /// Keep floating-point weights as they are instead of converting them to 16 bits, the default
    /// of --optimize and of OpenVINO's ovc
    #[arg(long, requires = "optimize")]
    pub(crate) keep_precision: bool,

    /// Allow classical public keys next to post-quantum ones
    #[arg(long)]
    pub(crate) allow_mixed: bool,

    /// Follow symbolic links inside the model instead of rejecting them
    #[arg(long)]
    pub(crate) follow_symlinks: bool,

    /// Leave out files in the directory that match this .gitignore pattern; may be repeated
    #[arg(long, value_name = "GLOB")]
    pub(crate) exclude: Vec<String>,

    /// Seal every file in the directory, even those left out by default or by .ovsealignore
    ///
    /// Private keys are still rejected, but not files that only look like a key file. --exclude
    /// still applies.
    #[arg(long)]
    pub(crate) include_everything: bool,

    /// List what would be sealed, with kinds and sizes, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Replace the output if it is a container; nothing else is replaced
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
    #[arg(short = 'R', long = "recipients-file", value_name = "F", value_parser = Source::parser())]
    #[arg(help_heading = "Key options")]
    pub(crate) recipients_files: Vec<Source>,

    /// Seal to a new passphrase: ask for it, or generate one if the answer is empty
    #[arg(short, long, conflicts_with = "passphrase_file", help_heading = "Key options")]
    pub(crate) passphrase: bool,

    /// Seal to the passphrase in a file; a single trailing newline is ignored
    #[arg(long, value_name = "F", value_parser = Source::parser(), help_heading = "Key options")]
    pub(crate) passphrase_file: Option<Source>,

    /// Seal to the 32-byte key file F; may be repeated
    #[arg(long = "keyfile", value_name = "F", value_parser = Source::parser(), help_heading = "Key options")]
    pub(crate) keyfiles: Vec<Source>,
}
