//! What would be sealed.

use std::ffi::{CString, c_char};
use std::mem::MaybeUninit;

use ovseal::{Model, PartEntry};

use crate::error::{ovseal_error, run};
use crate::seal::ovseal_seal_options;
use crate::text::{Required, c_string, give, path, pointer};

/// The parts that a sealing would make, and what it would leave out. Free it with `ovseal_plan_free`.
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

/// Finds out what `ovseal_seal` would seal with these options, and writes nothing. The options need no recipient.
///
/// It fails where sealing would fail because of the model, such as for a private key in its folder.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_seal_plan(
    model: *const c_char,
    options: Option<&ovseal_seal_options>,
    plan: Option<&mut MaybeUninit<*mut ovseal_plan>>,
) -> *mut ovseal_error {
    run(|| {
        let (options, out) = (options.required("options")?, plan.required("plan")?);
        // SAFETY: the header demands a text.
        let model = Model::find(unsafe { path(model, "model") }?, options.model.clone())?;
        let left_out = model.left_out().map(|path| c_string(&path.display().to_string())).collect();
        give(out, ovseal_plan { parts: model.parts().map(Part::from).collect(), left_out });
        Ok(())
    })
}

/// The path of the part with this number, from 0; NULL beyond the last.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_plan_part_path(plan: Option<&ovseal_plan>, number: usize) -> *const c_char {
    pointer(part(plan, number).map(|part| &part.path))
}

/// What the part with this number is to the model, as `ovseal_part_kind` says it; NULL beyond the last.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_plan_part_kind(plan: Option<&ovseal_plan>, number: usize) -> *const c_char {
    pointer(part(plan, number).map(|part| &part.kind))
}

/// The length of the part with this number in bytes; 0 beyond the last.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_plan_part_length(plan: Option<&ovseal_plan>, number: usize) -> u64 {
    part(plan, number).map_or(0, |part| part.length)
}

/// The path of a file or folder that is left out, by its number from 0; NULL beyond the last.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_plan_left_out(plan: Option<&ovseal_plan>, number: usize) -> *const c_char {
    pointer(plan.and_then(|plan| plan.left_out.get(number)))
}

/// Frees a plan; NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_plan_free(plan: Option<Box<ovseal_plan>>) {
    drop(plan);
}

fn part(plan: Option<&ovseal_plan>, number: usize) -> Option<&Part> {
    plan.and_then(|plan| plan.parts.get(number))
}
