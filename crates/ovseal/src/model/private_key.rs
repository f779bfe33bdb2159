//! Private keys that stand in a model's folder by mistake.

use std::io;

use memchr::memmem;
use ovseal_format::manifest::{PartEntry, PartKind};

use super::{ModelError, Source, read_error};

/// Fails if a part is a private key.
///
/// Random bytes look like any others. A file of [`KEYFILE_LENGTH`] of them is therefore only *taken* for a key file, and
/// passes if `guesses` is not set.
pub(super) fn refuse(parts: &[(PartEntry, Source)], guesses: bool) -> Result<(), ModelError> {
    for (entry, source) in parts {
        let Source::File { path, .. } = source else { continue };
        let found = kind_of(entry, source, guesses).map_err(|error| read_error(path, error))?;
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
    // These are secrets if anything is: they must not stay in memory that was freed.
    let mut bytes = zeroize::Zeroizing::new(vec![0; entry.length as usize]);
    source.open()?.read_exact_at(&mut bytes, 0)?;
    if guesses && entry.kind != PartKind::Weights && is_like_keyfile(&bytes) {
        return Ok(Some("what looks like a key file, 32 random bytes"));
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        // Of UTF-16, in either order, the letters of keys stay.
        bytes.retain(|byte| byte.is_ascii() && *byte != 0);
    }
    Ok(bytes.split(|byte| *byte == b'\n').find_map(|line| line_kind(line).or_else(|| embedded(line))))
}

/// A line with which a private key begins.
fn line_kind(line: &[u8]) -> Option<&'static str> {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii();
    let label = line.strip_prefix(b"-----BEGIN ").and_then(|rest| rest.strip_suffix(b"-----"));
    match label {
        Some(label) => label_kind(label),
        None if starts_with_ignoring_case(line, IDENTITY.as_bytes()) => Some(IDENTITY_WORDS),
        None => None,
    }
}

fn label_kind(label: &[u8]) -> Option<&'static str> {
    match label {
        b"OPENSSH PRIVATE KEY" => Some("an OpenSSH private key"),
        b"PGP PRIVATE KEY BLOCK" => Some("a private key of OpenPGP"),
        // PKCS #8, also encrypted; RSA, EC and DSA; the two halves of a publisher's key.
        label if label.ends_with(b"PRIVATE KEY") => Some("a private key in PEM"),
        _ => None,
    }
}

/// A private key in the middle of a line, as in JSON or behind the name of a variable: with the key itself, for texts
/// tell of keys, too.
fn embedded(line: &[u8]) -> Option<&'static str> {
    let upper = zeroize::Zeroizing::new(line.to_ascii_uppercase());
    let is_key = |rest: &[u8]| letters(rest, |byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if behind(&upper, IDENTITY).any(is_key) {
        return Some(IDENTITY_WORDS);
    }
    behind(line, "-----BEGIN ").find_map(|rest| {
        let (end, is_base64) = (memmem::find(rest, b"-----")?, |byte: u8| {
            byte.is_ascii_alphanumeric() || b"+/=".contains(&byte)
        });
        let mut body = &rest[end + 5..];
        while let Some(rest) = body.strip_prefix(b"\\n").or_else(|| body.strip_prefix(b"\\r")) {
            body = rest;
        }
        label_kind(&rest[..end]).filter(|_| letters(body, is_base64))
    })
}

/// Returns what follows each `mark`.
fn behind<'l>(line: &'l [u8], mark: &'l str) -> impl Iterator<Item = &'l [u8]> {
    memmem::find_iter(line, mark).map(move |at| &line[at + mark.len()..])
}

/// Whether a text begins with as many letters as every key has.
fn letters(text: &[u8], is_letter: impl Fn(u8) -> bool) -> bool {
    text.iter().take_while(|byte| is_letter(**byte)).count() >= LEAST_LETTERS
}

fn starts_with_ignoring_case(line: &[u8], start: &[u8]) -> bool {
    line.get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start))
}

/// Whether these bytes are as many as a key file has, no text, and nearly all different, as random ones are.
fn is_like_keyfile(bytes: &[u8]) -> bool {
    if bytes.len() != KEYFILE_LENGTH || std::str::from_utf8(bytes).is_ok() {
        return false;
    }
    let mut seen = [false; 256];
    bytes.iter().for_each(|byte| seen[usize::from(*byte)] = true);
    seen.iter().filter(|seen| **seen).count() >= LEAST_DISTINCT
}

const IDENTITY: &str = "AGE-SECRET-KEY-";

const IDENTITY_WORDS: &str = "an identity, as keygen and age write it";

/// 32 bytes are 43 letters of Base64, and more of Bech32.
const LEAST_LETTERS: usize = 43;

const KEYFILE_LENGTH: usize = 32;

/// Fewer distinct values among 32 random bytes have a probability below 10^-6.
const LEAST_DISTINCT: usize = 24;

/// No private key is longer; a longer file that holds one among other things is not looked at.
const LENGTH_LIMIT: u64 = 64 << 10;
