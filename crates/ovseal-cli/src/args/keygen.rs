//! `ovseal keygen`.

use std::path::PathBuf;

use clap::Args;

/// Makes a key: an identity, a publisher's key, an approver's key or a key file
///
/// Without --publisher, --approver or --keyfile it makes a post-quantum identity that age can use too, and prints its recipient.
/// Private files are readable for their owner alone, and an existing file is never overwritten.
#[derive(Debug, Args)]
pub(crate) struct KeygenArgs {
    /// The file to write; with --publisher or --approver the beginning of both names, to which .key and .pub are added
    #[arg(short, long, value_name = "F")]
    pub(crate) output: PathBuf,

    /// Makes the keys with which a publisher signs, and prints the key id
    #[arg(long, conflicts_with = "keyfile")]
    pub(crate) publisher: bool,

    /// Makes the keys with which measured states of devices are approved, P-256 as TPMs verify it
    #[arg(long, conflicts_with_all = ["keyfile", "publisher"])]
    pub(crate) approver: bool,

    /// Makes a key file of 32 random bytes, which publisher and device share
    #[arg(long)]
    pub(crate) keyfile: bool,
}
