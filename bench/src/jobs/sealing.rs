//! Sealing with `ovseal` to the disk, and what the disk allows.

use std::fs::{self, File};
use std::io::Write;
use std::num::NonZeroUsize;

use rustix::fs::FallocateFlags;

use crate::fixture::{Buffers, Fixture};
use crate::job::{Job, timed};

pub(super) fn jobs(fixture: &Fixture) -> Vec<Job<'_>> {
    let two = NonZeroUsize::MIN.saturating_add(1);
    vec![
        write(fixture),
        seal(fixture, "seal_1", "ovseal, sealing, 1 thread", NonZeroUsize::MIN),
        seal(fixture, "seal_2", "ovseal, sealing, 2 threads", two),
    ]
}

/// Writes as many bytes as sealing does, and waits for the disk.
///
/// Sealing takes the room first, so this does too: the disk is to see the same calls.
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
    Job::new("write_fsync", "`fallocate`, `write` and `fsync` alone", fixture.size, work).seldom()
}

fn seal<'f>(fixture: &'f Fixture, id: &'static str, title: &str, threads: NonZeroUsize) -> Job<'f> {
    let work = move |buffers: &mut Buffers| {
        fixture.warm(&fixture.plaintext(), buffers)?;
        let path = fixture.file("sealed");
        let time = timed(|| fixture.seal(&path, threads));
        fs::remove_file(&path)?;
        time
    };
    Job::new(id, title, fixture.size, work).seldom()
}
