//! The publishers that a caller trusts, and its other requirements of a container.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use ovseal::{ModelName, OpenOptions, Publisher, RollbackState, Trust};
use ovseal_frontend::{Code, Failure, Origin};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyDict, PyList, PyTuple};
use zeroize::Zeroizing;

use crate::failure::{failed, raise, usage};

/// The type of ``ANY_SENDER``, which accepts a container from anyone.
#[pyclass(frozen, module = "ovseal")]
pub(crate) struct AnySender;

#[pymethods]
impl AnySender {
    fn __repr__(&self) -> &'static str {
        "ovseal.ANY_SENDER"
    }
}

/// A caller's requirements of a container.
pub(crate) struct Requirements<'a> {
    pub(crate) publisher: Option<&'a Bound<'a, PyAny>>,
    pub(crate) name: Option<&'a str>,
    pub(crate) min_security_version: Option<u64>,
    pub(crate) rollback_state: Option<PathBuf>,
    pub(crate) threads: Option<usize>,
    pub(crate) kdf_limit: Option<u32>,
    pub(crate) memory_budget: Option<u64>,
}

impl Requirements<'_> {
    /// Returns the library's options for opening a container.
    pub(crate) fn options(self) -> PyResult<OpenOptions> {
        let trust = trust(self.publisher)?;
        self.with(trust)
    }

    /// Returns the options for verifying. The result of a verification says whether a signature was
    /// checked.
    pub(crate) fn verify_options(self) -> PyResult<OpenOptions> {
        let trust = self.publisher.map_or(Ok(Trust::AnySender), |publisher| trust(Some(publisher)))?;
        self.with(trust)
    }

    fn with(self, trust: Trust) -> PyResult<OpenOptions> {
        let mut options = OpenOptions::new(trust);
        if let Some(name) = self.name {
            options = options.name(ModelName::parse(name).map_err(failed)?);
        }
        if let Some(version) = self.min_security_version {
            options = options.min_security_version(version);
        }
        if let Some(state) = self.rollback_state {
            options = options.rollback_state(RollbackState::new(state));
        }
        if let Some(mib) = self.kdf_limit {
            options = options.kdf_limit(mib);
        }
        if let Some(bytes) = self.memory_budget {
            options = options.memory_budget(bytes);
        }
        Ok(match threads(self.threads)? {
            Some(threads) => options.threads(threads),
            None => options,
        })
    }
}

/// Checks a number of threads.
pub(crate) fn threads(number: Option<usize>) -> PyResult<Option<NonZeroUsize>> {
    let none = || usage("threads must be at least 1");
    number.map(|number| NonZeroUsize::new(number).ok_or_else(none)).transpose()
}

/// Reads a caller's trust: publishers, `ANY_SENDER`, nothing, or a dictionary with the publishers
/// of each model name.
pub(crate) fn trust(publisher: Option<&Bound<'_, PyAny>>) -> PyResult<Trust> {
    let Some(publisher) = publisher else { return Ok(Trust::SharedSecret) };
    if publisher.is_instance_of::<AnySender>() {
        return Ok(Trust::AnySender);
    }
    let Ok(named) = publisher.cast::<PyDict>() else { return each(publisher, read).map(Trust::Publishers) };
    let mut trusted = Vec::new();
    for (name, publishers) in named {
        let name = ModelName::parse(name.extract::<&str>()?).map_err(failed)?;
        trusted.extend(each(&publishers, |publisher| Ok(read(publisher)?.only_for(&name)))?);
    }
    Ok(Trust::Publishers(trusted))
}

fn read(publisher: &Bound<'_, PyAny>) -> PyResult<Publisher> {
    let (pem, _) = pem(publisher)?;
    Publisher::parse(&pem).map_err(|error| match pem.contains("PRIVATE KEY") {
        true => raise(Failure::from(error).with_hint("this is a private key: give the .pub file")),
        false => failed(error),
    })
}

/// Applies `read` to an object, or to each object in a list or tuple.
pub(crate) fn each<T>(
    object: &Bound<'_, PyAny>,
    mut read: impl FnMut(&Bound<'_, PyAny>) -> PyResult<T>,
) -> PyResult<Vec<T>> {
    if object.is_instance_of::<PyList>() || object.is_instance_of::<PyTuple>() {
        return object.try_iter()?.map(|each| read(&each?)).collect();
    }
    Ok(vec![read(object)?])
}

/// Returns a key in PEM, and the file from which it was read. Bytes are the PEM itself; anything
/// else is a path.
pub(crate) fn pem(object: &Bound<'_, PyAny>) -> PyResult<(Zeroizing<String>, Option<Origin>)> {
    let (bytes, origin) = match object.extract::<PyBackedBytes>() {
        Ok(bytes) => (Zeroizing::new(bytes.to_vec()), None),
        Err(_) => {
            let (read, origin) =
                ovseal_frontend::read(&object.extract::<PathBuf>()?, LIMIT).map_err(failed)?;
            (Zeroizing::new(read.expose().to_vec()), Some(origin))
        }
    };
    let not_text = |_| raise(Failure::new(Code::BadKey, "a publisher's key must be PEM text"));
    let text = std::str::from_utf8(&bytes).map_err(not_text)?;
    Ok((text.to_owned().into(), origin))
}

/// The maximum number of bytes to read for a publisher's key. A real key is far smaller.
const LIMIT: usize = 64 << 10;
