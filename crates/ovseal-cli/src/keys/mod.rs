//! The caller's keys, from the key options.

mod input;
pub(crate) mod needs;
mod opening;
mod options;
pub(crate) mod recipients;
pub(crate) mod rollback;
pub(crate) mod strict;
#[cfg(feature = "pkcs11")]
pub(crate) mod token;
pub(crate) mod tpm;
pub(crate) mod trust;

use std::io::{self, IsTerminal};
use std::path::Path;

use ovseal::{
    Identity, Inspection, KeyError, KeyFile, OpenError, Passphrase, PublicKeyIdentity, StanzaKind,
    StanzaSummary,
};
use ovseal_frontend::{FrontEnd, keys_hint};
use ovseal_hardware::sgx::EnclaveIdentity;
use ovseal_hardware::tpm2::{DeviceIdentity, TPM2, TPM2_PASSPHRASE, Tpm2Summary};

use crate::errors::{CommandError, Kind};
use crate::ui::prompt;
use tpm::DeviceOptions;

pub(crate) use input::{Inputs, Source};
pub(crate) use opening::OpeningOptions;
pub(crate) use options::KeyOptions;

/// A passphrase has at most 1024 bytes in normalization form C, but may be longer in another form.
const PASSPHRASE_LIMIT: usize = 8 * 1024;
const IDENTITY_FILE_LIMIT: usize = 64 * 1024;

/// The caller's keys for a container: of one kind, or two required together.
#[derive(Default)]
pub(crate) struct Keys {
    identities: Vec<Box<dyn Identity>>,
    refusal: &'static str,
    /// This device, if its TPM is among the keys.
    device: Option<DeviceIdentity>,
    /// The device options, which determine whether a passphrase is one of two keys.
    options: DeviceOptions,
}

impl Keys {
    /// Returns the keys that `options` specify.
    ///
    /// Without key options, uses this device's own key if the device is enrolled and the container
    /// has a stanza for a device. Otherwise, if the container accepts a passphrase, asks for it at
    /// the terminal.
    ///
    /// # Errors
    /// Fails if a key cannot be read or is malformed, or there is none. The hint then lists the
    /// kinds that the container accepts.
    pub(crate) fn obtain(
        options: &KeyOptions,
        container: &Path,
        inputs: &mut Inputs,
    ) -> Result<Self, CommandError> {
        if options.is_given() {
            return Self::given(options, inputs);
        }
        let stanzas = stanzas(container)?;
        if let Some(keys) = Self::own(options, &stanzas, inputs)? {
            return Ok(keys);
        }
        let kinds = types(&stanzas);
        if kinds.iter().any(|kind| kind == StanzaKind::Passphrase.word()) && io::stdin().is_terminal() {
            return Ok(Self::passphrase(options, prompt::passphrase()?));
        }
        let error = CommandError::message(Kind::NoKeyFits, "no key was given");
        Err(error.hint(keys_hint(kinds.iter().map(String::as_str), FrontEnd::Command)))
    }

    /// Returns the keys that `options` specify, at least one.
    ///
    /// # Errors
    /// Fails if a key cannot be read or is malformed.
    pub(crate) fn given(options: &KeyOptions, inputs: &mut Inputs) -> Result<Self, CommandError> {
        let given = match &options.passphrase_file {
            Some(source) => Some(passphrase(source, inputs)?),
            None => options.passphrase.then(prompt::passphrase).transpose()?,
        };
        match (options.tpm, given) {
            (true, Some(given)) => return Self::tpm_and_passphrase(options, given, inputs),
            (true, None) => return Self::tpm(options, inputs),
            (false, Some(given)) => return Ok(Self::passphrase(options, given)),
            (false, None) => {}
        }
        if let Some(source) = &options.keyfile {
            return Ok(Self::one(keyfile(source, inputs)?, "the key file does not open the container"));
        }
        #[cfg(feature = "pkcs11")]
        if let Some(uri) = &options.pkcs11 {
            let identity = token::identity(uri, &options.token, inputs)?;
            return Ok(Self::one(identity, "the token's key does not open the container"));
        }
        if options.sgx {
            return Ok(Self::one(EnclaveIdentity::new(), "this enclave's keys do not open the container"));
        }
        let mut identities: Vec<Box<dyn Identity>> = Vec::new();
        for source in &options.identities {
            let read = identity_file(source, inputs)?;
            identities.extend(read.into_iter().map(|identity| Box::new(identity) as Box<dyn Identity>));
        }
        let refusal = "none of the identities opens the container";
        Ok(Self { identities, refusal, ..Self::default() })
    }

    /// Returns this device, if its TPM is among the keys.
    pub(crate) fn device(&self) -> Option<&DeviceIdentity> {
        self.device.as_ref()
    }

    /// Returns the keys in the library's form.
    pub(crate) fn identities(&self) -> Vec<&dyn Identity> {
        self.identities.iter().map(|identity| &**identity).collect()
    }

    /// Returns the error for a container at `path` that these keys do not open.
    pub(crate) fn failure(&self, path: &Path, error: OpenError) -> CommandError {
        let OpenError::NoKeyFits { stanzas } = &error else { return open_failure(path, error) };
        let kinds = keys_hint(stanzas.iter().map(String::as_str), FrontEnd::Command);
        let missing = self.missing(path);
        let message = match missing {
            Some((message, _)) => message,
            None if stanzas.iter().any(|kind| self.is_of_kind(kind)) => self.refusal,
            None => "the container does not accept this kind of key",
        };
        let refusal = CommandError::message(Kind::NoKeyFits, message).context(path.display().to_string());
        refusal.hints(missing.map(|(_, hint)| hint.to_owned())).hint(kinds)
    }

    fn is_of_kind(&self, kind: &str) -> bool {
        let for_device = self.device.is_some() && [TPM2, TPM2_PASSPHRASE].contains(&kind);
        for_device || self.identities.iter().any(|identity| identity.stanza_type() == kind)
    }

    /// Returns the message and hint for the missing one of the two keys for this device's stanza.
    ///
    /// `None` if the caller passed neither, or the container has no such stanza.
    fn missing(&self, container: &Path) -> Option<(&'static str, &'static str)> {
        let (here, missing) = match StanzaKind::parse(self.identities.first()?.stanza_type())? {
            StanzaKind::Tpm2 => (self.device.as_ref()?.device().id(), (PASSPHRASE_MISSING, GIVE_PASSPHRASE)),
            StanzaKind::Passphrase => (tpm::enrolled_id(&self.options)?, (TPM_MISSING, GIVE_TPM)),
            _ => return None,
        };
        let needs_both = |summary: Tpm2Summary| summary.needs_passphrase && summary.device == here;
        stanzas(container).ok()?.iter().filter_map(of_device).any(needs_both).then_some(missing)
    }

    /// Returns this device's keys, if it is enrolled and the container has a stanza for a device.
    fn own(
        options: &KeyOptions,
        stanzas: &[StanzaSummary],
        inputs: &mut Inputs,
    ) -> Result<Option<Self>, CommandError> {
        let mut devices = stanzas.iter().filter_map(of_device).peekable();
        if devices.peek().is_none() || !tpm::is_enrolled(&options.device) {
            return Ok(None);
        }
        let id = tpm::device(&options.device)?.id();
        let ours: Vec<Tpm2Summary> = devices.filter(|summary| summary.device == id).collect();
        if ours.is_empty() || !ours.iter().all(|summary| summary.needs_passphrase) {
            return Self::tpm(options, inputs).map(Some);
        }
        if !io::stdin().is_terminal() {
            let error = CommandError::message(Kind::NoKeyFits, PASSPHRASE_MISSING);
            return Err(error.hint(GIVE_PASSPHRASE));
        }
        Self::tpm_and_passphrase(options, prompt::passphrase()?, inputs).map(Some)
    }

    fn tpm_and_passphrase(
        options: &KeyOptions,
        passphrase: Passphrase,
        inputs: &mut Inputs,
    ) -> Result<Self, CommandError> {
        let identity = tpm::identity(&options.device, &options.pin, inputs)?;
        let refusal = "the container is not bound to this device and a passphrase";
        let device = Some(identity.clone());
        Ok(Self { device, ..Self::one(identity.with_passphrase(passphrase), refusal) })
    }

    fn tpm(options: &KeyOptions, inputs: &mut Inputs) -> Result<Self, CommandError> {
        let identity = tpm::identity(&options.device, &options.pin, inputs)?;
        let refusal = "the container is neither bound to this device nor sealed to its recipient";
        let device = Some(identity.clone());
        Ok(Self { device, ..Self::one(identity, refusal) })
    }

    fn passphrase(options: &KeyOptions, passphrase: Passphrase) -> Self {
        Self { options: options.device.clone(), ..Self::one(passphrase, "wrong passphrase") }
    }

    fn one(identity: impl Identity + 'static, refusal: &'static str) -> Self {
        Self { identities: vec![Box::new(identity)], refusal, ..Self::default() }
    }
}

/// Returns the error for the container at `path`. Shows the path unless the library's error does.
pub(crate) fn open_failure(path: &Path, error: OpenError) -> CommandError {
    let names_it = matches!(
        error,
        OpenError::Read { .. }
            | OpenError::SideFile { .. }
            | OpenError::Rollback(_)
            | OpenError::DemandWithoutPublisher
    );
    let error = CommandError::from(error);
    if names_it { error } else { error.context(path.display().to_string()) }
}

/// Reads a passphrase.
///
/// # Errors
/// Fails if it cannot be read, or is malformed.
pub(crate) fn passphrase(source: &Source, inputs: &mut Inputs) -> Result<Passphrase, CommandError> {
    let bytes = inputs.secret(source, PASSPHRASE_LIMIT)?;
    Passphrase::from_bytes(bytes.expose()).map_err(|error| unusable(source, error))
}

/// Reads a key file.
///
/// # Errors
/// Fails if it cannot be read, or does not contain exactly 32 bytes.
pub(crate) fn keyfile(source: &Source, inputs: &mut Inputs) -> Result<KeyFile, CommandError> {
    let key = inputs.read_secret(source, |file| match KeyFile::read_from(file) {
        // A file of a different length is readable, but is not a key.
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(Err(KeyError::KeyFile)),
        read => read.map(Ok),
    })?;
    key.map_err(|error| unusable(source, error))
}

fn identity_file(source: &Source, inputs: &mut Inputs) -> Result<Vec<PublicKeyIdentity>, CommandError> {
    let text = inputs.secret(source, IDENTITY_FILE_LIMIT)?;
    PublicKeyIdentity::parse_file(text.expose()).map_err(|error| unusable(source, error))
}

/// Returns the error for a file that was read but is not a key.
pub(crate) fn unusable(source: &Source, error: KeyError) -> CommandError {
    CommandError::from(error).context(format!("cannot use {source}"))
}

/// Returns the stanzas in a container and its side file.
fn stanzas(container: &Path) -> Result<Vec<StanzaSummary>, CommandError> {
    let inspection = Inspection::of(container).map_err(|error| open_failure(container, error))?;
    Ok(inspection.stanzas.into_iter().chain(inspection.side_file.into_iter().flatten()).collect())
}

/// Returns the summary of a stanza for a device.
fn of_device(stanza: &StanzaSummary) -> Option<Tpm2Summary> {
    Tpm2Summary::of(stanza.stanza_type.as_str(), &stanza.parameters)
}

/// Returns the types of stanzas, sorted, each once.
fn types(stanzas: &[StanzaSummary]) -> Vec<String> {
    let mut kinds: Vec<String> = stanzas.iter().map(|stanza| stanza.stanza_type.to_string()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

const PASSPHRASE_MISSING: &str = "the passphrase is missing: the container requires it together with the TPM";
const GIVE_PASSPHRASE: &str = "also give the passphrase: --tpm with -p or --passphrase-file F";
const TPM_MISSING: &str =
    "the device's TPM is missing: the container requires it together with the passphrase";
const GIVE_TPM: &str = "on the device, add --tpm to the passphrase";
