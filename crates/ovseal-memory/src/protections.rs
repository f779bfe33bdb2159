use std::fmt;
use std::fs;

use rustix::fd::OwnedFd;
use rustix::mm::UserfaultfdFlags;
use rustix::process::{Resource, getrlimit};

use crate::mapping::page_size;
use crate::pages::{Kind, SecretPages};
use crate::paging::is_available;
use crate::process::is_dumpable;

/// Describes what this host, and this process on it, gives to protect keys and weights. Made by [`protections`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Protections {
    /// `memfd_secret(2)` works: keys can stand in memory that the kernel itself does not map.
    pub secret_memory: bool,
    /// Ordinary memory can be locked: keys can be kept from being swapped.
    pub locked_memory: bool,
    /// Bytes that the process may lock (`RLIMIT_MEMLOCK`, soft); `None` is unlimited. `CAP_IPC_LOCK` lifts it.
    pub locked_memory_limit: Option<u64>,
    /// The process can be dumped and, by the same user, read; see [`harden_process`](crate::harden_process).
    pub dumpable: bool,
    /// Bytes of a core file (`RLIMIT_CORE`, soft); `None` is unlimited. A host whose dumps go to a program ignores it.
    pub core_limit: Option<u64>,
    /// Whether memory that is not locked may be written to a disk.
    pub swap: Swap,
    /// Which kind of `userfaultfd(2)` the process may use, to decrypt on demand.
    pub userfaultfd: Userfaultfd,
    /// What the processor does for AES.
    pub aes: AesHardware,
}

/// Says whether the host swaps. Whether its swap space is encrypted, or is compressed memory, cannot be seen from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swap {
    /// No swap space is in use.
    Absent,
    /// There is swap space.
    Present,
    /// `/proc/swaps` cannot be read.
    Unknown,
}

/// Says which faults `userfaultfd(2)` may handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Userfaultfd {
    /// Faults of this process's own code, which need no privilege on most hosts. Containers often forbid it; there
    /// `/dev/userfaultfd` stands in if the process may open it.
    pub user_mode: bool,
    /// Also faults inside system calls.
    pub kernel_mode: bool,
}

/// Names the processor's instructions for AES that are in use by one provider or another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AesHardware {
    /// AES-NI, or the AES instructions of aarch64.
    pub aes: bool,
    /// Several blocks with one instruction; x86-64 only.
    pub vaes: bool,
    /// AVX-512 F, BW and VL; x86-64 only.
    pub avx512: bool,
}

/// Names a protection that is not to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missing {
    /// Keys may be swapped: neither secret nor locked memory can be had.
    KeyMemory,
    /// Keys and weights may come into a core dump, or be read by another process of the same user.
    DumpsOff,
}

/// Finds out what this host gives by trying it; nothing stays behind.
///
/// ```
/// ovseal_memory::harden_process();
/// let protections = ovseal_memory::protections();
/// assert!(!protections.dumpable);
/// for missing in protections.missing() {
///     eprintln!("{missing}");
/// }
/// ```
pub fn protections() -> Protections {
    Protections {
        secret_memory: SecretPages::secret(page_size()).is_ok(),
        locked_memory: SecretPages::anonymous(page_size()).is_ok_and(|pages| pages.kind() == Kind::Locked),
        locked_memory_limit: getrlimit(Resource::Memlock).current,
        dumpable: is_dumpable(),
        core_limit: getrlimit(Resource::Core).current,
        swap: Swap::parse(fs::read_to_string("/proc/swaps").ok().as_deref()),
        userfaultfd: Userfaultfd::probe(),
        aes: AesHardware::detect(),
    }
}

impl Protections {
    /// Names what keys and weights need and this host does not give.
    ///
    /// Whether weights can be swapped depends on their size too: see [`ModelMemory::is_locked`](crate::ModelMemory).
    pub fn missing(&self) -> Vec<Missing> {
        let without_key_memory = !self.secret_memory && !self.locked_memory;
        let checks = [(without_key_memory, Missing::KeyMemory), (self.dumpable, Missing::DumpsOff)];
        checks.into_iter().filter(|(is_missing, _)| *is_missing).map(|(_, missing)| missing).collect()
    }
}

impl Swap {
    /// Reads the table: one line of headings, then one line for each swap space.
    fn parse(table: Option<&str>) -> Self {
        match table.map(|table| table.lines().count()) {
            None => Self::Unknown,
            Some(0 | 1) => Self::Absent,
            Some(_) => Self::Present,
        }
    }
}

impl Userfaultfd {
    fn probe() -> Self {
        Self { user_mode: is_available(), kernel_mode: userfaultfd().is_ok() }
    }
}

impl AesHardware {
    #[cfg(target_arch = "x86_64")]
    fn detect() -> Self {
        Self {
            aes: is_x86_feature_detected!("aes"),
            vaes: is_x86_feature_detected!("vaes"),
            avx512: is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl"),
        }
    }

    #[cfg(target_arch = "aarch64")]
    fn detect() -> Self {
        Self { aes: std::arch::is_aarch64_feature_detected!("aes"), vaes: false, avx512: false }
    }

    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    fn detect() -> Self {
        Self { aes: false, vaes: false, avx512: false }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::KeyMemory => {
                "keys may be swapped to a disk: this host gives neither secret nor locked memory"
            }
            Self::DumpsOff => {
                "keys and weights may be dumped or read by the same user: the process is dumpable"
            }
        })
    }
}

/// Asks for the kind that also gets faults inside system calls.
fn userfaultfd() -> rustix::io::Result<OwnedFd> {
    // SAFETY: a descriptor that is registered for no memory handles no faults.
    unsafe { rustix::mm::userfaultfd(UserfaultfdFlags::CLOEXEC) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete() -> Protections {
        Protections {
            secret_memory: true,
            locked_memory: true,
            locked_memory_limit: Some(8 << 20),
            dumpable: false,
            core_limit: Some(0),
            swap: Swap::Absent,
            userfaultfd: Userfaultfd { user_mode: true, kernel_mode: false },
            aes: AesHardware { aes: true, vaes: true, avx512: false },
        }
    }

    #[test]
    fn a_complete_host_misses_nothing() {
        assert_eq!(complete().missing(), []);
    }

    #[test]
    fn either_kind_of_key_memory_is_enough() {
        assert_eq!(Protections { secret_memory: false, ..complete() }.missing(), []);
        assert_eq!(Protections { locked_memory: false, ..complete() }.missing(), []);
        let neither = Protections { secret_memory: false, locked_memory: false, ..complete() };
        assert_eq!(neither.missing(), [Missing::KeyMemory]);
    }

    #[test]
    fn a_dumpable_process_misses_dumps_off_even_with_a_core_limit_of_zero() {
        let dumpable = Protections { dumpable: true, ..complete() };
        assert_eq!(dumpable.missing(), [Missing::DumpsOff]);
    }

    #[test]
    fn swap_spaces_are_counted_without_the_headings() {
        let headings = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
        let device = "/dev/dm-1                               partition\t1048572\t\t0\t\t-2\n";
        assert_eq!(Swap::parse(Some(headings)), Swap::Absent);
        assert_eq!(Swap::parse(Some("")), Swap::Absent);
        assert_eq!(Swap::parse(Some(&format!("{headings}{device}"))), Swap::Present);
        assert_eq!(Swap::parse(None), Swap::Unknown);
    }

    #[test]
    fn messages_are_whole_lines_in_lower_case() {
        for missing in [Missing::KeyMemory, Missing::DumpsOff] {
            let text = missing.to_string();
            assert!(text.starts_with(char::is_lowercase) && !text.ends_with('.'), "{text}");
        }
    }
}
