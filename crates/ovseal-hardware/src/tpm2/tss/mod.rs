//! The TPM software stack (tpm2-tss), loaded at run time and called on one thread per TPM.

mod esys;
mod library;
mod objects;
mod policies;
mod received;
mod state;
mod types;

pub(super) use esys::{Esys, Handle, Session, c_string};
pub use library::LibraryError;
pub(super) use policies::Ticket;
pub(super) use state::FIXED;
