//! `ovseal inspect`.

use serde_json::Value;

use crate::support::Bench;

#[test]
fn without_a_key_only_public_facts_are_shown_and_called_claims() {
    let bench = Bench::signed();
    let shown = bench.done("inspect net.ovseal").stdout;
    assert!(shown.contains("security version:  3 (claimed, not verified)\n"), "{shown}");
    assert!(
        shown.lines().any(|line| line.ends_with(" (claimed, not verified)") && line.len() > 80),
        "{shown}"
    );
    assert!(!shown.contains("net.bin"), "{shown}");
    let facts = bench.json("inspect net.ovseal");
    assert_eq!(facts["claimed_security_version"], 3);
    assert_eq!(facts["part_lengths"], serde_json::json!([17, 300_000]));
    assert_eq!((&facts["stanzas"][0]["number"], &facts["opened"]), (&Value::from(1), &Value::Null));
}

#[test]
fn with_a_key_name_and_parts_are_shown() {
    let bench = Bench::signed();
    let facts = bench.json("inspect net.ovseal --keyfile key --publisher acme.pub --name net");
    let opened = &facts["opened"];
    assert_eq!((&opened["name"], &opened["security_version"]), (&Value::from("net"), &Value::from(3)));
    assert_eq!(opened["publisher"], facts["claimed_publishers"][0]);
    assert_eq!(opened["parts"][1]["path"], "net.bin");
    assert_eq!(opened["parts"][1]["kind"], "weights");
}

#[test]
fn demands_without_a_key_are_refused() {
    let bench = Bench::signed();
    bench.fails(
        "inspect net.ovseal --publisher acme.pub",
        2,
        &[
            "ovseal: error: inspect authenticates nothing without a key",
            "ovseal: hint: check the signature with ovseal verify, or give a key",
        ],
    );
}

#[test]
fn a_name_that_would_command_the_terminal_is_shown_escaped() {
    let bench = Bench::new();
    let name = "\u{202e}lessed";
    let sealed = bench.done(&format!("seal net.xml -o net.ovseal --keyfile key --name {name}"));
    assert_eq!(sealed.code, Some(0));
    let shown = bench.done("inspect net.ovseal --keyfile key").stdout;
    assert!(shown.contains("name:              \\u{202e}lessed\n"), "{shown}");
}

#[test]
fn a_stanza_for_a_licence_is_shown_with_product_level_and_release_keys() {
    let bench = Bench::new();
    for (vector, post_quantum, needs) in [
        ("license-two-shares", true, "from the service with release keys "),
        ("license-p-256", false, "from the service with release key "),
        ("license-level-3", true, " on a device of level 3 or higher, from the service"),
    ] {
        bench.write("licensed.ovseal", &std::fs::read(licensed(vector)).unwrap());
        let stanza = &bench.json("inspect licensed.ovseal")["stanzas"][0];
        assert_eq!((&stanza["type"], &stanza["post_quantum"]), (&"license".into(), &post_quantum.into()));
        let shown = stanza["needs"].as_str().unwrap();
        assert!(shown.starts_with("a licence for product ") && shown.contains(needs), "{shown}");
        assert!(bench.done("inspect licensed.ovseal").stdout.contains(shown));
    }
}

#[test]
fn a_container_that_only_a_licence_opens_is_explained() {
    let bench = Bench::new();
    bench.write("licensed.ovseal", &std::fs::read(licensed("license-x-wing")).unwrap());
    bench.write("secret", &[7; 32]);
    let refused = bench.run("inspect licensed.ovseal --keyfile secret --any-sender");
    assert_eq!(refused.code, Some(4), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("license (a licence; this version cannot ask for one)"),
        "{}",
        refused.stderr
    );
}

fn licensed(vector: &str) -> std::path::PathBuf {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testkit/vectors-license");
    directory.join(vector).with_extension("ovseal")
}
