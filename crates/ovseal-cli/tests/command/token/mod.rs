//! PKCS#11 tokens: a real SoftHSM, and a module that adds the faults which SoftHSM does not make.

mod faults;
mod opening;
mod publishing;
mod second_reader;
pub(crate) mod softhsm;
mod usage;
