//! The keys that open a container.

use clap::{ArgGroup, Args};

use super::Source;
#[cfg(feature = "pkcs11")]
use super::token::TokenOptions;
use super::tpm::{DeviceOptions, PinOptions};

/// The group of options of which at most one may be given. --tpm may also come with a passphrase.
const KIND: &str = "key";

// Each option declares its group: clap leaves a struct's own group empty when the struct is
// flattened.
/// The key that opens the container: one kind, or the TPM together with a passphrase.
#[derive(Debug, Args)]
#[group(skip)]
#[command(group(ArgGroup::new(KIND).multiple(false)))]
pub(crate) struct KeyOptions {
    /// Use the identities in F, in the format of keygen and age; may be repeated
    #[arg(short, long = "identity", value_name = "F", value_parser = Source::parser())]
    #[arg(group = KIND, help_heading = "Key options")]
    pub(crate) identities: Vec<Source>,

    /// Ask for the passphrase
    #[arg(short, long, group = KIND, help_heading = "Key options")]
    pub(crate) passphrase: bool,

    /// Use the passphrase in a file; a single trailing newline is ignored
    #[arg(long, value_name = "F", value_parser = Source::parser(), group = KIND, help_heading = "Key options")]
    pub(crate) passphrase_file: Option<Source>,

    /// Use the 32-byte key file F
    #[arg(long, value_name = "F", value_parser = Source::parser(), group = KIND, help_heading = "Key options")]
    pub(crate) keyfile: Option<Source>,

    /// Use a key on a PKCS#11 token
    #[cfg(feature = "pkcs11")]
    #[arg(long, value_name = "URI", group = KIND, help_heading = "Key options")]
    pub(crate) pkcs11: Option<String>,

    /// Use the keys of this SGX enclave, which must run under Gramine
    #[arg(long, group = KIND, help_heading = "Key options")]
    pub(crate) sgx: bool,

    #[cfg(feature = "pkcs11")]
    #[command(flatten)]
    pub(crate) token: TokenOptions,

    /// Use this device's TPM; also give a passphrase if the container requires both
    ///
    /// run, exec, mount, rekey, bind and extract use the TPM by default if you give no key, the
    /// device is enrolled and the container has a stanza for a device.
    #[arg(long, help_heading = "Key options", conflicts_with_all = ["identities", "keyfile", "sgx"])]
    #[cfg_attr(feature = "pkcs11", arg(conflicts_with = "pkcs11"))]
    pub(crate) tpm: bool,

    /// Limit key derivation from passphrases to this many MiB of memory times passes, summed over
    /// all stanzas; a single derivation may use a quarter of the limit as memory
    #[arg(long, value_name = "MIB", default_value_t = 1024, help_heading = "Key options")]
    pub(crate) kdf_limit: u32,

    #[command(flatten)]
    pub(crate) pin: PinOptions,

    #[command(flatten)]
    pub(crate) device: DeviceOptions,
}

impl KeyOptions {
    /// Returns whether any key is given.
    pub(crate) fn is_given(&self) -> bool {
        let files = self.passphrase_file.is_some() || self.keyfile.is_some();
        self.passphrase || self.tpm || files || !self.identities.is_empty() || self.sgx || self.names_token()
    }

    /// Returns the sources of keys, passphrases and PINs.
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
