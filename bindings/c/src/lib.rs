//! The C interface of ovseal.
//!
//! `include/ovseal/ovseal.h` is generated from these declarations; `include/ovseal/*.hpp` build on
//! it. The functions here only translate: `ovseal`, `ovseal-openvino` and `ovseal-frontend` do the
//! work, and their documentation describes it.
//!
//! Every pointer may be NULL: the function then returns an error or a neutral value. A pointer that
//! is not NULL must be valid as the header requires. Results are written only on success, and no
//! panic leaves a function.
#![allow(non_camel_case_types, reason = "the types are named as C names them")]
#![allow(clippy::missing_safety_doc, reason = "the header says once what every pointer must be")]

mod text;
mod versioned;

// The header has the declarations in this order.
mod error;

mod host;
mod progress;
mod secret;

mod key;
mod publisher;
mod service;

mod seal;

mod plan;

mod trust;

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
pub use trust::*;
pub use verify::*;

/// The header promises that objects may be passed between threads, and read by several at once.
const _: () = {
    const fn shared<T: Send + Sync>() {}
    shared::<ovseal_cache>();
    shared::<ovseal_cache_slot>();
    shared::<ovseal_error>();
    shared::<ovseal_inspection>();
    shared::<ovseal_key>();
    shared::<ovseal_mapping>();
    shared::<ovseal_network>();
    shared::<ovseal_opened>();
    shared::<ovseal_part>();
    shared::<ovseal_plan>();
    shared::<ovseal_populated>();
    shared::<ovseal_publisher>();
    shared::<ovseal_publisher_key>();
    shared::<ovseal_secret>();
    shared::<ovseal_verification>();
};
