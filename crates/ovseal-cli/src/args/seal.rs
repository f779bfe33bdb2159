//! `ovseal seal`.

use std::path::PathBuf;

use clap::Args;

#[cfg(feature = "pkcs11")]
use super::TokenOptions;
use super::{BoundOptions, Requirement};
use crate::input::Source;

/// Seals a model into a container
///
/// An IR's .xml brings its .bin, a .pdmodel its .pdiparams, an .onnx its external data. Of a folder every regular file
/// becomes a part. A model that OpenVINO could not read from memory is refused without --optimize or --only. The container appears
/// whole or not at all.
///
/// Some names in a folder are left out: .git, .cache, .ipynb_checkpoints, __pycache__, .DS_Store, .env and *.ovseal*, and
/// whatever a file .ovsealignore matches, in the syntax of gitignore. A private key is never sealed: neither a file that is
/// given as a key, passphrase, PIN or list of recipients, nor one whose content is a private key.
///
/// The output is never a file that was read for anything, and never replaces a symbolic link, a pipe or a directory.
#[derive(Debug, Args)]
pub(crate) struct SealArgs {
    /// The model: a file or a folder
    #[arg(value_name = "MODEL")]
    pub(crate) model: PathBuf,

    /// The container to write
    #[arg(short, long, value_name = "OUT.ovseal", required_unless_present = "dry_run")]
    pub(crate) output: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) recipients: RecipientOptions,

    /// Seals to devices so that both is needed, the TPM and the passphrase of -p or --passphrase-file, which then opens
    /// nothing alone
    #[arg(long, value_name = "BOTH", value_enum, help_heading = "Device options")]
    pub(crate) require: Option<Requirement>,

    #[command(flatten)]
    pub(crate) bounds: BoundOptions,

    /// Signs with a publisher's private key, as keygen --publisher writes it, or with a token's key, pkcs11:…
    #[arg(long, value_name = "F", value_parser = Source::parser())]
    pub(crate) publisher_key: Option<Source>,

    /// The ML-DSA half of a publisher's key whose Ed25519 half is a token's, as token publisher writes it
    #[cfg(feature = "pkcs11")]
    #[arg(long, value_name = "F", value_parser = Source::parser(), requires = "publisher_key")]
    pub(crate) ml_dsa_key: Option<Source>,

    #[cfg(feature = "pkcs11")]
    #[command(flatten)]
    pub(crate) token: TokenOptions,

    /// The model's name; without it, that of the file or folder without extension
    #[arg(long, value_name = "N")]
    pub(crate) name: Option<String>,

    /// The security version: devices that accepted a higher one refuse this container
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) security_version: u64,

    /// Suite 1 digests with BLAKE3, suite 2 with SHA-256
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=2))]
    pub(crate) suite: u16,

    /// Seals exactly the named file, without its companions, also one that OpenVINO could not read from memory
    #[arg(long)]
    pub(crate) only: bool,

    /// Converts the model to IR with the converter of OpenVINO's Python package, in memory, and seals the IR
    ///
    /// For models that OpenVINO does not read from memory, such as TensorFlow's and TensorFlow Lite's, and to halve the weights of others.
    /// python3 must be in PATH and have the package openvino.
    #[arg(long, conflicts_with = "only")]
    pub(crate) optimize: bool,

    /// Leaves the floating-point weights as they are: otherwise --optimize makes them 16 bits, as OpenVINO's ovc does
    #[arg(long, requires = "optimize")]
    pub(crate) keep_precision: bool,

    /// Allows post-quantum beside classical public keys
    #[arg(long)]
    pub(crate) allow_mixed: bool,

    /// Follows symbolic links inside the model instead of refusing them
    #[arg(long)]
    pub(crate) follow_symlinks: bool,

    /// Leave out files of a folder that match this pattern, in the syntax of gitignore; may be repeated
    #[arg(long, value_name = "GLOB")]
    pub(crate) exclude: Vec<String>,

    /// Seal every file of a folder, also the names that are usually left out and what .ovsealignore matches
    ///
    /// Private keys are refused all the same, apart from a file that only looks like a key file. --exclude still applies.
    #[arg(long)]
    pub(crate) include_everything: bool,

    /// List what would be sealed, with kinds and sizes, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Replace an existing container; any other file is left alone
    #[arg(long)]
    pub(crate) force: bool,
}

/// Who can open the container.
#[derive(Debug, Args)]
pub(crate) struct RecipientOptions {
    /// Seals to a public key, age1…, age1pq1…, a token's age1tag1… or a device's ovdev1…; may be repeated
    #[arg(short, long = "recipient", value_name = "RECIPIENT", help_heading = "Key options")]
    pub(crate) recipients: Vec<String>,

    /// Seals to the recipients in a file, one a line; may be repeated
    #[arg(short = 'R', long = "recipients-file", value_name = "FILE", value_parser = Source::parser())]
    #[arg(help_heading = "Key options")]
    pub(crate) recipients_files: Vec<Source>,

    /// Asks for a new passphrase, or makes one
    #[arg(short, long, conflicts_with = "passphrase_file", help_heading = "Key options")]
    pub(crate) passphrase: bool,

    /// Seals to the passphrase in a file; one line ending at its end is left out
    #[arg(long, value_name = "F", value_parser = Source::parser(), help_heading = "Key options")]
    pub(crate) passphrase_file: Option<Source>,

    /// Seals to the 32 bytes in a file; may be repeated
    #[arg(long = "keyfile", value_name = "F", value_parser = Source::parser(), help_heading = "Key options")]
    pub(crate) keyfiles: Vec<Source>,
}
