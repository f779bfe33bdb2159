//! Prompts at the terminal.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};

use ovseal::{KeyFile, Passphrase};
#[cfg(feature = "pkcs11")]
use ovseal_hardware::pkcs11::Pin;
use zeroize::Zeroizing;

use super::output::{Output, warn_unlocked_keys};
#[cfg(feature = "pkcs11")]
use super::text::printable;
use crate::errors::{CommandError, Kind};

/// Characters of a generated passphrase: digits and letters, without look-alikes.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const RANDOM_BYTES: usize = 15;
const GROUP: usize = 4;

/// Asks for the passphrase of a container.
///
/// # Errors
/// Fails if there is no terminal, or the answer is not a passphrase.
pub(crate) fn passphrase() -> Result<Passphrase, CommandError> {
    warn_unlocked_keys();
    Ok(Passphrase::from_bytes(ask("Passphrase: ", Wanted::Passphrase)?.as_bytes())?)
}

/// Asks for the PIN of a token.
///
/// # Errors
/// Fails if there is no terminal, or the answer is not a PIN.
#[cfg(feature = "pkcs11")]
pub(crate) fn pin(token: &str) -> Result<Pin, CommandError> {
    let answer = ask(&format!("PIN of the token {}: ", printable(token)), Wanted::TokenPin)?;
    Ok(Pin::new(answer.as_bytes())?)
}

/// Asks twice for a new passphrase. If the answer is empty, generates a passphrase and shows it.
///
/// `option` is the option that reads the passphrase from a file.
///
/// # Errors
/// Fails if there is no terminal, the answers differ, or the answer is not a valid passphrase.
pub(crate) fn new_passphrase(option: &'static str, output: &mut Output) -> Result<Passphrase, CommandError> {
    let wanted = Wanted::NewPassphrase(option);
    let first = ask("New passphrase (leave empty to generate one): ", wanted)?;
    if first.is_empty() {
        return generate(wanted, output);
    }
    let second = ask("Repeat the passphrase: ", wanted)?;
    if *first != *second {
        return Err(CommandError::usage("the passphrases do not match"));
    }
    Ok(Passphrase::from_bytes(first.as_bytes())?)
}

/// Asks for the PIN of the device's key.
///
/// # Errors
/// Fails if there is no terminal.
pub(crate) fn device_pin() -> Result<Zeroizing<String>, CommandError> {
    ask("PIN of this device: ", Wanted::DevicePin)
}

/// Asks twice for a new PIN.
///
/// # Errors
/// Fails if there is no terminal, or the answers differ.
pub(crate) fn new_device_pin() -> Result<Zeroizing<String>, CommandError> {
    let first = ask("New PIN: ", Wanted::DevicePin)?;
    let second = ask("Repeat the PIN: ", Wanted::DevicePin)?;
    if *first == *second { Ok(first) } else { Err(CommandError::usage("the PINs do not match")) }
}

/// Checks that there is a terminal to ask for a new passphrase.
///
/// # Errors
/// Fails if there is no terminal.
pub(crate) fn expect_new_passphrase(option: &'static str) -> Result<(), CommandError> {
    terminal().map(drop).map_err(|_| no_terminal(Wanted::NewPassphrase(option)))
}

/// The secret that a prompt asks for.
#[derive(Clone, Copy)]
enum Wanted {
    Passphrase,
    /// A new passphrase, with the option that reads it from a file.
    NewPassphrase(&'static str),
    #[cfg(feature = "pkcs11")]
    TokenPin,
    DevicePin,
}

impl Wanted {
    const fn word(self) -> &'static str {
        match self {
            Self::Passphrase => "passphrase",
            Self::NewPassphrase(_) => "new passphrase",
            #[cfg(feature = "pkcs11")]
            Self::TokenPin => "PIN",
            Self::DevicePin => "PIN",
        }
    }

    /// Returns the option that reads this secret from a file.
    const fn option(self) -> &'static str {
        match self {
            Self::Passphrase => "--passphrase-file",
            Self::NewPassphrase(option) => option,
            #[cfg(feature = "pkcs11")]
            Self::TokenPin => "--pin-file",
            Self::DevicePin => "--tpm-pin-file",
        }
    }
}

/// Asks a question, and returns the answer, zeroized on drop.
///
/// `rpassword` replaces bytes that are not UTF-8, so that different answers would become the same
/// passphrase. Such answers are rejected.
fn ask(question: &str, wanted: Wanted) -> Result<Zeroizing<String>, CommandError> {
    let answer = rpassword::prompt_password(question).map(Zeroizing::new);
    let answer = answer.map_err(|error| match error.raw_os_error() {
        Some(_) => no_terminal(wanted),
        None => {
            CommandError::new(Kind::Environment, error).context(format!("cannot read the {}", wanted.word()))
        }
    })?;
    if answer.contains(char::REPLACEMENT_CHARACTER) {
        let message = format!("the {} is not UTF-8", wanted.word());
        return Err(CommandError::usage(message).hint("set the terminal to UTF-8"));
    }
    Ok(answer)
}

fn no_terminal(wanted: Wanted) -> CommandError {
    let (word, option) = (wanted.word(), wanted.option());
    CommandError::usage(format!("there is no terminal to ask for the {word}"))
        .hint(format!("give the {word} in a file with {option} F, or {option} - for stdin"))
}

fn generate(wanted: Wanted, output: &mut Output) -> Result<Passphrase, CommandError> {
    let random = KeyFile::generate()?;
    let mut text = Zeroizing::new(String::with_capacity(RANDOM_BYTES * 2));
    spell(&random.expose()[..RANDOM_BYTES], &mut text);
    show(&text).map_err(|_| no_terminal(wanted))?;
    output.note("keep it safe: without it, the container cannot be opened");
    Ok(Passphrase::from_bytes(text.as_bytes())?)
}

/// Shows a passphrase on the terminal itself, because stderr may go to a log.
fn show(passphrase: &str) -> io::Result<()> {
    let mut terminal = terminal()?;
    ["ovseal: the passphrase is: ", passphrase, "\n"]
        .iter()
        .try_for_each(|piece| terminal.write_all(piece.as_bytes()))
}

fn terminal() -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open("/dev/tty")
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
