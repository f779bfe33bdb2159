//! Everything that only Linux provides: mappings, `userfaultfd(2)`, signal masks, process settings.
//!
//! The rest of the crate makes no system calls. To support another system, write a second module
//! like this one.

mod descriptor;
mod fault_mapping;
mod host;
mod mapping;
mod populate;
mod process;
mod residency;
mod shutdown;
mod signals;
mod uffd;

pub(crate) use rustix::io::{Errno, Result};

pub use self::descriptor::inherited_descriptor;
pub(crate) use self::fault_mapping::FaultMapping;
pub(crate) use self::host::{core_limit, lock_limit, swap_table};
pub(crate) use self::mapping::{Mapping, page_size, whole_pages};
pub use self::populate::populate;
pub use self::process::{Hardening, harden_process};
pub(crate) use self::process::{abort, exit_with, is_dumpable};
pub(crate) use self::residency::{resident_bytes, zeroize_resident};
pub(crate) use self::shutdown::Shutdown;
pub(crate) use self::signals::without_signals;
pub(crate) use self::uffd::Uffd;
