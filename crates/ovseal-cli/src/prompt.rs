//! Asking a person at the terminal.

use std::io;

use ovseal::{KeyFile, Passphrase};
use zeroize::Zeroizing;

use crate::error::{CommandError, Kind};
use crate::output::Output;

/// Characters of a generated passphrase: digits and letters without those that look alike.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const RANDOM_BYTES: usize = 15;
const GROUP: usize = 4;

/// Asks for the passphrase of a container.
///
/// # Errors
/// When there is no terminal, or the answer is no passphrase.
pub(crate) fn passphrase() -> Result<Passphrase, CommandError> {
    Ok(Passphrase::from_bytes(ask("Passphrase: ")?.as_bytes())?)
}

/// Asks for a new passphrase, twice; instead of an empty one it makes one and shows it.
///
/// # Errors
/// When there is no terminal, the answers differ, or are no passphrase.
pub(crate) fn new_passphrase(output: &mut Output) -> Result<Passphrase, CommandError> {
    let first = ask("New passphrase (leave empty to have one made): ")?;
    if first.is_empty() {
        return generate(output);
    }
    let second = ask("The same passphrase again: ")?;
    if *first != *second {
        return Err(CommandError::usage("the two passphrases differ"));
    }
    Ok(Passphrase::from_bytes(first.as_bytes())?)
}

/// The prompt's own library gives a `String`; it is wiped when dropped.
fn ask(question: &str) -> Result<Zeroizing<String>, CommandError> {
    rpassword::prompt_password(question).map(Zeroizing::new).map_err(|error| match error.raw_os_error() {
        Some(_) => CommandError::usage("there is no terminal to ask for a passphrase")
            .hint("give the passphrase in a file with --passphrase-file F, or --passphrase-file - for stdin"),
        None => unanswered(error),
    })
}

fn unanswered(error: io::Error) -> CommandError {
    CommandError::new(Kind::Environment, error).context("cannot read the passphrase")
}

fn generate(output: &mut Output) -> Result<Passphrase, CommandError> {
    let random = KeyFile::generate()?;
    let mut text = Zeroizing::new(String::with_capacity(RANDOM_BYTES * 2));
    spell(&random.expose()[..RANDOM_BYTES], &mut text);
    output.secret("the passphrase is: ", &text);
    output.note("keep it: without it the container cannot be opened");
    Ok(Passphrase::from_bytes(text.as_bytes())?)
}

/// Spells 15 bytes as 24 characters of five bits each, in groups of four.
fn spell(bytes: &[u8], text: &mut String) {
    for (group, five) in bytes.chunks(5).enumerate() {
        let bits = five.iter().fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
        for place in 0..8 {
            if (group, place) != (0, 0) && place % GROUP == 0 {
                text.push('-');
            }
            text.push(ALPHABET[(bits >> (35 - 5 * place) & 31) as usize].into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(bytes: [u8; RANDOM_BYTES]) -> String {
        let mut text = String::new();
        spell(&bytes, &mut text);
        text
    }

    #[test]
    fn fifteen_bytes_are_spelled_in_six_groups_of_four() {
        assert_eq!(spelled([0; 15]), "0000-0000-0000-0000-0000-0000");
        assert_eq!(spelled([255; 15]), "zzzz-zzzz-zzzz-zzzz-zzzz-zzzz");
        let counted = spelled([
            0x00, 0x44, 0x32, 0x14, 0xc7, 0x42, 0x54, 0xb6, 0x35, 0xcf, 0x84, 0x65, 0x3a, 0x56, 0xd7,
        ]);
        assert_eq!(counted, "0123-4567-89ab-cdef-ghjk-mnpq");
    }

    #[test]
    fn a_spelled_passphrase_never_outgrows_its_buffer() {
        assert!(spelled([7; 15]).len() <= RANDOM_BYTES * 2);
    }
}
