//! The recipients of a container, from the options of `seal` and `rekey`.

use std::sync::Arc;

use ovseal::{Passphrase, PublicKeyRecipient, Recipient};
#[cfg(feature = "pkcs11")]
use ovseal_hardware::pkcs11::TokenRecipient;
use ovseal_hardware::sgx::{EnclaveKey, GRAMINE, SealingPolicy};
use ovseal_hardware::tpm2::{Bounds, DeviceRecipient};

use super::tpm::Requirement;
use super::{Inputs, Source};
use crate::errors::CommandError;
use crate::keys;
use crate::ui::{Output, prompt};

const RECIPIENTS_FILE_LIMIT: usize = 1 << 20;

/// Recipients, collected from the command line.
#[derive(Default)]
pub(crate) struct Recipients {
    all: Vec<Entry>,
    bounds: Bounds,
}

/// A recipient. Further requirements may be added to a device later.
enum Entry {
    Device(DeviceRecipient),
    Other(Box<dyn Recipient>),
}

/// A new passphrase, as the options say.
pub(crate) struct NewPassphrase<'o> {
    /// The file that contains it.
    pub(crate) file: Option<&'o Source>,
    /// The option that specifies the file.
    pub(crate) file_option: &'static str,
    /// True to ask for the passphrase at the terminal.
    pub(crate) ask: bool,
    /// The options that provide the passphrase, for a hint.
    pub(crate) options: &'static str,
}

impl Recipients {
    /// Creates an empty list, with bounds for the devices to be added.
    pub(crate) fn within(bounds: Bounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    /// Returns whether one of the recipients is a device.
    pub(crate) fn has_device(&self) -> bool {
        self.all.iter().any(|entry| matches!(entry, Entry::Device(_)))
    }

    /// Returns their number.
    pub(crate) fn count(&self) -> usize {
        self.all.len()
    }

    /// Returns the recipients in the library's form.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &dyn Recipient> {
        self.all.iter().map(|entry| match entry {
            Entry::Device(device) => device,
            Entry::Other(recipient) => &**recipient,
        })
    }

    /// Adds public keys.
    ///
    /// # Errors
    /// Fails if a string is not a recipient. The string is not shown, because it could be an
    /// identity.
    pub(crate) fn add_public_keys(&mut self, texts: &[String]) -> Result<(), CommandError> {
        texts.iter().try_for_each(|text| self.add_public_key(text))
    }

    /// Adds the public keys in files, one per line; ignores empty lines and comments that begin
    /// with `#`.
    ///
    /// # Errors
    /// Fails if a file cannot be read, or a line is not a recipient.
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

    /// Adds the passphrase, if there is one. With `require`, every device requires it instead.
    ///
    /// # Errors
    /// Fails if the passphrase cannot be read, is required but missing, or is required and there is
    /// no device.
    pub(crate) fn add_passphrase(
        &mut self,
        new: &NewPassphrase<'_>,
        require: Option<Requirement>,
        inputs: &mut Inputs,
        output: &mut Output,
    ) -> Result<(), CommandError> {
        if require.is_none() {
            self.all.extend(new.obtain(inputs, output)?.map(Entry::other));
            return Ok(());
        }
        if !self.has_device() {
            return Err(CommandError::usage("--require tpm2+passphrase needs a device among the recipients")
                .hint("add a device's recipient, ovdev1…"));
        }
        let passphrase = new.obtain(inputs, output)?.ok_or_else(|| {
            CommandError::usage("--require tpm2+passphrase needs a passphrase")
                .hint(format!("give it with {}", new.options))
        })?;
        let passphrase = Arc::new(passphrase);
        for entry in &mut self.all {
            if let Entry::Device(device) = entry {
                *entry = Entry::other(device.clone().with_passphrase(passphrase.clone()));
            }
        }
        Ok(())
    }

    /// Adds key files.
    ///
    /// # Errors
    /// Fails if a file cannot be read, or does not contain exactly 32 bytes.
    pub(crate) fn add_keyfiles(&mut self, files: &[Source], inputs: &mut Inputs) -> Result<(), CommandError> {
        for file in files {
            self.all.push(Entry::other(keys::keyfile(file, inputs)?));
        }
        Ok(())
    }

    /// Adds a key of this enclave.
    ///
    /// # Errors
    /// Fails outside an enclave.
    pub(crate) fn add_enclave(&mut self, policy: SealingPolicy) -> Result<(), CommandError> {
        self.all.push(Entry::other(EnclaveKey::read(GRAMINE.as_ref(), policy)?));
        Ok(())
    }

    fn add_public_key(&mut self, text: &str) -> Result<(), CommandError> {
        if text.to_ascii_uppercase().starts_with("AGE-SECRET-KEY-") {
            return Err(CommandError::usage("an identity was given instead of a recipient").hint(
                "an identity is secret: if others may have seen it, create a new one with ovseal keygen",
            ));
        }
        #[cfg(feature = "pkcs11")]
        if TokenRecipient::is_meant(text) {
            self.all.push(Entry::other(TokenRecipient::parse(text)?));
            return Ok(());
        }
        if DeviceRecipient::is_meant(text) {
            let device = DeviceRecipient::parse(text)?.with_bounds(self.bounds.clone());
            self.all.push(Entry::Device(device));
            return Ok(());
        }
        self.all.push(Entry::other(PublicKeyRecipient::parse(text)?));
        Ok(())
    }
}

impl Entry {
    fn other(recipient: impl Recipient + 'static) -> Self {
        Self::Other(Box::new(recipient))
    }
}

impl NewPassphrase<'_> {
    /// Returns the passphrase, if the options specify one.
    ///
    /// # Errors
    /// Fails if the file does not contain a valid passphrase, there is no terminal, or the answer
    /// is not valid.
    pub(crate) fn obtain(
        &self,
        inputs: &mut Inputs,
        output: &mut Output,
    ) -> Result<Option<Passphrase>, CommandError> {
        match self.file {
            Some(file) => keys::passphrase(file, inputs).map(Some),
            None if self.ask => prompt::new_passphrase(self.file_option, output).map(Some),
            None => Ok(None),
        }
    }
}
