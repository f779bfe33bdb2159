use std::fmt;

use crate::pages::{Kind, SecretPages};
use crate::sys::{Uffd, core_limit, is_dumpable, lock_limit, page_size, swap_table};

/// The protections for keys and weights that this host and this process have.
///
/// Created by [`protections`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Protections {
    /// `memfd_secret(2)` works: keys can be in memory that the kernel itself does not map.
    pub secret_memory: bool,
    /// Ordinary memory can be locked, which keeps keys from being swapped out.
    pub locked_memory: bool,
    /// Bytes that the process may lock (`RLIMIT_MEMLOCK`, soft); `None` is unlimited.
    /// `CAP_IPC_LOCK` lifts the limit.
    pub locked_memory_limit: Option<u64>,
    /// The process can be dumped and, by the same user, read.
    ///
    /// See [`harden_process`](crate::harden_process).
    pub dumpable: bool,
    /// Bytes of a core file (`RLIMIT_CORE`, soft); `None` is unlimited.
    ///
    /// A host that pipes its dumps to a program ignores this limit.
    pub core_limit: Option<u64>,
    /// Swap space, to which memory that is not locked may be written.
    pub swap: Swap,
    /// The kind of `userfaultfd(2)` that the process may use to decrypt on demand.
    pub userfaultfd: Userfaultfd,
    /// The processor's instructions for AES.
    pub aes: AesHardware,
}

/// The host's swap space. Whether it is encrypted, or compressed memory, is not visible here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swap {
    /// No swap space is in use.
    Absent,
    /// There is swap space.
    Present,
    /// `/proc/swaps` cannot be read.
    Unknown,
}

/// The faults that `userfaultfd(2)` may handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Userfaultfd {
    /// Faults of this process's own code, which require no privilege on most hosts.
    ///
    /// Containers often forbid the system call. A process that may open `/dev/userfaultfd` uses
    /// that instead.
    pub user_mode: bool,
    /// Also faults inside system calls.
    pub kernel_mode: bool,
}

/// The processor's AES instructions, if at least one AES-GCM library uses them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AesHardware {
    /// AES-NI, or the AES instructions of aarch64.
    pub aes: bool,
    /// Several blocks with one instruction; x86-64 only.
    pub vaes: bool,
    /// AVX-512 F, BW and VL; x86-64 only.
    pub avx512: bool,
}

/// A protection that is unavailable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missing {
    /// Keys may be swapped out: neither secret nor locked memory is available.
    KeyMemory,
    /// Keys and weights may end up in a core dump, or be read by a process of the same user.
    DumpsOff,
}

/// Tests which protections this host offers. Leaves nothing behind.
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
        locked_memory_limit: lock_limit(),
        dumpable: is_dumpable(),
        core_limit: core_limit(),
        swap: Swap::parse(swap_table().as_deref()),
        userfaultfd: Userfaultfd::probe(),
        aes: AesHardware::detect(),
    }
}

impl Protections {
    /// Returns the protections that keys and weights need but this host does not offer.
    ///
    /// Whether weights can be swapped also depends on their size; see
    /// [`ModelMemory::is_locked`](crate::ModelMemory::is_locked).
    pub fn missing(&self) -> Vec<Missing> {
        let without_key_memory = !self.secret_memory && !self.locked_memory;
        let checks = [(without_key_memory, Missing::KeyMemory), (self.dumpable, Missing::DumpsOff)];
        checks.into_iter().filter(|(is_missing, _)| *is_missing).map(|(_, missing)| missing).collect()
    }
}

impl Swap {
    /// Parses the table: a line of headings, then one line per swap space.
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
        Self { user_mode: Uffd::open().is_ok(), kernel_mode: Uffd::handles_system_calls() }
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
                "keys may be swapped to disk: this host offers neither secret nor locked memory"
            }
            Self::DumpsOff => {
                "keys and weights may be dumped or read by the same user: the process is dumpable"
            }
        })
    }
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
    fn on_a_complete_host_nothing_is_missing() {
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
    fn dumps_off_is_missing_in_a_dumpable_process_even_with_a_core_limit_of_zero() {
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
