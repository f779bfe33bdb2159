//! The TPM software stack (tpm2-tss): loaded when the program runs, and called on one thread a TPM.

mod esys;
mod library;
mod received;
mod types;

pub(super) use esys::{Esys, Handle, Session, Ticket, c_string};
pub use library::LibraryError;
