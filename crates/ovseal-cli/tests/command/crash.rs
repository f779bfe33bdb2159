//! Sealing and rekeying that are interrupted.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::{Bench, Outcome};

fn large_model() -> Bench {
    let bench = Bench::new();
    bench.write("net.bin", &vec![5; 64 << 20]);
    bench
}

#[test]
fn a_killed_sealing_leaves_no_half_container() {
    let bench = large_model();
    let line = "seal net.xml -o net.ovseal --keyfile key";
    let started = Instant::now();
    bench.done(line);
    let whole = started.elapsed();
    for attempt in 0..10 {
        std::fs::remove_file(bench.path("net.ovseal")).ok();
        let mut child = bench.command(line).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(whole.mul_f64(f64::from(attempt) / 9.0) + jitter());
        child.kill().unwrap();
        child.wait().unwrap();
        if bench.exists("net.ovseal") {
            bench.done("verify net.ovseal --keyfile key");
        }
    }
}

#[test]
fn a_killed_rekeying_leaves_a_container_that_opens_and_can_be_rekeyed() {
    let bench = Bench::sealed();
    bench.write("second", &[9; 32]);
    let line = "rekey net.ovseal --keyfile key --add-keyfile second";
    let remove = "rekey net.ovseal --keyfile key --remove 2";
    let started = Instant::now();
    bench.done(line);
    let whole = started.elapsed();
    for attempt in 0..20 {
        let mut child = bench.command(line).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(whole.mul_f64(f64::from(attempt) / 19.0));
        child.kill().unwrap();
        child.wait().unwrap();
        bench.done("verify net.ovseal --keyfile key");
        // Remove the stanza of the previous attempt, so that there is always room.
        let removed = bench.run(remove);
        if removed.code != Some(0) {
            // The interrupted rekeying is now completed, and reported.
            assert!(removed.stderr.starts_with("ovseal: error: the stanzas have changed: "), "{removed:?}");
            bench.done(remove);
        }
        bench.done(line);
        let facts = bench.json("inspect net.ovseal");
        let count = facts["stanzas"].as_array().unwrap().len();
        (2..count).for_each(|_| drop(bench.done(remove)));
    }
}

#[test]
fn a_signal_ends_extracting_and_sealing_with_nothing_left() {
    let bench = large_model();
    bench.done("seal net.xml -o net.ovseal --keyfile key");
    let before = bench.names(".");
    for line in [
        "extract net.ovseal --keyfile key --danger-write-plaintext out",
        "seal net.xml -o second.ovseal --keyfile key",
    ] {
        let end = |wait: &dyn Fn()| {
            let code = code_after_signal(&bench, line, wait);
            if code == Some(0) {
                // It finished before the signal.
                std::fs::remove_dir_all(bench.path("out")).ok();
                std::fs::remove_file(bench.path("second.ovseal")).ok();
            }
            assert_eq!(bench.names("."), before, "{line}");
            code
        };
        for wait in (0..9).map(|power| 1 << power) {
            end(&|| std::thread::sleep(Duration::from_millis(wait)));
        }
        // Code 1 is a clean exit. Before its handlers are installed, signals end the command like
        // any program. The handlers are installed before it begins to write.
        let begun = || {
            let started = Instant::now();
            while bench.names(".") == before && started.elapsed() < PATIENCE {
                std::thread::yield_now();
            }
        };
        assert!((0..50).any(|_| end(&begun) == Some(1)), "{line} was never ended by the signal");
    }
}

/// Starts a command, sends it a signal after `wait`, and returns its exit code if it has one.
fn code_after_signal(bench: &Bench, line: &str, wait: &dyn Fn()) -> Option<i32> {
    let mut child = bench.command(line).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    wait();
    let process = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
    child.wait().unwrap().code()
}

/// The longest time that a busy machine needs to start a command.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_signal_that_is_ignored_as_under_nohup_ends_nothing() {
    let bench = large_model();
    let signals = "for each in 1 2 3 4 5 6 7 8 9; do kill -HUP $! 2>/dev/null; sleep 0.01; done\nwait $!";
    let seal = "\"$OVSEAL\" seal net.xml -o net.ovseal --keyfile key";
    let outcome = bench.script(&format!("trap '' HUP\n{seal} &\n{signals}"));
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    bench.done("verify net.ovseal --keyfile key");
}

/// Returns a delay of up to 4 ms that differs between runs.
fn jitter() -> Duration {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Duration::from_nanos(u64::from(now.subsec_nanos()) % 4_000_000)
}

fn assert_nothing_is_left(bench: &Bench, outcome: &Outcome) {
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""), "{outcome:?}");
    assert_eq!(bench.names("."), ["key", "net.bin", "net.xml"]);
}

/// Mounts a tmpfs of 1 MiB in its own namespace, or limits file sizes if the host forbids
/// namespaces.
#[test]
fn a_full_disk_is_reported_and_nothing_is_left() {
    let bench = large_model();
    let line = "seal net.xml -o disk/net.ovseal --keyfile key";
    std::fs::create_dir(bench.path("disk")).unwrap();
    let mount = "mount -t tmpfs -o size=1m tmpfs disk";
    let probe = bench.script(&format!("unshare -rm sh -c '{mount}'"));
    let outcome = match probe.code {
        Some(0) => {
            let inside = format!("{mount}; \"$OVSEAL\" {line}; e=$?; ls -A disk; exit $e");
            bench.script(&format!("unshare -rm sh -c '{inside}'"))
        }
        _ => bench.shell("trap '' XFSZ\nulimit -f 1024", line, ""),
    };
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""), "{outcome:?}");
    let error = "ovseal: error: disk/net.ovseal: cannot write the container: ";
    assert!(outcome.stderr.starts_with(error) && outcome.stderr.contains("\novseal: hint: "), "{outcome:?}");
    assert_eq!(bench.path("disk").read_dir().unwrap().count(), 0);
}

#[test]
fn a_limit_on_the_size_of_files_is_reported_and_nothing_is_left() {
    let bench = large_model();
    let line = "seal net.xml -o net.ovseal --keyfile key";
    let outcome = bench.shell("trap '' XFSZ\nulimit -f 1024", line, "");
    assert_nothing_is_left(&bench, &outcome);
    let error = "ovseal: error: net.ovseal: cannot write the container: File too large (os error 27)";
    let hint = "ovseal: hint: write to a file system that allows files of this size, and check ulimit -f";
    outcome.is_failure(1, &[error, hint]);
}

#[test]
fn a_full_stdout_is_reported() {
    let outcome = Bench::sealed().shell("", "inspect net.ovseal", ">/dev/full");
    let error = "ovseal: error: cannot write to stdout: No space left on device (os error 28)";
    outcome.is_failure(1, &[error]);
}
