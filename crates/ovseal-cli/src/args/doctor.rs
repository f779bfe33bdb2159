//! `ovseal doctor`.

use std::path::PathBuf;

use clap::Args;

/// Says which protections this host gives
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// The OpenVINO runtime: a folder or the library's file. Otherwise OVSEAL_OPENVINO names it, or it is looked for
    #[arg(long, value_name = "PATH")]
    pub(crate) openvino: Option<PathBuf>,

    /// Writes one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}
