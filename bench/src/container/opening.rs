//! Measures opening with `ovseal`, from finding the key to the last byte, and random access.

use std::hint::black_box;
use std::num::NonZeroUsize;

use ovseal::Trust;

use super::fixture::{Buffers, Fixture, default_threads};
use super::{Job, counting, job};
use crate::{Result, timed};

pub(super) fn jobs(fixture: &Fixture) -> Result<Vec<Job<'_>>> {
    let (any, named) = (Trust::AnySender, fixture.named());
    Ok(vec![
        whole(fixture, "open_any_1", any.clone(), ONE),
        whole(fixture, "open_any_2", any.clone(), TWO),
        whole(fixture, "open_publisher_1", named.clone(), ONE),
        whole(fixture, "open_publisher_2", named.clone(), TWO),
        fresh(fixture, "open_any_fresh", any),
        fresh(fixture, "open_publisher_fresh", named),
        ranges(fixture, "range_4k", 4 << 10)?,
        ranges(fixture, "range_1m", 1 << 20)?,
    ])
}

/// Opens the container and decrypts its part into a prefaulted buffer.
fn whole<'f>(fixture: &'f Fixture, name: &'static str, trust: Trust, threads: NonZeroUsize) -> Job<'f> {
    job(name, fixture, move |buffers| {
        fixture.warm(&fixture.container(), buffers)?;
        timed(|| Ok(fixture.part(&trust, threads)?.read_into(&mut buffers.destination)?))
    })
}

/// Opens the container and decrypts its part into new memory, including its page faults.
fn fresh<'f>(fixture: &'f Fixture, name: &'static str, trust: Trust) -> Job<'f> {
    job(name, fixture, move |buffers| {
        fixture.warm(&fixture.container(), buffers)?;
        let mut memory = None;
        let time = timed(|| {
            memory = Some(fixture.part(&trust, TWO)?.read()?);
            Ok(())
        });
        // Zeroizing and freeing the memory is not part of opening.
        drop(black_box(memory));
        time
    })
}

/// Decrypts ranges at random offsets of an open container, one after another.
fn ranges<'f>(fixture: &'f Fixture, name: &'static str, length: usize) -> Result<Job<'f>> {
    let part = fixture.part(&Trust::AnySender, default_threads())?;
    let room = fixture.size - length as u64;
    let mut random = Random(1);
    let work = move |buffers: &mut Buffers| {
        fixture.warm(&fixture.container(), buffers)?;
        let buffer = &mut buffers.destination[..length];
        timed(|| (0..RANGES).try_for_each(|_| Ok(part.read_range(random.below(room), buffer)?)))
    };
    Ok(counting(name, RANGES.into(), work))
}

/// Numbers that look random and are the same in every run (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % limit
    }
}

const ONE: NonZeroUsize = NonZeroUsize::MIN;

const TWO: NonZeroUsize = ONE.saturating_add(1);

/// Ranges in one run.
const RANGES: u32 = 1000;
