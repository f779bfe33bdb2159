//! State of a software TPM, manufactured once, which the tests copy.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::failure::Failure;
use crate::{process, stamp};

/// Manufactures a TPM with its state in `folder/state`, unless that was done before.
///
/// # Errors
///
/// Fails if a file cannot be written, or `swtpm_setup` fails.
pub(crate) fn make(folder: &Path) -> Result<(), Failure> {
    stamp::once(folder, OPTIONS, || {
        create(&folder.join("authority"))?;
        create(&folder.join("state"))?;
        let place = folder.display();
        let authority = format!(
            "statedir = {place}/authority\nsigningkey = {place}/authority/key.pem\n\
             issuercert = {place}/authority/certificate.pem\ncertserial = {place}/authority/serial\n"
        );
        write(&folder.join("authority.conf"), &authority)?;
        write(&folder.join("authority.options"), OPTIONS)?;
        let setup = format!(
            "create_certs_tool=/usr/bin/swtpm_localca\ncreate_certs_tool_config={place}/authority.conf\n\
             create_certs_tool_options={place}/authority.options\nactive_pcr_banks=sha256\n"
        );
        write(&folder.join("setup.conf"), &setup)?;
        let mut command = Command::new("swtpm_setup");
        command.args(["--tpm2", "--create-ek-cert", "--ecc", "--lock-nvram", "--tpmstate"]);
        command.arg(folder.join("state")).arg("--config").arg(folder.join("setup.conf"));
        command.arg("--logfile").arg(folder.join("setup.log"));
        process::run(&mut command)
    })
}

fn create(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|error| Failure::file("create", folder, &error))
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    fs::write(file, text).map_err(|error| Failure::file("write", file, &error))
}

/// Description of the TPM in its certificate.
const OPTIONS: &str = "--tpm-manufacturer IBM\n--tpm-model swtpm-libtpms\n--tpm-version 2\n\
                       --platform-manufacturer Test\n--platform-version 1\n--platform-model Test\n";
