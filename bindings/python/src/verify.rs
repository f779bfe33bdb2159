//! Inspecting and verifying containers.

use std::panic;
use std::path::PathBuf;
use std::sync::Arc;

use ovseal::{RollbackState, StanzaSummary};
use pyo3::prelude::*;

use crate::background::{self, Meter};
use crate::failure::failed;
use crate::keys::Keys;
use crate::requirements::Requirements;

/// The facts about a container that need no key; none of them is authenticated.
#[pyclass(frozen, get_all, module = "ovseal")]
pub(crate) struct Inspection {
    /// The number of the cryptographic suite.
    suite: u16,
    /// The size of a chunk in bytes.
    chunk_size: usize,
    /// The container's random id, in hexadecimal.
    container_id: String,
    /// The length of the file in bytes.
    length: u64,
    /// True if the container's own stanzas are damaged.
    is_region_damaged: bool,
    /// The number of times the stanzas were written: 1 after sealing.
    generation: u64,
    /// The stanzas of the container. ``rekey`` removes them by their index in this list.
    stanzas: Vec<Stanza>,
    /// The stanzas of the side file, if there is one.
    side_file: Option<Vec<Stanza>>,
    /// The lengths of the parts in bytes.
    part_lengths: Vec<u64>,
    /// The SHA-256 digest of the model's name, in hexadecimal.
    model_id: String,
    /// The security version.
    security_version: u64,
    /// The key ids of the publishers that the container claims as signers.
    publishers: Vec<String>,
}

/// A stanza: the data key, wrapped for one recipient.
#[pyclass(frozen, get_all, module = "ovseal")]
#[derive(Clone)]
pub(crate) struct Stanza {
    /// The stanza's type, such as ``passphrase`` or ``x-wing``.
    r#type: String,
    /// Its length in bytes.
    length: usize,
    /// True if the stanza withstands a quantum computer; ``None`` if its type does not decide that.
    post_quantum: Option<bool>,
}

/// The result of a successful verification.
#[pyclass(frozen, get_all, module = "ovseal")]
pub(crate) struct Verification {
    /// The key id of the trusted publisher who signed, if a publisher was specified.
    publisher: Option<String>,
    /// The key ids of the publishers that the container claims as signers.
    claimed_publishers: Vec<String>,
    /// The security version; trustworthy only with a publisher or a key.
    security_version: u64,
    /// True if a key showed that a holder of that key sealed the content, else ``False``.
    content_verified: bool,
}

#[pymethods]
impl Inspection {
    fn __repr__(&self) -> String {
        let types: Vec<&str> = self.stanzas.iter().map(|stanza| stanza.r#type.as_str()).collect();
        format!("<ovseal.Inspection: {} bytes, stanzas: {}>", self.length, types.join(", "))
    }
}

#[pymethods]
impl Stanza {
    fn __repr__(&self) -> String {
        format!("<ovseal.Stanza {}>", self.r#type)
    }
}

#[pymethods]
impl Verification {
    fn __repr__(&self) -> String {
        let publisher = self.publisher.as_deref().unwrap_or("none");
        format!("<ovseal.Verification: publisher {publisher}, security version {}>", self.security_version)
    }
}

impl From<&StanzaSummary> for Stanza {
    fn from(summary: &StanzaSummary) -> Self {
        let (r#type, length) = (summary.stanza_type.to_string(), summary.length);
        Self { r#type, length, post_quantum: summary.post_quantum }
    }
}

/// Read the facts about a container that need no key. None of them is authenticated.
#[pyfunction]
pub(crate) fn inspect(py: Python<'_>, path: PathBuf) -> PyResult<Inspection> {
    let seen = py.detach(|| ovseal::Inspection::of(&path)).map_err(failed)?;
    Ok(Inspection {
        suite: seen.suite.number(),
        chunk_size: seen.chunk_size.bytes(),
        container_id: seen.container_id.to_string(),
        length: seen.length,
        is_region_damaged: seen.is_region_damaged,
        generation: seen.generation,
        stanzas: seen.stanzas.iter().map(Stanza::from).collect(),
        side_file: seen.side_file.map(|stanzas| stanzas.iter().map(Stanza::from).collect()),
        part_lengths: seen.part_lengths,
        model_id: seen.model_id.to_string(),
        security_version: seen.security_version,
        publishers: seen.publishers.iter().map(ToString::to_string).collect(),
    })
}

/// Verify a container: its signature and digests and, with a key, every tag.
///
/// With a publisher but no key, this shows who signed the container. It does not show that a holder
/// of the key sealed the content: see ``Verification.content_verified``. With neither, it shows
/// only that the container is consistent.
///
/// Args:
///     path: The container.
///     key: A key or several. Without one, no tag is verified.
///     publisher, name, min_security_version, rollback_state, threads, kdf_limit: As for `open`.
///     progress: Called as ``progress(done, total)`` from time to time, in bytes of the payload.
///         An exception from it cancels the verification.
///
/// Returns:
///     The facts that were verified, and those that were only claimed.
///
/// Raises:
///     Error: One of its subclasses.
#[pyfunction]
#[pyo3(signature = (path, *, key = None, publisher = None, name = None, min_security_version = None, rollback_state = None, threads = None, kdf_limit = None, progress = None))]
#[expect(clippy::too_many_arguments, reason = "they are keywords in Python")]
pub(crate) fn verify(
    py: Python<'_>,
    path: PathBuf,
    key: Option<&Bound<'_, PyAny>>,
    publisher: Option<&Bound<'_, PyAny>>,
    name: Option<&str>,
    min_security_version: Option<u64>,
    rollback_state: Option<PathBuf>,
    threads: Option<usize>,
    kdf_limit: Option<u32>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Verification> {
    let requirements = Requirements {
        publisher,
        name,
        min_security_version,
        rollback_state,
        threads,
        kdf_limit,
        memory_budget: None,
    };
    let options = requirements.verify_options()?;
    let keys = key.map(|key| Keys::opening(py, Some(key))).transpose()?;
    let total = py.detach(|| ovseal::Inspection::of(&path)).map_err(failed)?.part_lengths.iter().sum();
    let meter = Arc::new(Meter::new(total, progress));
    let options = options.progress(until_cancelled(Arc::clone(&meter)));
    let verified = background::run(py, &meter, || match &keys {
        Some(keys) => options.verify_with_key(&path, &keys.key().identities()).map(|(seen, _)| seen),
        None => options.verify(&path),
    })?;
    let seen = verified.map_err(|error| match &keys {
        Some(keys) => keys.failed(py, error),
        None => failed(error),
    })?;
    Ok(Verification {
        publisher: seen.publisher.map(|id| id.to_string()),
        claimed_publishers: seen.claimed_publishers.iter().map(ToString::to_string).collect(),
        security_version: seen.security_version,
        content_verified: seen.content_verified,
    })
}

/// Create an empty rollback state at ``path``.
///
/// Do this once per device. The state records the highest security version that the device has
/// accepted of each publisher's models.
#[pyfunction]
pub(crate) fn create_rollback_state(path: PathBuf) -> PyResult<()> {
    RollbackState::create(&path).map(drop).map_err(failed)
}

/// Returns a function that counts bytes, and unwinds its thread if the operation is cancelled.
///
/// There is no other way to end a verification early. The caller raises the exception that
/// cancelled it.
fn until_cancelled(meter: Arc<Meter>) -> impl Fn(u64) + Send + Sync {
    move |bytes| {
        if meter.advance(bytes).is_break() {
            panic::resume_unwind(Box::new("cancelled"));
        }
    }
}
