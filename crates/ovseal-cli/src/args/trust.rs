//! Whom and what the caller demands.

use std::path::PathBuf;

use clap::Args;

/// Who must have signed the container.
#[derive(Debug, Args)]
pub(crate) struct SenderOptions {
    /// Demands the signature of this publisher: a file with its public key; of several, one is
    /// enough. PUB:NAME trusts it for the model of this name only
    #[arg(long = "publisher", value_name = "PUB[:NAME]", help_heading = "Trust options")]
    pub(crate) publishers: Vec<PathBuf>,

    /// Accept a container from anyone, without checking a signature
    ///
    /// One of --publisher and --any-sender is required, unless the container is for passphrases and key files alone.
    #[arg(long, conflicts_with = "publishers", help_heading = "Trust options")]
    pub(crate) any_sender: bool,
}

/// Who must have signed the container, and what it must hold.
#[derive(Debug, Args)]
pub(crate) struct TrustOptions {
    #[command(flatten)]
    pub(crate) sender: SenderOptions,

    /// Demands the model of this name; needs --publisher
    #[arg(long, value_name = "N", help_heading = "Trust options")]
    pub(crate) name: Option<String>,

    /// Demands at least this security version; needs --publisher
    #[arg(long, value_name = "N", help_heading = "Trust options")]
    pub(crate) min_security_version: Option<u64>,
}

impl SenderOptions {
    /// Returns whether the caller says who may have made the container.
    pub(crate) fn is_given(&self) -> bool {
        !self.publishers.is_empty() || self.any_sender
    }
}

impl TrustOptions {
    /// Whether anything is demanded.
    pub(crate) fn is_given(&self) -> bool {
        self.sender.is_given() || self.name.is_some() || self.min_security_version.is_some()
    }
}
