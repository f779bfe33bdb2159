//! Secrets given instead of the path of a file.

use std::fmt;
use std::path::Path;

/// A secret given instead of the path of the file that holds it.
///
/// An error that quotes the path would show the secret on a terminal and in logs.
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
    /// Returns the kind of secret that `path` is, if it is one.
    ///
    /// A string that could be a file's name counts as a secret only if there is no such file.
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
            Self::Identity => "an identity was given instead of the path of its file",
            Self::PrivateKey => "a private key was given instead of the path of its file",
            Self::KeyFile => "what looks like a key was given instead of the path of its file",
        })
    }
}

/// Returns the position at which the first identity in `text` begins.
pub fn identity_at(text: &str) -> Option<usize> {
    text.as_bytes().windows(IDENTITY.len()).position(|window| window.eq_ignore_ascii_case(IDENTITY))
}

/// Returns true if `text` is 32 bytes in hexadecimal digits, or in Base64 with padding.
///
/// File names hardly ever look like this.
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
    fn secrets_are_distinguished_from_paths() {
        let hex = "0aF9".repeat(16);
        for text in
            ["AGE-SECRET-KEY-1QQ", "age-secret-key-pq-1qq", " \nAGE-SECRET-KEY-1QQ", "./AGE-SECRET-KEY-1Q"]
        {
            assert_eq!(of(text), Some(SecretText::Identity), "{text}");
        }
        assert_eq!(of("-----BEGIN PRIVATE KEY-----\nAAAA"), Some(SecretText::PrivateKey));
        assert_eq!(of(&hex), Some(SecretText::KeyFile));
        assert_eq!(of("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="), Some(SecretText::KeyFile));
        let paths = ["key", "age1qq", "/etc/keys/device.key", &hex[4..], &"0aFx".repeat(16), "a="];
        for text in paths.into_iter().chain([&*format!("keys/{hex}")]) {
            assert_eq!(of(text), None, "{text}");
        }
    }

    #[test]
    fn a_file_that_exists_is_not_a_secret() {
        let directory = tempfile::Builder::new().prefix("ovseal").tempdir_in("/tmp").unwrap();
        let path = format!("{:A<43}=", format!("{}/", directory.path().display()));
        assert_eq!(of(&path), Some(SecretText::KeyFile));
        std::fs::write(&path, "").unwrap();
        assert_eq!(of(&path), None);
    }
}
