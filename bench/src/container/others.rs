//! Measures other tools with the same bytes: the `age` crate, and the Python package
//! `cryptotensors`.

use std::fs;
use std::io::{Cursor, Read, Write};
use std::process::Command;
use std::time::Duration;

use age::x25519;

use super::fixture::{Buffers, Fixture};
use super::{Job, job};
use crate::process::output;
use crate::{Result, timed};

pub(super) fn jobs(fixture: &Fixture) -> Vec<Job<'_>> {
    let identity = x25519::Identity::generate();
    let recipient = identity.to_public();
    let encrypt = move |buffers: &mut Buffers| timed(|| age_encrypt(&recipient, buffers).map(drop));
    let decrypt = move |buffers: &mut Buffers| {
        let length = age_encrypt(&identity.to_public(), buffers)?;
        timed(|| age_decrypt(&identity, length, buffers))
    };
    let save = |_: &mut Buffers| python(fixture, "save");
    let load = |buffers: &mut Buffers| load(fixture, buffers);
    vec![
        job("age_encrypt", fixture, encrypt).seldom(),
        job("age_decrypt", fixture, decrypt),
        job("cryptotensors_save", fixture, save).seldom(),
        job("cryptotensors_load", fixture, load),
    ]
}

/// Encrypts the destination into the second buffer, and returns the length of the ciphertext.
fn age_encrypt(recipient: &x25519::Recipient, buffers: &mut Buffers) -> Result<usize> {
    let recipients = std::iter::once(recipient as &dyn age::Recipient);
    let mut output = Cursor::new(&mut buffers.second[..]);
    let mut writer = age::Encryptor::with_recipients(recipients)?.wrap_output(&mut output)?;
    writer.write_all(&buffers.destination)?;
    writer.finish()?;
    Ok(output.position() as usize)
}

/// Decrypts `length` bytes of the second buffer into the destination.
fn age_decrypt(identity: &x25519::Identity, length: usize, buffers: &mut Buffers) -> Result<()> {
    let decryptor = age::Decryptor::new(&buffers.second[..length])?;
    let mut reader = decryptor.decrypt(std::iter::once(identity as &dyn age::Identity))?;
    Ok(reader.read_exact(&mut buffers.destination)?)
}

/// Loads the file that an earlier round saved. If there is none, saves it first.
fn load(fixture: &Fixture, buffers: &mut Buffers) -> Result<Duration> {
    let file = fixture.file(SAVED);
    if !fs::exists(&file)? {
        python(fixture, "save")?;
    }
    fixture.warm(&file, buffers)?;
    python(fixture, "load")
}

/// Starts the script, which prints the seconds that the work itself took.
fn python(fixture: &Fixture, verb: &str) -> Result<Duration> {
    let mut command = Command::new(&fixture.python);
    command.arg(SCRIPT).arg(verb).arg(fixture.plaintext()).arg(fixture.file(SAVED));
    Ok(Duration::try_from_secs_f64(output(&mut command)?.trim().parse()?)?)
}

const SAVED: &str = "part.cryptotensors";

/// The script that uses cryptotensors.
pub(super) const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python/measure_cryptotensors.py");
