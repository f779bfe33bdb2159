//! The clock of a load: elapsed time, processor time, memory.

use std::mem::MaybeUninit;
use std::time::Instant;

use super::sample::Sample;
use crate::Result;
use crate::process::status;

/// A running clock.
pub(super) struct Timer {
    start: Instant,
    cpu: Cpu,
    start_bytes: u64,
}

/// A clock stopped after the first inference, before memory has settled.
pub(super) struct Ended {
    compiled: f64,
    first_inference: f64,
    cpu: Cpu,
    start_bytes: u64,
}

/// Processor time of all threads in seconds.
#[derive(Clone, Copy, Debug)]
struct Cpu {
    user: f64,
    system: f64,
}

impl Timer {
    /// Starts the clock.
    pub(super) fn start() -> Result<Self> {
        let start_bytes = status("VmRSS")?;
        Ok(Self { cpu: Cpu::now()?, start_bytes, start: Instant::now() })
    }

    /// Returns the seconds since the start.
    pub(super) fn seconds(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// Stops the clock after the first inference; the model was compiled after `compiled` seconds.
    pub(super) fn end(self, compiled: f64) -> Result<Ended> {
        let (first_inference, now) = (self.seconds(), Cpu::now()?);
        let cpu = Cpu { user: now.user - self.cpu.user, system: now.system - self.cpu.system };
        Ok(Ended { compiled, first_inference, cpu, start_bytes: self.start_bytes })
    }
}

impl Ended {
    /// Adds the memory at this moment.
    pub(super) fn sample(self, output: String, opening: Option<&str>) -> Result<Sample> {
        Ok(Sample {
            compiled: self.compiled,
            first_inference: self.first_inference,
            user: self.cpu.user,
            system: self.cpu.system,
            start_bytes: self.start_bytes,
            peak_bytes: status("VmHWM")?,
            anonymous_bytes: status("RssAnon")?,
            file_bytes: status("RssFile")?,
            shared_bytes: status("RssShmem")?,
            output,
            opening: opening.map(str::to_owned),
        })
    }
}

impl Cpu {
    /// Returns the processor time of this process, including threads that have ended.
    fn now() -> Result<Self> {
        let mut usage = MaybeUninit::<libc::rusage>::uninit();
        // SAFETY: `usage` has room for what the call writes.
        if unsafe { libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) } != 0 {
            return Err(std::io::Error::last_os_error().into());
        }
        // SAFETY: the call succeeded, so it has written the whole structure.
        let usage = unsafe { usage.assume_init() };
        Ok(Self { user: seconds(usage.ru_utime), system: seconds(usage.ru_stime) })
    }
}

fn seconds(time: libc::timeval) -> f64 {
    time.tv_sec as f64 + time.tv_usec as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_of_an_ended_thread_counts() {
        let timer = Timer::start().unwrap();
        let work = || (0..30_000_000_u64).fold(0, |sum, number| std::hint::black_box(sum ^ number));
        std::thread::spawn(work).join().unwrap();
        let sample = timer.end(0.0).unwrap().sample(String::new(), None).unwrap();
        assert!(sample.user > 0.0, "{sample:?}");
        assert!(sample.peak_bytes >= sample.anonymous_bytes + sample.file_bytes, "{sample:?}");
    }
}
