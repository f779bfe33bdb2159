//! What the machine can do at best: copying, reading, decrypting and digesting, on one thread.
//!
//! Reading, decrypting and digesting go chunk by chunk, as opening does.

use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt;

use crate::Result;
use crate::aead::Aead;
use crate::fixture::{Buffers, Fixture};
use crate::job::{Job, timed};

pub(super) fn jobs(fixture: &Fixture) -> Result<Vec<Job<'_>>> {
    let chosen = ovseal::AeadProvider::detect().name();
    let read = || Steps::read(fixture);
    let series = read()?.and_digest().and_decrypt()?;
    Ok(vec![
        copy(fixture),
        steps(fixture, "pread", "`pread` from the page cache", read()?),
        steps(fixture, "aes_ring", title("ring", chosen), Steps::decrypt(Aead::ring()?)),
        steps(fixture, "aes_aws_lc", title("aws-lc-rs", chosen), Steps::decrypt(Aead::aws_lc()?)),
        steps(fixture, "blake3", "BLAKE3 alone", Steps::digest()),
        steps(fixture, "pread_aes", "`pread`, then AES-GCM", read()?.and_decrypt()?),
        steps(fixture, "pread_blake3_aes", "`pread`, BLAKE3 and AES-GCM in series", series),
    ])
}

fn title(library: &str, chosen: &str) -> String {
    let note = if library == chosen { " (ovseal's choice here)" } else { "" };
    format!("AES-256-GCM alone, `{library}`{note}")
}

fn copy(fixture: &Fixture) -> Job<'_> {
    Job::new("memcpy", "`memcpy`", fixture.size, |buffers| {
        timed(|| {
            buffers.destination.copy_from_slice(&buffers.second[..fixture.size as usize]);
            black_box(&buffers.destination[..]);
            Ok(())
        })
    })
}

/// One thread's work on all chunks. The destination holds the file's bytes before the clock starts.
fn steps<'f>(fixture: &'f Fixture, id: &'static str, title: impl Into<String>, steps: Steps) -> Job<'f> {
    Job::new(id, title, fixture.size, move |buffers| {
        fixture.warm(&fixture.plaintext(), buffers)?;
        timed(|| steps.run(fixture, buffers))
    })
}

/// What is done with each chunk, in this order.
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
                aead.open(index, tag, chunk)?;
            }
        }
        Ok(())
    }
}
