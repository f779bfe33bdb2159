//! JSON output has the fields that `docs/reference/json.md` describes.

use std::collections::BTreeSet;
use std::path::Path;

use ovseal_testkit::Swtpm;
use serde_json::Value;

use crate::support::Bench;
use crate::token::softhsm::Hsm;

/// Returns the fields in the table below the heading `## ovseal COMMAND`.
fn described(command: &str) -> BTreeSet<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/json.md");
    let page = std::fs::read_to_string(page).unwrap();
    let section = page.split("\n## ovseal ").find(|section| section.lines().next() == Some(command)).unwrap();
    let field = |line: &str| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned());
    section.lines().filter_map(field).collect()
}

/// Returns all fields in the output of these command lines.
fn printed(bench: &Bench, lines: &[&str]) -> BTreeSet<String> {
    let mut fields = BTreeSet::new();
    for line in lines {
        collect("", &bench.json(line), &mut fields);
    }
    fields
}

fn collect(path: &str, value: &Value, fields: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                collect(&path, value, fields);
                fields.insert(path);
            }
        }
        Value::Array(array) => array.iter().for_each(|value| collect(&format!("{path}[]"), value, fields)),
        _ => {}
    }
}

#[test]
fn the_report_of_a_run_is_described() {
    let bench = Bench::with_models();
    let printed = printed(&bench, &["run models/conv/model.xml"]);
    assert_eq!(printed, described("run"));
}

#[test]
fn the_list_of_a_cache_is_described() {
    let bench = Bench::with_models();
    bench.done("seal models/mask/model.xml -o m.ovseal --keyfile key");
    bench.done("run m.ovseal --keyfile key --cache-dir cache");
    assert_eq!(printed(&bench, &["cache list --cache-dir cache"]), described("cache list"));
}

#[test]
fn what_inspect_shows_is_described() {
    let bench = Bench::sealed();
    for name in ["side-file.ovseal", "side-file.ovseal.keys"] {
        let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testkit/vectors");
        std::fs::copy(vectors.join(name), bench.path(name)).unwrap();
    }
    bench.write("m.blob", b"a compiled model of a device that says nothing");
    bench.done("seal m.blob -o blob.ovseal --keyfile key");
    let lines =
        ["inspect net.ovseal --keyfile key", "inspect side-file.ovseal", "inspect blob.ovseal --keyfile key"];
    assert_eq!(printed(&bench, &lines), described("inspect"));
}

#[test]
fn what_doctor_finds_is_described() {
    let lines = ["doctor", "doctor --openvino /none --pkcs11-module /none"];
    let hsm = Hsm::with(&["a"]);
    let mut fields = printed(&hsm.bench, &lines);
    collect("", &serde_json::from_str(&hsm.done("doctor --json")).unwrap(), &mut fields);
    let tpm = Swtpm::start();
    fields.extend(printed(&hsm.bench, &[&format!("doctor --tcti {}", tpm.tcti())]));
    assert_eq!(fields, described("doctor"));
}
