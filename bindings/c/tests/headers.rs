//! Each header compiles alone, in each of its languages, and in two translation units of one
//! program.
#![expect(clippy::unwrap_used, reason = "clippy knows tests by their attribute only")]

mod common;

use common::{C, CXX, Language, OPENVINO, doubles, root, succeed};

const WITHOUT_OPENVINO: [&str; 10] = [
    "error.hpp",
    "inspect.hpp",
    "keys.hpp",
    "open.hpp",
    "options.hpp",
    "ovseal.h",
    "ovseal.hpp",
    "publishers.hpp",
    "rekey.hpp",
    "seal.hpp",
];

const WITH_OPENVINO: [&str; 3] = ["openvino.hpp", "openvino_compilation.hpp", "openvino_network.hpp"];

fn compiles_alone(language: Language, extension: &str, header: &str) {
    let directory = tempfile::tempdir().unwrap();
    let unit = directory.path().join(format!("unit.{extension}"));
    std::fs::write(&unit, format!("#include <ovseal/{header}>\n#include <ovseal/{header}>\n")).unwrap();
    succeed(language.compiler().arg("-fsyntax-only").arg(&unit));
}

#[test]
fn the_c_header_compiles_alone_as_c11() {
    compiles_alone(C, "c", "ovseal.h");
}

#[test]
fn the_headers_without_openvino_compile_alone_as_cxx17() {
    for header in WITHOUT_OPENVINO {
        compiles_alone(CXX, "cpp", header);
    }
}

#[test]
fn the_headers_for_openvino_compile_alone_as_cxx17() {
    for header in WITH_OPENVINO {
        compiles_alone(OPENVINO, "cpp", header);
    }
}

#[test]
fn the_header_for_openvino_genai_compiles_alone_with_its_double() {
    let directory = tempfile::tempdir().unwrap();
    let unit = directory.path().join("unit.cpp");
    std::fs::write(&unit, "#include <ovseal/genai.hpp>\n").unwrap();
    succeed(OPENVINO.compiler().arg("-I").arg(doubles()).arg("-fsyntax-only").arg(&unit));
}

/// A later version could put a member where an older program has left padding unset.
#[test]
fn structs_that_grow_have_no_padding() {
    let directory = tempfile::tempdir().unwrap();
    let unit = directory.path().join("unit.c");
    std::fs::write(&unit, "#include <ovseal/ovseal.h>\n").unwrap();
    let output =
        common::run(C.compiler().args(["-Wpadded", "-Wno-error", "-c", "-o", "/dev/null"]).arg(&unit));
    let warnings = String::from_utf8(output.stderr).unwrap();
    let padded = warnings.lines().filter(|line| line.contains("-Wpadded"));
    // The library reads only the size of this struct.
    let padded: Vec<&str> = padded.filter(|line| declaration(line) != "} ovseal_protections;").collect();
    assert!(output.status.success() && padded.is_empty(), "{padded:?}");
}

/// Returns the line of the header to which a warning points.
fn declaration(warning: &str) -> &'static str {
    let number: usize = warning.split(':').nth(1).unwrap().parse().unwrap();
    include_str!("../include/ovseal/ovseal.h").lines().nth(number - 1).unwrap()
}

#[test]
fn two_units_of_one_program_use_the_header() {
    let directory = tempfile::tempdir().unwrap();
    let library = common::library();
    let unit = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, format!("#include <ovseal/ovseal.hpp>\n{text}\n")).unwrap();
        path
    };
    let first = unit("first.cpp", "std::string version() { return ovseal::version(); }");
    let second =
        unit("second.cpp", "std::string version(); int main() { return version() != ovseal::version(); }");
    let program = directory.path().join("program");
    let mut compiler = CXX.compiler();
    compiler.args([first, second]).arg("-o").arg(&program).arg("-L").arg(&library).arg("-lovseal");
    succeed(&mut compiler);
    succeed(std::process::Command::new(program).env("LD_LIBRARY_PATH", library));
}

#[test]
fn all_headers_are_tested() {
    let headers = root().join("include/ovseal").read_dir().unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = headers.collect();
    let mut tested = [&WITHOUT_OPENVINO[..], &WITH_OPENVINO, &["genai.hpp"]].concat();
    names.sort();
    tested.sort_unstable();
    assert_eq!(names, tested);
}
