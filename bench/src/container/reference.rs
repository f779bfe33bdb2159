//! Measures the hardware's limits: copying, reading, decrypting and digesting, on one thread.
//!
//! Reading, decrypting and digesting are done chunk by chunk, as in opening.

use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt;

use super::aead::Aead;
use super::fixture::{Buffers, Fixture};
use super::{Job, job};
use crate::{Result, timed};

pub(super) fn jobs(fixture: &Fixture) -> Result<Vec<Job<'_>>> {
    let read = || Steps::read(fixture);
    let series = read()?.and_digest().and_decrypt()?;
    Ok(vec![
        copy(fixture),
        steps(fixture, "pread", read()?),
        steps(fixture, "aes_ring", Steps::decrypt(Aead::ring()?)),
        steps(fixture, "aes_aws_lc", Steps::decrypt(Aead::aws_lc()?)),
        steps(fixture, "blake3", Steps::digest()),
        steps(fixture, "pread_aes", read()?.and_decrypt()?),
        steps(fixture, "pread_blake3_aes", series),
    ])
}

fn copy(fixture: &Fixture) -> Job<'_> {
    job("memcpy", fixture, |buffers| {
        timed(|| {
            buffers.destination.copy_from_slice(&buffers.second[..fixture.size as usize]);
            black_box(&buffers.destination[..]);
            Ok(())
        })
    })
}

/// Works on all chunks with one thread.
///
/// The destination holds the file's bytes before the clock starts.
fn steps<'f>(fixture: &'f Fixture, name: &'static str, steps: Steps) -> Job<'f> {
    job(name, fixture, move |buffers| {
        fixture.warm(&fixture.plaintext(), buffers)?;
        timed(|| steps.run(fixture, buffers))
    })
}

/// The steps of each chunk, in this order.
struct Steps {
    file: Option<File>,
    digest: bool,
    aead: Option<Aead>,
}

impl Steps {
    fn read(fixture: &Fixture) -> Result<Self> {
        Ok(Self { file: Some(File::open(fixture.plaintext())?), digest: false, aead: None })
    }

    fn digest() -> Self {
        Self { file: None, digest: true, aead: None }
    }

    fn decrypt(aead: Aead) -> Self {
        Self { file: None, digest: false, aead: Some(aead) }
    }

    fn and_digest(self) -> Self {
        Self { digest: true, ..self }
    }

    fn and_decrypt(self) -> Result<Self> {
        Ok(Self { aead: Some(Aead::chosen()?), ..self })
    }

    fn run(&self, fixture: &Fixture, buffers: &mut Buffers) -> Result<()> {
        let chunks = buffers.destination.chunks_mut(fixture.chunk);
        for ((index, chunk), tag) in (0..).zip(chunks).zip(&fixture.tags) {
            if let Some(file) = &self.file {
                file.read_exact_at(chunk, index * fixture.chunk as u64)?;
            }
            if self.digest {
                black_box(blake3::hash(chunk));
            }
            if let Some(aead) = &self.aead {
                aead.decrypt(index, tag, chunk)?;
            }
        }
        Ok(())
    }
}
