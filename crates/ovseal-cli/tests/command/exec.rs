//! `ovseal exec`: programs that load a sealed model by path, by every route.

use std::fs::File;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use ovseal_testkit::{eventually, has_fuse, has_namespaces, is_root};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Bench, OVSEAL, Outcome};

/// The routes that this machine has, and part of the line that announces each.
pub(crate) fn routes() -> Vec<(&'static str, &'static str)> {
    let mut routes = vec![("memfd", "in memory files (memfd)"), ("dir:/dev/shm", "in /dev/shm")];
    if has_namespaces() {
        routes.push(("ramfs", "in private memory (ramfs)"));
        if has_fuse() {
            routes.push(("fuse", "in a private namespace (fuse)"));
        }
    }
    routes
}

/// Runs a script by a route; `{}` in it is the directory of the files.
pub(crate) fn exec(bench: &Bench, options: &str, script: &str) -> Outcome {
    let options = format!("exec net.ovseal --keyfile key --publisher acme.pub {options} --");
    let mut command = bench.command(&options);
    let output = command.args(["sh", "-c", script]).output().unwrap();
    Outcome {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn damage(bench: &Bench) {
    let file = File::options().read(true).write(true).open(bench.path("net.ovseal")).unwrap();
    let at = file.metadata().unwrap().len() - 100_000;
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
}

/// Returns the directories that a run has left where it creates its own.
pub(crate) fn left_over() -> usize {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let places = [std::env::temp_dir(), "/dev/shm".into()].into_iter().chain(runtime);
    let names = places.filter_map(|place| place.read_dir().ok()).flatten().filter_map(Result::ok);
    names.filter(|entry| entry.file_name().to_string_lossy().starts_with("ovseal-")).count()
}

#[test]
fn a_program_reads_the_files_by_every_route_and_its_exit_code_is_returned() {
    let bench = Bench::signed();
    for (route, line) in routes() {
        let script =
            "cmp {}/net.bin net.bin && cmp {}/net.xml net.xml && test {} = $OVSEAL_MODEL_DIR && exit 7";
        let outcome = exec(&bench, &format!("--via {route}"), script);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(7), ""), "{route}: {outcome:?}");
        assert!(outcome.stderr.contains(line), "{route}: {outcome:?}");
        assert_eq!(exec(&bench, &format!("--via {route}"), "kill -9 $$").code, Some(137), "{route}");
        assert_eq!(exec(&bench, &format!("--via {route}"), "true {}").code, Some(0), "{route}");
    }
}

#[test]
fn the_program_can_write_nothing_but_where_it_is_allowed() {
    let bench = Bench::signed();
    std::fs::create_dir(bench.path("allowed")).unwrap();
    let hint = "ovseal: if the program could not write a file, allow its directory with --allow-write DIR\n";
    for (route, _) in routes() {
        let via = format!("--via {route}");
        for script in
            ["cp {}/net.bin copy", "mkdir openvino_cache", "ln -s x y", ": > key", "rm key", "mv key k"]
        {
            let outcome = exec(&bench, &via, script);
            assert_ne!(outcome.code, Some(0), "{route} {script}");
            assert!(outcome.stderr.ends_with(hint), "{route} {script}: {outcome:?}");
        }
        assert_eq!(bench.read("key"), [0x2a; 32]);
        let outcome =
            exec(&bench, &via, "echo {} > /dev/null; cat /dev/zero | head -c 9 > /dev/shm/ovseal-test");
        assert_eq!(outcome.code, Some(0), "{route}: {outcome:?}");
        std::fs::remove_file("/dev/shm/ovseal-test").unwrap();
        let outcome = exec(&bench, &format!("{via} --allow-write allowed"), "cp {}/net.bin allowed/copy");
        assert_eq!(outcome.code, Some(0), "{route}: {outcome:?}");
        std::fs::remove_file(bench.path("allowed/copy")).unwrap();
        let outcome = exec(&bench, &format!("{via} --no-confine"), "cp {}/net.bin copy");
        assert_eq!(outcome.code, Some(0), "{route}: {outcome:?}");
        assert!(outcome.stderr.contains("warning: the program is not confined"), "{outcome:?}");
        std::fs::remove_file(bench.path("copy")).unwrap();
        if route.starts_with("dir:") {
            // The owner may change modes, and this directory is in memory.
            continue;
        }
        assert_ne!(exec(&bench, &via, "echo x > {}/new").code, Some(0), "{route}");
        assert_ne!(
            exec(&bench, &via, "chmod 600 {}/net.bin && echo x > {}/net.bin").code,
            Some(0),
            "{route}"
        );
    }
    let outcome = exec(&bench, "--allow-write missing", "true");
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(outcome.stderr.contains("hint: create the directories of --allow-write first"), "{outcome:?}");
}

#[test]
fn the_program_dumps_no_core_and_gains_no_privileges() {
    let bench = Bench::signed();
    let script = "grep NoNewPrivs: /proc/self/status; grep 'core file' /proc/self/limits; ls -l /proc/self/fd {}/net.xml";
    for route in ["memfd", "auto"] {
        let outcome = exec(&bench, &format!("--via {route}"), script);
        assert!(outcome.stdout.contains("NoNewPrivs:\t1"), "{outcome:?}");
        let limit = outcome.stdout.lines().find(|line| line.contains("core file")).unwrap();
        let words: Vec<_> = limit.split_whitespace().collect();
        assert!(["0", "1"].contains(&words[4]) && words[4] == words[5], "{limit}");
        assert!(!outcome.stdout.contains("socket:"), "the connection is closed: {outcome:?}");
    }
}

#[test]
fn the_program_gets_no_descriptor_from_which_a_key_was_read() {
    let bench = Bench::signed();
    let line = |key: &str, script: &str| {
        format!("exec net.ovseal --keyfile {key} --publisher acme.pub --via memfd -- sh -c '{script} {{}}'")
    };
    // What is left in 3 is a directory that the listing itself has open.
    let listing = "cat <&3 >/dev/null && echo open;";
    for key in ["fd:3", "/dev/fd/3", "/proc/self/fd/3"] {
        let outcome = bench.shell("", &line(key, &format!("{listing} true")), "3<key 2>/dev/null");
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), ""), "{key}: {outcome:?}");
    }
    for key in ["-", "fd:0", "/dev/stdin", "key"] {
        let outcome = bench.shell("", &line(key, "cat; echo"), "<key 2>/dev/null");
        assert_eq!(outcome.code, Some(0), "{key}: {outcome:?}");
        assert!(!outcome.stdout.contains('*'), "{key}: the key is 32 asterisks");
    }
    let outcome = bench.shell("", &line("key", "cat; true"), "</dev/null 2>/dev/null");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let outcome = bench.shell("echo words |", &line("key", "cat; true"), "2>/dev/null");
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), "words\n"), "{outcome:?}");
}

#[test]
fn a_program_that_cannot_be_started_has_the_exit_code_of_shells() {
    let bench = Bench::signed();
    let line = "exec net.ovseal --keyfile key --publisher acme.pub --via memfd --";
    let outcome = bench.run(&format!("{line} no-such-program {{}}"));
    assert_eq!(outcome.code, Some(127), "{outcome:?}");
    assert!(outcome.stderr.contains("error: cannot start no-such-program: No such file"), "{outcome:?}");
    assert!(outcome.stderr.contains("hint: check the program's name after --, and PATH"), "{outcome:?}");
    assert_eq!(bench.run(&format!("{line} ./key {{}}")).code, Some(126));
    assert_eq!(bench.run("exec net.ovseal --keyfile key --publisher acme.pub").code, Some(2));
    let outcome = bench.run(&format!("{line} true"));
    let note = "ovseal: no argument contains {}: the program finds the files in $OVSEAL_MODEL_DIR";
    assert!(outcome.code == Some(0) && outcome.stderr.contains(note), "{outcome:?}");
    // Programs with another user's rights run without them.
    std::fs::copy("/bin/true", bench.path("privileged")).unwrap();
    std::fs::set_permissions(bench.path("privileged"), PermissionsExt::from_mode(0o4755)).unwrap();
    let outcome = bench.run(&format!("{line} ./privileged {{}}"));
    assert!(outcome.stderr.contains("./privileged is set-user-ID or set-group-ID"), "{outcome:?}");
}

#[test]
fn nothing_is_started_if_a_requirement_is_not_met() {
    let bench = Bench::signed();
    bench.write("other", &[9; 32]);
    for (options, code) in [
        ("--keyfile other --publisher acme.pub", 4),
        ("--keyfile key --publisher acme.pub --min-security-version 4", 5),
        ("--keyfile key --any-sender --strict", 5),
        ("--keyfile key --publisher acme.pub --strict --no-confine", 5),
        ("--keyfile key --publisher acme.pub --via tmpfs", 2),
        ("--keyfile key --publisher acme.pub --via dir:/proc", 2),
        ("--keyfile key --publisher acme.pub --via dir:missing", 2),
    ] {
        let outcome = bench.run(&format!("exec net.ovseal {options} -- touch {{}} started"));
        assert_eq!(outcome.code, Some(code), "{options}: {outcome:?}");
        assert!(!bench.exists("started"), "{options}");
    }
    let mut command = bench.command("exec net.ovseal --keyfile key --publisher acme.pub -- true {}");
    let output = command.env("OV_ENABLE_SERIALIZE_TRACING", "1").output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("OV_ENABLE_SERIALIZE_TRACING"));
    let disk = bench.path("").display().to_string();
    let outcome = exec(&bench, &format!("--via dir:{disk}"), "true");
    assert_eq!(outcome.code, Some(2), "a directory on a disk: {outcome:?}");
}

#[test]
fn a_changed_chunk_stops_it_before_the_start_or_when_it_is_read() {
    let bench = Bench::signed();
    damage(&bench);
    for (route, _) in routes() {
        let outcome = exec(&bench, &format!("--via {route}"), "cat {}/net.bin > /dev/null; echo after; true");
        let expected = if route == "fuse" { "after\n" } else { "" };
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(3), expected), "{route}: {outcome:?}");
        let error = "net.ovseal: chunk 0 of net.bin is not authentic\n";
        assert_eq!(outcome.stderr.matches(error).count(), 1, "{route}: {outcome:?}");
    }
}

#[test]
fn signals_reach_the_program_and_the_end_of_the_command_ends_it() {
    let bench = Bench::signed();
    for (route, _) in routes() {
        let line = format!("exec net.ovseal --keyfile key --publisher acme.pub --via {route} --");
        let start = |script: &str| {
            let mut command = bench.command(&line);
            command.args(["sh", "-c", script]).stderr(Stdio::null()).stdout(Stdio::null());
            // The script writes to memory, which is allowed.
            command.env("TOLD", format!("/dev/shm/told-{}", std::process::id())).spawn().unwrap()
        };
        let told = PathBuf::from(format!("/dev/shm/told-{}", std::process::id()));
        let mut child = start("trap 'exit 9' TERM; echo $$ {} > $TOLD; while :; do sleep 0.01; done");
        eventually("it runs", || std::fs::read_to_string(&told).is_ok_and(|text| text.ends_with('\n')));
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(9), "{route}");
        std::fs::remove_file(&told).unwrap();

        let mut child = start("echo $$ {} > $TOLD; while :; do sleep 0.01; done");
        eventually("it runs", || std::fs::read_to_string(&told).is_ok_and(|text| text.ends_with('\n')));
        let text = std::fs::read_to_string(&told).unwrap();
        let (process, directory) = text.trim().split_once(' ').unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let stat = PathBuf::from(format!("/proc/{process}/stat"));
        let is_gone = || std::fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "));
        eventually("the program has ended", is_gone);
        std::fs::remove_file(&told).unwrap();
        // Only an empty directory, dead links, or what a tmpfs holds may be left by a kill.
        std::fs::remove_dir_all(directory).ok();
    }
}

#[test]
fn the_files_are_in_no_other_namespace_and_are_gone_afterwards() {
    if !has_namespaces() {
        return;
    }
    let bench = Bench::signed();
    let before = left_over();
    for (route, _) in routes().into_iter().filter(|(route, _)| ["ramfs", "fuse"].contains(route)) {
        let line = format!("exec net.ovseal --keyfile key --publisher acme.pub --via {route} --");
        let script = "echo {}; read line; cat {}/net.xml";
        let mut command = bench.command(&line);
        command.args(["sh", "-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        let mut output = std::io::BufReader::new(child.stdout.take().unwrap());
        let mut directory = String::new();
        std::io::BufRead::read_line(&mut output, &mut directory).unwrap();
        let directory = PathBuf::from(directory.trim());
        assert_eq!(directory.read_dir().unwrap().count(), 0, "{route}: seen from outside");
        if route == "fuse" {
            // Even root does not get in through the program's own view.
            let inside =
                PathBuf::from(format!("/proc/{}/root{}/net.xml", program_of(&child), directory.display()));
            assert_eq!(std::fs::read(inside).unwrap_err().raw_os_error(), Some(13));
        }
        drop(child.stdin.take());
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut output, &mut rest).unwrap();
        assert_eq!(rest.as_bytes(), bench.read("net.xml"), "{route}");
        assert!(child.wait().unwrap().success());
        assert!(!directory.exists(), "{route}");
    }
    eventually("nothing is left", || left_over() <= before);
}

/// Runs a command where no namespace may be created, as in most containers.
fn without_namespaces(bench: &Bench, line: &str) -> Outcome {
    let limit = "echo 0 > /proc/sys/user/max_user_namespaces";
    let inside = format!("{limit} && exec setpriv --bounding-set -sys_admin \"$OVSEAL\" {line}");
    bench.script(&format!("exec unshare --user --map-root-user sh -c '{inside}'"))
}

#[test]
fn without_namespaces_each_route_says_what_is_missing() {
    if !has_namespaces() {
        return;
    }
    let bench = Bench::signed();
    let line = |options: &str| {
        let options = format!("--keyfile key --publisher acme.pub {options}");
        without_namespaces(&bench, &format!("exec net.ovseal {options} -- cat {{}}/net.xml"))
    };
    let why = "a private mount namespace is not allowed here: No space left on device (os error 28)";
    let outcome = line("");
    assert_eq!((outcome.code, outcome.stdout.as_bytes()), (Some(0), &*bench.read("net.xml")), "{outcome:?}");
    let warning =
        format!("ovseal: warning: {why}: using memory files, which other programs of yours can read\n");
    assert!(outcome.stderr.contains(&warning), "{outcome:?}");
    line("--strict").is_failure(
        5,
        &[
            &format!("ovseal: error: refused by --strict: {why}"),
            "ovseal: hint: ovseal doctor shows which routes work here",
        ],
    );
    let hint = "ovseal: hint: raise the limit: sysctl user.max_user_namespaces=10000";
    line("--via ramfs").is_failure(1, &[&format!("ovseal: error: {why}"), hint]);
    assert_eq!(line("--via fuse --strict").code, Some(5));
    assert_eq!(line("--via dir:/dev/shm").code, Some(0));
    let doctor = without_namespaces(&bench, "doctor").stdout;
    assert!(doctor.contains(&format!("exec --via ramfs: no, {why}\n")), "{doctor}");
    assert!(doctor.contains("exec --via memfd: yes"), "{doctor}");
}

/// Returns the process number of a command's program.
fn program_of(command: &std::process::Child) -> String {
    let children = format!("/proc/{0}/task/{0}/children", command.id());
    std::fs::read_to_string(children).unwrap().split_whitespace().next().unwrap().to_owned()
}

#[test]
fn an_ordinary_user_needs_no_helper() {
    if !has_namespaces() || !has_fuse() || !is_root() {
        return;
    }
    let bench = Bench::signed();
    let owner = |name: &str| std::os::unix::fs::chown(bench.path(name), Some(65534), Some(65534)).unwrap();
    ["", "key", "net.ovseal", "acme.pub"].into_iter().for_each(owner);
    for route in ["ramfs", "fuse", "memfd"] {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", OVSEAL]);
        command.args(["exec", "net.ovseal", "--keyfile", "key", "--publisher", "acme.pub"]);
        command.args(["--via", route, "--", "sh", "-c", "id -u; cat {}/net.xml; stat -L -c %a {}/net.xml"]);
        let output = command.current_dir(bench.path("")).stdin(Stdio::null()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mode = if route == "memfd" { "777" } else { "400" };
        assert_eq!(text, format!("65534\n<net name=\"net\"/>{mode}\n"), "{route}: {output:?}");
    }
}

#[test]
fn a_server_of_root_may_drop_its_privileges() {
    if !has_namespaces() || !has_fuse() || !is_root() {
        return;
    }
    let bench = Bench::signed();
    for route in ["ramfs", "fuse"] {
        let script = "setpriv --reuid=65534 --regid=65534 --clear-groups cat {}/net.xml";
        let outcome = exec(&bench, &format!("--via {route}"), script);
        assert_eq!(outcome.stdout.as_bytes(), bench.read("net.xml"), "{route}: {outcome:?}");
    }
}
