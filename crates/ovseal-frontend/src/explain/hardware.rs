//! TPMs, devices and enclaves.

#[cfg(feature = "sgx")]
use ovseal_hardware::sgx::EnclaveError;
use ovseal_hardware::tpm2::{ApprovalError, DeviceError, DeviceRecipientError, PcrListError, TpmError};

use super::{Explain, FrontEnd, GET_AGAIN, codes};
use crate::Code;

codes! {
    ApprovalError => Usage,
    DeviceRecipientError => BadKey,
    PcrListError => Usage,
}

#[cfg(feature = "sgx")]
codes! {
    EnclaveError => KeyHolder,
}

impl Explain for TpmError {
    fn code(&self) -> Code {
        Code::of_key_holder(self.kind())
    }

    fn hint(&self, to: FrontEnd) -> Option<String> {
        let hint = match self {
            Self::Library(_) => {
                "install the TPM software stack: apt-get install libtss2-esys-3.0.2-0 libtss2-tctildr0 \
                 libtss2-tcti-device0"
            }
            Self::Connect { .. } => to.say(
                "look for the TPM with ovseal doctor; for /dev/tpmrm0, add your user to the tss group; \
                 choose another TPM with --tcti",
                "for /dev/tpmrm0, add your user to the tss group; choose another TPM with the argument \
                 tcti or with OVSEAL_TCTI",
            ),
            Self::Deadline(_) => "end other programs that use the TPM, or restart the device",
            Self::Lockout => {
                "wait: ovseal doctor shows after how many seconds a try is forgotten; or let the TPM's owner reset \
                 it: tpm2_dictionarylockout --clear-lockout"
            }
            Self::NoRoom { .. } => {
                "use a resource manager (device:/dev/tpmrm0), or flush left-over objects: tpm2_flushcontext -t"
            }
            Self::NoPcr(_) => "enable the sha256 bank in the firmware's settings",
            Self::AnotherTpm => {
                "open with another key, enroll this device again, and bind the container again"
            }
            Self::PcrChanged(_) => {
                "boot the device as it was when it was enrolled or bound, or open with another key and bind the \
                 container again"
            }
            Self::NotApproved { .. } | Self::ForgedApproval => {
                "put the approver's approval of this state into the device's directory; ovseal device status \
                 --pcr LIST shows the state"
            }
            Self::WrongPassphrase => "if the passphrase is right, get the container again from its publisher",
            Self::PinMissing => to.say("give the PIN with --tpm-pin-file F", "give the PIN"),
            Self::WrongPin => "a few more wrong PINs will lock the TPM; ovseal doctor shows the count",
            Self::Epoch { .. } | Self::Clock { .. } | Self::Integrity => GET_AGAIN,
            Self::Gone { .. } => "try again; ovseal doctor shows whether the TPM is back",
            Self::NoCounter(_) => {
                "open with another key, enroll the device again in another directory, and bind the container \
                 again"
            }
            Self::Authorization { .. } => {
                "passwords on the owner hierarchy or the storage key are not supported; remove the owner's with \
                 tpm2_changeauth -c owner"
            }
            Self::Policy { .. } => "open with another key, and bind the container again",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

impl Explain for DeviceError {
    fn code(&self) -> Code {
        match self {
            Self::Tpm(error) => error.code(),
            Self::NotEnrolled { .. } => Code::NoKeyFits,
            Self::Enrolled { .. } => Code::Exists,
            Self::Damaged { .. } => Code::NotAuthentic,
            _ => Code::Environment,
        }
    }

    fn hint(&self, to: FrontEnd) -> Option<String> {
        let hint = match self {
            Self::Tpm(error) => return error.hint(to),
            Self::NotEnrolled { .. } => "create the device's keys once: ovseal device enroll",
            Self::Enrolled { .. } => {
                "ovseal device status shows its recipient; --state DIR selects another directory"
            }
            Self::Damaged { .. } => {
                "restore the file from a backup, or open with another key and enroll the device again"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::*;

    fn tpm(error: &TpmError) -> Option<String> {
        error.hint(FrontEnd::Command)
    }

    #[test]
    fn each_failure_of_a_tpm_has_a_remedy_of_its_own() {
        let command = "Unseal";
        let errors = [
            TpmError::Connect { tcti: "device:/dev/tpmrm0".to_owned(), code: 0xa_000a },
            TpmError::Deadline(Duration::from_secs(20)),
            TpmError::Gone { command, code: 0xa_000a },
            TpmError::Lockout,
            TpmError::NoRoom { command },
            TpmError::NoPcr(7),
            TpmError::AnotherTpm,
            TpmError::PcrChanged(vec![7]),
            TpmError::NotApproved { registers: vec![7], approvals: 1 },
            TpmError::PinMissing,
            TpmError::WrongPin,
            TpmError::WrongPassphrase,
            TpmError::Epoch { limit: 1 },
            TpmError::NoCounter(1),
            TpmError::Authorization { command },
            TpmError::Policy { command },
        ];
        let hints: BTreeSet<String> = errors.iter().filter_map(tpm).collect();
        assert_eq!(hints.len(), errors.len());
        assert_eq!(tpm(&TpmError::Integrity), tpm(&TpmError::Clock { limit: 1 }));
        assert_eq!(
            tpm(&TpmError::ForgedApproval),
            tpm(&TpmError::NotApproved { registers: vec![], approvals: 0 })
        );
    }
}
