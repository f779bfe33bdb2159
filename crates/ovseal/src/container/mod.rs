//! A container and the files next to it, up to the checks that need no key.

mod candidates;
mod frame;
pub(crate) mod inspect;
pub(crate) mod read_at;
pub(crate) mod rekey_file;
pub(crate) mod side_file;
mod statement;
pub(crate) mod tables;
mod trust;
mod verification;

pub(crate) use candidates::Candidates;
pub(crate) use frame::Container;
pub use frame::is_container_file;
pub(crate) use statement::CheckedStatement;
pub use trust::Trust;
pub use verification::Verification;
