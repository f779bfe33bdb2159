//! Properties of compilations.

use std::ffi::CString;

use openvino_sys as ov;

use super::error::{NetworkError, c_string};

/// Names and values for the runtime. The last property switches off the runtime's own cache.
pub(crate) struct Properties {
    texts: Vec<(CString, CString)>,
}

impl Properties {
    /// Converts the caller's properties. Fails if one mentions a cache directory.
    pub(crate) fn without_cache(properties: &[(&str, &str)]) -> Result<Self, NetworkError> {
        let texts = properties.iter().map(property).collect::<Result<_, _>>()?;
        Ok(Self { texts })
    }

    /// Returns pointers that are valid as long as `self`.
    pub(crate) fn raw(&self) -> Vec<ov::ov_property_t> {
        let raw = |(name, value): &(CString, CString)| ov::ov_property_t {
            key: name.as_ptr(),
            value: value.as_ptr().cast(),
        };
        self.texts.iter().map(raw).chain([NO_CACHE]).collect()
    }
}

/// Returns whether a property would make the runtime write models to disk in plaintext.
///
/// Such a property sets the directory of a cache, or contains another such property in its value,
/// as `DEVICE_PROPERTIES` may.
#[must_use]
pub fn writes_model(name: &str, value: &str) -> bool {
    CACHES.iter().any(|cache| name.contains(cache) || value.contains(cache))
}

fn property((name, value): &(&str, &str)) -> Result<(CString, CString), NetworkError> {
    if writes_model(name, value) {
        return Err(NetworkError::WritesModel { name: (*name).to_owned() });
    }
    Ok((c_string("property", *name)?, c_string("property", *value)?))
}

/// Words in the names of the properties that set a cache.
///
/// The cache may be for all models in a directory, one model in a file, or a plugin
/// (`NPUW_CACHE_DIR`).
const CACHES: [&str; 2] = ["CACHE_DIR", "CACHE_PATH"];

pub(crate) const NO_CACHE: ov::ov_property_t =
    ov::ov_property_t { key: c"CACHE_DIR".as_ptr(), value: c"".as_ptr().cast() };
