//! Secrets that were given where the path of a file is wanted.

use std::fmt;
use std::path::Path;

/// A secret itself, given in the place of the path of the file that holds it.
///
/// An error that repeats such a path would show the secret on a terminal and in logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretText {
    /// An identity, `AGE-SECRET-KEY-…`.
    Identity,
    /// A private key in PEM.
    PrivateKey,
    /// The 32 bytes of a key file, in hexadecimal digits or Base64.
    KeyFile,
}

impl SecretText {
    /// Recognizes a secret in `path`. Text that could be a file's name is one only if no such file exists.
    pub fn of(path: &Path) -> Option<Self> {
        let text = path.to_str()?.trim();
        if identity_at(text).is_some() {
            return Some(Self::Identity);
        }
        if text.contains("-----BEGIN") || text.contains("PRIVATE KEY-----") {
            return Some(Self::PrivateKey);
        }
        (is_key_file(text) && path.symlink_metadata().is_err()).then_some(Self::KeyFile)
    }
}

impl fmt::Display for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Identity => "an identity was given where the path of its file belongs",
            Self::PrivateKey => "a private key was given where the path of its file belongs",
            Self::KeyFile => "what looks like a key was given where the path of its file belongs",
        })
    }
}

/// Returns where in `text` the first identity begins.
pub fn identity_at(text: &str) -> Option<usize> {
    text.as_bytes().windows(IDENTITY.len()).position(|window| window.eq_ignore_ascii_case(IDENTITY))
}

/// Whether `text` is 32 bytes in hexadecimal digits or in Base64 with its padding, which hardly any file is called.
fn is_key_file(text: &str) -> bool {
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte);
    match text.strip_suffix('=') {
        None => text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()),
        Some(digits) => digits.len() == 43 && digits.bytes().all(is_base64),
    }
}

const IDENTITY: &[u8] = b"AGE-SECRET-KEY-";

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<SecretText> {
        SecretText::of(Path::new(text))
    }

    #[test]
    fn secrets_are_told_from_paths() {
        for text in
            ["AGE-SECRET-KEY-1QQ", "age-secret-key-pq-1qq", " \nAGE-SECRET-KEY-1QQ", "./AGE-SECRET-KEY-1Q"]
        {
            assert_eq!(of(text), Some(SecretText::Identity), "{text}");
        }
        assert_eq!(of("-----BEGIN PRIVATE KEY-----\nAAAA"), Some(SecretText::PrivateKey));
        assert_eq!(of(&"0aF9".repeat(16)), Some(SecretText::KeyFile));
        assert_eq!(of("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="), Some(SecretText::KeyFile));
        for text in ["key", "age1qq", "/etc/keys/device.key", &"0aF9".repeat(15), &"0aFx".repeat(16), "a="] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    #[test]
    fn a_file_that_is_named_like_a_key_is_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("0aF9".repeat(16));
        // A path with a folder is no key in any case.
        assert_eq!(SecretText::of(&path), None);
    }
}
