//! A program that runs in its own mount namespace, and the process that serves it.
//!
//! A process with threads can neither enter a user namespace nor be confined while it serves files.
//! So this process starts a child first, with one thread. The child makes namespaces and mounts as
//! ordered, confines itself, and becomes the program.

mod child;
mod confine;
mod orders;
mod parent;

pub use child::become_program;
pub use confine::is_memory;
pub use parent::{LaunchError, LaunchOptions, Launcher};
