//! Runs of `ovseal exec` leave nothing behind, even when they are interrupted.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use ovseal_testkit::{eventually, has_fuse, has_namespaces, pattern};
use rustix::process::{Pid, Signal, kill_process};

use crate::exec::{exec, left_over, routes};
use crate::support::Bench;

#[test]
fn weights_are_in_no_file_that_a_confined_program_leaves_and_the_search_finds_them_elsewhere() {
    let bench = Bench::new();
    let content = pattern(2 << 20);
    bench.write("net.bin", &content);
    bench.done("keygen --publisher -o acme");
    bench.done("seal net.xml -o net.ovseal --keyfile key --publisher-key acme.key");
    std::fs::create_dir(bench.path("work")).unwrap();
    let needles: Vec<&[u8]> = content.chunks_exact(64).step_by(97).collect();
    let found = || {
        let files = bench.path("work").read_dir().unwrap().map(|entry| std::fs::read(entry.unwrap().path()));
        let files: Vec<Vec<u8>> = files.map(Result::unwrap).collect();
        let holds = |needle: &&&[u8]| files.iter().any(|file| memory_find(file, needle));
        needles.iter().filter(holds).count()
    };
    for (route, _) in routes() {
        let script = "cd work; cp {}/net.bin a; cat {}/net.bin > b; dd if={}/net.bin of=c 2> /dev/null; ls";
        let via = format!("--via {route}");
        assert_eq!(exec(&bench, &via, script).stdout, "", "{route}");
        assert_eq!(found(), 0, "{route}");
        assert_eq!(exec(&bench, &format!("{via} --no-confine"), script).stdout, "a\nb\nc\n", "{route}");
        assert_eq!(found(), needles.len(), "{route}");
        ["work/a", "work/b", "work/c"]
            .iter()
            .for_each(|name| std::fs::remove_file(bench.path(name)).unwrap());
    }
}

fn memory_find(file: &[u8], needle: &[u8]) -> bool {
    // Needles are at multiples of 64 in the weights, and copies begin where the weights begin.
    file.chunks_exact(64).any(|chunk| chunk == needle)
}

#[test]
fn four_thousand_parts_are_as_many_files() {
    if !has_namespaces() || !has_fuse() {
        return;
    }
    let bench = Bench::new();
    std::fs::create_dir_all(bench.path("many/d")).unwrap();
    bench.write("many/m.xml", b"<net name=\"net\"/>");
    bench.write("many/m.bin", b"weights");
    (0..4094).for_each(|number| bench.write(&format!("many/d/{number}"), number.to_string().as_bytes()));
    bench.done("seal many -o net.ovseal --keyfile key");
    for route in ["ramfs", "fuse", "dir:/dev/shm"] {
        let line = format!("exec net.ovseal --keyfile key --via {route} -- diff -r many {{}}");
        let outcome = bench.run(&line);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), ""), "{route}: {}", outcome.stderr);
    }
    // Each memory file needs a descriptor. Where these do not suffice, nothing is started.
    let outcome = bench.shell("ulimit -n 256", "exec net.ovseal --keyfile key --via memfd -- true", "");
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("Too many open files"), "{outcome:?}");
}

#[test]
fn a_process_that_the_program_leaves_behind_loses_the_files() {
    let bench = Bench::signed();
    for (route, _) in routes().into_iter().filter(|(route, _)| *route != "memfd") {
        let told = PathBuf::from(format!("/dev/shm/daemon-{}", std::process::id()));
        let wait =
            "until test -e $TOLD.go; do sleep 0.01; done; cat {}/net.bin > $TOLD 2>&1; echo end >> $TOLD.go";
        let line = format!("exec net.ovseal --keyfile key --publisher acme.pub --via {route} --");
        let mut command = bench.command(&line);
        command.args(["sh", "-c", &format!("({wait}) > /dev/null 2>&1 & exit 0")]).env("TOLD", &told);
        assert_eq!(command.stderr(Stdio::null()).status().unwrap().code(), Some(0), "{route}");
        let go = told.with_extension("go");
        std::fs::write(&go, "").unwrap();
        eventually("it has tried", || std::fs::read_to_string(&go).is_ok_and(|text| text == "end\n"));
        let read = std::fs::read(&told).unwrap();
        assert!(!read.windows(64).any(|window| window == [7; 64]), "{route}: it has read weights");
        [&told, &go].iter().for_each(|path| std::fs::remove_file(path).unwrap());
    }
}

#[test]
fn a_signal_while_the_files_are_filled_leaves_nothing() {
    let bench = Bench::new();
    bench.write("net.bin", &vec![5; 64 << 20]);
    bench.done("seal net.xml -o net.ovseal --keyfile key");
    let memory = tempfile::Builder::new().prefix("filling").tempdir_in("/dev/shm").unwrap();
    let line = format!("exec net.ovseal --keyfile key --via dir:{} -- sleep 60", memory.path().display());
    let count = || memory.path().read_dir().unwrap().count();
    let mut codes = Vec::new();
    for _ in 0..5 {
        let mut child = bench.command(&line).stderr(Stdio::null()).spawn().unwrap();
        let parts =
            || memory.path().read_dir().unwrap().filter_map(|entry| entry.ok()?.path().read_dir().ok());
        eventually("a file is there", || parts().flatten().next().is_some());
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        codes.push(child.wait().unwrap().code());
        assert_eq!(count(), 0, "{codes:?}");
    }
    // The signal arrives while the files are filled, or ends the program that was just started.
    assert!(codes.iter().all(|code| [Some(1), Some(128 + 15)].contains(code)), "{codes:?}");
}

#[test]
fn many_runs_leave_no_mount_no_process_and_no_directory() {
    if !has_namespaces() || !has_fuse() {
        return;
    }
    let bench = Bench::signed();
    let mounts = || std::fs::read_to_string("/proc/self/mountinfo").unwrap().matches("ovseal").count();
    let before = (mounts(), left_over());
    let begin = Instant::now();
    let mut rounds = 0;
    while rounds < 20 || (rounds < 100 && begin.elapsed() < Duration::from_secs(3)) {
        let route = ["ramfs", "fuse"][rounds % 2];
        assert_eq!(exec(&bench, &format!("--via {route}"), "cat {}/net.bin > /dev/null").code, Some(0));
        rounds += 1;
    }
    assert_eq!(mounts(), before.0);
    eventually("no directory is left", || left_over() <= before.1);
}
