//! Whom a container is sealed to, from the options of `seal` and `rekey`.

use std::sync::Arc;

use ovseal::{Passphrase, PublicKeyRecipient, Recipient};
#[cfg(feature = "pkcs11")]
use ovseal_hardware::pkcs11::TokenRecipient;
use ovseal_hardware::sgx::{EnclaveKey, GRAMINE, SealingPolicy};
use ovseal_hardware::tpm2::{Bounds, DeviceRecipient};

use crate::args::Requirement;
use crate::error::CommandError;
use crate::input::{Inputs, Source};
use crate::keys;
use crate::output::Output;
use crate::prompt;

const RECIPIENTS_FILE_LIMIT: usize = 1 << 20;

/// Recipients, collected from the command line.
#[derive(Default)]
pub(crate) struct Recipients {
    all: Vec<Entry>,
    bounds: Bounds,
}

/// A recipient, of which devices may come to demand more.
enum Entry {
    Device(DeviceRecipient),
    Other(Box<dyn Recipient>),
}

/// A new passphrase, as the options name it.
pub(crate) struct NewPassphrase<'o> {
    /// The file in which it stands.
    pub(crate) file: Option<&'o Source>,
    /// The option that names the file.
    pub(crate) file_option: &'static str,
    /// Whether a person is asked.
    pub(crate) ask: bool,
    /// How it is given, for whoever forgot it.
    pub(crate) options: &'static str,
}

impl Recipients {
    /// None yet; what will be sealed to devices is bounded.
    pub(crate) fn within(bounds: Bounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    /// Whether there is a device among them.
    pub(crate) fn has_device(&self) -> bool {
        self.all.iter().any(|entry| matches!(entry, Entry::Device(_)))
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.all.len()
    }

    /// The recipients as the library takes them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &dyn Recipient> {
        self.all.iter().map(|entry| match entry {
            Entry::Device(device) => device,
            Entry::Other(recipient) => &**recipient,
        })
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

    /// Adds the passphrase, if there is one; or has every device among the recipients demand it too.
    ///
    /// # Errors
    /// When it cannot be had, or is demanded and missing, or no device is there to demand it.
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
            return Err(CommandError::usage("--require tpm2+passphrase is for what is sealed to a device")
                .hint("give a device's recipient, ovdev1…"));
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
    /// When a file cannot be read or does not hold exactly 32 bytes.
    pub(crate) fn add_keyfiles(&mut self, files: &[Source], inputs: &mut Inputs) -> Result<(), CommandError> {
        for file in files {
            self.all.push(Entry::other(keys::keyfile(file, inputs)?));
        }
        Ok(())
    }

    /// Adds a key of the enclave in which this runs.
    ///
    /// # Errors
    /// When this is no enclave.
    pub(crate) fn add_enclave(&mut self, policy: SealingPolicy) -> Result<(), CommandError> {
        self.all.push(Entry::other(EnclaveKey::read(GRAMINE.as_ref(), policy)?));
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
    /// The passphrase, if the options name one.
    ///
    /// # Errors
    /// When the file cannot be read or holds no passphrase, or there is no terminal or no usable answer.
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
