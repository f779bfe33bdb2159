//! A device's keys in its TPM 2.0.
//!
//! | task | type |
//! |---|---|
//! | create a device's keys | [`EnrollOptions`] |
//! | seal to a device, without a TPM | [`DeviceRecipient`], [`Bounds`] |
//! | open on the device | [`DeviceIdentity`], [`Device`], [`Tpm`] |
//! | require a passphrase, too | [`CombinedRecipient`], [`CombinedIdentity`] |
//! | approve measured states | [`ApproverKey`], [`Approval`] |
//! | anchor a rollback state in the TPM | [`TpmAnchor`] |
//! | query a TPM | [`TpmStatus`] |
//!
//! The TPM software stack (tpm2-tss 3.0 or later) is loaded when a TPM is first used. Sealing to a
//! device and approving states do not use it.
//!
//! ```no_run
//! use ovseal::{OpenOptions, Publisher, Trust};
//! use ovseal_hardware::tpm2::{DEADLINE, Device, DeviceIdentity, KERNEL_TPM, Tpm};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let tpm = Tpm::new(KERNEL_TPM, DEADLINE)?;
//! let identity = DeviceIdentity::new(Device::load("/var/lib/ovseal".as_ref())?, tpm);
//! let acme = Publisher::parse(&std::fs::read_to_string("acme.pub")?)?;
//! let trust = Trust::Publishers(vec![acme]);
//! let opened = OpenOptions::new(trust).open("model.ovseal".as_ref(), &[&identity])?;
//! # Ok(())
//! # }
//! ```
//!
//! # What it does not protect
//!
//! Anyone who controls the running, approved device can ask its TPM for the data key and read it
//! from memory. A virtual TPM is as trustworthy as the host that keeps its state, which can restore
//! an older state.

mod anchor;
mod approval;
mod bounds;
mod combined;
mod device;
mod duplicate;
mod enroll;
mod error;
#[cfg(all(fuzzing, feature = "hazmat-fuzzing"))]
pub mod fuzzing;
mod identity;
mod kdf;
mod open;
mod pcr;
mod policy;
mod public;
mod recipient;
mod stanza;
mod status;
mod tss;
#[cfg(test)]
mod vectors;
mod wire;
mod worker;

pub use anchor::TpmAnchor;
pub use approval::{Approval, ApprovalError, Approver, ApproverKey};
pub use bounds::Bounds;
pub use combined::{CombinedIdentity, CombinedRecipient};
pub use device::{Device, DeviceError, DevicePolicy};
pub use enroll::EnrollOptions;
pub use error::TpmError;
pub use identity::DeviceIdentity;
pub use pcr::{PcrDemand, PcrList, PcrListError, PcrValues};
pub use recipient::{DeviceRecipient, DeviceRecipientError};
pub use stanza::{TPM2, TPM2_PASSPHRASE, Tpm2Summary};
pub use status::TpmStatus;
pub use tss::LibraryError;
pub use worker::{DEADLINE, KERNEL_TPM, Tpm, silence};
