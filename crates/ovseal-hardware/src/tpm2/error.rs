//! Errors of a TPM.

use std::fmt;
use std::time::Duration;

use ovseal::{AnchorError, ErrorKind, UnwrapError};

use super::tss::LibraryError;

/// Errors of a TPM, or of using one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TpmError {
    /// A library of the TPM software stack is missing.
    #[error(transparent)]
    Library(&'static LibraryError),
    /// The name of the TPM contains a zero byte.
    #[error("the name of the TPM contains a zero byte")]
    Name,
    /// There is no TPM with this name, or it does not answer.
    #[error("there is no TPM at {tcti}, or it cannot be used (code {code:#x})")]
    Connect {
        /// The name.
        tcti: String,
        /// The library's response code.
        code: u32,
    },
    /// The operating system started no thread.
    #[error("cannot start the TPM thread")]
    NoThread,
    /// The TPM did not answer in time. Other programs may be using it.
    #[error("the TPM did not answer within {} s", .0.as_secs_f32())]
    Deadline(Duration),
    /// The connection to the TPM was lost during a command.
    #[error("the connection to the TPM was lost during {command} (code {code:#x})")]
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
    /// The TPM's SHA-256 bank lacks a PCR, or is not in use.
    #[error("the TPM has no PCR {0} in its SHA-256 bank")]
    NoPcr(u8),
    /// An answer has an impossible value.
    #[error("the TPM returned an invalid answer to {0}")]
    Nonsense(&'static str),
    /// A command failed in another way.
    #[error("the TPM rejected {command} (code {code:#x})")]
    Command {
        /// The command.
        command: &'static str,
        /// The TPM's response code.
        code: u32,
    },
    /// The device was enrolled with a different TPM, or this TPM was cleared.
    #[error("the device was enrolled with another TPM, or this TPM was cleared")]
    AnotherTpm,
    /// PCRs have different values than at enrolment or binding.
    #[error("the device's measured state has changed: {}", Registers(.0))]
    PcrChanged(Vec<u8>),
    /// No approval covers the present state.
    #[error("the device's state is not approved: {}", closest(.registers, *.approvals))]
    NotApproved {
        /// The PCRs that differ from the closest approval, or all PCRs of the key if there is no
        /// approval.
        registers: Vec<u8>,
        /// Number of approvals of the key's PCRs.
        approvals: usize,
    },
    /// The approval of the present state is not signed by the device's approver.
    #[error("the approval of the device's state is not signed by its approver")]
    ForgedApproval,
    /// The device's key has a PIN, but none was given.
    #[error("the device's key needs its PIN")]
    PinMissing,
    /// The PIN is wrong.
    #[error("the PIN is wrong")]
    WrongPin,
    /// The TPM unsealed its share, but share and passphrase together do not open the stanza.
    #[error("the passphrase is wrong, or the stanza is damaged")]
    WrongPassphrase,
    /// The epoch of the device is past the bound.
    #[error("the stanza is valid up to epoch {limit}, which the device has passed")]
    Epoch {
        /// The last epoch.
        limit: u64,
    },
    /// The TPM's clock is past the bound.
    #[error("the stanza expired when the TPM's clock reached {limit} ms")]
    Clock {
        /// The bound in milliseconds.
        limit: u64,
    },
    /// The TPM has no counter at the index, or something else is there.
    #[error("the TPM has no counter at NV index {0:#010x}: it was removed or replaced")]
    NoCounter(u32),
    /// The TPM's owner or storage key has a password, which is not supported.
    #[error("the TPM requires a password for {command}")]
    Authorization {
        /// The command.
        command: &'static str,
    },
    /// The TPM reports that the policy is not satisfied.
    #[error("the TPM rejected {command}: the policy is not satisfied")]
    Policy {
        /// The command.
        command: &'static str,
    },
    /// The blob wrapped for the TPM is damaged.
    #[error("the blob wrapped for the TPM is damaged")]
    Integrity,
    /// A rollback state's record of its counter and key is damaged, or belongs to another
    /// enrolment.
    #[error("the state's anchor record is damaged, or belongs to another enrolment of this device")]
    AnchorRecord,
}

/// PCRs as listed in a message.
struct Registers<'a>(&'a [u8]);

impl fmt::Display for Registers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.0.iter().map(u8::to_string).collect();
        write!(f, "PCR {}", numbers.join(", "))
    }
}

/// Compares the present state with the closest approval, if there is one.
fn closest(registers: &[u8], approvals: usize) -> String {
    let registers = Registers(registers);
    match approvals {
        0 => format!("there is no approval of {registers}"),
        _ => format!("the closest of {approvals} approvals differs in {registers}"),
    }
}

impl TpmError {
    /// Interprets a response code.
    pub(super) fn of(command: &'static str, code: u32) -> Self {
        match (code >> 16) & 0xff {
            // From the TPM itself, or from a resource manager on its behalf.
            0 | RESOURCE_MANAGER_TPM | RESOURCE_MANAGER => Self::of_tpm(command, code & 0xffff),
            TCTI => Self::Gone { command, code },
            _ => Self::Command { command, code },
        }
    }

    fn of_tpm(command: &'static str, code: u32) -> Self {
        const FORMAT_ONE: u32 = 1 << 7;
        // Codes of format one also number the handle, session or parameter.
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

    /// Converts the error of a command whose parameters come from a stanza.
    ///
    /// If the TPM rejects a parameter, the stanza is damaged.
    pub(super) fn in_parameter(self) -> Self {
        const FORMAT_ONE_PARAMETER: u32 = 0xc0;
        match self {
            Self::Command { code, .. } if code & !0xf3f == FORMAT_ONE_PARAMETER => Self::Integrity,
            error => error,
        }
    }

    /// Returns the kind of failure: a key that does not fit, or the environment.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::AnotherTpm | Self::PcrChanged(_) | Self::NotApproved { .. } | Self::ForgedApproval => {
                ErrorKind::NoKeyFits
            }
            Self::PinMissing | Self::WrongPin | Self::Epoch { .. } | Self::Clock { .. } => {
                ErrorKind::NoKeyFits
            }
            Self::WrongPassphrase | Self::NoCounter(_) | Self::Policy { .. } => ErrorKind::NoKeyFits,
            Self::Integrity | Self::AnchorRecord => ErrorKind::NoKeyFits,
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
    fn response_codes_are_interpreted() {
        let said = |code| TpmError::of("Unseal", code);
        assert!(matches!(said(0x98e), TpmError::Authorization { .. }));
        assert!(matches!(said(0x99d), TpmError::Policy { .. }));
        assert!(matches!(said(0x1df), TpmError::Integrity));
        assert!(matches!(said(0x126), TpmError::Policy { .. }));
        assert!(matches!(said(0x921), TpmError::Lockout));
        // From the TPM, from a resource manager on its behalf, and from the resource manager
        // itself.
        for code in [0x902, 0x903, 0x000c_0902, 0x000c_0903, 0x000b_0902, 0x000b_0905] {
            assert!(matches!(said(code), TpmError::NoRoom { .. }), "{code:#x}");
        }
        assert!(matches!(said(0xa000a), TpmError::Gone { .. }));
        assert!(matches!(said(0x70001), TpmError::Command { .. }));
    }

    #[test]
    fn registers_are_named() {
        let said = |error: TpmError| error.to_string();
        let changed = said(TpmError::PcrChanged(vec![4, 7]));
        assert_eq!(changed, "the device's measured state has changed: PCR 4, 7");
        let not_approved = |approvals| said(TpmError::NotApproved { registers: vec![4, 7], approvals });
        let prefix = "the device's state is not approved: ";
        assert_eq!(not_approved(0), format!("{prefix}there is no approval of PCR 4, 7"));
        assert_eq!(not_approved(2), format!("{prefix}the closest of 2 approvals differs in PCR 4, 7"));
    }
}
