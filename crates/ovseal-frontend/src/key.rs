//! Keys that open, and keys to seal to, in one type.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ovseal::{
    FileIdentity, Identity, KeyFile, KeyService, Passphrase, PublicKeyIdentity, PublicKeyRecipient,
    Recipient, SecretText, ServiceKey,
};
use ovseal_files::exposed_mode;
use ovseal_hardware::tpm2::{Device, DeviceIdentity, DeviceRecipient};
use ovseal_memory::SecretBytes;

use crate::{Code, Failure, state_directory, tpm};

/// A caller's keys, to open containers, to seal to, or both. Clones share the keys.
#[derive(Clone, Default)]
pub struct Key {
    identities: Vec<Arc<dyn Identity>>,
    recipients: Vec<Arc<dyn Recipient>>,
    origins: Vec<Origin>,
}

/// The file from which a secret was read.
#[derive(Clone, Debug)]
pub struct Origin {
    path: PathBuf,
    file: FileIdentity,
    exposed_mode: Option<u32>,
}

impl Origin {
    /// Returns the identity of the file.
    #[must_use]
    pub fn file(&self) -> FileIdentity {
        self.file
    }

    /// Returns a warning if other users can access the file.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let mode = self.exposed_mode?;
        Some(format!("{} can be accessed by other users (mode {mode:o})", self.path.display()))
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({} open, {} to seal to)", self.identities.len(), self.recipients.len())
    }
}

impl Key {
    /// Creates a passphrase, to open and to seal to.
    ///
    /// # Errors
    /// [`Code::BadKey`] if it is empty, too long or not UTF-8.
    pub fn passphrase(text: &[u8]) -> Result<Self, Failure> {
        Ok(Self::both(Passphrase::from_bytes(text)?))
    }

    /// Creates a key from the 32 bytes of a key file, to open and to seal to.
    ///
    /// # Errors
    /// [`Code::BadKey`] if there are not exactly 32 bytes.
    pub fn keyfile(bytes: &[u8]) -> Result<Self, Failure> {
        Ok(Self::both(KeyFile::from_bytes(bytes)?))
    }

    /// Reads the key file at `path`, to open and to seal to.
    ///
    /// # Errors
    /// [`Code::Read`], or any error of [`keyfile`](Self::keyfile).
    pub fn keyfile_at(path: &Path) -> Result<Self, Failure> {
        let (bytes, origin) = read(path, KEYFILE_LIMIT)?;
        Ok(Self { origins: vec![origin], ..Self::keyfile(bytes.expose())? })
    }

    /// Parses identities, one per line, as `ovseal keygen` and age write them, to open and to seal
    /// to.
    ///
    /// # Errors
    /// [`Code::BadKey`] if a line is not an identity, or there is none.
    pub fn identities_in(text: &[u8]) -> Result<Self, Failure> {
        let mut key = Self::default();
        for identity in PublicKeyIdentity::parse_file(text)? {
            key.recipients.push(Arc::new(identity.recipient()));
            key.identities.push(Arc::new(identity));
        }
        Ok(key)
    }

    /// Reads the identities in the file at `path`.
    ///
    /// # Errors
    /// [`Code::Read`], or any error of [`identities_in`](Self::identities_in).
    pub fn identities_at(path: &Path) -> Result<Self, Failure> {
        let (text, origin) = read(path, IDENTITIES_LIMIT)?;
        Ok(Self { origins: vec![origin], ..Self::identities_in(text.expose())? })
    }

    /// Parses a recipient to seal to: `age1…`, `age1pq1…` or `ovdev1…`.
    ///
    /// # Errors
    /// [`Code::BadKey`] if `text` is not a recipient. The string is not shown, because it could be
    /// an identity.
    pub fn recipient(text: &str) -> Result<Self, Failure> {
        let text = text.trim();
        if DeviceRecipient::is_meant(text) {
            return Ok(Self::sealed_to(DeviceRecipient::parse(text)?));
        }
        Ok(Self::sealed_to(PublicKeyRecipient::parse(text)?))
    }

    /// Creates a key from the caller's key service, to open and to seal to.
    #[must_use]
    pub fn service(service: Arc<dyn KeyService>) -> Self {
        Self::both(ServiceKey::new(service))
    }

    /// Loads this device's own key, which is in its TPM, to open containers.
    ///
    /// The device's files are in `directory`, or else in the [state directory](state_directory).
    /// The TPM is specified by `tcti`, or else by the variable `OVSEAL_TCTI`; the default is the
    /// kernel's.
    ///
    /// # Errors
    /// [`Code::NoKeyFits`] if the device is not enrolled. [`Code::Environment`] if its files cannot
    /// be read. [`Code::Usage`] for an empty PIN.
    pub fn device(directory: Option<&Path>, tcti: Option<&str>, pin: Option<&[u8]>) -> Result<Self, Failure> {
        let directory = directory.map(Path::to_owned).or_else(state_directory);
        let directory =
            directory.ok_or_else(|| Failure::new(Code::NoKeyFits, "this device is not enrolled"))?;
        let identity = DeviceIdentity::new(Device::load(&directory)?, tpm(tcti)?);
        let identity = match pin {
            // The TPM would count an empty PIN as a wrong one.
            Some([]) => return Err(Failure::new(Code::Usage, "the PIN is empty")),
            Some(pin) => identity.with_pin(pin),
            None => identity,
        };
        Ok(Self { identities: vec![Arc::new(identity)], ..Self::default() })
    }

    /// Adds other keys, which are tried in this order.
    #[must_use]
    pub fn and(mut self, others: &Self) -> Self {
        self.identities.extend(others.identities.iter().cloned());
        self.recipients.extend(others.recipients.iter().cloned());
        self.origins.extend(others.origins.iter().cloned());
        self
    }

    /// Checks that containers can be sealed to these keys.
    ///
    /// # Errors
    /// [`Code::NoRecipient`] if the keys can only open.
    pub fn to_be_sealed_to(&self) -> Result<&Self, Failure> {
        if self.recipients.is_empty() {
            return Err(Failure::new(
                Code::NoRecipient,
                "this key only opens containers; they cannot be sealed to it",
            ));
        }
        Ok(self)
    }

    /// Returns the keys that open.
    #[must_use]
    pub fn identities(&self) -> Vec<&dyn Identity> {
        self.identities.iter().map(|identity| &**identity).collect()
    }

    /// Returns the keys to seal to.
    #[must_use]
    pub fn recipients(&self) -> Vec<&dyn Recipient> {
        self.recipients.iter().map(|recipient| &**recipient).collect()
    }

    /// Returns the files from which the keys were read.
    #[must_use]
    pub fn origins(&self) -> &[Origin] {
        &self.origins
    }

    fn both(key: impl Identity + Recipient + 'static) -> Self {
        let key = Arc::new(key);
        Self { identities: vec![key.clone()], recipients: vec![key], origins: Vec::new() }
    }

    fn sealed_to(recipient: impl Recipient + 'static) -> Self {
        Self { recipients: vec![Arc::new(recipient)], ..Self::default() }
    }
}

/// Reads a key file of at most `limit` bytes.
///
/// # Errors
/// [`Code::BadKey`] if the path is itself a secret, which is not shown. [`Code::Read`] if the file
/// cannot be read or is too long.
pub fn read(path: &Path, limit: usize) -> Result<(SecretBytes, Origin), Failure> {
    if let Some(secret) = SecretText::of(path) {
        let hint = "give the path of a file, or the secret itself as bytes";
        return Err(Failure::new(Code::BadKey, secret.to_string()).with_hint(hint));
    }
    read_file(path, limit)
        .map_err(|error| Failure::new(Code::Read, format!("cannot read {}", path.display())).caused_by(error))
}

fn read_file(path: &Path, limit: usize) -> io::Result<(SecretBytes, Origin)> {
    let mut file = File::open(path)?;
    let (identity, exposed_mode) = (FileIdentity::of_file(&file)?, exposed_mode(&file)?);
    let origin = Origin { path: path.to_owned(), file: identity, exposed_mode };
    Ok((SecretBytes::read_from(&mut file, limit)?, origin))
}

const KEYFILE_LIMIT: usize = 64;
const IDENTITIES_LIMIT: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use ovseal::{ModelName, OpenOptions, SealOptions, Trust};
    use ovseal_testkit::Fixture;

    use super::*;

    fn opens(key: &Key, with: &Key) -> bool {
        let fixture = Fixture::new(&[("w.bin", b"weights")]);
        let options = SealOptions::new(ModelName::parse("m").unwrap());
        let options = key.recipients().into_iter().fold(options, SealOptions::recipient);
        let container = fixture.seal(options);
        OpenOptions::new(Trust::AnySender).open(&container, &with.identities()).is_ok()
    }

    #[test]
    fn each_kind_of_key_opens_only_what_was_sealed_to_it() {
        let passphrase = |text: &[u8]| Key::passphrase(text).unwrap();
        let keyfile = |byte| Key::keyfile(&[byte; 32]).unwrap();
        let identity = || {
            let text = PublicKeyIdentity::generate().unwrap().encode();
            Key::identities_in(text.expose()).unwrap()
        };
        for (key, other) in
            [(passphrase(b"one"), passphrase(b"two")), (keyfile(1), keyfile(2)), (identity(), identity())]
        {
            assert!(opens(&key, &key) && !opens(&key, &other));
            assert!(opens(&key, &other.and(&key)));
        }
    }

    #[test]
    fn a_key_knows_its_file_and_whether_others_can_access_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        std::fs::write(&path, [1; 32]).unwrap();
        for (mode, warning) in [(0o600, None), (0o644, Some("can be accessed by other users (mode 644)"))] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let key = Key::keyfile_at(&path).unwrap().and(&Key::passphrase(b"one").unwrap());
            let [origin] = key.origins() else { panic!("one file was read") };
            assert_eq!(origin.file(), FileIdentity::of(&path).unwrap());
            let expected = warning.map(|words| format!("{} {words}", path.display()));
            assert_eq!(origin.warning(), expected);
        }
    }

    #[test]
    fn malformed_keys_are_rejected_without_being_shown() {
        let secret = "AGE-SECRET-KEY-1QQQQ";
        let failures = [
            Key::passphrase(b"").unwrap_err(),
            Key::keyfile(&[1; 31]).unwrap_err(),
            Key::identities_in(b"# nothing").unwrap_err(),
            Key::recipient(secret).unwrap_err(),
        ];
        for failure in failures {
            assert_eq!(failure.code, Code::BadKey);
            assert!(!format!("{failure:?}").contains("QQQQ"));
        }
        for path in [secret, &"0aF9".repeat(16)] {
            for failure in
                [Key::keyfile_at(path.as_ref()).unwrap_err(), Key::identities_at(path.as_ref()).unwrap_err()]
            {
                assert_eq!(failure.code, Code::BadKey);
                assert!(failure.message.ends_with("was given instead of the path of its file"));
                assert!(!format!("{failure:?}").contains(path));
            }
        }
        let missing = Key::keyfile_at("/nonexistent".as_ref()).unwrap_err();
        assert_eq!((missing.code, missing.causes.len()), (Code::Read, 1));
    }
}
