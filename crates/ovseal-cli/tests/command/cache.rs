//! `ovseal run --cache-dir` and `ovseal cache`.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::support::{Bench, Outcome};

/// Creates a signed container of a small network, with its keys and models.
fn bench() -> Bench {
    let bench = Bench::with_models();
    bench.done("keygen --publisher -o acme");
    seal(&bench, 1);
    bench
}

fn seal(bench: &Bench, version: u32) {
    let line = "seal models/conv/model.xml --keyfile key --publisher-key acme.key --name m --force";
    bench.done(&format!("{line} -o v{version}.ovseal --security-version {version}"));
}

const RUN: &str = "run v1.ovseal --keyfile key --publisher acme.pub --cache-dir cache --json";

fn report(outcome: &Outcome) -> Value {
    serde_json::from_str(&outcome.stdout).unwrap()
}

/// Returns the effect of the cache in a run that must succeed and print nothing else.
fn cached(bench: &Bench, line: &str) -> String {
    let outcome = bench.done(line);
    assert_eq!(outcome.stderr, "");
    report(&outcome)["cache"].as_str().unwrap().to_owned()
}

fn entry(bench: &Bench) -> PathBuf {
    let names = bench.names("cache");
    assert_eq!(names.len(), 1, "{names:?}");
    bench.path("cache").join(&names[0])
}

#[test]
fn the_second_run_imports_what_the_first_compiled_and_reads_no_payload() {
    let bench = bench();
    let plain = report(&bench.done("run v1.ovseal --keyfile key --publisher acme.pub --json"));
    assert_eq!((&plain["cache"], &plain["payload_read"]), (&Value::Null, &Value::Bool(true)));
    assert!(!bench.exists("cache") && !bench.exists("state"));
    for (state, is_read) in [("stored", true), ("hit", false), ("hit", false)] {
        let told = report(&bench.done(RUN));
        assert_eq!((told["cache"].as_str(), &told["payload_read"]), (Some(state), &Value::Bool(is_read)));
        assert_eq!((&told["inputs"], &told["outputs"]), (&plain["inputs"], &plain["outputs"]));
        assert_eq!(told["compile_s"].as_f64().unwrap() > 0.0, is_read);
    }
    assert_eq!([bench.mode("cache"), bench.mode(entry(&bench))], [0o700, 0o600]);
    let secret = bench.path("state/ovseal/device.secret");
    assert_eq!((bench.mode(&secret), secret.metadata().unwrap().len()), (0o600, 32));
}

#[test]
fn what_was_opened_while_compiling_is_kept_as_well_and_found_however_the_next_opens() {
    let bench = bench();
    let expected = report(&bench.done(RUN))["outputs"].clone();
    bench.done("cache clear --cache-dir cache");
    for (opening, state) in [("overlapped", "stored"), ("eager", "hit"), ("overlapped", "hit")] {
        let told = report(&bench.done(&format!("{RUN} --opening {opening}")));
        assert_eq!((told["cache"].as_str(), &told["outputs"]), (Some(state), &expected), "{opening}");
        assert_eq!(told["opening"].is_null(), state == "hit");
    }
}

#[test]
fn rekeying_keeps_the_model_and_a_new_sealing_does_not() {
    let bench = bench();
    assert_eq!(cached(&bench, RUN), "stored");
    bench.write("second", &[9; 32]);
    bench.done("rekey v1.ovseal --keyfile key --add-keyfile second");
    assert_eq!(cached(&bench, RUN), "hit");
    assert_eq!(cached(&bench, &RUN.replace("--keyfile key", "--keyfile second")), "hit");
    seal(&bench, 1);
    assert_eq!(cached(&bench, RUN), "stored");
    assert_eq!(bench.names("cache").len(), 2);
}

#[test]
fn demands_are_met_before_the_cache_is_looked_at() {
    let bench = bench();
    seal(&bench, 2);
    let second = RUN.replace("v1.ovseal", "v2.ovseal");
    for line in [RUN, &second] {
        assert_eq!(cached(&bench, line), "stored");
    }
    bench.done("rollback-state -o state.txt");
    let with_state = |line: &str| format!("{line} --rollback-state state.txt");
    assert_eq!(cached(&bench, &with_state(RUN)), "hit");
    assert_eq!(cached(&bench, &with_state(&second)), "hit", "a hit counts as accepted");
    let outcome = bench.run(&with_state(RUN));
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(5), ""), "{outcome:?}");
    assert!(outcome.stderr.contains("security version 1 is below 2"), "{outcome:?}");
    bench.done("keygen --publisher -o other");
    for (line, code) in [
        (RUN.replace("acme.pub", "other.pub"), 5),
        (RUN.replace("--keyfile key ", ""), 4),
        (format!("{RUN} --name other"), 5),
        (format!("{RUN} --min-security-version 2"), 5),
    ] {
        assert_eq!(bench.run(&line).code, Some(code), "{line}");
    }
    // Entries stored with a publisher are not used without one, and vice versa.
    assert_eq!(cached(&bench, &RUN.replace("--publisher acme.pub", "--any-sender")), "stored");
}

#[test]
fn a_damaged_entry_is_replaced() {
    let bench = bench();
    bench.done(RUN);
    let good = std::fs::read(entry(&bench)).unwrap();
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    for bytes in [flipped, good[..good.len() / 2].to_vec(), Vec::new()] {
        std::fs::write(entry(&bench), bytes).unwrap();
        assert_eq!(cached(&bench, RUN), "stored");
        assert_eq!(cached(&bench, RUN), "hit");
    }
}

#[test]
fn runs_that_race_all_load_the_model() {
    let bench = bench();
    let spawn = |_| bench.command(RUN).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let runs: Vec<Child> = (0..4).map(spawn).collect();
    let outputs: Vec<_> = runs.into_iter().map(|run| run.wait_with_output().unwrap()).collect();
    let reports: Vec<Value> = outputs
        .iter()
        .map(|output| {
            assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
            serde_json::from_slice(&output.stdout).unwrap()
        })
        .collect();
    for told in &reports {
        assert!(["stored", "hit"].contains(&told["cache"].as_str().unwrap()), "{told}");
        assert_eq!(told["outputs"], reports[0]["outputs"]);
    }
    entry(&bench);
    assert_eq!(cached(&bench, RUN), "hit");
}

/// Kills the process at each system call of a store.
#[test]
fn a_run_that_is_killed_while_it_stores_leaves_nothing_that_is_used() {
    let bench = bench();
    // The secret exists already: only the entry is written.
    bench.done(RUN);
    bench.done("cache clear --cache-dir cache");
    for call in ["fallocate", "pwrite64", "fsync", "rename,renameat,renameat2"] {
        let strace = format!("strace -f -qq -o trace -e trace={call} -e inject={call}:signal=KILL");
        let outcome = bench.script(&format!("{strace} \"$OVSEAL\" {RUN}"));
        assert_ne!(outcome.code, Some(0), "{call}: {outcome:?}");
        let left = bench.names("cache");
        assert!(left.iter().all(|name| name.ends_with(".partial")) && left.len() == 1, "{call}: {left:?}");
        assert_eq!(bench.done("cache list --cache-dir cache").stdout, "");
        assert_eq!(cached(&bench, RUN), "stored", "{call}");
        assert_eq!(cached(&bench, RUN), "hit", "{call}");
        // Leftovers are removed after some time.
        let partial = std::fs::File::open(bench.path("cache").join(&left[0])).unwrap();
        partial.set_times(std::fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH)).unwrap();
        bench.done("cache clear --cache-dir cache");
        assert!(bench.names("cache").is_empty(), "{call}");
    }
}

/// Mounts a tmpfs that is too small, in its own namespace, or limits file sizes if the host forbids
/// namespaces.
#[test]
fn on_a_full_disk_the_model_loads_and_nothing_is_left() {
    let bench = bench();
    bench.done(RUN);
    bench.done("cache clear --cache-dir cache");
    let mount = "mount -t tmpfs -o size=128k tmpfs cache";
    let outcome = match bench.script(&format!("unshare -rm sh -c '{mount}'")).code {
        Some(0) => {
            let inside = format!("{mount}; \"$OVSEAL\" {RUN}; e=$?; ls -A cache >&2; exit $e");
            bench.script(&format!("unshare -rm sh -c '{inside}'"))
        }
        _ => bench.shell("trap '' XFSZ\nulimit -f 128", RUN, ""),
    };
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let told = report(&outcome);
    assert_eq!((told["cache"].as_str(), &told["payload_read"]), (Some("miss"), &Value::Bool(true)));
    let warning = "ovseal: warning: the cache is not used: cannot store the compiled model: ";
    assert!(outcome.stderr.starts_with(warning) && outcome.stderr.lines().count() == 1, "{outcome:?}");
    assert!(bench.names("cache").is_empty());
}

#[test]
fn a_limit_removes_what_was_not_used_and_a_model_above_it_is_reported() {
    let bench = bench();
    bench.done(RUN);
    let length = entry(&bench).metadata().unwrap().len();
    seal(&bench, 2);
    let limit = length * 3 / 2;
    let second = format!("{} --cache-limit {limit}", RUN.replace("v1.ovseal", "v2.ovseal"));
    assert_eq!(cached(&bench, &second), "stored");
    assert!(entry(&bench).metadata().unwrap().len() <= limit);
    assert_eq!(cached(&bench, &second), "hit");
    let outcome = bench.done(&format!("{RUN} --cache-limit 1K"));
    let warning = "ovseal: warning: the cache is not used: the compiled model takes ";
    assert!(outcome.stderr.starts_with(warning), "{outcome:?}");
    assert_eq!(report(&outcome)["cache"], "miss");
    entry(&bench);
}

#[test]
fn a_secret_that_others_may_read_or_that_is_none_is_reported_once_and_not_used() {
    let bench = bench();
    bench.done(RUN);
    let secret = bench.path("state/ovseal/device.secret");
    let told = |line: &str, why: &str| {
        let outcome = bench.done(line);
        assert_eq!(outcome.stderr, format!("ovseal: warning: the cache is not used: {why}\n"));
        assert_eq!(report(&outcome)["cache"], "miss");
    };
    let place = secret.display();
    std::fs::set_permissions(&secret, Permissions::from_mode(0o644)).unwrap();
    told(RUN, &format!("{place} has mode 644; only its owner may have access (600)"));
    std::fs::set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
    assert_eq!(cached(&bench, RUN), "hit");
    std::fs::write(&secret, [1; 31]).unwrap();
    told(RUN, &format!("{place} is not exactly 32 bytes long"));
    let within = RUN.replace("--cache-dir cache", "--cache-dir state");
    told(&within, &format!("the device's secret {place} is inside the cache directory"));
    let outcome = bench.shell("unset XDG_STATE_HOME HOME", RUN, "");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(
        outcome.stderr.contains("no directory for the device's secret: set XDG_STATE_HOME or HOME"),
        "{outcome:?}"
    );
    std::fs::write(&secret, [1; 32]).unwrap();
    bench.write("file", b"");
    let file = RUN.replace("--cache-dir cache", "--cache-dir file");
    told(&file, "cannot use the cache file: File exists (os error 17)");
}

#[test]
fn a_plaintext_model_and_a_limit_without_a_cache_are_the_callers_mistake() {
    let bench = bench();
    let error = "ovseal: error: models/conv/model.xml is a plaintext model: the cache is sealed with the key of a container";
    bench.fails("run models/conv/model.xml --cache-dir cache", 2, &[error]);
    assert!(!bench.exists("cache"));
    for line in ["run v1.ovseal --keyfile key --cache-limit 1G", &format!("{RUN} --cache-limit 1GiB")] {
        assert_eq!(bench.run(line).code, Some(2), "{line}");
    }
}

#[test]
fn a_cache_is_listed_and_cleared_without_a_key() {
    let bench = bench();
    for line in ["cache list --cache-dir cache", "cache clear --cache-dir cache"] {
        let outcome = bench.run(line);
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        let error = "ovseal: error: cannot use the cache cache: No such file or directory (os error 2)\n";
        assert_eq!(outcome.stderr, error);
    }
    bench.done(RUN);
    let (path, length) = (entry(&bench), entry(&bench).metadata().unwrap().len());
    let name = path.file_name().unwrap().to_str().unwrap();
    std::fs::write(bench.path("cache/notes.txt"), "mine").unwrap();
    let listed = bench.done("cache list --cache-dir cache").stdout;
    assert!(listed.starts_with(name) && listed.contains(" KiB  ") && listed.ends_with(" ago\n"), "{listed}");
    let told = report(&bench.done("cache list --cache-dir cache --json"));
    assert_eq!((&told["entries"][0]["name"], &told["length"]), (&name.into(), &length.into()));
    let cleared = bench.done("cache clear --cache-dir cache").stderr;
    assert!(cleared.starts_with("ovseal: removed 1 compiled model, "), "{cleared}");
    assert_eq!(bench.names("cache"), ["notes.txt"]);
    assert_eq!(bench.done("cache list --cache-dir cache").stderr, "ovseal: the cache is empty\n");
}
