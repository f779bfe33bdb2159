//! Creates keys. Secrets are written to files that only their owner can read, and Python never sees
//! them.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use ovseal::{KeyFile, PublicKeyIdentity, PublisherKey};
use ovseal_files::AtomicFile;
use ovseal_frontend::{Code, Failure};
use pyo3::prelude::*;

use crate::failure::{failed, raise};

/// Create a post-quantum identity in a new file at ``path``, and return its recipient.
#[pyfunction]
pub(crate) fn generate_identity(path: PathBuf) -> PyResult<String> {
    let identity = PublicKeyIdentity::generate().map_err(failed)?;
    let recipient = identity.recipient().to_string();
    let comment = format!("# public key: {recipient}\n");
    write(&path, PRIVATE, &[comment.as_bytes(), identity.encode().expose(), b"\n"])?;
    Ok(recipient)
}

/// Create a key file of 32 random bytes at ``path``.
#[pyfunction]
pub(crate) fn generate_keyfile(path: PathBuf) -> PyResult<()> {
    write(&path, PRIVATE, &[&*KeyFile::generate().map_err(failed)?.expose()])
}

/// Create a publisher's key in new files at ``private`` and ``public``. Return its key id.
#[pyfunction]
pub(crate) fn generate_publisher(private: PathBuf, public: PathBuf) -> PyResult<String> {
    let key = PublisherKey::generate().map_err(failed)?;
    // Commit the public half first, so that a private key never exists without it.
    write(&public, PUBLIC, &[key.publisher().encode().as_bytes()])?;
    write(&private, PRIVATE, &[key.encode().expose()]).inspect_err(|_| {
        // Errors are ignored: the returned error says why there is no key.
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
        let failure = |code, problem| Failure::new(code, format!("{} {problem}", path.display()));
        raise(match error.kind() {
            io::ErrorKind::AlreadyExists => failure(Code::Exists, "already exists"),
            _ => failure(Code::Write, "cannot be written").caused_by(error),
        })
    })
}

/// Readable and writable by the owner only.
const PRIVATE: u32 = 0o600;
/// Readable and writable by everyone, less the umask.
const PUBLIC: u32 = 0o666;
