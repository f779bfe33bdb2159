//! The plan of a sealing.

use std::ffi::{CString, c_char};
use std::mem::MaybeUninit;

use ovseal::PartEntry;

use crate::error::{create, ovseal_error};
use crate::seal::ovseal_seal_options;
use crate::text::{c_string, pointer};
use crate::versioned;

/// The parts that sealing would create, and the files that it would leave out. Free it with
/// `ovseal_plan_free`.
pub struct ovseal_plan {
    parts: Vec<Part>,
    left_out: Vec<CString>,
}

struct Part {
    path: CString,
    kind: CString,
    length: u64,
}

impl From<&PartEntry> for Part {
    fn from(entry: &PartEntry) -> Self {
        Self { path: c_string(entry.path.as_str()), kind: c_string(entry.kind.word()), length: entry.length }
    }
}

/// Finds the files that `ovseal_seal` would seal with these options, without writing anything.
///
/// The options need no recipients. Fails where sealing would fail because of the model, for example
/// because its directory contains a private key.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_seal_plan(
    model: *const c_char,
    options: *const ovseal_seal_options,
    plan: Option<&mut MaybeUninit<*mut ovseal_plan>>,
) -> *mut ovseal_error {
    create(plan, "plan", || {
        // SAFETY: the header requires options and a path.
        let options = unsafe { versioned::read(options, "options") }?;
        // SAFETY: as above, and the header requires a path.
        let model = unsafe { options.find(model) }?;
        let left_out = model.left_out().map(|path| c_string(path.display())).collect();
        Ok(ovseal_plan { parts: model.parts().map(Part::from).collect(), left_out })
    })
}

/// Returns the path of part `number`, counted from 0; NULL past the last.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_plan_part_path(plan: Option<&ovseal_plan>, number: usize) -> *const c_char {
    pointer(part(plan, number).map(|part| &part.path))
}

/// Returns the kind of part `number`, see `ovseal_part_kind`; NULL past the last.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_plan_part_kind(plan: Option<&ovseal_plan>, number: usize) -> *const c_char {
    pointer(part(plan, number).map(|part| &part.kind))
}

/// Returns the length of part `number` in bytes; 0 past the last.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_plan_part_length(plan: Option<&ovseal_plan>, number: usize) -> u64 {
    part(plan, number).map_or(0, |part| part.length)
}

/// Returns the path of file or directory `number` that is left out; NULL past the last.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_plan_left_out(plan: Option<&ovseal_plan>, number: usize) -> *const c_char {
    pointer(plan.and_then(|plan| plan.left_out.get(number)))
}

/// Frees a plan.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_plan_free(plan: Option<Box<ovseal_plan>>) {
    drop(plan);
}

fn part(plan: Option<&ovseal_plan>, number: usize) -> Option<&Part> {
    plan.and_then(|plan| plan.parts.get(number))
}
