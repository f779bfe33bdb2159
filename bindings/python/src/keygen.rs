//! New keys. What is secret goes into a file for its owner alone and is never seen by Python.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use ovseal::{KeyFile, PublicKeyIdentity, PublisherKey};
use ovseal_files::AtomicFile;
use ovseal_frontend::{Code, Failure};
use pyo3::prelude::*;

use crate::failure::{failed, raise};

/// Makes a new post-quantum identity in a new file at `path`, and gives the recipient that belongs to it.
#[pyfunction]
pub(crate) fn generate_identity(path: PathBuf) -> PyResult<String> {
    let identity = PublicKeyIdentity::generate().map_err(failed)?;
    let recipient = identity.recipient().to_string();
    let comment = format!("# public key: {recipient}\n");
    write(&path, PRIVATE, &[comment.as_bytes(), identity.encode().expose(), b"\n"])?;
    Ok(recipient)
}

/// Makes a new key file at `path`.
#[pyfunction]
pub(crate) fn generate_keyfile(path: PathBuf) -> PyResult<()> {
    write(&path, PRIVATE, &[&*KeyFile::generate().map_err(failed)?.expose()])
}

/// Makes a new publisher's key: the private half in a new file at `private`, the public half at `public`. Gives the key id.
#[pyfunction]
pub(crate) fn generate_publisher(private: PathBuf, public: PathBuf) -> PyResult<String> {
    let key = PublisherKey::generate().map_err(failed)?;
    // The public half first: a private key without it would be of no use.
    write(&public, PUBLIC, &[key.publisher().encode().as_bytes()])?;
    write(&private, PRIVATE, &[key.encode().expose()]).inspect_err(|_| {
        // Best effort: the error that is raised says why there is no key.
        let _ = std::fs::remove_file(&public);
    })?;
    Ok(key.publisher().id().to_string())
}

fn write(path: &Path, mode: u32, pieces: &[&[u8]]) -> PyResult<()> {
    let written = AtomicFile::with_mode(path, mode).and_then(|file| {
        pieces.iter().try_for_each(|piece| file.file().write_all(piece))?;
        file.commit(false)
    });
    written.map_err(|error| {
        let (code, what) = match error.kind() {
            io::ErrorKind::AlreadyExists => (Code::Exists, "is there already"),
            _ => (Code::Write, "cannot be written"),
        };
        let failure = Failure::new(code, format!("{} {what}", path.display()));
        raise(if code == Code::Exists {
            failure
        } else {
            Failure { causes: vec![error.to_string()], ..failure }
        })
    })
}

/// Permissions of a file for its owner alone.
const PRIVATE: u32 = 0o600;
/// Permissions of a file for everyone, less the umask.
const PUBLIC: u32 = 0o666;
