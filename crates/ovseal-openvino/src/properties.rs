//! Properties of a compilation.

use std::ffi::CString;

use openvino_sys as ov;

use crate::error::ModelError;
use crate::text;

/// Names and values for the runtime, the last of which switches its cache of compiled models off.
pub(crate) struct Properties {
    texts: Vec<(CString, CString)>,
}

impl Properties {
    /// Takes the caller's properties, unless one mentions a cache folder.
    pub(crate) fn without_cache(properties: &[(&str, &str)]) -> Result<Self, ModelError> {
        let texts = properties.iter().map(property).collect::<Result<_, _>>()?;
        Ok(Self { texts })
    }

    /// Lists the pointers, which are valid as long as `self`.
    pub(crate) fn raw(&self) -> Vec<ov::ov_property_t> {
        let raw = |(name, value): &(CString, CString)| ov::ov_property_t {
            key: name.as_ptr(),
            value: value.as_ptr().cast(),
        };
        self.texts.iter().map(raw).chain([NO_CACHE]).collect()
    }
}

/// Whether a property would make the runtime write models to a disk, in plaintext: it names the folder of a cache, or has one in its value, as
/// `DEVICE_PROPERTIES` may.
#[must_use]
pub fn writes_model(name: &str, value: &str) -> bool {
    CACHES.iter().any(|cache| name.contains(cache) || value.contains(cache))
}

fn property((name, value): &(&str, &str)) -> Result<(CString, CString), ModelError> {
    if writes_model(name, value) {
        return Err(ModelError::WritesModel { name: (*name).to_owned() });
    }
    Ok((text::named("property", *name)?, text::named("property", *value)?))
}

/// Without a folder there is no cache, and without a file none for one model. Plugins' own caches (`NPUW_CACHE_DIR`) end in the same word.
const CACHES: [&str; 2] = ["CACHE_DIR", "CACHE_PATH"];

pub(crate) const NO_CACHE: ov::ov_property_t =
    ov::ov_property_t { key: c"CACHE_DIR".as_ptr(), value: c"".as_ptr().cast() };
