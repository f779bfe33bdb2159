//! The C interface of ovseal.
//!
//! `include/ovseal/ovseal.h` is made from these declarations, `include/ovseal/*.hpp` stand on it. A function translates and
//! decides nothing: what it does is done in `ovseal`, `ovseal-openvino` and `ovseal-frontend`, and is described there.
//!
//! Pointers are NULL or what the header demands. NULL is an error object or a neutral answer, never a crash. Results
//! are written on success only, and no panic leaves a function.
#![allow(non_camel_case_types, reason = "the types are named as C names them")]
#![allow(clippy::missing_safety_doc, reason = "the header states once what holds for every pointer")]

mod text;

// The header has them in this order.
mod error;

mod host;
mod progress;
mod secret;

mod key;
mod publisher;
mod service;

mod seal;

mod plan;

mod open;
mod opened;
mod part;
mod source;

mod mapping;

mod inspect;
mod rekey;
mod verify;

mod network;

mod cache;

pub use cache::*;
pub use error::*;
pub use host::*;
pub use inspect::*;
pub use key::*;
pub use mapping::*;
pub use network::*;
pub use open::*;
pub use opened::*;
pub use part::*;
pub use plan::*;
pub use progress::*;
pub use publisher::*;
pub use rekey::*;
pub use seal::*;
pub use secret::*;
pub use service::*;
pub use source::*;
pub use verify::*;

/// What the header promises: objects may be passed between threads, and looked at by several at once.
const _: () = {
    const fn shared<T: Send + Sync>() {}
    shared::<ovseal_cache>();
    shared::<ovseal_cache_slot>();
    shared::<ovseal_error>();
    shared::<ovseal_inspection>();
    shared::<ovseal_key>();
    shared::<ovseal_mapping>();
    shared::<ovseal_network>();
    shared::<ovseal_open_options>();
    shared::<ovseal_opened>();
    shared::<ovseal_part>();
    shared::<ovseal_plan>();
    shared::<ovseal_populated>();
    shared::<ovseal_publisher>();
    shared::<ovseal_publisher_key>();
    shared::<ovseal_rekey_options>();
    shared::<ovseal_runtime_facts>();
    shared::<ovseal_seal_options>();
    shared::<ovseal_secret>();
    shared::<ovseal_verification>();
};
