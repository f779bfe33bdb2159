//! The extension module of the Python package `ovseal`.
//!
//! It translates between Python and the crates and decides nothing. What Python people import is in `python/ovseal`; what needs
//! the package `openvino` is written there, in Python, because the runtime's own objects are theirs.
//!
//! | module | Python sees |
//! |---|---|
//! | `keys` | `Key` and the functions that make one |
//! | `container`, `part` | what `open` gives |
//! | `sealing`, `checking` | `seal`, `rekey`, `verify`, `inspect` |
//! | `network`, `cache` | what `read_model` and `compile_model` are made of; private |
//! | `memory` | memory that Python reads as a buffer |
//! | `failure` | exceptions |
//!
//! # Unsafe code
//!
//! Only `memory` has some: Python's buffer protocol is made of pointers.

mod cache;
mod checking;
mod command;
mod container;
mod demands;
mod failure;
mod home;
mod host;
mod keygen;
mod keys;
mod memory;
mod network;
mod part;
mod sealing;
mod source;
mod warnings;
mod work;

use pyo3::prelude::*;

/// The extension module; what people import is the package around it.
#[pymodule]
mod _ovseal {
    #[pymodule_export]
    use crate::cache::{Cache, Exported};
    #[pymodule_export]
    use crate::checking::{Inspection, Stanza, Verification, create_rollback_state, inspect, verify};
    #[pymodule_export]
    use crate::command::run;
    #[pymodule_export]
    use crate::container::{Container, open};
    #[pymodule_export]
    use crate::demands::AnySender;
    #[pymodule_export]
    use crate::home::abandon;
    #[pymodule_export]
    use crate::host::{harden_process, protections, variables_that_write_models, writes_model};
    #[pymodule_export]
    use crate::keygen::{generate_identity, generate_keyfile, generate_publisher};
    #[pymodule_export]
    use crate::keys::{Key, ServiceContext, callback, device, identity, keyfile, passphrase, recipient};
    #[pymodule_export]
    use crate::memory::{Lent, Memory, Weights};
    #[pymodule_export]
    use crate::network::Network;
    #[pymodule_export]
    use crate::part::Part;
    #[pymodule_export]
    use crate::sealing::{Plan, PlannedPart, Rekeyed, Sealed, plan, rekey, seal};

    #[pymodule_init]
    fn init(module: &pyo3::Bound<'_, pyo3::types::PyModule>) -> pyo3::PyResult<()> {
        use pyo3::types::PyModuleMethods;

        module.add("ANY_SENDER", AnySender)
    }
}
