//! What goes wrong with a TPM, and whose fault it is.

use std::fmt;
use std::time::Duration;

use ovseal::{AnchorError, ErrorKind, UnwrapError};

use super::tss::LibraryError;

/// A TPM did not do what was asked of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TpmError {
    /// A library of the TPM software stack is missing.
    #[error(transparent)]
    Library(&'static LibraryError),
    /// The text does not name a TPM.
    #[error("the name of the TPM contains a zero byte")]
    Name,
    /// There is no TPM under this name, or it does not answer.
    #[error("there is no TPM at {tcti}, or it cannot be used (code {code:#x})")]
    Connect {
        /// The name.
        tcti: String,
        /// The library's response code.
        code: u32,
    },
    /// The operating system gives no thread.
    #[error("no thread can be had for the TPM")]
    NoThread,
    /// The TPM did not answer in time; other programs may be using it.
    #[error("the TPM did not answer within {} s", .0.as_secs_f32())]
    Deadline(Duration),
    /// The connection to the TPM was lost in the middle of a command.
    #[error("the TPM went away during {command} (code {code:#x})")]
    Gone {
        /// The command.
        command: &'static str,
        /// The library's response code.
        code: u32,
    },
    /// Too many wrong PINs, or too many unclean power-offs after a PIN was used.
    #[error("the TPM is locked: too many wrong PINs or unclean power-offs")]
    Lockout,
    /// The TPM or its resource manager has no room for an object or a session.
    #[error("the TPM has no room for another object or session ({command})")]
    NoRoom {
        /// The command.
        command: &'static str,
    },
    /// The SHA-256 bank of platform configuration registers is not in use.
    #[error("the TPM has no PCR {0} in the bank sha256")]
    NoPcr(u8),
    /// The answer makes no sense.
    #[error("the TPM gave an answer to {0} that makes no sense")]
    Nonsense(&'static str),
    /// A command failed in another way.
    #[error("the TPM refused {command} (code {code:#x})")]
    Command {
        /// The command.
        command: &'static str,
        /// The TPM's response code.
        code: u32,
    },
    /// The TPM is not the one in which the device's keys were made, or it was cleared since.
    #[error("this TPM is not the one in which the device was enrolled, or it was cleared since")]
    AnotherTpm,
    /// Registers have other values than when the device was enrolled or bound.
    #[error("the device is in another state: {} changed", Registers(.0))]
    PcrChanged(Vec<u8>),
    /// No approval of the approver is for the present state.
    #[error("the device's state is not approved: the closest of {approvals} approvals differs in {}", Registers(.registers))]
    NotApproved {
        /// The registers that differ from those in the closest approval.
        registers: Vec<u8>,
        /// How many approvals there are.
        approvals: usize,
    },
    /// An approval for the present state is not signed by the device's approver.
    #[error("the approval for the device's state is not the approver's")]
    ForgedApproval,
    /// The device's key has a PIN, and none was given.
    #[error("the device's key needs its PIN")]
    PinMissing,
    /// The PIN is wrong.
    #[error("the PIN is wrong")]
    WrongPin,
    /// The TPM gave its share of what needs TPM and passphrase, and with the passphrase it opens nothing.
    #[error("the passphrase is wrong, or the stanza is damaged")]
    WrongPassphrase,
    /// The epoch of the device passed the bound.
    #[error("the stanza was for epochs up to {limit}, and the device is past it")]
    Epoch {
        /// The greatest epoch.
        limit: u64,
    },
    /// The TPM's clock passed the bound.
    #[error("the stanza was valid until the TPM's clock showed {limit} ms, and that time is over")]
    Clock {
        /// The bound in milliseconds.
        limit: u64,
    },
    /// The TPM has no counter at the index, or something else is there.
    #[error("the TPM has no counter at NV index {0:#010x}: it was removed, or something else stands there")]
    NoCounter(u32),
    /// The TPM demands a password of its owner, or of its storage key, which is not supported.
    #[error("the TPM demands a password for {command}")]
    Authorization {
        /// The command.
        command: &'static str,
    },
    /// The TPM says that the policy is not fulfilled.
    #[error("the TPM refused {command}: the policy is not fulfilled")]
    Policy {
        /// The command.
        command: &'static str,
    },
    /// What was wrapped for the TPM is damaged.
    #[error("what was wrapped for the TPM is damaged")]
    Integrity,
    /// What a rollback state says of its counter and its key is damaged, or of another enrolment of the device.
    #[error("what the state says of its counter and key is damaged, or of another enrolment of this device")]
    Place,
}

/// Registers in a message.
struct Registers<'a>(&'a [u8]);

impl fmt::Display for Registers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.0.iter().map(u8::to_string).collect();
        write!(f, "PCR {}", numbers.join(", "))
    }
}

impl TpmError {
    /// What a response code means.
    pub(super) fn of(command: &'static str, code: u32) -> Self {
        match (code >> 16) & 0xff {
            // From the TPM itself, or from a resource manager in its place.
            0 | RESOURCE_MANAGER_TPM | RESOURCE_MANAGER => Self::of_tpm(command, code & 0xffff),
            TCTI => Self::Gone { command, code },
            _ => Self::Command { command, code },
        }
    }

    fn of_tpm(command: &'static str, code: u32) -> Self {
        const FORMAT_ONE: u32 = 1 << 7;
        // Codes of format one also say which handle, session or parameter is meant.
        let plain = if code & FORMAT_ONE != 0 { code & 0xbf } else { code };
        match plain {
            0x08e | 0x0a2 => Self::Authorization { command },
            0x09d | 0x126 | 0x128 => Self::Policy { command },
            0x09f => Self::Integrity,
            0x921 => Self::Lockout,
            0x901..=0x906 => Self::NoRoom { command },
            _ => Self::Command { command, code },
        }
    }

    /// The same error of a command whose parameters come from a stanza: a parameter that the TPM does not take is damaged.
    pub(super) fn in_parameter(self) -> Self {
        const FORMAT_ONE_PARAMETER: u32 = 0xc0;
        match self {
            Self::Command { code, .. } if code & !0xf3f == FORMAT_ONE_PARAMETER => Self::Integrity,
            error => error,
        }
    }

    /// Whose fault it is: a key that does not fit, or the environment.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::AnotherTpm | Self::PcrChanged(_) | Self::NotApproved { .. } | Self::ForgedApproval => {
                ErrorKind::NoKeyFits
            }
            Self::PinMissing | Self::WrongPin | Self::Epoch { .. } | Self::Clock { .. } => {
                ErrorKind::NoKeyFits
            }
            Self::WrongPassphrase | Self::NoCounter(_) | Self::Policy { .. } => ErrorKind::NoKeyFits,
            Self::Integrity | Self::Place => ErrorKind::NoKeyFits,
            Self::Name => ErrorKind::Usage,
            _ => ErrorKind::Environment,
        }
    }
}

impl From<TpmError> for UnwrapError {
    fn from(error: TpmError) -> Self {
        match error.kind() {
            ErrorKind::NoKeyFits => Self::Refused(Box::new(error)),
            _ => Self::Backend(Box::new(error)),
        }
    }
}

impl From<TpmError> for AnchorError {
    fn from(error: TpmError) -> Self {
        match error.kind() {
            ErrorKind::NoKeyFits => Self::Refused(Box::new(error)),
            _ => Self::Backend(Box::new(error)),
        }
    }
}

const TCTI: u32 = 10;
const RESOURCE_MANAGER: u32 = 11;
const RESOURCE_MANAGER_TPM: u32 = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn response_codes_are_told_apart() {
        let said = |code| TpmError::of("Unseal", code);
        assert!(matches!(said(0x98e), TpmError::Authorization { .. }));
        assert!(matches!(said(0x99d), TpmError::Policy { .. }));
        assert!(matches!(said(0x1df), TpmError::Integrity));
        assert!(matches!(said(0x126), TpmError::Policy { .. }));
        assert!(matches!(said(0x921), TpmError::Lockout));
        // From the TPM, from a resource manager in its place, and from the resource manager itself.
        for code in [0x902, 0x903, 0x000c_0902, 0x000c_0903, 0x000b_0902, 0x000b_0905] {
            assert!(matches!(said(code), TpmError::NoRoom { .. }), "{code:#x}");
        }
        assert!(matches!(said(0xa000a), TpmError::Gone { .. }));
        assert!(matches!(said(0x70001), TpmError::Command { .. }));
    }

    #[test]
    fn a_changed_register_is_named() {
        assert_eq!(
            TpmError::PcrChanged(vec![4, 7]).to_string(),
            "the device is in another state: PCR 4, 7 changed"
        );
    }
}
