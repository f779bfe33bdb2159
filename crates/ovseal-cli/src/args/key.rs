//! The keys that open a container.

use clap::{ArgGroup, Args};

#[cfg(feature = "pkcs11")]
use super::TokenOptions;
use super::{DeviceOptions, PinOptions};
use crate::input::Source;

/// The group of the options of which at most one is given; the device's TPM and a passphrase may be given together.
const KIND: &str = "key";

// The members of the group name it: where options are flattened into a struct, clap leaves the struct's own group empty.
/// Which key opens the container: one kind, or the TPM together with a passphrase.
#[derive(Debug, Args)]
#[group(skip)]
#[command(group(ArgGroup::new(KIND).multiple(false)))]
pub(crate) struct KeyOptions {
    /// Opens with the identities in a file, as keygen and age write them; may be repeated
    #[arg(short, long = "identity", value_name = "IDENTITY_FILE", value_parser = Source::parser())]
    #[arg(group = KIND, help_heading = "Key options")]
    pub(crate) identities: Vec<Source>,

    /// Asks for the passphrase
    #[arg(short, long, group = KIND, help_heading = "Key options")]
    pub(crate) passphrase: bool,

    /// Opens with the passphrase in a file; one line ending at its end is left out
    #[arg(long, value_name = "F", value_parser = Source::parser(), group = KIND, help_heading = "Key options")]
    pub(crate) passphrase_file: Option<Source>,

    /// Opens with the 32 bytes in a file
    #[arg(long, value_name = "F", value_parser = Source::parser(), group = KIND, help_heading = "Key options")]
    pub(crate) keyfile: Option<Source>,

    /// Opens with a key of a PKCS#11 token
    #[cfg(feature = "pkcs11")]
    #[arg(long, value_name = "URI", group = KIND, help_heading = "Key options")]
    pub(crate) pkcs11: Option<String>,

    /// Opens with the keys of the SGX enclave in which this runs under Gramine
    #[arg(long, group = KIND, help_heading = "Key options")]
    pub(crate) sgx: bool,

    #[cfg(feature = "pkcs11")]
    #[command(flatten)]
    pub(crate) token: TokenOptions,

    /// Opens with this device's TPM; with a passphrase, what needs both. run, rekey, bind and extract try it also when no
    /// key is given and the device is enrolled
    #[arg(long, help_heading = "Key options", conflicts_with_all = ["identities", "keyfile", "sgx"])]
    #[cfg_attr(feature = "pkcs11", arg(conflicts_with = "pkcs11"))]
    pub(crate) tpm: bool,

    /// Derive keys from passphrases with at most this much work: MiB of memory times passes, over
    /// all stanzas together. A single stanza may use a quarter of it as memory
    #[arg(long, value_name = "MIB", default_value_t = 1024, help_heading = "Key options")]
    pub(crate) kdf_limit: u32,

    #[command(flatten)]
    pub(crate) pin: PinOptions,

    #[command(flatten)]
    pub(crate) device: DeviceOptions,
}

impl KeyOptions {
    /// Whether any key is given.
    pub(crate) fn is_given(&self) -> bool {
        let files = self.passphrase_file.is_some() || self.keyfile.is_some();
        self.passphrase || self.tpm || files || !self.identities.is_empty() || self.sgx || self.names_token()
    }

    /// The places from which keys, passphrases and PINs are read.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &Source> {
        let files = self.passphrase_file.iter().chain(&self.keyfile);
        let sources = self.identities.iter().chain(files).chain(&self.pin.tpm_pin_file);
        #[cfg(feature = "pkcs11")]
        let sources = sources.chain(&self.token.pin_file);
        sources
    }

    #[cfg(feature = "pkcs11")]
    fn names_token(&self) -> bool {
        self.pkcs11.is_some()
    }

    #[cfg(not(feature = "pkcs11"))]
    fn names_token(&self) -> bool {
        false
    }
}
