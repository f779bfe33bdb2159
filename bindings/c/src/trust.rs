//! The accepted senders of a container.

use std::ffi::c_char;

use ovseal::{ModelName, Trust};
use ovseal_frontend::Failure;

use crate::publisher::ovseal_publisher;
use crate::text::{Required, bad_argument, list, optional_text};

/// One of the specified publishers must have signed the container. An empty list is an error.
pub const OVSEAL_TRUST_PUBLISHERS: u32 = 0;
/// The container may come from anyone. No signature is checked.
pub const OVSEAL_TRUST_ANY_SENDER: u32 = 1;
/// Accepts only containers whose keys are all passphrases and key files.
///
/// Such a container may come from anyone who ever had one of these keys.
pub const OVSEAL_TRUST_SHARED_SECRET: u32 = 2;

/// A publisher whom the caller trusts. This struct never changes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ovseal_trusted_publisher {
    /// The public key.
    pub publisher: *const ovseal_publisher,
    /// The only model this publisher may sign; NULL for any. Repeat the publisher for several
    /// models.
    pub model_name: *const c_char,
}

/// Reads one of `OVSEAL_TRUST_*`, and the publishers that go with it.
///
/// # Safety
/// `publishers` is NULL, or points to `count` items whose pointers are NULL or valid.
pub(crate) unsafe fn read(
    trust: u32,
    publishers: *const ovseal_trusted_publisher,
    count: usize,
) -> Result<Trust, Failure> {
    // SAFETY: the caller guarantees as many publishers as it says.
    let publishers = unsafe { list(publishers, count, "options->publishers") }?;
    match (trust, publishers) {
        (OVSEAL_TRUST_PUBLISHERS, publishers) => {
            // SAFETY: the caller guarantees that each of them is valid.
            let publishers = publishers.iter().map(|trusted| unsafe { publisher(trusted) });
            Ok(Trust::Publishers(publishers.collect::<Result<_, _>>()?))
        }
        (OVSEAL_TRUST_ANY_SENDER, []) => Ok(Trust::AnySender),
        (OVSEAL_TRUST_SHARED_SECRET, []) => Ok(Trust::SharedSecret),
        (OVSEAL_TRUST_ANY_SENDER | OVSEAL_TRUST_SHARED_SECRET, _) => {
            Err(bad_argument("publishers are specified, but options->trust is not OVSEAL_TRUST_PUBLISHERS"))
        }
        _ => Err(bad_argument("options->trust is none of OVSEAL_TRUST_*")),
    }
}

/// # Safety
/// The pointers are NULL or valid.
unsafe fn publisher(trusted: &ovseal_trusted_publisher) -> Result<ovseal::Publisher, Failure> {
    // SAFETY: the caller guarantees what this call requires.
    let publisher = unsafe { trusted.publisher.as_ref() }.required("a trusted publisher")?;
    // SAFETY: as above.
    let name = unsafe { optional_text(trusted.model_name, "a trusted publisher's model name") }?;
    let publisher = publisher.publisher.clone();
    Ok(match name {
        Some(name) => publisher.only_for(&ModelName::parse(name)?),
        None => publisher,
    })
}
