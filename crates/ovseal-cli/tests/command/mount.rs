//! `ovseal mount`: files that other programs read while it runs.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use ovseal_testkit::{eventually, has_fuse, is_root};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Bench, OVSEAL};

const LINE: &str = "mount net.ovseal mnt --keyfile key";

/// A running `ovseal mount`.
struct Daemon {
    child: Child,
    messages: BufReader<ChildStderr>,
}

impl Daemon {
    /// Starts a command, and waits until it serves.
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut messages = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("serving") {
            line.clear();
            assert_ne!(messages.read_line(&mut line).unwrap(), 0, "{:?}", child.wait());
            assert!(!line.contains("error"), "{line}");
        }
        Self { child, messages }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the end, and returns the exit code and what was written to stderr meanwhile.
    fn end(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.messages.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }

    fn terminate(self) -> (Option<i32>, String) {
        self.signal(Signal::TERM);
        self.end()
    }
}

/// A failed test must not leave a process behind.
impl Drop for Daemon {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal(Signal::TERM);
            std::thread::sleep(Duration::from_millis(500));
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn bench() -> Option<Bench> {
    has_fuse().then(|| {
        let bench = Bench::signed();
        std::fs::create_dir(bench.path("mnt")).unwrap();
        bench
    })
}

fn is_mounted(path: &Path) -> bool {
    let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    table.lines().any(|line| line.split(' ').nth(4) == path.to_str())
}

/// Changes a byte near the end of the payload, in a file that is open elsewhere.
fn damage(bench: &Bench) {
    let file = File::options().read(true).write(true).open(bench.path("net.ovseal")).unwrap();
    let at = file.metadata().unwrap().len() - 100_000;
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
}

#[test]
fn files_are_there_until_a_signal_and_the_service_manager_is_told() {
    let Some(bench) = bench() else { return };
    let manager = UnixDatagram::bind(bench.path("notify")).unwrap();
    let mut command = bench.command(&format!("{LINE} --publisher acme.pub"));
    let daemon = Daemon::start(command.env("NOTIFY_SOCKET", bench.path("notify")));
    let told = || {
        let mut bytes = [0; 500];
        let length = manager.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    };
    assert_eq!(told(), "READY=1\nSTATUS=serving net, security version 3, at mnt\n");
    assert_eq!(bench.read("mnt/net.bin"), bench.read("net.bin"));
    assert_eq!(bench.read("mnt/net.xml"), bench.read("net.xml"));
    assert_eq!((bench.mode("mnt/net.bin"), bench.mode("mnt")), (0o400, 0o500));
    daemon.signal(Signal::USR1);
    assert_eq!(bench.read("mnt/net.bin"), bench.read("net.bin"));
    assert_eq!(daemon.terminate(), (Some(0), String::new()));
    assert_eq!(told(), "STOPPING=1\n");
    assert!(!is_mounted(&bench.path("mnt")) && bench.names("mnt").is_empty());
}

#[test]
fn a_changed_chunk_is_one_line_and_exit_code_3_at_the_end() {
    let Some(bench) = bench() else { return };
    let daemon = Daemon::start(&mut bench.command(&format!("{LINE} --publisher acme.pub --no-ahead")));
    damage(&bench);
    for _ in 0..3 {
        assert_eq!(std::fs::read(bench.path("mnt/net.bin")).unwrap_err().raw_os_error(), Some(5));
    }
    assert_eq!(bench.read("mnt/net.xml"), bench.read("net.xml"));
    let error = "ovseal: error: net.ovseal: chunk 0 of net.bin is not authentic\n\
                 ovseal: hint: get the container again from its publisher\n";
    assert_eq!(daemon.terminate(), (Some(3), error.to_owned()));
}

#[test]
fn a_mapped_page_of_a_changed_chunk_raises_sigbus() {
    let Some(bench) = bench() else { return };
    let daemon = Daemon::start(&mut bench.command(&format!("{LINE} --publisher acme.pub --no-ahead")));
    damage(&bench);
    let script =
        "import mmap; f = open('mnt/net.bin'); m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ); m[0]";
    let outcome = bench.script(&format!("ulimit -c 0; python3 -c \"{script}\"; exit $?"));
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(128 + 7), ""), "{outcome:?}");
    assert_eq!(daemon.terminate().0, Some(3));
}

#[test]
fn a_directory_that_is_in_use_or_missing_is_refused() {
    let Some(bench) = bench() else { return };
    bench.write("mnt/file", b"");
    let hint = "ovseal: hint: give an empty directory";
    bench.fails(&format!("{LINE} --any-sender"), 2, &["ovseal: error: mnt is not empty", hint]);
    let line = "mount net.ovseal key --keyfile key --any-sender";
    bench.fails(line, 2, &["ovseal: error: key is not a directory", hint]);
    let error = "ovseal: error: cannot read none: No such file or directory (os error 2)";
    let line = "mount net.ovseal none --keyfile key --any-sender";
    bench.fails(line, 1, &[error, "ovseal: hint: create the directory first"]);
}

#[test]
fn requirements_are_checked_before_anything_is_mounted() {
    let Some(bench) = bench() else { return };
    bench.write("other", &[9; 32]);
    bench.done("keygen --publisher -o other-publisher");
    for (options, code) in [
        ("--keyfile other --publisher acme.pub", 4),
        ("--keyfile key --publisher other-publisher.pub", 5),
        ("--keyfile key --publisher acme.pub --min-security-version 4", 5),
        ("--keyfile key --publisher acme.pub --name else", 5),
        ("--keyfile key --any-sender --strict", 5),
        ("--keyfile key --any-sender --forget-after 30", 2),
    ] {
        assert_eq!(bench.run(&format!("mount net.ovseal mnt {options}")).code, Some(code), "{options}");
    }
    bench.done("rollback-state -o state.rollback");
    let options = "--publisher acme.pub --rollback-state state.rollback";
    assert_eq!(Daemon::start(&mut bench.command(&format!("{LINE} {options}"))).terminate().0, Some(0));
    bench.done(
        "seal net.xml -o old.ovseal --keyfile key --publisher-key acme.key --name net --security-version 2",
    );
    let outcome = bench.run(&format!("mount old.ovseal mnt --keyfile key {options}"));
    assert_eq!(outcome.code, Some(5), "{outcome:?}");
}

#[test]
fn a_damaged_container_does_not_raise_the_rollback_state() {
    let Some(bench) = bench() else { return };
    bench.done("rollback-state -o state.rollback");
    let before = bench.read("state.rollback");
    damage(&bench);
    let options = "--publisher acme.pub --rollback-state state.rollback";
    assert_eq!(bench.run(&format!("{LINE} {options}")).code, Some(3));
    assert_eq!(bench.read("state.rollback"), before);
}

#[test]
fn a_killed_command_leaves_a_mount_that_reads_nothing_and_a_remedy() {
    let Some(bench) = bench() else { return };
    let line = format!("{LINE} --publisher acme.pub");
    let mut daemon = Daemon::start(&mut bench.command(&line));
    let open = File::open(bench.path("mnt/net.bin")).unwrap();
    daemon.child.kill().unwrap();
    daemon.child.wait().unwrap();
    assert!(File::open(bench.path("mnt/net.xml")).is_err());
    drop(open);
    let outcome = bench.run(&line);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("hint: its file system was not unmounted: run fusermount3 -u DIR"));
    assert_eq!(bench.script("umount mnt 2>/dev/null || fusermount3 -u mnt").code, Some(0));
    assert_eq!(Daemon::start(&mut bench.command(&line)).terminate().0, Some(0));
}

#[test]
fn an_open_file_delays_the_end_and_a_second_signal_ends_it_at_once() {
    let Some(bench) = bench() else { return };
    let line = format!("{LINE} --publisher acme.pub");
    let daemon = Daemon::start(&mut bench.command(&line));
    let open = File::open(bench.path("mnt/net.bin")).unwrap();
    daemon.signal(Signal::TERM);
    eventually("no file can be opened", || File::open(bench.path("mnt/net.xml")).is_err());
    drop(open);
    assert_eq!(daemon.end(), (Some(0), String::new()));

    let daemon = Daemon::start(&mut bench.command(&line));
    let open = File::open(bench.path("mnt/net.bin")).unwrap();
    daemon.signal(Signal::TERM);
    std::thread::sleep(Duration::from_millis(300));
    let (code, messages) = daemon.terminate();
    let warning = "ovseal: warning: unmounted while 1 file were open: programs get errors when they read\n";
    assert_eq!((code, messages.as_str()), (Some(0), warning));
    assert!(!is_mounted(&bench.path("mnt")));
    drop(open);
}

#[test]
fn several_models_are_in_directories_and_a_failure_names_its_container() {
    let Some(bench) = bench() else { return };
    bench.write("other.xml", b"<net name=\"other\"/>");
    bench.write("other.bin", b"other weights");
    bench.done("seal other.xml -o other.ovseal --keyfile key --publisher-key acme.key");
    let models = "--model a/1=net.ovseal --model b/7=other.ovseal";
    let line = format!("mount mnt {models} --keyfile key --publisher acme.pub --no-ahead");
    let daemon = Daemon::start(&mut bench.command(&line));
    assert_eq!((bench.names("mnt"), bench.names("mnt/b")), (vec!["a".into(), "b".into()], vec!["7".into()]));
    assert_eq!(bench.read("mnt/b/7/other.bin"), b"other weights");
    assert_eq!(bench.read("mnt/a/1/net.xml"), bench.read("net.xml"));
    damage(&bench);
    assert!(std::fs::read(bench.path("mnt/a/1/net.bin")).is_err());
    let (code, messages) = daemon.terminate();
    let error = "ovseal: error: net.ovseal: chunk 0 of net.bin is not authentic\n";
    assert!(code == Some(3) && messages.starts_with(error), "{messages}");

    let exec = |models: &str| {
        let line = format!("exec {models} --keyfile key --publisher acme.pub --via memfd -- cat");
        bench.run(&format!("{line} {{}}/b/7/other.bin"))
    };
    let outcome = exec("--model b/7=other.ovseal");
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), "other weights"), "{outcome:?}");
    let outcome = exec(models);
    assert_eq!(outcome.code, Some(3), "{outcome:?}");
    assert!(outcome.stderr.contains(error), "{outcome:?}");
    for wrong in [
        "--model b=other.ovseal --model b=other.ovseal",
        "net.ovseal --model b=other.ovseal",
        "",
        "--model /b=other.ovseal",
    ] {
        assert_eq!(exec(wrong).code, Some(2), "{wrong}");
    }
}

#[test]
fn the_unit_for_systemd_starts_a_command_that_serves_and_tells_it() {
    let Some(bench) = bench() else { return };
    let unit = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/systemd/ovseal-mount@.service");
    let unit = std::fs::read_to_string(unit).unwrap();
    let value = |name: &str| unit.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
    assert_eq!(value("Type="), "notify");
    let places = [("/etc/ovseal/%i.ovseal", "net.ovseal"), ("%t/ovseal/%i", "mnt"), ("%d/key", "key")];
    let places = places.into_iter().chain([("/etc/ovseal/publisher.pub", "acme.pub")]);
    let line = places.fold(value("ExecStart="), |line, (from, to)| line.replace(from, to));
    let line = line.strip_prefix("/usr/bin/ovseal ").unwrap();
    assert!(!line.contains('%') && !line.contains("/etc"), "{line}");
    let manager = UnixDatagram::bind(bench.path("notify")).unwrap();
    let daemon = Daemon::start(bench.command(line).env("NOTIFY_SOCKET", bench.path("notify")));
    let mut bytes = [0; 500];
    let length = manager.recv(&mut bytes).unwrap();
    assert!(bytes[..length].starts_with(b"READY=1\n"));
    // The command must end before the manager kills it.
    let limit: u64 = value("TimeoutStopSec=").parse().unwrap();
    assert!(limit > 10);
    assert_eq!(daemon.terminate().0, Some(0));
}

#[test]
fn an_ordinary_user_mounts_and_root_sees_nothing() {
    let Some(bench) = bench() else { return };
    if !is_root() {
        return;
    }
    // The test becomes another user, so its directory must be that user's.
    let owner = |name: &str| std::os::unix::fs::chown(bench.path(name), Some(65534), Some(65534)).unwrap();
    ["", "mnt", "key", "net.ovseal", "acme.pub"].into_iter().for_each(owner);
    let user = ["--reuid=65534", "--regid=65534", "--clear-groups", OVSEAL];
    let mut command = Command::new("setpriv");
    command.args(user).args(LINE.split(' ')).args(["--publisher", "acme.pub"]);
    let daemon = Daemon::start(command.current_dir(bench.path("")));
    assert_eq!(File::open(bench.path("mnt/net.bin")).unwrap_err().raw_os_error(), Some(13));
    let mut cat = Command::new("setpriv");
    let output = cat.args(&user[..3]).arg("cat").arg(bench.path("mnt/net.bin")).output().unwrap();
    assert_eq!(output.stdout, bench.read("net.bin"));
    assert_eq!(daemon.terminate(), (Some(0), String::new()));
    assert!(!is_mounted(&bench.path("mnt")));
    assert_eq!(bench.path("mnt").metadata().unwrap().uid(), 65534);
    std::fs::set_permissions(bench.path(""), PermissionsExt::from_mode(0o700)).unwrap();
}
