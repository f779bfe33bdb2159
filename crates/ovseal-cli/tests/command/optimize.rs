//! `ovseal seal --optimize` with the converter of OpenVINO's wheel, and what is rejected without
//! it.

use std::path::{Path, PathBuf};

use crate::support::{Bench, Outcome};

const REMEDY: &str = "ovseal: hint: convert it to IR while sealing, with --optimize; or seal the file as \
                      it is with --only, but then ovseal run cannot open it";

/// Returns the search path with the set-up's interpreter first.
fn path() -> PathBuf {
    let python = std::env::var_os("OVSEAL_TEST_PYTHON");
    let python = PathBuf::from(python.expect("OVSEAL_TEST_PYTHON is not set: run `cargo xtask test`"));
    let folders = [python.parent().unwrap().to_owned()].into_iter();
    let others = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(folders.chain(std::env::split_paths(&others))).unwrap().into()
}

fn seal(bench: &Bench, line: &str) -> Outcome {
    let outcome = bench.run_in(&[("PATH", path())], &format!("seal {line} -o m.ovseal --keyfile key"));
    assert_eq!(outcome.code, Some(0), "{line}: {outcome:?}");
    outcome
}

#[test]
fn what_openvino_reads_from_a_path_only_is_refused_with_a_remedy() {
    let bench = Bench::with_models();
    std::fs::copy(bench.path("models/tflite/model.tflite"), bench.path("unnamed")).unwrap();
    bench.write("m.gguf", b"GGUF\x03\0\0\0");
    for (file, format) in [
        ("models/tflite/model.tflite", "TensorFlow Lite"),
        ("unnamed", "TensorFlow Lite"),
        ("models/tensorflow/model.pb", "TensorFlow"),
    ] {
        let error = format!(
            "ovseal: error: {file} is a {format} model, which OpenVINO can read only from a path, not from memory"
        );
        bench.fails(&format!("seal {file} -o m.ovseal --keyfile key"), 6, &[&error, REMEDY]);
    }
    let outcome = bench.run("seal m.gguf -o m.ovseal --keyfile key --optimize");
    assert_eq!(outcome.code, Some(6));
    assert!(outcome.stderr.contains("\novseal: hint: export the original model to IR"), "{outcome:?}");
    assert!(!bench.exists("m.ovseal"));
}

#[test]
fn it_is_plain_data_when_it_is_sealed_with_only() {
    let bench = Bench::with_models();
    bench.done("seal models/tflite/model.tflite -o m.ovseal --keyfile key --only");
    assert!(bench.done("inspect m.ovseal --keyfile key").stdout.contains("  file "));
    bench.fails(
        "run m.ovseal --any-sender --keyfile key",
        6,
        &[
            "ovseal: error: m.ovseal: the container has no model that can be run: no IR, ONNX or \
             PaddlePaddle part",
            "ovseal: hint: ovseal inspect FILE with a key option shows the parts",
        ],
    );
    bench.done("extract m.ovseal --keyfile key --danger-write-plaintext out");
    assert_eq!(bench.read("out/model.tflite"), bench.read("models/tflite/model.tflite"));
}

#[test]
fn a_converted_model_computes_what_its_file_computes() {
    for file in [
        "tflite/model.tflite",
        "tensorflow/model.pb",
        "onnx-external/model.onnx",
        "onnx-conv-files/model.onnx",
        "paddle/model.pdmodel",
        "conv/model.xml",
    ] {
        let bench = Bench::with_models();
        let outcome = seal(&bench, &format!("models/{file} --optimize --keep-precision"));
        assert!(outcome.stderr.starts_with("ovseal: converted to IR by OpenVINO\n"), "{outcome:?}");
        let sealed = bench.json("run m.ovseal --keyfile key");
        let plaintext = bench.json(&format!("run models/{file}"));
        for field in ["inputs", "outputs"] {
            assert_eq!(sealed[field], plaintext[field], "{file}: {field}");
        }
    }
}

#[test]
fn a_saved_model_is_converted_from_its_directory() {
    let bench = Bench::with_models();
    seal(&bench, "models/tensorflow/saved --optimize --keep-precision");
    let sealed = bench.json("run m.ovseal --keyfile key");
    let graph = bench.json("run models/tensorflow/model.pb");
    assert_eq!(sealed["outputs"][0]["sha256"], graph["outputs"][0]["sha256"]);
}

#[test]
fn floating_point_weights_are_halved_by_default() {
    let bench = Bench::with_models();
    let length = |bench: &Bench| {
        let shown = bench.json("inspect m.ovseal --keyfile key");
        let parts = shown["opened"]["parts"].as_array().unwrap();
        let weights = parts.iter().find(|part| part["path"] == "model.bin").unwrap();
        weights["length"].as_u64().unwrap()
    };
    seal(&bench, "models/tflite/model.tflite --optimize --keep-precision");
    let kept = length(&bench);
    let outcome = seal(&bench, "models/tflite/model.tflite --optimize --force");
    assert!(outcome.stderr.contains("floating-point weights to 16 bits"), "{outcome:?}");
    assert!(kept >= 4 * 64 * 32 && length(&bench) < kept * 6 / 10, "{kept}");
    bench.done("run m.ovseal --keyfile key");
}

/// Converting and sealing writes only to anonymous files, pipes and the container.
#[test]
fn the_plaintext_of_a_converted_model_reaches_no_file() {
    let bench = Bench::with_models();
    let calls = "write,writev,pwrite64,pwritev,pwritev2,sendfile,copy_file_range,splice";
    // Without root privileges, strace sees the files of an undumpable process only in its own
    // namespace.
    let unshare = if rustix::process::geteuid().is_root() { "" } else { "unshare --map-root-user " };
    let calls = format!("{calls},mmap,openat,creat,rename,link,linkat");
    let strace = format!("{unshare}strace -f -qq -yy -o trace -e trace={calls}");
    let line = "seal models/tflite/model.tflite -o m.ovseal --keyfile key --optimize";
    let outcome = bench.script(&format!("PATH='{}' {strace} \"$OVSEAL\" {line}", path().display()));
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let trace = String::from_utf8_lossy(&bench.read("trace")).into_owned();
    let folder = bench.path("").canonicalize().unwrap().display().to_string();
    let written: Vec<&str> = trace.lines().filter_map(target_of_write).collect();
    assert!(written.iter().any(|target| target.starts_with("/memfd:ovseal")), "{written:#?}");
    for target in &written {
        let is_memory = target.starts_with("/memfd:ovseal") || target.starts_with("pipe:");
        let is_container = target.starts_with(folder.trim_end_matches('/')) && !target.contains("/trace");
        assert!(is_memory || is_container || target.starts_with("/dev/null"), "{target}");
    }
    // Files opened for writing but never written to are the links to those anonymous files.
    for line in trace.lines().filter(|line| line.contains("O_CREAT") && !line.contains(&folder)) {
        let opened = line.rsplit_once(" = ").unwrap().1;
        assert!(opened.contains("/memfd:ovseal") || opened.contains("ENOENT"), "{line}");
    }
    assert!(!trace.lines().any(|line| line.contains("MAP_SHARED") && is_file_to_write(line)), "{trace}");
}

/// Returns the file to which a line of the trace writes.
fn target_of_write(line: &str) -> Option<&str> {
    let call = line.split_once(' ').map(|(_, call)| call.trim_start())?;
    let is_write = ["write", "pwrite", "sendfile", "copy_file_range", "splice"];
    let start = is_write.iter().any(|name| call.starts_with(name)).then(|| call.find('<')).flatten()?;
    call[start + 1..].split('>').next()
}

/// Returns whether a line of the trace maps a file on disk as shared and writable.
fn is_file_to_write(line: &str) -> bool {
    let memory = ["</memfd:ovseal>", "</secretmem>"];
    line.contains("PROT_WRITE") && line.contains("</") && !memory.iter().any(|file| line.contains(file))
}

#[test]
fn without_python_or_its_package_the_line_that_installs_it_is_reported() {
    let bench = Bench::with_models();
    std::fs::create_dir(bench.path("empty")).unwrap();
    std::fs::create_dir(bench.path("bare")).unwrap();
    bench.script("printf '#!/bin/sh\\n' > bare/python3; chmod +x bare/python3");
    let line = "seal models/tflite/model.tflite -o m.ovseal --keyfile key --optimize";
    let bare = bench.path("bare").canonicalize().unwrap();
    let told = |folder: PathBuf| bench.run_in(&[("PATH", folder)], line);
    told(bench.path("empty")).is_failure(
        1,
        &[
            "ovseal: error: models/tflite/model.tflite: python3 is not in PATH: its package openvino is needed to convert models",
            "ovseal: hint: install Python 3 and OpenVINO's package: python3 -m pip install openvino",
        ],
    );
    let error = "ovseal: error: models/tflite/model.tflite";
    let error = format!(
        "{error}: {}/python3 lacks the package openvino, which is needed to convert models",
        bare.display()
    );
    told(bare).is_failure(
        1,
        &[
            &error,
            "ovseal: hint: install it: python3 -m pip install openvino; or activate the environment in \
             which it is installed",
        ],
    );
    assert!(!bench.exists("m.ovseal"));
}

#[test]
fn what_the_converter_refuses_is_unsupported_and_leaves_nothing() {
    let bench = Bench::with_models();
    bench.write("m.tflite", b"\x1c\0\0\0TFL3 and nothing that belongs to it");
    let line = "seal m.tflite -o m.ovseal --keyfile key --optimize";
    let outcome = bench.run_in(&[("PATH", path())], line);
    assert_eq!(outcome.code, Some(6), "{outcome:?}");
    assert!(outcome.stderr.starts_with("ovseal: error: m.tflite: OpenVINO cannot convert the model: "));
    assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:?}");
    assert!(!bench.exists("m.ovseal"));
    bench.fails(
        "seal m.tflite -o m.tflite --keyfile key --optimize --force",
        2,
        &[
            "ovseal: error: the output is a file of the model",
            "ovseal: hint: give the container a different name with -o",
        ],
    );
    assert!(bench.run("seal m.tflite -o m.ovseal --keyfile key --optimize --only").code == Some(2));
}

/// The caller's environment cannot make the converter write its own copies of the model.
#[test]
fn variables_with_which_openvino_writes_models_do_not_reach_the_converter() {
    let bench = Bench::with_models();
    std::fs::create_dir(bench.path("here")).unwrap();
    let command = format!(
        "cd here && PATH='{}' OV_ENABLE_SERIALIZE_TRACING=1 \"$OVSEAL\" seal ../models/tensorflow/model.pb -o ../m.ovseal \
         --keyfile ../key --optimize",
        path().display()
    );
    let outcome = bench.script(&command);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(Path::new(&bench.path("here")).read_dir().unwrap().count(), 0);
}

const LINE: &str = "seal models/tflite/model.tflite -o m.ovseal --keyfile key --optimize";

/// Seals with a `python3` that first runs other commands, and then the set-up's interpreter.
fn seal_after(bench: &Bench, first: &str) -> Outcome {
    let python = std::env::var("OVSEAL_TEST_PYTHON").unwrap();
    let script = format!("#!/bin/sh\n[ \"$2\" = -B ] && {{ {first}; }}\nexec '{python}' \"$@\"\n");
    std::fs::create_dir(bench.path("other")).unwrap();
    bench.write("other/python3", script.as_bytes());
    bench.script("chmod +x other/python3");
    let folders = format!("{}:/usr/bin:/bin", bench.path("other").canonicalize().unwrap().display());
    bench.run_in(&[("PATH", folders.into())], LINE)
}

#[test]
fn what_fails_while_converting_and_is_not_the_models_fault_is_reported_as_such() {
    for (first, told) in [
        ("ulimit -v 60000", ""),
        ("ulimit -f 1", "RuntimeError: "),
        ("kill -9 $$", "signal: 9 (SIGKILL)"),
        ("exit 1", "exit status: 1"),
    ] {
        let bench = Bench::with_models();
        let outcome = seal_after(&bench, first);
        let error = format!("ovseal: error: models/tflite/model.tflite: the converter failed: {told}");
        assert!(outcome.code == Some(1) && outcome.stderr.starts_with(&error), "{first}: {outcome:?}");
        assert!(!bench.exists("m.ovseal"), "{first}");
    }
}

/// Replaces the converter with one that fails on request, because OpenVINO's runs out of memory at
/// a different point each time.
#[test]
fn a_lack_of_memory_inside_the_converter_is_not_the_models_fault() {
    let python = std::env::var("OVSEAL_TEST_PYTHON").unwrap();
    for (raised, code, told) in [
        ("MemoryError()", 1, "the converter failed: MemoryError:"),
        ("OSError(12, \"no memory\")", 1, "the converter failed: OSError: [Errno 12] no memory"),
        ("ImportError(\"no memory\")", 1, "the converter failed: ImportError: no memory"),
        ("RuntimeError(\"std::bad_alloc\")", 1, "the converter failed: RuntimeError: std::bad_alloc"),
        ("RuntimeError(\"no way\")", 6, "OpenVINO cannot convert the model: RuntimeError: no way"),
    ] {
        let bench = Bench::with_models();
        let converter = format!(
            "import sys, types\ndef convert(model): raise {raised}\n\
             sys.modules[\"openvino\"] = types.SimpleNamespace(convert_model=convert)\nexec(sys.argv.pop(1))"
        );
        let outcome = seal_after(&bench, &format!("shift 3; exec '{python}' -I -B -c '{converter}' \"$@\""));
        outcome.is_failure(code, &[&format!("ovseal: error: models/tflite/model.tflite: {told}")]);
        assert!(!bench.exists("m.ovseal"));
    }
}

/// Makes `/dev/shm` read-only, and a second directory appear not to be in memory.
///
/// If the host forbids namespaces, an interpreter that creates no files replaces both.
#[test]
fn without_a_place_in_memory_nothing_is_converted() {
    let bench = Bench::with_models();
    std::fs::create_dir(bench.path("place")).unwrap();
    let mount = "mount -t tmpfs -o ro tmpfs /dev/shm && mount -t ramfs ramfs place";
    let outcome = match bench.script(&format!("unshare -rm sh -c '{mount}'")).code {
        Some(0) => {
            let strace = "strace -f -qq -o trace -e trace=openat";
            let seal = format!("PATH=\"{}\" TMPDIR=$PWD/place {strace} \"$OVSEAL\" {LINE}", path().display());
            let inside = format!("{mount} || exit 99; {seal}; e=$?; ls -A place >&2; exit $e");
            bench.script(&format!("unset XDG_RUNTIME_DIR; unshare -rm sh -c '{inside}'"))
        }
        _ => {
            let python = std::env::var("OVSEAL_TEST_PYTHON").unwrap();
            let none =
                "import sys, tempfile; tempfile.TemporaryFile = lambda dir: open(dir); exec(sys.argv.pop(1))";
            seal_after(&bench, &format!("shift 3; exec '{python}' -I -B -c '{none}' \"$@\""))
        }
    };
    let error = "ovseal: error: models/tflite/model.tflite: the converter failed: RuntimeError: none of /dev/shm, XDG_RUNTIME_DIR \
                 and TMPDIR is a writable tmpfs\n";
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(1), error));
    assert!(!bench.exists("m.ovseal"));
    // The converter did not read the model.
    if bench.exists("trace") {
        let trace = String::from_utf8_lossy(&bench.read("trace")).into_owned();
        assert!(trace.contains("/dev/shm") && !trace.contains("_pyopenvino"), "{trace}");
    }
}
