//! Whom a caller trusts, and what else he demands of a container.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use ovseal::{ModelName, OpenOptions, Publisher, RollbackState, Trust};
use ovseal_frontend::{Code, Failure, Origin};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyDict, PyList, PyTuple};

use crate::failure::{failed, raise};

/// The type of `ovseal.ANY_SENDER`: a caller who accepts a container from anyone says so.
#[pyclass(frozen, module = "ovseal")]
pub(crate) struct AnySender;

#[pymethods]
impl AnySender {
    fn __repr__(&self) -> &'static str {
        "ovseal.ANY_SENDER"
    }
}

/// What a caller demands of a container.
pub(crate) struct Demands<'a> {
    pub(crate) publisher: Option<&'a Bound<'a, PyAny>>,
    pub(crate) name: Option<&'a str>,
    pub(crate) min_security_version: Option<u64>,
    pub(crate) rollback_state: Option<PathBuf>,
    pub(crate) threads: Option<usize>,
    pub(crate) kdf_limit: Option<u32>,
}

impl Demands<'_> {
    /// The library's options with these demands.
    pub(crate) fn options(self) -> PyResult<OpenOptions> {
        let trust = trust(self.publisher)?;
        self.with(trust)
    }

    /// The options of a check that says by itself whether a signature was checked.
    pub(crate) fn look_options(self) -> PyResult<OpenOptions> {
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
        Ok(match threads(self.threads)? {
            Some(threads) => options.threads(threads),
            None => options,
        })
    }
}

/// A number of threads, of which there must be one.
pub(crate) fn threads(number: Option<usize>) -> PyResult<Option<NonZeroUsize>> {
    let none = || raise(Failure::new(Code::Usage, "there must be one thread at least"));
    number.map(|number| NonZeroUsize::new(number).ok_or_else(none)).transpose()
}

/// Whom the caller trusts: publishers, `ANY_SENDER`, no one, or for each name of a model those who may sign it.
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
    let (pem, _) = text(publisher)?;
    Publisher::parse(&pem).map_err(|error| match pem.contains("PRIVATE KEY") {
        true => raise(Failure::from(error).with_hint(Some("this is a private key: give the .pub file"))),
        false => failed(error),
    })
}

/// What `read` makes of an object, or of each in a list.
pub(crate) fn each<T>(
    object: &Bound<'_, PyAny>,
    read: impl Fn(&Bound<'_, PyAny>) -> PyResult<T>,
) -> PyResult<Vec<T>> {
    if object.is_instance_of::<PyList>() || object.is_instance_of::<PyTuple>() {
        return object.try_iter()?.map(|each| read(&each?)).collect();
    }
    Ok(vec![read(object)?])
}

/// The text of a key in PEM blocks, and the file from which it was read: bytes are the text, everything else is a path.
pub(crate) fn text(object: &Bound<'_, PyAny>) -> PyResult<(zeroize::Zeroizing<String>, Option<Origin>)> {
    let (bytes, origin) = match object.extract::<PyBackedBytes>() {
        Ok(bytes) => (zeroize::Zeroizing::new(bytes.to_vec()), None),
        Err(_) => {
            let (read, origin) =
                ovseal_frontend::read(&object.extract::<PathBuf>()?, LIMIT).map_err(failed)?;
            (zeroize::Zeroizing::new(read.expose().to_vec()), Some(origin))
        }
    };
    let no_text = |_| raise(Failure::new(Code::BadKey, "a publisher's key consists of PEM blocks"));
    let text = std::str::from_utf8(&bytes).map_err(no_text)?;
    Ok((text.to_owned().into(), origin))
}

/// More than the keys of a publisher take.
const LIMIT: usize = 64 << 10;
