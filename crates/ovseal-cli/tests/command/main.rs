//! The `ovseal` program: each command, and each failure with its exit code and message.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod both;
mod cache;
mod consumers;
mod crash;
mod descriptors;
mod device;
mod exec;
mod exec_leftovers;
mod extract;
mod failures;
mod inspect;
mod json;
mod keygen;
mod mount;
mod optimize;
mod other;
mod rekey;
mod rollback;
mod run;
mod seal;
mod secrets;
mod selection;
mod sender;
mod support;
mod terminal;
mod token;
mod userfaultfd;
mod vectors;
mod verify;
