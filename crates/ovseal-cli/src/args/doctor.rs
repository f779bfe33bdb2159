//! `ovseal doctor`.

use std::path::PathBuf;

use clap::Args;

use super::DeviceOptions;

/// Says which protections this host gives
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// The OpenVINO runtime: a folder or the library's file. Otherwise OVSEAL_OPENVINO names it, or it is looked for
    #[arg(long, value_name = "PATH")]
    pub(crate) openvino: Option<PathBuf>,

    /// The PKCS#11 module whose tokens are shown. Otherwise OVSEAL_PKCS11_MODULE names it, or p11-kit's proxy is taken
    #[cfg(feature = "pkcs11")]
    #[arg(long, value_name = "FILE")]
    pub(crate) pkcs11_module: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) device: DeviceOptions,

    /// Writes one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}
