//! The committed header matches the declarations, and the library exports exactly its functions.
#![expect(clippy::unwrap_used, reason = "clippy knows tests by their attribute only")]

mod common;

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use common::functions;
use ovseal_frontend::{Code, Kind};

const FIRST: &str = include_str!("header/first.h");
const INITIALIZERS: &str = include_str!("header/initializers.h");

#[test]
fn the_header_matches_the_declarations() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let committed = root.join("include/ovseal/ovseal.h");
    let made = header(root);
    if std::env::var_os("OVSEAL_UPDATE_HEADER").is_some() {
        std::fs::write(&committed, &made).unwrap();
    }
    let committed = std::fs::read_to_string(committed).unwrap_or_default();
    let remedy = "regenerate it: OVSEAL_UPDATE_HEADER=1 cargo test -p ovseal-c --test header";
    assert!(committed == made, "ovseal.h does not match the declarations; {remedy}");
}

#[test]
fn the_version_script_lists_the_functions_of_the_header() {
    let map = include_str!("../ovseal.map");
    let names = map.lines().filter_map(|line| line.trim().strip_suffix(';'));
    let listed: Vec<&str> = names.filter(|name| name.starts_with("ovseal_")).collect();
    assert_eq!(listed, declared());
}

#[test]
fn the_shared_library_exports_the_functions_of_the_header_with_a_version_and_nothing_else() {
    let library = common::library().join("libovseal.so.1");
    let table = common::succeed(Command::new("nm").args(["-D", "--defined-only"]).arg(library));
    let exported = table.lines().filter_map(|line| line.split_whitespace().last());
    let mut exported: Vec<&str> = exported.filter(|name| *name != "OVSEAL_1").collect();
    exported.sort_unstable();
    let versioned: Vec<String> = declared().iter().map(|name| format!("{name}@@OVSEAL_1")).collect();
    assert_eq!(exported, versioned);
}

/// Returns the functions of the header in alphabetical order.
fn declared() -> Vec<String> {
    let mut declared: Vec<String> = functions().into_iter().map(|function| function.name).collect();
    declared.sort_unstable();
    declared
}

fn header(root: &Path) -> String {
    let mut config = cbindgen::Config::from_file(root.join("cbindgen.toml")).unwrap();
    config.header = Some(FIRST.trim_end().to_owned());
    config.after_includes = Some(numbers() + INITIALIZERS.trim_end());
    let bindings = cbindgen::Builder::new().with_crate(root).with_config(config).generate().unwrap();
    let mut text = Vec::new();
    bindings.write(&mut text);
    String::from_utf8(text).unwrap()
}

/// Returns the definitions of the numbers for failures, which every language shares.
fn numbers() -> String {
    let mut text = String::from("\n/* Kinds of failure: whose fault it is. */\n");
    for kind in KINDS {
        writeln!(text, "#define OVSEAL_KIND_{} {}u", constant(&format!("{kind:?}")), kind as u32).unwrap();
    }
    text.push_str(
        "\n/* Codes of failures: 100 times the kind, plus a number within it. 0 stands for any other failure. */\n",
    );
    for code in Code::ALL {
        writeln!(text, "#define OVSEAL_CODE_{} {}u", constant(&format!("{code:?}")), code.number()).unwrap();
    }
    text
}

const KINDS: [Kind; 7] = [
    Kind::Environment,
    Kind::Usage,
    Kind::NotAuthentic,
    Kind::NoKeyFits,
    Kind::Denied,
    Kind::Unsupported,
    Kind::Internal,
];

/// Turns `NoKeyFits` into `NO_KEY_FITS`.
fn constant(name: &str) -> String {
    let mut constant = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !constant.is_empty() {
            constant.push('_');
        }
        constant.push(letter.to_ascii_uppercase());
    }
    constant
}
