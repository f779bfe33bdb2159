//! Whom a container is sealed to, from the options of `seal` and `rekey`.

use ovseal::{PublicKeyRecipient, Recipient};
#[cfg(feature = "pkcs11")]
use ovseal_hardware::pkcs11::TokenRecipient;
use ovseal_hardware::sgx::{EnclaveKey, GRAMINE, SealingPolicy};
use ovseal_hardware::tpm2::{Bounds, DeviceRecipient};

use crate::error::CommandError;
use crate::input::{Inputs, Source};
use crate::keys;
use crate::output::Output;
use crate::prompt;

const RECIPIENTS_FILE_LIMIT: usize = 1 << 20;

/// Recipients, collected from the command line.
#[derive(Default)]
pub(crate) struct Recipients {
    all: Vec<Box<dyn Recipient>>,
    bounds: Bounds,
    has_device: bool,
}

impl Recipients {
    /// None yet; what will be sealed to devices is bounded.
    pub(crate) fn within(bounds: Bounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    /// Whether there is a device among them.
    pub(crate) fn has_device(&self) -> bool {
        self.has_device
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.all.len()
    }

    /// The recipients as the library takes them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &dyn Recipient> {
        self.all.iter().map(|recipient| &**recipient)
    }

    /// Adds public keys.
    ///
    /// # Errors
    /// When a text is no recipient; it is not shown, because it could be an identity.
    pub(crate) fn add_public_keys(&mut self, texts: &[String]) -> Result<(), CommandError> {
        texts.iter().try_for_each(|text| self.add_public_key(text))
    }

    /// Adds the public keys in files: one a line, with empty lines and comments that begin with `#`.
    ///
    /// # Errors
    /// When a file cannot be read, or a line is no recipient.
    pub(crate) fn add_files(&mut self, files: &[Source], inputs: &mut Inputs) -> Result<(), CommandError> {
        for file in files {
            let text = inputs.text(file, RECIPIENTS_FILE_LIMIT)?;
            for (number, line) in text.lines().map(str::trim).enumerate() {
                if !line.is_empty() && !line.starts_with('#') {
                    let place = format!("cannot use line {} of {file}", number + 1);
                    self.add_public_key(line).map_err(|error| error.context(place))?;
                }
            }
        }
        Ok(())
    }

    /// Adds the passphrase in a file.
    ///
    /// # Errors
    /// When the file cannot be read or holds no passphrase.
    pub(crate) fn add_passphrase(&mut self, file: &Source, inputs: &mut Inputs) -> Result<(), CommandError> {
        self.all.push(Box::new(keys::passphrase(file, inputs)?));
        Ok(())
    }

    /// Adds a passphrase for which a person is asked.
    ///
    /// # Errors
    /// When there is no terminal or no usable answer.
    pub(crate) fn ask_passphrase(&mut self, output: &mut Output) -> Result<(), CommandError> {
        self.all.push(Box::new(prompt::new_passphrase(output)?));
        Ok(())
    }

    /// Adds key files.
    ///
    /// # Errors
    /// When a file cannot be read or does not hold exactly 32 bytes.
    pub(crate) fn add_keyfiles(&mut self, files: &[Source], inputs: &mut Inputs) -> Result<(), CommandError> {
        for file in files {
            self.all.push(Box::new(keys::keyfile(file, inputs)?));
        }
        Ok(())
    }

    /// Adds a key of the enclave in which this runs.
    ///
    /// # Errors
    /// When this is no enclave.
    pub(crate) fn add_enclave(&mut self, policy: SealingPolicy) -> Result<(), CommandError> {
        self.all.push(Box::new(EnclaveKey::read(GRAMINE.as_ref(), policy)?));
        Ok(())
    }

    fn add_public_key(&mut self, text: &str) -> Result<(), CommandError> {
        if text.to_ascii_uppercase().starts_with("AGE-SECRET-KEY-") {
            return Err(CommandError::usage("an identity was given where a recipient belongs").hint(
                "an identity is secret: if others may have seen it, make a new one with ovseal keygen",
            ));
        }
        #[cfg(feature = "pkcs11")]
        if TokenRecipient::is_meant(text) {
            self.all.push(Box::new(TokenRecipient::parse(text)?));
            return Ok(());
        }
        if DeviceRecipient::is_meant(text) {
            let recipient = DeviceRecipient::parse(text)?.with_bounds(self.bounds.clone());
            self.all.push(Box::new(recipient));
            self.has_device = true;
            return Ok(());
        }
        self.all.push(Box::new(PublicKeyRecipient::parse(text)?));
        Ok(())
    }
}
