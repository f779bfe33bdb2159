//! Measures sealing with `ovseal` to the disk, and writing without sealing.

use std::fs::{self, File};
use std::io::Write;
use std::num::NonZeroUsize;

use rustix::fs::FallocateFlags;

use super::fixture::{Buffers, Fixture};
use super::{Job, job};
use crate::timed;

pub(super) fn jobs(fixture: &Fixture) -> Vec<Job<'_>> {
    let two = NonZeroUsize::MIN.saturating_add(1);
    vec![write(fixture), seal(fixture, "seal_1", NonZeroUsize::MIN), seal(fixture, "seal_2", two)]
}

/// Writes as many bytes as sealing does, and waits for the disk.
///
/// This allocates the space first, as sealing does, so that the disk sees the same calls.
fn write(fixture: &Fixture) -> Job<'_> {
    let work = |buffers: &mut Buffers| {
        let path = fixture.file("written");
        let time = timed(|| {
            let mut file = File::create(&path)?;
            rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, fixture.size)?;
            buffers.destination.chunks(fixture.chunk).try_for_each(|chunk| file.write_all(chunk))?;
            Ok(file.sync_all()?)
        });
        fs::remove_file(&path)?;
        time
    };
    job("write_fsync", fixture, work).seldom()
}

fn seal<'f>(fixture: &'f Fixture, name: &'static str, threads: NonZeroUsize) -> Job<'f> {
    let work = move |buffers: &mut Buffers| {
        fixture.warm(&fixture.plaintext(), buffers)?;
        let path = fixture.file("sealed");
        let time = timed(|| fixture.seal(&path, threads));
        fs::remove_file(&path)?;
        time
    };
    job(name, fixture, work).seldom()
}
