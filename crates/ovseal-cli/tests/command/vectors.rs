//! Every vector of the format also has its stated outcome on the command line.

use std::path::Path;
use std::process::{Command, Stdio};

use ovseal_testkit::{Expected, Vector, VectorKey, vectors, vectors_folder};

use crate::support::OVSEAL;

/// The longest file name on Linux. One vector has a longer name.
const NAME_LIMIT: usize = 255;

#[test]
fn every_vector_has_its_exit_code() {
    let failures: Vec<String> = vectors().iter().filter_map(|vector| check(vector).err()).collect();
    assert!(failures.is_empty(), "{} vectors differ:\n{}", failures.len(), failures.join("\n"));
}

fn check(vector: &Vector) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let output = command(vector, folder.path()).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    let out = folder.path().join("out");
    let left = out.exists();
    match (output.status.code(), exit_code(vector.expect)) {
        (Some(code), expected) if code != expected => {
            Err(format!("{}: {code}, not {expected}: {stderr}", vector.name))
        }
        (Some(0), _) if fits_a_file_system(vector) => check_content(vector, &out),
        (Some(_), 1..) if left => Err(format!("{}: plaintext is left", vector.name)),
        (Some(_), _) => Ok(()),
        (None, _) => Err(format!("{}: ended by a signal", vector.name)),
    }
}

fn check_content(vector: &Vector, out: &Path) -> Result<(), String> {
    let same = vector.parts.iter().all(|part| {
        let written = out.join(&part.path).symlink_metadata();
        written.is_ok_and(|metadata| metadata.is_file() && metadata.len() == part.length)
    });
    if same { Ok(()) } else { Err(format!("{}: other parts were extracted", vector.name)) }
}

/// Extracts the container, which reads every part. Inspects it instead if no file system could
/// store its parts.
fn command(vector: &Vector, folder: &Path) -> Command {
    let mut command = Command::new(OVSEAL);
    if fits_a_file_system(vector) {
        command
            .arg("extract")
            .arg(vector.container())
            .arg("--danger-write-plaintext")
            .arg(folder.join("out"));
    } else {
        command.arg("inspect").arg(vector.container());
    }
    if let Some((option, content)) = vector.key.as_ref().map(key) {
        std::fs::write(folder.join("key"), content).unwrap();
        command.arg(option).arg(folder.join("key"));
    }
    if let Some(publisher) = &vector.publisher {
        command.arg("--publisher").arg(vectors_folder().join(publisher));
    } else {
        command.arg("--any-sender");
    }
    if let Some(name) = &vector.demanded_name {
        command.arg("--name").arg(name);
    }
    if let Some(version) = vector.min_security_version {
        command.arg("--min-security-version").arg(version.to_string());
    }
    command.stdin(Stdio::null());
    command
}

fn key(key: &VectorKey) -> (&'static str, Vec<u8>) {
    match key {
        VectorKey::Passphrase(text) => ("--passphrase-file", text.as_bytes().to_vec()),
        VectorKey::PassphraseHex(digits) => {
            ("--passphrase-file", base16ct::mixed::decode_vec(digits).unwrap())
        }
        VectorKey::Keyfile(digits) => ("--keyfile", base16ct::mixed::decode_vec(digits).unwrap()),
        VectorKey::Identity(text) => ("-i", text.as_bytes().to_vec()),
    }
}

fn fits_a_file_system(vector: &Vector) -> bool {
    vector.parts.iter().flat_map(|part| part.path.split('/')).all(|name| name.len() <= NAME_LIMIT)
}

fn exit_code(expected: Expected) -> i32 {
    match expected {
        Expected::Opened => 0,
        Expected::Usage => 2,
        Expected::NotAuthentic => 3,
        Expected::NoKeyFits => 4,
        Expected::Denied => 5,
        Expected::NotAContainer | Expected::Unsupported => 6,
    }
}
