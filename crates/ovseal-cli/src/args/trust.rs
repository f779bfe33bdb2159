//! Whom and what the caller demands.

use std::path::PathBuf;

use clap::Args;

/// Who must have signed the container, and what it must hold.
#[derive(Debug, Args)]
pub(crate) struct TrustOptions {
    /// Demands the signature of this publisher: a file with its public key; of several, one is
    /// enough. PUB:NAME trusts it for the model of this name only
    #[arg(long = "publisher", value_name = "PUB[:NAME]", help_heading = "Trust options")]
    pub(crate) publishers: Vec<PathBuf>,

    /// Demands the model of this name; needs --publisher
    #[arg(long, value_name = "N", help_heading = "Trust options")]
    pub(crate) name: Option<String>,

    /// Demands at least this security version; needs --publisher
    #[arg(long, value_name = "N", help_heading = "Trust options")]
    pub(crate) min_security_version: Option<u64>,
}

impl TrustOptions {
    /// Whether anything is demanded.
    pub(crate) fn is_given(&self) -> bool {
        !self.publishers.is_empty() || self.name.is_some() || self.min_security_version.is_some()
    }
}
