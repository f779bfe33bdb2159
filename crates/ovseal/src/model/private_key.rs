//! Private keys left in a model's directory by mistake.

use std::io;

use memchr::memmem;
use ovseal_format::manifest::{PartEntry, PartKind};

use super::ModelError;
use super::source::{Part, Source};

/// Fails if a part is a private key.
///
/// A key file is just [`KEYFILE_LENGTH`] random bytes, so it can only be guessed. Without
/// `guesses`, such a file passes.
pub(super) fn refuse(parts: &[Part], guesses: bool) -> Result<(), ModelError> {
    for (entry, source) in parts {
        let Source::File { path, .. } = source else { continue };
        let found = kind_of(entry, source, guesses).map_err(ModelError::read(path))?;
        if let Some(kind) = found {
            return Err(ModelError::PrivateKey { path: path.clone(), kind });
        }
    }
    Ok(())
}

fn kind_of(entry: &PartEntry, source: &Source, guesses: bool) -> io::Result<Option<&'static str>> {
    if entry.length > LENGTH_LIMIT {
        return Ok(None);
    }
    // These bytes may be secrets, and must not stay in freed memory.
    let mut bytes = zeroize::Zeroizing::new(vec![0; entry.length as usize]);
    source.open()?.read_exact_at(&mut bytes, 0)?;
    if guesses && entry.kind != PartKind::Weights && is_like_keyfile(&bytes) {
        return Ok(Some("probably a key file: 32 random bytes"));
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        // Keys are ASCII, so dropping the zero bytes decodes UTF-16 in either byte order.
        bytes.retain(|byte| byte.is_ascii() && *byte != 0);
    }
    Ok(bytes.split(|byte| *byte == b'\n').find_map(|line| line_kind(line).or_else(|| embedded(line))))
}

/// Returns the kind of private key that begins with this line.
fn line_kind(line: &[u8]) -> Option<&'static str> {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii();
    let label = line.strip_prefix(b"-----BEGIN ").and_then(|rest| rest.strip_suffix(b"-----"));
    let start = line.get(..IDENTITY.len());
    match label {
        Some(label) => label_kind(label),
        None => start.filter(|start| start.eq_ignore_ascii_case(IDENTITY.as_bytes())).map(|_| IDENTITY_WORDS),
    }
}

fn label_kind(label: &[u8]) -> Option<&'static str> {
    match label {
        b"OPENSSH PRIVATE KEY" => Some("an OpenSSH private key"),
        b"PGP PRIVATE KEY BLOCK" => Some("an OpenPGP private key"),
        // PKCS #8 (plain or encrypted), RSA, EC, DSA, and both halves of a publisher's key.
        label if label.ends_with(b"PRIVATE KEY") => Some("a PEM private key"),
        _ => None,
    }
}

/// Returns the kind of private key that a line contains after other text, as in JSON.
///
/// The label alone does not count, because documentation mentions it: some of the key must follow.
fn embedded(line: &[u8]) -> Option<&'static str> {
    let upper = zeroize::Zeroizing::new(line.to_ascii_uppercase());
    let is_key = |rest: &[u8]| begins_with_key(rest, |byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if after_each(&upper, IDENTITY).any(is_key) {
        return Some(IDENTITY_WORDS);
    }
    after_each(line, "-----BEGIN ").find_map(|rest| {
        let end = memmem::find(rest, b"-----")?;
        let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
        let mut body = &rest[end + 5..];
        while let Some(rest) = body.strip_prefix(b"\\n").or_else(|| body.strip_prefix(b"\\r")) {
            body = rest;
        }
        label_kind(&rest[..end]).filter(|_| begins_with_key(body, is_base64))
    })
}

/// Returns the rest of the line after each `mark`.
fn after_each<'l>(line: &'l [u8], mark: &'l str) -> impl Iterator<Item = &'l [u8]> {
    memmem::find_iter(line, mark).map(move |at| &line[at + mark.len()..])
}

/// Returns whether a string begins with at least as many letters as the shortest key has.
fn begins_with_key(text: &[u8], is_letter: impl Fn(u8) -> bool) -> bool {
    text.iter().take_while(|byte| is_letter(**byte)).count() >= LEAST_LETTERS
}

/// Returns whether these bytes have the length of a key file, are not text and look random.
fn is_like_keyfile(bytes: &[u8]) -> bool {
    if bytes.len() != KEYFILE_LENGTH || std::str::from_utf8(bytes).is_ok() {
        return false;
    }
    let mut seen = [false; 256];
    bytes.iter().for_each(|byte| seen[usize::from(*byte)] = true);
    seen.iter().filter(|seen| **seen).count() >= LEAST_DISTINCT
}

const IDENTITY: &str = "AGE-SECRET-KEY-";

const IDENTITY_WORDS: &str = "an identity file as written by keygen or age";

/// Letters of the shortest key: 32 bytes take 43 letters of Base64, and more of Bech32.
const LEAST_LETTERS: usize = 43;

const KEYFILE_LENGTH: usize = 32;

/// Minimum number of distinct values among 32 random bytes. Fewer have a probability below 10^-6.
const LEAST_DISTINCT: usize = 24;

/// Length of the longest file to search. No private key is longer, but a longer file may
/// contain one.
const LENGTH_LIMIT: u64 = 64 << 10;
