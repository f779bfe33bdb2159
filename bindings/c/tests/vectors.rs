//! Every vector of the format also has its stated outcome in C and C++, with the same code as in
//! Rust.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod common;

use std::path::Path;
use std::process::Command;

use common::{C, CXX, Language};
use ovseal::{ModelName, OpenOptions, Publisher, Trust};
use ovseal_frontend::{Code, Failure, Key};
use ovseal_testkit::{Expected, Vector, VectorKey, vectors};

#[test]
fn every_vector_has_its_outcome_in_c() {
    check_all(C, "c/vector.c");
}

#[test]
fn every_vector_has_its_outcome_in_cxx() {
    check_all(CXX, "cpp/vector.cpp");
}

fn check_all(language: Language, source: &str) {
    let directory = tempfile::tempdir().unwrap();
    let program = language.sanitized(source, directory.path());
    let vectors = vectors();
    let failures: Vec<String> = vectors.iter().filter_map(|vector| check(vector, &program).err()).collect();
    assert!(failures.is_empty(), "{} vectors differ:\n{}", failures.len(), failures.join("\n"));
}

fn check(vector: &Vector, program: &Path) -> Result<(), String> {
    let directory = tempfile::tempdir().unwrap();
    let output = common::run(command(vector, program).arg(directory.path()));
    let (text, code) = (String::from_utf8_lossy(&output.stdout), output.status.code());
    let stderr = String::from_utf8_lossy(&output.stderr);
    let differs = |what: &str| Err(format!("{}: {what}: {code:?} {text}{stderr}", vector.name));
    match rust(vector) {
        Ok(()) if code != Some(0) => differs("did not open"),
        Ok(()) if text != expected(vector, directory.path()) => differs("opened to something else"),
        Ok(()) => Ok(()),
        Err(failure) => {
            let kind = failure.code.kind() as i32;
            assert!(is_expected(vector.expect, failure.code), "{}: {failure:?}", vector.name);
            let same = code == Some(kind) && text == format!("code {}\n", failure.code.number());
            if same { Ok(()) } else { differs(&format!("not {failure:?}")) }
        }
    }
}

fn command(vector: &Vector, program: &Path) -> Command {
    let (kind, value) = match &vector.key {
        None => ("none", String::new()),
        Some(VectorKey::Passphrase(text)) => ("passphrase", base16ct::lower::encode_string(text.as_bytes())),
        Some(VectorKey::PassphraseHex(digits)) => ("passphrase", digits.clone()),
        Some(VectorKey::Keyfile(digits)) => ("keyfile", digits.clone()),
        Some(VectorKey::Identity(text)) => ("identity", base16ct::lower::encode_string(text.as_bytes())),
    };
    let publisher = vector.publisher.as_ref();
    let publisher = publisher.map(|name| ovseal_testkit::vectors_folder().join(name));
    let mut command = Command::new(program);
    command.arg(vector.container()).arg(kind).arg(value).arg(publisher.unwrap_or("-".into()));
    command.arg(vector.demanded_name.as_deref().unwrap_or("-"));
    command.arg(vector.min_security_version.map_or("-".to_owned(), |version| version.to_string()));
    command
}

/// Opens the vector and reads its parts in Rust.
fn rust(vector: &Vector) -> Result<(), Failure> {
    let key = match &vector.key {
        None => Key::default(),
        Some(VectorKey::Passphrase(text)) => Key::passphrase(text.as_bytes())?,
        Some(VectorKey::PassphraseHex(digits)) => {
            Key::passphrase(&base16ct::mixed::decode_vec(digits).unwrap())?
        }
        Some(VectorKey::Keyfile(digits)) => Key::keyfile(&base16ct::mixed::decode_vec(digits).unwrap())?,
        Some(VectorKey::Identity(text)) => Key::identities_in(text.as_bytes())?,
    };
    let trust = match vector.publisher_pem() {
        Some(pem) => Trust::Publishers(vec![Publisher::parse(&pem)?]),
        None => Trust::AnySender,
    };
    let mut options = OpenOptions::new(trust);
    if let Some(name) = &vector.demanded_name {
        options = options.name(ModelName::parse(name)?);
    }
    if let Some(version) = vector.min_security_version {
        options = options.min_security_version(version);
    }
    let opened = options.open(&vector.container(), &key.identities())?;
    for part in opened.parts() {
        part.read()?;
    }
    Ok(())
}

/// Returns the output for a vector that opens. Checks the contents of the parts in `directory`.
fn expected(vector: &Vector, directory: &Path) -> String {
    let mut text = String::new();
    for (number, part) in vector.parts.iter().enumerate() {
        let content = std::fs::read(directory.join(number.to_string())).unwrap_or_default();
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &content);
        assert_eq!(
            base16ct::lower::encode_string(digest.as_ref()),
            part.sha256,
            "{}: {}",
            vector.name,
            part.path
        );
        let known = ["ir", "onnx", "paddle", "compiled", "weights", "file"].contains(&part.kind.as_str());
        let kind = if known { part.kind.as_str() } else { "other" };
        let companions: String = part.companions.iter().map(|number| format!("\t{number}")).collect();
        text.push_str(&format!("part {kind} {}{companions}\n", part.path));
    }
    let (version, name) = (vector.security_version.unwrap(), vector.model_name.as_deref().unwrap());
    text + &format!("model {version} {name}\n")
}

fn is_expected(expected: Expected, code: Code) -> bool {
    match expected {
        Expected::Opened => false,
        Expected::NotAContainer => code == Code::NotAContainer,
        Expected::Unsupported => code.number() / 100 == 6 && code != Code::NotAContainer,
        Expected::NotAuthentic => code.number() / 100 == 3,
        Expected::NoKeyFits => code.number() / 100 == 4,
        Expected::Denied => code.number() / 100 == 5,
        Expected::Usage => code.number() / 100 == 2,
    }
}
