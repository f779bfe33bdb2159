//! The extension module of the Python package `ovseal`.
//!
//! It translates between Python and the crates and decides nothing. Users import the package in
//! `python/ovseal`. Everything that needs the package `openvino` is written there, in Python.
//!
//! | module | contents |
//! |---|---|
//! | `keys`, `key_service`, `keygen` | `Key` and the functions that create keys |
//! | `container`, `part` | `open` and its results |
//! | `sealing`, `rekey`, `verify` | `seal`, `plan`, `rekey`, `verify`, `inspect` |
//! | `network`, `cache` | private: the building blocks of `read_model` and `compile_model` |
//! | `memory` | memory that Python reads as a buffer |
//! | `failure` | exceptions |
//!
//! The doc comments of everything that Python sees are its docstrings, in the style of PEP 257. The
//! stub `_ovseal.pyi` repeats the public ones, and a test compares them.
//!
//! # Unsafe code
//!
//! Only `memory` and `part` contain any: Python's buffer protocol passes pointers.

mod background;
mod cache;
mod command;
mod container;
mod failure;
mod host;
mod key_service;
mod keygen;
mod keys;
mod memory;
mod network;
mod owner_process;
mod part;
mod rekey;
mod requirements;
mod sealing;
mod source;
mod verify;
mod warnings;

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;

/// The extension module; the package around it is what users import.
#[pymodule]
mod _ovseal {
    #[pymodule_export]
    use crate::cache::{Cache, Exported};
    #[pymodule_export]
    use crate::command::run;
    #[pymodule_export]
    use crate::container::{Container, open};
    #[pymodule_export]
    use crate::host::{harden_process, protections, variables_that_write_models, writes_model};
    #[pymodule_export]
    use crate::key_service::ServiceContext;
    #[pymodule_export]
    use crate::keygen::{generate_identity, generate_keyfile, generate_publisher};
    #[pymodule_export]
    use crate::keys::{Key, callback, device, identity, keyfile, passphrase, recipient};
    #[pymodule_export]
    use crate::memory::{Memory, Weights, WritableView};
    #[pymodule_export]
    use crate::network::Network;
    #[pymodule_export]
    use crate::owner_process::abandon;
    #[pymodule_export]
    use crate::part::Part;
    #[pymodule_export]
    use crate::rekey::{Rekeyed, rekey};
    #[pymodule_export]
    use crate::requirements::AnySender;
    #[pymodule_export]
    use crate::sealing::{Plan, PlannedPart, Sealed, plan, seal};
    #[pymodule_export]
    use crate::verify::{Inspection, Stanza, Verification, create_rollback_state, inspect, verify};

    #[pymodule_init]
    fn init(module: &pyo3::Bound<'_, pyo3::types::PyModule>) -> pyo3::PyResult<()> {
        use pyo3::types::PyModuleMethods;

        module.add("ANY_SENDER", AnySender)
    }
}

/// Locks `mutex`, also after a panic: each mutex here guards a single value, replaced as a whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
