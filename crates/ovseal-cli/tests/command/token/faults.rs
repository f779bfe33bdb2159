//! Tokens that lock, go away, or have their own keypad.

use super::softhsm::Hsm;

const KEY: &str = "pkcs11:token=a;object=model";

/// Creates a token with a key, and `net.ovseal` sealed to it, behind a module with `fault`.
fn sealed(fault: &str) -> Hsm {
    let hsm = Hsm::with(&["a"]);
    let recipient = hsm.done(&format!("token keygen {KEY} --pin-file pin"));
    hsm.bench.done(&format!("seal net.xml -o net.ovseal -r {recipient}"));
    hsm.faulty(fault)
}

fn verify() -> String {
    format!("verify net.ovseal --pin-file pin --pkcs11 {KEY}")
}

#[test]
fn a_locked_pin_is_reported_before_and_after_it_is_tried() {
    for fault in ["locked", "locks"] {
        sealed(fault).fails(
            &verify(),
            4,
            &[
                "ovseal: error: the PIN is locked after too many wrong tries",
                "ovseal: hint: ask the token's security officer to unlock it, usually with a PUK",
            ],
        );
    }
}

#[test]
fn the_last_try_is_left_to_a_person() {
    let hsm = sealed("last-try");
    hsm.fails(
        &verify(),
        2,
        &[
            "ovseal: error: the token a has one try left before its PIN is locked",
            "ovseal: hint: enter the PIN at a terminal, not from a file",
        ],
    );
}

#[test]
fn a_token_that_goes_away_is_reported_and_nothing_is_lost() {
    for fault in ["removed", "goes-away"] {
        let hsm = sealed(fault);
        hsm.fails(
            &verify(),
            1,
            &[
                "ovseal: error: net.ovseal: the identity could not be used: the token was removed",
                "ovseal: hint: plug the token in again, and run the command again",
            ],
        );
        let back = hsm.faulty("none");
        back.done(&verify());
    }
}

#[test]
fn a_pin_is_typed_on_the_tokens_own_keypad() {
    let hsm = sealed("keypad");
    hsm.done(&format!("verify net.ovseal --pkcs11 {KEY}"));
}
