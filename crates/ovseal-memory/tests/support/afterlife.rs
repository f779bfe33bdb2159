//! The contents of a page after its owner has unmapped it.

use std::io::{PipeReader, Read};

use rustix::mm::MremapFlags;
use rustix::pipe::{IoSliceRaw, SpliceFlags};

/// Keeps access to the first 64 bytes of a private page: a pipe refers to it (`vmsplice(2)`).
pub(crate) struct Remains(PipeReader);

impl Remains {
    pub(crate) fn of(page: &mut [u8]) -> Self {
        let (reader, writer) = std::io::pipe().expect("a pipe can be made");
        let slices = [IoSliceRaw::from_slice_mut(&mut page[..LENGTH])];
        // SAFETY: the page is not gifted to the kernel, and the pipe only reads it.
        let spliced = unsafe { rustix::pipe::vmsplice(&writer, &slices, SpliceFlags::empty()) };
        assert_eq!(spliced, Ok(LENGTH));
        Self(reader)
    }

    pub(crate) fn read(mut self) -> [u8; LENGTH] {
        let mut bytes = [0xFF; LENGTH];
        self.0.read_exact(&mut bytes).expect("the pipe holds the bytes");
        bytes
    }
}

/// Maps a shared page, such as secret memory, a second time until the process ends.
pub(crate) fn alias(address: *mut u8) -> *const u8 {
    let page = rustix::param::page_size();
    // SAFETY: an old length of zero leaves the old mapping alone and creates another one.
    let alias = unsafe { rustix::mm::mremap(address.cast(), 0, page, MremapFlags::MAYMOVE) };
    alias.expect("a shared page can be mapped twice").cast_const().cast()
}

/// Bytes of a page that are inspected.
pub(crate) const LENGTH: usize = 64;
