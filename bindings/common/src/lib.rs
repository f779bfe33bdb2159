//! What the bindings of ovseal to other languages share.
//!
//! | need | type |
//! |---|---|
//! | an error as a number, a sentence, advice and causes | [`Failure`], [`Code`], [`Kind`] |
//! | what opens, and what is sealed to, in one type | [`Key`] |
//! | the secret of this device, for a cache | [`device_secret`] |
//!
//! A binding turns them into what its language has for it, and adds nothing: the same failure has the same number and the same
//! words everywhere.

#![forbid(unsafe_code)]

mod code;
mod device_secret;
mod failure;
mod hint;
mod key;

pub use code::{Code, Kind};
pub use device_secret::device_secret;
pub use failure::Failure;
pub use key::{Key, Origin, read};
