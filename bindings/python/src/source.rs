//! The source of a container: a path, an open file, or bytes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ovseal::{OpenError, ReadAt};
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::failure::failed;

/// The source of a container.
pub(crate) enum Source {
    Path(PathBuf),
    /// An open file, or bytes. Neither has a side file.
    Open(Arc<dyn ReadAt>),
}

impl Source {
    /// Recognizes a path, a bytes-like object, or a binary file object.
    pub(crate) fn from_object(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(path) = object.extract::<PathBuf>() {
            return Ok(Self::Path(path));
        }
        if let Some(bytes) = bytes_of(object)? {
            return Ok(Self::Open(Arc::new(bytes)));
        }
        if let Some(descriptor) = descriptor(object)? {
            return file(descriptor).map(Self::Open);
        }
        for method in ["getvalue", "read"] {
            if object.hasattr(method)? {
                let content = object.call_method0(method)?;
                let bytes = bytes_of(&content)?;
                let bytes = bytes.ok_or_else(|| PyTypeError::new_err("the file object must be binary"))?;
                return Ok(Self::Open(Arc::new(bytes)));
            }
        }
        let name = object.get_type().name()?;
        Err(PyTypeError::new_err(format!(
            "the source must be a path, a binary file object, or bytes, not {name}"
        )))
    }
}

fn bytes_of(object: &Bound<'_, PyAny>) -> PyResult<Option<Vec<u8>>> {
    let Ok(buffer) = PyBuffer::<u8>::get(object) else { return Ok(None) };
    buffer.to_vec(object.py()).map(Some)
}

/// Returns the file object's descriptor, if it has one.
fn descriptor(object: &Bound<'_, PyAny>) -> PyResult<Option<i32>> {
    if !object.hasattr("fileno")? {
        return Ok(None);
    }
    let unsupported = object.py().import("io")?.getattr("UnsupportedOperation")?;
    match object.call_method0("fileno") {
        Ok(descriptor) => descriptor.extract().map(Some),
        Err(error) if error.is_instance(object.py(), &unsupported) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Opens the file behind a descriptor again, so that the caller may close or move its own.
fn file(descriptor: i32) -> PyResult<Arc<dyn ReadAt>> {
    let path = format!("/proc/self/fd/{descriptor}");
    let file = ovseal_files::open(Path::new(&path));
    let file =
        file.map_err(|source| failed(OpenError::Read { what: "the file object".to_owned(), source }))?;
    Ok(Arc::new(file))
}
