//! PKCS#11 tokens: a real SoftHSM, and a module that adds faults SoftHSM does not have.

mod faults;
mod opening;
mod publishing;
mod second_reader;
pub(crate) mod softhsm;
mod usage;
