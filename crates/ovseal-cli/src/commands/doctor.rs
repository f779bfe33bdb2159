//! `ovseal doctor`: shows the protections of this host.

mod enclave;
mod memory;
mod openvino;
mod processor;
mod routes;
#[cfg(feature = "pkcs11")]
mod tokens;
mod tpm;

use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value};

use crate::errors::CommandError;
use crate::keys::tpm::DeviceOptions;
use crate::ui::Output;

/// Show which protections this host offers
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Use this OpenVINO runtime: a directory or the library's file [default: OVSEAL_OPENVINO, or a
    /// search]
    #[arg(long, value_name = "PATH")]
    pub(crate) openvino: Option<PathBuf>,

    /// Show the tokens of this PKCS#11 module [default: OVSEAL_PKCS11_MODULE, or p11-kit's proxy]
    #[cfg(feature = "pkcs11")]
    #[arg(long, value_name = "FILE")]
    pub(crate) pkcs11_module: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) device: DeviceOptions,

    /// Print JSON: see docs/reference/json.md
    #[arg(long)]
    pub(crate) json: bool,
}

/// One fact about the host.
struct Finding {
    /// Its name in JSON.
    key: &'static str,
    /// Its value in JSON.
    value: Value,
    /// A line for people.
    text: String,
}

/// The sections of the report, and the function that fills each.
const SECTIONS: &[(&str, Find)] = &[
    // First, while this process has a single thread.
    ("routes", routes::findings),
    ("memory", memory::findings),
    ("processor", processor::findings),
    ("tpm", tpm::findings),
    ("openvino", openvino::findings),
    #[cfg(feature = "pkcs11")]
    ("tokens", tokens::findings),
    ("enclave", enclave::findings),
];

/// Returns the findings of one section.
type Find = fn(&DoctorArgs) -> Vec<Finding>;

impl Finding {
    fn new(key: &'static str, value: impl Into<Value>, text: impl Into<String>) -> Self {
        Self { key, value: value.into(), text: text.into() }
    }
}

pub(super) fn run(args: &DoctorArgs, output: &mut Output) -> Result<(), CommandError> {
    let sections = SECTIONS.iter().map(|(name, find)| (*name, find(args)));
    if args.json { output.json(&object(sections)) } else { lines(sections, output) }
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
