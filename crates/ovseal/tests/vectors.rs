//! Every test vector of the format has the outcome that it states.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use ovseal::{
    ErrorKind, Identity, KeyFile, ModelName, OpenError, OpenOptions, Opened, Passphrase, PublicKeyIdentity,
    Publisher, Trust,
};
use ovseal_testkit::{Expected, Vector, VectorKey, VectorPart, vectors};

#[test]
fn every_vector_has_its_outcome() {
    let failures: Vec<String> = vectors().iter().filter_map(|vector| check(vector).err()).collect();
    assert!(failures.is_empty(), "{} vectors differ:\n{}", failures.len(), failures.join("\n"));
}

fn check(vector: &Vector) -> Result<(), String> {
    let outcome = open(vector);
    let found = match &outcome {
        Ok(_) => Expected::Opened,
        Err(None) => Expected::Usage,
        Err(Some(error)) => expected(error),
    };
    let detail = outcome.as_ref().err().map(|error| format!("{error:?}")).unwrap_or_default();
    if found != vector.expect {
        return Err(format!(
            "{}: {found:?}, not {:?} {detail} ({})",
            vector.name, vector.expect, vector.description
        ));
    }
    match outcome {
        Ok((opened, parts)) => check_content(vector, &opened, parts),
        Err(_) => Ok(()),
    }
}

fn check_content(vector: &Vector, opened: &Opened, parts: Vec<VectorPart>) -> Result<(), String> {
    let manifest = opened.manifest();
    let same = Some(manifest.name.as_str()) == vector.model_name.as_deref()
        && Some(manifest.security_version) == vector.security_version
        && parts.len() == vector.parts.len()
        && parts.iter().zip(&vector.parts).all(|(found, expected)| is_same(found, expected));
    if same { Ok(()) } else { Err(format!("{}: opened, but {manifest:?} {parts:?}", vector.name)) }
}

/// Returns true if a part is as expected. The words of unknown kinds are not kept.
fn is_same(found: &VectorPart, expected: &VectorPart) -> bool {
    let known = ["ir", "onnx", "paddle", "compiled", "weights", "file"].contains(&expected.kind.as_str());
    let kind = if known { expected.kind.as_str() } else { "other" };
    found.kind == kind
        && found.path == expected.path
        && found.length == expected.length
        && found.sha256 == expected.sha256
        && found.companions == expected.companions
}

/// Opens the container and reads all its parts. The error is `None` if the vector's key is invalid.
fn open(vector: &Vector) -> Result<(Opened, Vec<VectorPart>), Option<OpenError>> {
    let identity = identity(vector.key.as_ref())?;
    let identities: Vec<&dyn Identity> = identity.iter().map(AsRef::as_ref).collect();
    let opened = options(vector)?.open(&vector.container(), &identities)?;
    let parts = opened.parts().map(|part| read(&part)).collect::<Result<_, _>>()?;
    Ok((opened, parts))
}

fn options(vector: &Vector) -> Result<OpenOptions, Option<OpenError>> {
    let mut options = OpenOptions::new(match vector.publisher_pem() {
        Some(pem) => Trust::Publishers(vec![Publisher::parse(&pem).map_err(|_| None)?]),
        None => Trust::AnySender,
    });
    if let Some(name) = &vector.demanded_name {
        options = options.name(ModelName::parse(name).map_err(|_| None)?);
    }
    if let Some(version) = vector.min_security_version {
        options = options.min_security_version(version);
    }
    Ok(options)
}

fn identity(key: Option<&VectorKey>) -> Result<Option<Box<dyn Identity>>, Option<OpenError>> {
    Ok(match key {
        None => None,
        Some(VectorKey::Passphrase(text)) => Some(passphrase(text.as_bytes())?),
        Some(VectorKey::PassphraseHex(digits)) => {
            Some(passphrase(&base16ct::mixed::decode_vec(digits).unwrap())?)
        }
        Some(VectorKey::Keyfile(digits)) => Some(Box::new(
            KeyFile::from_bytes(&base16ct::mixed::decode_vec(digits).unwrap()).map_err(|_| None)?,
        )),
        Some(VectorKey::Identity(text)) => Some(Box::new(PublicKeyIdentity::parse(text).map_err(|_| None)?)),
    })
}

fn passphrase(bytes: &[u8]) -> Result<Box<dyn Identity>, Option<OpenError>> {
    Ok(Box::new(Passphrase::from_bytes(bytes).map_err(|_| None)?))
}

fn read(part: &ovseal::Part) -> Result<VectorPart, OpenError> {
    let entry = part.entry();
    let content = part.read()?;
    Ok(VectorPart {
        path: entry.path.to_string(),
        kind: entry.kind.word().to_owned(),
        length: entry.length,
        sha256: base16ct::lower::encode_string(
            aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &content).as_ref(),
        ),
        companions: entry.companions.clone(),
    })
}

fn expected(error: &OpenError) -> Expected {
    match error.kind() {
        ErrorKind::Environment => panic!("{error:?}"),
        ErrorKind::Usage => Expected::Usage,
        ErrorKind::NotAuthentic => Expected::NotAuthentic,
        ErrorKind::NoKeyFits => Expected::NoKeyFits,
        ErrorKind::Denied => Expected::Denied,
        ErrorKind::Unsupported if matches!(error, OpenError::NotAContainer) => Expected::NotAContainer,
        ErrorKind::Unsupported => Expected::Unsupported,
    }
}
