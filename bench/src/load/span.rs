//! The measured time: by the clock, and of the processor.

use std::fs;
use std::mem::MaybeUninit;
use std::time::Instant;

use crate::Result;
use crate::load::sample::Sample;
use crate::machine::{field, kilobytes};

/// From the start of a load on.
pub(crate) struct Span {
    start: Instant,
    cpu: Cpu,
    start_bytes: u64,
}

/// The end of a load, before its memory has settled.
pub(crate) struct Ended {
    compiled: f64,
    first_inference: f64,
    cpu: Cpu,
    start_bytes: u64,
}

/// Seconds that the threads of a process computed.
#[derive(Clone, Copy, Debug)]
struct Cpu {
    user: f64,
    system: f64,
}

impl Span {
    /// Starts the clock.
    pub(crate) fn start() -> Result<Self> {
        let start_bytes = status("VmRSS")?;
        Ok(Self { cpu: Cpu::now()?, start_bytes, start: Instant::now() })
    }

    /// Seconds since then.
    pub(crate) fn seconds(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// Stops the clock after the first inference. After `compiled` seconds the model was compiled.
    pub(crate) fn end(self, compiled: f64) -> Result<Ended> {
        let (first_inference, now) = (self.seconds(), Cpu::now()?);
        let cpu = Cpu { user: now.user - self.cpu.user, system: now.system - self.cpu.system };
        Ok(Ended { compiled, first_inference, cpu, start_bytes: self.start_bytes })
    }
}

impl Ended {
    /// Adds the memory as it is now.
    pub(crate) fn sample(self, output: String, opening: Option<&str>) -> Result<Sample> {
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
    /// Of all threads of this process, also those that have ended.
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

/// A field of this process's status, in bytes.
pub(crate) fn status(name: &str) -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let value = field(&status, name).and_then(kilobytes);
    value.ok_or_else(|| format!("the kernel does not tell {name}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_of_an_ended_thread_counts() {
        let span = Span::start().unwrap();
        let work = || (0..30_000_000_u64).fold(0, |sum, number| std::hint::black_box(sum ^ number));
        std::thread::spawn(work).join().unwrap();
        let sample = span.end(0.0).unwrap().sample(String::new(), None).unwrap();
        assert!(sample.user > 0.0, "{sample:?}");
        assert!(sample.peak_bytes >= sample.anonymous_bytes + sample.file_bytes, "{sample:?}");
    }
}
