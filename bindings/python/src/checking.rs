//! Looking at containers and verifying them.

use std::panic;
use std::path::PathBuf;
use std::sync::Arc;

use ovseal::{RollbackState, StanzaSummary};
use pyo3::prelude::*;

use crate::demands::Demands;
use crate::failure::failed;
use crate::keys::Keys;
use crate::work::{self, Meter};

/// What can be known of a container without a key; none of it is authenticated.
#[pyclass(frozen, get_all, module = "ovseal")]
pub(crate) struct Inspection {
    /// The number of the cryptographic suite.
    suite: u16,
    /// Bytes in a chunk.
    chunk_size: usize,
    /// The container's random name, in hexadecimal digits.
    container_id: String,
    /// Length of the file in bytes.
    length: u64,
    /// Whether the container's own stanzas are damaged.
    is_region_damaged: bool,
    /// How often the stanzas were written.
    generation: u64,
    /// The stanzas of the container; `rekey` removes them by their position here.
    stanzas: Vec<Stanza>,
    /// The stanzas of the side file, if there is one.
    side_file: Option<Vec<Stanza>>,
    /// The lengths of the parts in bytes.
    part_lengths: Vec<u64>,
    /// SHA-256 of the model's name, in hexadecimal digits.
    model_id: String,
    /// The security version.
    security_version: u64,
    /// Key ids of the publishers who claim to have signed.
    publishers: Vec<String>,
}

/// A stanza: one key that opens the container.
#[pyclass(frozen, get_all, module = "ovseal")]
#[derive(Clone)]
pub(crate) struct Stanza {
    /// Its type, such as `passphrase` or `x-wing`.
    r#type: String,
    /// Its length in bytes.
    length: usize,
    /// Whether it withstands a quantum computer; `None` when this version does not know the type.
    post_quantum: Option<bool>,
}

/// What a successful verification showed.
#[pyclass(frozen, get_all, module = "ovseal")]
pub(crate) struct Verification {
    /// The key id of the trusted publisher who signed, if any was named.
    publisher: Option<String>,
    /// Key ids of all publishers who claim to have signed.
    claimed_publishers: Vec<String>,
    /// The security version, which is believable only with a publisher or a key.
    security_version: u64,
    /// Whether a key showed that the content is what a holder of the key sealed; `False` without a
    /// key.
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

/// Looks at a container without a key. None of what it shows is authenticated.
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

/// Verifies a container: without a key its signature and digests, with one also every tag.
///
/// Without a key this shows who signed, and not that the content is what a holder of the key sealed: see `content_verified`.
/// `progress(done, total)` is called now and then with bytes of the payload.
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
    let demands = Demands { publisher, name, min_security_version, rollback_state, threads, kdf_limit };
    let options = demands.look_options()?;
    let keys = key.map(|key| Keys::opening(py, Some(key))).transpose()?;
    let total = py.detach(|| ovseal::Inspection::of(&path)).map_err(failed)?.part_lengths.iter().sum();
    let meter = Arc::new(Meter::new(total, progress));
    let options = options.progress(unless_cancelled(Arc::clone(&meter)));
    let verified = work::run(py, &meter, || match &keys {
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

/// Makes an empty rollback state at `path`, once for a device: in it the device remembers the highest security version that it accepted of
/// each publisher's models.
#[pyfunction]
pub(crate) fn create_rollback_state(path: PathBuf) -> PyResult<()> {
    RollbackState::create(&path).map(drop).map_err(failed)
}

/// Counts bytes until the job is cancelled. Then its threads unwind, since a verification has no other way to end early; the exception of
/// who cancelled is raised instead.
fn unless_cancelled(meter: Arc<Meter>) -> impl Fn(u64) + Send + Sync {
    move |bytes| {
        if meter.advance(bytes).is_break() {
            panic::resume_unwind(Box::new("cancelled"));
        }
    }
}
