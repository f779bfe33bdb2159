//! `ovseal doctor`: which protections this host gives.

mod enclave;
mod memory;
mod openvino;
mod processor;
#[cfg(feature = "pkcs11")]
mod tokens;
mod tpm;

use serde_json::{Map, Value};

use crate::args::DoctorArgs;
use crate::error::CommandError;
use crate::json;
use crate::output::Output;

/// One thing that was found out.
struct Finding {
    /// Its name in JSON.
    key: &'static str,
    /// Its value in JSON.
    value: Value,
    /// A line for people.
    text: String,
}

/// What belongs together, and how it is found out. A further subject is a further line here.
const SECTIONS: &[(&str, Find)] = &[
    ("memory", memory::findings),
    ("processor", processor::findings),
    ("tpm", tpm::findings),
    ("openvino", openvino::findings),
    #[cfg(feature = "pkcs11")]
    ("tokens", tokens::findings),
    ("enclave", enclave::findings),
];

/// Finds out everything of one subject.
type Find = fn(&DoctorArgs) -> Vec<Finding>;

impl Finding {
    fn new(key: &'static str, value: impl Into<Value>, text: impl Into<String>) -> Self {
        Self { key, value: value.into(), text: text.into() }
    }
}

pub(super) fn run(args: &DoctorArgs, output: &mut Output) -> Result<(), CommandError> {
    let sections = SECTIONS.iter().map(|(name, find)| (*name, find(args)));
    if args.json { json::write(&object(sections), output) } else { lines(sections, output) }
}

fn object(sections: impl Iterator<Item = (&'static str, Vec<Finding>)>) -> Value {
    let section = |findings: Vec<Finding>| {
        findings.into_iter().map(|finding| (finding.key.to_owned(), finding.value)).collect::<Map<_, _>>()
    };
    sections.map(|(name, findings)| (name.to_owned(), Value::Object(section(findings)))).collect()
}

fn lines(
    sections: impl Iterator<Item = (&'static str, Vec<Finding>)>,
    output: &mut Output,
) -> Result<(), CommandError> {
    for (name, findings) in sections {
        output.line(&format!("{name}:"))?;
        findings.iter().try_for_each(|finding| output.line(&format!("  {}", finding.text)))?;
    }
    Ok(())
}
