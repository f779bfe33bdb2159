//! Calls each function with NULL for each of its pointers.
#![expect(clippy::unwrap_used, reason = "clippy knows tests by their attribute only")]

mod common;

use std::fmt::Write as _;
use std::process::Command;

use common::{Argument, C, Function, functions, sealed, succeed};

/// The arguments for which NULL has a meaning.
const ALLOWED: &[(&str, &str)] = &[
    ("ovseal_cache_open", "secret"),
    ("ovseal_network_decrypt", "part"),
    ("ovseal_opened_compiled_part", "path"),
    ("ovseal_key_device", "directory"),
    ("ovseal_key_device", "tcti"),
    ("ovseal_key_device", "pin"),
    ("ovseal_seal", "length"),
    ("ovseal_verify", "key"),
    ("ovseal_rekey", "rekeyed"),
    ("ovseal_write_side_file", "rekeyed"),
];

const BEGINNING: &str = include_str!("c/null.h");

#[test]
fn null_for_each_pointer_is_an_error_or_a_neutral_answer() {
    let directory = tempfile::tempdir().unwrap();
    let container = sealed("conv/model.xml", directory.path());
    let source = directory.path().join("null.c");
    std::fs::write(&source, program()).unwrap();
    let program = C.sanitized_file(&source, directory.path());
    let text = succeed(Command::new(program).arg(container).env("XDG_STATE_HOME", directory.path()));
    let calls: usize = text.trim().parse().unwrap();
    assert!(calls > 120, "{calls} calls");
}

fn program() -> String {
    let mut calls = String::new();
    for function in functions() {
        for (place, argument) in function.arguments.iter().enumerate() {
            if argument.is_pointer() && !ALLOWED.contains(&(function.name.as_str(), argument.name.as_str())) {
                writeln!(calls, "    {}", call(&function, place)).unwrap();
            }
        }
    }
    format!(
        "{BEGINNING}\nint main(int count, char **arguments) {{\n    set_up(count, arguments);\n{calls}    return finish();\n}}\n"
    )
}

/// Returns a call with NULL at `place`, and a check of its result.
fn call(function: &Function, place: usize) -> String {
    let values = function.arguments.iter().enumerate();
    let values: Vec<String> = values
        .map(|(other, argument)| if other == place { "NULL".into() } else { argument.value() })
        .collect();
    let call = format!("{}({})", function.name, values.join(", "));
    match function.result.as_str() {
        "ovseal_error*" => format!("REFUSED({call});"),
        "void" => format!("RETURNS({call});"),
        "size_t" if function.name == "ovseal_part_companion" => format!("NEUTRAL({call}, SIZE_MAX);"),
        "int64_t" | "int32_t" => format!("NEUTRAL({call}, -1);"),
        result if result.ends_with('*') => format!("NEUTRAL({call}, NULL);"),
        _ => format!("NEUTRAL({call}, 0);"),
    }
}

impl Argument {
    fn is_pointer(&self) -> bool {
        self.kind.ends_with('*') && self.kind != "void*"
    }

    /// Returns a valid value for the argument.
    fn value(&self) -> String {
        match self.kind.as_str() {
            "const char*" => "\"text\"".into(),
            "const uint8_t*" | "uint8_t*" => "bytes".into(),
            "ovseal_progress" | "void*" => "NULL".into(),
            "size_t" | "uint32_t" | "uint64_t" => "1".into(),
            "bool" => "true".into(),
            "int" => "0".into(),
            "uint64_t*" => "(uint64_t *)&place".into(),
            "int*" => "(int *)&place".into(),
            kind if kind.ends_with("**") => format!("({kind})&place"),
            kind => {
                let name = kind.trim_start_matches("const ").trim_end_matches('*');
                format!("a_{}", name.trim_start_matches("ovseal_"))
            }
        }
    }
}
