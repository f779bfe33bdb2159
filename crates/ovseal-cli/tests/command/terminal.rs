//! Prompts, on a terminal provided by `script` of util-linux.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::device::Device;
use crate::support::{Bench, OVSEAL};
use crate::token::softhsm::{Hsm, PIN};

/// A program on its own terminal.
struct Dialogue {
    keyboard: ChildStdin,
    screen: ChildStdout,
    seen: String,
    child: std::process::Child,
    /// The file that contains the terminal's path.
    terminal: PathBuf,
}

impl Dialogue {
    fn start(bench: &Bench, line: &str) -> Self {
        Self::start_in(bench, &[], line)
    }

    fn start_in(bench: &Bench, environment: &[(&str, PathBuf)], line: &str) -> Self {
        let mut command = Command::new("script");
        let script = format!("tty >terminal; exec \"$OVSEAL\" {line}");
        command.args(["-qec", &script, "/dev/null"]).env("OVSEAL", OVSEAL);
        command.env("XDG_STATE_HOME", bench.path("state"));
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        command.current_dir(bench.path(""));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (keyboard, screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { keyboard, screen, seen: String::new(), child, terminal: bench.path("terminal") }
    }

    /// Waits for `question` and until echo is off, then types `answer` and the return key.
    fn answer(&mut self, question: &str, answer: &str) {
        let start = self.seen.len();
        let mut byte = [0];
        while !self.seen[start..].contains(question) {
            assert_eq!(self.screen.read(&mut byte).unwrap(), 1, "ended before {question:?}: {:?}", self.seen);
            self.seen.push(byte[0].into());
        }
        // The program switches off echo after printing the question: soon enough for a person, but
        // not for this test.
        while self.is_echoing() {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.keyboard.write_all(format!("{answer}\r").as_bytes()).unwrap();
    }

    fn is_echoing(&self) -> bool {
        let terminal = std::fs::read_to_string(&self.terminal).unwrap();
        let settings = Command::new("stty").args(["-F", terminal.trim(), "-a"]).output().unwrap();
        !String::from_utf8(settings.stdout).unwrap().contains(" -echo ")
    }

    /// Waits for the program to end. Returns the exit code and everything on the screen.
    fn finish(mut self) -> (Option<i32>, String) {
        self.screen.read_to_string(&mut self.seen).unwrap();
        drop(self.keyboard);
        (self.child.wait().unwrap().code(), self.seen)
    }
}

#[test]
fn a_new_passphrase_is_asked_for_twice_and_then_opens_without_being_shown() {
    let bench = Bench::new();
    let mut seal = Dialogue::start(&bench, "seal net.xml -o net.ovseal -p");
    seal.answer("New passphrase", "correct horse");
    seal.answer("Repeat the ", "correct horse");
    let (code, screen) = seal.finish();
    assert_eq!(code, Some(0), "{screen}");
    assert!(!screen.contains("correct horse"), "{screen}");
    for line in ["verify net.ovseal -p", "extract net.ovseal --danger-write-plaintext out"] {
        let mut open = Dialogue::start(&bench, line);
        open.answer("Passphrase: ", "correct horse");
        let (code, screen) = open.finish();
        assert_eq!(code, Some(0), "{screen}");
    }
    assert!(bench.exists("out/net.bin"));
}

#[test]
fn two_passphrases_that_differ_seal_nothing() {
    let bench = Bench::new();
    let mut seal = Dialogue::start(&bench, "seal net.xml -o net.ovseal -p");
    seal.answer("New passphrase", "correct horse");
    seal.answer("Repeat the ", "battery staple");
    let (code, screen) = seal.finish();
    assert_eq!(code, Some(2));
    assert!(screen.contains("ovseal: error: the passphrases do not match"), "{screen}");
    assert!(!bench.exists("net.ovseal"));
}

#[test]
fn an_empty_answer_gives_a_passphrase_that_opens() {
    let bench = Bench::new();
    let mut seal = Dialogue::start(&bench, "seal net.xml -o net.ovseal -p");
    seal.answer("New passphrase", "");
    let (code, screen) = seal.finish();
    assert_eq!(code, Some(0), "{screen}");
    let words = screen.split("ovseal: the passphrase is: ").nth(1).unwrap().lines().next().unwrap();
    assert_eq!(words.len(), 29);
    bench.write("words", words.as_bytes());
    bench.done("verify net.ovseal --passphrase-file words");
}

#[test]
fn a_tokens_pin_is_asked_for_without_being_shown() {
    let hsm = Hsm::with(&["a"]);
    let uri = "'pkcs11:token=a;object=model'";
    let mut keygen = Dialogue::start_in(&hsm.bench, &hsm.environment(), &format!("token keygen {uri}"));
    keygen.answer("PIN of the token a: ", PIN);
    let (code, screen) = keygen.finish();
    assert_eq!(code, Some(0), "{screen}");
    assert!(screen.contains("age1tag1") && !screen.contains(PIN), "{screen}");
}

#[test]
fn an_empty_answer_is_no_pin_that_the_tpm_counts() {
    let (bench, device) = (Bench::new(), Device::new("d"));
    bench.write("pin", b"2580\n");
    let recipient = device.enroll(&bench, "--tpm-pin-file pin");
    bench.done(&format!("seal net.xml -o net.ovseal -r {recipient}"));
    let mut inspect = Dialogue::start(&bench, &format!("inspect net.ovseal --tpm {}", device.options()));
    inspect.answer("PIN of this device: ", "");
    let (code, screen) = inspect.finish();
    assert!(code == Some(2) && screen.contains("the PIN is empty"), "{screen}");
    let doctor = bench.done(&format!("doctor --json {}", device.options())).stdout;
    assert!(doctor.contains("\"failures\": 0") || doctor.contains("\"failures\":0"), "{doctor}");
}

#[test]
fn binding_asks_for_the_new_passphrase_also_when_stdin_is_no_terminal() {
    let (bench, device) = (Bench::sealed(), Device::new("d"));
    device.enroll(&bench, "");
    let line =
        format!("bind net.ovseal --keyfile key --require tpm2+passphrase {} </dev/null", device.options());
    let mut bind = Dialogue::start(&bench, &line);
    bind.answer("New passphrase", "correct horse");
    bind.answer("Repeat the ", "correct horse");
    let (code, screen) = bind.finish();
    assert_eq!(code, Some(0), "{screen}");
    bench.write("words", b"correct horse");
    bench.done(&format!("inspect net.ovseal --tpm --passphrase-file words {}", device.options()));
}

#[test]
fn the_devices_own_key_is_tried_without_an_option_and_its_passphrase_asked_for() {
    let (bench, device) = (Bench::new(), Device::new("d"));
    let recipient = device.enroll(&bench, "");
    let mut seal = Dialogue::start(
        &bench,
        &format!("seal net.xml -o net.ovseal -r {recipient} --require tpm2+passphrase -p"),
    );
    seal.answer("New passphrase", "correct horse");
    seal.answer("Repeat the ", "correct horse");
    assert_eq!(seal.finish().0, Some(0));
    let extract =
        format!("extract net.ovseal --any-sender --danger-write-plaintext out {}", device.options());
    let mut open = Dialogue::start(&bench, &extract);
    open.answer("Passphrase: ", "correct horse");
    let (code, screen) = open.finish();
    assert_eq!(code, Some(0), "{screen}");
    assert!(bench.exists("out/net.bin") && !screen.contains("correct horse"), "{screen}");
}

#[test]
fn without_a_terminal_nothing_is_asked() {
    let bench = Bench::new();
    bench.write("words", b"correct horse");
    bench.done("seal net.xml -o net.ovseal --passphrase-file words");
    let asked = [
        ("verify net.ovseal -p", "passphrase", "--passphrase-file"),
        ("seal net.xml -o new.ovseal -p", "new passphrase", "--passphrase-file"),
        (
            "rekey net.ovseal --passphrase-file words --add-passphrase",
            "new passphrase",
            "--add-passphrase-file",
        ),
        // This fails before the missing TPM is used.
        (
            "bind net.ovseal --keyfile key --require tpm2+passphrase --state d --tcti swtpm:path=none",
            "new passphrase",
            "--new-passphrase-file",
        ),
        ("device enroll --pin --state d --tcti swtpm:path=none", "PIN", "--tpm-pin-file"),
    ];
    for (line, word, option) in asked {
        let mut command = Command::new("setsid");
        command.args(["-w", OVSEAL]).args(line.split(' ')).current_dir(bench.path(""));
        command.env("XDG_STATE_HOME", bench.path("state"));
        let output = command.stdin(Stdio::null()).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        let error = format!("ovseal: error: there is no terminal to ask for the {word}\n");
        let hint =
            format!("ovseal: hint: give the {word} in a file with {option} F, or {option} - for stdin\n");
        assert_eq!(stderr, error + &hint);
    }
    bench.fails(
        "extract net.ovseal --danger-write-plaintext out",
        4,
        &[
            "ovseal: error: no key was given",
            "ovseal: hint: the container accepts these kinds of key: passphrase (-p or --passphrase-file F)",
        ],
    );
}
