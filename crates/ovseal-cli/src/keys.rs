//! The caller's keys, from the key options.

use std::io::{self, IsTerminal};
use std::path::Path;

use ovseal::{Identity, Inspection, KeyError, KeyFile, OpenError, Passphrase, PublicKeyIdentity};
use ovseal_hardware::sgx::EnclaveIdentity;
use ovseal_hardware::tpm2::TPM2;

use crate::args::KeyOptions;
use crate::error::{CommandError, Kind};
use crate::hints;
use crate::input::{Inputs, Source};
#[cfg(feature = "pkcs11")]
use crate::token;
use crate::{prompt, tpm};

/// A passphrase has at most 1024 bytes in normalization form C; before it may be longer.
const PASSPHRASE_LIMIT: usize = 8 * 1024;
const IDENTITY_FILE_LIMIT: usize = 64 * 1024;

/// Keys of one kind that were given to open a container.
pub(crate) struct Keys {
    identities: Vec<Box<dyn Identity>>,
    refusal: &'static str,
}

impl Keys {
    /// The keys that `options` name. Without any, a person at a terminal is asked if the container takes a passphrase.
    ///
    /// # Errors
    /// When a key cannot be read or is none, or when there is none: then the hint lists what the container takes.
    pub(crate) fn obtain(
        options: &KeyOptions,
        container: &Path,
        inputs: &mut Inputs,
    ) -> Result<Self, CommandError> {
        if options.is_given() {
            return Self::given(options, inputs);
        }
        let kinds = stanza_types(container)?;
        if kinds.iter().any(|kind| kind == TPM2) && tpm::is_enrolled(&options.device) {
            return Self::tpm(options, inputs);
        }
        if kinds.iter().any(|kind| kind == "passphrase") && io::stdin().is_terminal() {
            return Ok(Self::passphrase(prompt::passphrase()?));
        }
        let error = CommandError::message(Kind::NoKeyFits, "no key is given");
        Err(error.hint(hints::keys(kinds.iter().map(String::as_str))))
    }

    /// The keys that `options` name; there is at least one.
    ///
    /// # Errors
    /// When a key cannot be read or is none.
    pub(crate) fn given(options: &KeyOptions, inputs: &mut Inputs) -> Result<Self, CommandError> {
        if options.passphrase {
            return Ok(Self::passphrase(prompt::passphrase()?));
        }
        if options.tpm {
            return Self::tpm(options, inputs);
        }
        if let Some(source) = &options.passphrase_file {
            return Ok(Self::passphrase(passphrase(source, inputs)?));
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
        Ok(Self { identities, refusal: "none of the identities opens the container" })
    }

    /// The keys as the library takes them.
    pub(crate) fn identities(&self) -> Vec<&dyn Identity> {
        self.identities.iter().map(|identity| &**identity).collect()
    }

    /// The error of opening the container at `path` with these keys.
    pub(crate) fn failure(&self, path: &Path, error: OpenError) -> CommandError {
        let OpenError::NoKeyFits { stanzas } = &error else { return open_failure(path, error) };
        let kinds = hints::keys(stanzas.iter().map(String::as_str));
        let fits = |kind: &str| stanzas.iter().any(|stanza| stanza == kind);
        let refusal = if self.identities.iter().any(|identity| fits(identity.stanza_type())) {
            CommandError::message(Kind::NoKeyFits, self.refusal)
        } else {
            CommandError::message(Kind::NoKeyFits, "the container takes no key of this kind")
        };
        refusal.context(path.display().to_string()).hint(kinds)
    }

    fn tpm(options: &KeyOptions, inputs: &mut Inputs) -> Result<Self, CommandError> {
        let identity = tpm::identity(&options.device, &options.pin, inputs)?;
        let refusal = "the container is not bound to this device, nor sealed to its recipient";
        Ok(Self { identities: vec![Box::new(identity)], refusal })
    }

    fn passphrase(passphrase: Passphrase) -> Self {
        Self::one(passphrase, "wrong passphrase")
    }

    fn one(identity: impl Identity + 'static, refusal: &'static str) -> Self {
        Self { identities: vec![Box::new(identity)], refusal }
    }
}

/// The error of looking into the container at `path`, which names the file where the library's own does not.
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
/// When it cannot be read, or is none.
pub(crate) fn passphrase(source: &Source, inputs: &mut Inputs) -> Result<Passphrase, CommandError> {
    let bytes = inputs.secret(source, PASSPHRASE_LIMIT)?;
    Passphrase::from_bytes(bytes.expose()).map_err(|error| unusable(source, error))
}

/// Reads a key file.
///
/// # Errors
/// When it cannot be read, or does not hold exactly 32 bytes.
pub(crate) fn keyfile(source: &Source, inputs: &mut Inputs) -> Result<KeyFile, CommandError> {
    let key = inputs.read(source, |file| match KeyFile::read_from(file) {
        // A file of another length is no key, rather than one that cannot be read.
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(Err(KeyError::KeyFile)),
        read => read.map(Ok),
    })?;
    key.map_err(|error| unusable(source, error))
}

fn identity_file(source: &Source, inputs: &mut Inputs) -> Result<Vec<PublicKeyIdentity>, CommandError> {
    let text = inputs.secret(source, IDENTITY_FILE_LIMIT)?;
    PublicKeyIdentity::parse_file(text.expose()).map_err(|error| unusable(source, error))
}

/// A key that was read but is none.
pub(crate) fn unusable(source: &Source, error: KeyError) -> CommandError {
    CommandError::from(error).context(format!("cannot use {source}"))
}

/// The types of the stanzas in a container and its side file, each once.
fn stanza_types(container: &Path) -> Result<Vec<String>, CommandError> {
    let inspection = Inspection::of(container).map_err(|error| open_failure(container, error))?;
    let stanzas = inspection.stanzas.iter().chain(inspection.side_file.iter().flatten());
    let mut kinds: Vec<String> = stanzas.map(|stanza| stanza.stanza_type.to_string()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    Ok(kinds)
}
