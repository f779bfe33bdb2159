//! The tables of tags and digests, and the padding between parts.

use std::io;

use ovseal_format::crypto::aead::Tag;
use ovseal_format::layout::{Layout, all_zero};
use ovseal_format::suite::Digest;

use super::Container;
use super::read_at::{ReadAt, read_arrays, read_vec};
use crate::error::{OpenError, Section};

/// Tags and digests of all chunks, 48 bytes for each.
#[derive(Default)]
pub(crate) struct Tables {
    pub(crate) tags: Vec<Tag>,
    pub(crate) digests: Vec<Digest>,
}

impl Tables {
    /// Reads both tables without a copy. The caller checks them.
    pub(crate) fn read(container: &Container) -> io::Result<Self> {
        let (source, footer) = (container.source.as_ref(), &container.footer);
        let tags = read_arrays(source, footer.trailer, footer.tags)?;
        let digests = read_arrays(source, footer.trailer + footer.tags, footer.digests)?;
        Ok(Self { tags, digests })
    }
}

/// Fails if any byte between the parts is not zero.
pub(crate) fn check_padding(source: &dyn ReadAt, layout: &Layout) -> Result<(), OpenError> {
    for range in layout.padding().filter(|range| !range.is_empty()) {
        let bytes = read_vec(source, range.start, range.end - range.start);
        if !all_zero(&bytes.map_err(OpenError::read(Section::Padding))?) {
            return Err(OpenError::Damaged(Section::Padding));
        }
    }
    Ok(())
}
