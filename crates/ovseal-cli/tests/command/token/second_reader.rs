//! The second implementation opens what is sealed to a token, with the private key in a file.

use std::process::Command;

use serde_json::Value;

use crate::support::Bench;

/// Writes a P-256 key, and prints its recipient as specified.
const MAKE_KEY: &str = "
import sys, bech32
from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.asymmetric import ec
key = ec.generate_private_key(ec.SECP256R1())
with open(sys.argv[1], 'wb') as file:
    file.write(key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption()))
point = key.public_key().public_bytes(s.Encoding.X962, s.PublicFormat.CompressedPoint)
print(bech32.bech32_encode('age1tag', bech32.convertbits(point, 8, 5)))
";

const READER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testkit/reader.py");

fn python() -> Command {
    Command::new(
        std::env::var_os("OVSEAL_TEST_PYTHON")
            .expect("OVSEAL_TEST_PYTHON is not set: run `cargo xtask test`"),
    )
}

fn make_key(bench: &Bench, name: &str) -> String {
    let output = python().args(["-c", MAKE_KEY]).arg(bench.path(name)).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn the_second_reader_opens_what_is_sealed_to_its_key_and_nothing_else() {
    let bench = Bench::new();
    let (recipient, _) = (make_key(&bench, "key.pem"), make_key(&bench, "other.pem"));
    bench.done(&format!("seal net.xml -o net.ovseal -r {recipient}"));
    let read = |key: &str| {
        python().arg(READER).arg(bench.path("net.ovseal")).arg("token").arg(bench.path(key)).output().unwrap()
    };
    let opened = read("key.pem");
    assert!(opened.status.success(), "{opened:?}");
    let opened: Value = serde_json::from_slice(&opened.stdout).unwrap();
    assert_eq!((&opened["model_name"], &opened["parts"][1]["length"]), (&"net".into(), &300_000.into()));
    assert_eq!(read("other.pem").status.code(), Some(4));
}
