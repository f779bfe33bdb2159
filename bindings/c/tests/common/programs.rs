//! The shared library, and programs in C and C++ that use it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::SystemTime;

use ovseal::{KeyFile, Model, ModelName, ModelOptions, SealOptions};

/// The language of a program. Warnings are errors in each.
#[derive(Clone, Copy)]
pub(crate) struct Language {
    compiler: &'static str,
    flags: &'static [&'static str],
    pub(crate) openvino: bool,
}

/// C11.
pub(crate) const C: Language = Language { compiler: "cc", flags: &["-std=c11"], openvino: false };

/// C++17.
pub(crate) const CXX: Language = Language { compiler: "c++", flags: &["-std=c++17"], openvino: false };

/// C++17 with OpenVINO.
pub(crate) const OPENVINO: Language = Language { openvino: true, ..CXX };

const WARNINGS: [&str; 4] = ["-pedantic-errors", "-Wall", "-Wextra", "-Werror"];

/// Memory errors and leaks end a program.
const SANITIZER: [&str; 3] = ["-fsanitize=address", "-fno-omit-frame-pointer", "-g"];

/// Returns the directory of this package.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the directory with doubles of headers.
pub(crate) fn doubles() -> PathBuf {
    root().join("tests/double")
}

/// Returns the path in a variable of the test set-up.
pub(crate) fn set_up(name: &str) -> PathBuf {
    let value = std::env::var_os(name);
    PathBuf::from(value.unwrap_or_else(|| panic!("{name} is not set: run `cargo xtask test`")))
}

/// Returns the path of a model of the test set-up.
pub(crate) fn model(path: &str) -> PathBuf {
    set_up("OVSEAL_TEST_MODELS").join(path)
}

/// Returns the directory of the wheel, with `include/` and `libs/`.
pub(crate) fn wheel() -> PathBuf {
    set_up("OVSEAL_OPENVINO").parent().unwrap().to_owned()
}

impl Language {
    /// Returns a compiler that finds the headers and treats warnings as errors.
    pub(crate) fn compiler(self) -> Command {
        let mut compiler = Command::new(self.compiler);
        compiler.args(self.flags).args(WARNINGS).arg("-I").arg(root().join("include"));
        if self.openvino {
            compiler.arg("-isystem").arg(wheel().join("include"));
        }
        compiler
    }

    /// Compiles a program of `tests/` into `directory`, under AddressSanitizer.
    pub(crate) fn sanitized(self, source: &str, directory: &Path) -> PathBuf {
        self.build(source, directory, &SANITIZER)
    }

    /// Compiles a program of `tests/` into `directory` as users do.
    pub(crate) fn optimized(self, source: &str, directory: &Path) -> PathBuf {
        self.build(source, directory, &["-O1"])
    }

    /// Compiles a program of `tests/` into `directory`, with AddressSanitizer and doubles.
    pub(crate) fn doubled(self, source: &str, directory: &Path) -> PathBuf {
        let doubles = format!("-I{}", doubles().display());
        self.build(source, directory, &[&SANITIZER[..], &[doubles.as_str()]].concat())
    }

    /// Compiles a program that a test has written into `directory`, under AddressSanitizer.
    pub(crate) fn sanitized_file(self, source: &Path, directory: &Path) -> PathBuf {
        self.build_file(source, directory, &SANITIZER)
    }

    fn build(self, source: &str, directory: &Path, flags: &[&str]) -> PathBuf {
        self.build_file(&root().join("tests").join(source), directory, flags)
    }

    fn build_file(self, source: &Path, directory: &Path, flags: &[&str]) -> PathBuf {
        let program = directory.join(source.file_stem().unwrap());
        let library = library();
        let mut compiler = self.compiler();
        compiler.args(flags).arg(source).arg("-o").arg(&program);
        compiler.arg("-L").arg(&library).arg("-lovseal").arg(rpath(&library));
        if self.openvino {
            let libraries = wheel().join("libs");
            compiler.arg(openvino(&libraries)).arg(rpath(&libraries));
        }
        succeed(&mut compiler);
        program
    }
}

/// Seals a model to the key file of 32 bytes of 7, unsigned.
pub(crate) fn seal(model: &Path, container: &Path) -> PathBuf {
    let found = Model::find(model, ModelOptions::default()).unwrap();
    let key = KeyFile::from_bytes(&[7; 32]).unwrap();
    let options = SealOptions::new(ModelName::parse("model").unwrap()).recipient(&key).replace(true);
    options.seal(&found, container).unwrap();
    container.to_owned()
}

/// Seals a model of the test set-up into `directory`, as [`seal`] does.
pub(crate) fn sealed(path: &str, directory: &Path) -> PathBuf {
    seal(&model(path), &directory.join(path.replace('/', "-") + ".ovseal"))
}

/// Runs a program and returns its output. Fails the test if the program fails.
pub(crate) fn succeed(command: &mut Command) -> String {
    let output = run(command);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}\n{err}", output.status);
    out
}

/// Runs a program, without input.
pub(crate) fn run(command: &mut Command) -> Output {
    // Otherwise the runtime's TBB loads a library in a way that AddressSanitizer does not allow.
    command.env("TBB_ENABLE_SANITIZERS", "1").env("ASAN_OPTIONS", "detect_stack_use_after_return=1");
    // Quoted, because a space would start another option.
    command.env("LSAN_OPTIONS", format!("suppressions='{}'", root().join("tests/leaks.txt").display()));
    command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Returns the directory with the shared library, linked as `cargo xtask install` links it.
pub(crate) fn library() -> PathBuf {
    let archive = archive();
    let stamp = |path: &Path| {
        let modified = path.metadata().unwrap().modified().unwrap();
        modified.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos()
    };
    let map = root().join("ovseal.map");
    let name = format!("ovseal-c-{}-{}", stamp(&archive), stamp(&map));
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    // Tests run concurrently. The first to finish puts the whole directory in place.
    if !directory.exists() {
        let made = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap().keep();
        link(&archive, &map, &made);
        if fs::rename(&made, &directory).is_err() {
            fs::remove_dir_all(&made).unwrap();
        }
    }
    directory
}

fn link(archive: &Path, map: &Path, directory: &Path) {
    let mut linker = Command::new("cc");
    linker.args([
        "-shared",
        "-Wl,-soname,libovseal.so.1",
        "-Wl,-z,defs,-z,relro,-z,now",
        "-Wl,--gc-sections",
    ]);
    linker.arg(joined("-Wl,--version-script=", map)).arg("-o").arg(directory.join("libovseal.so.1"));
    linker.args(["-Wl,--whole-archive"]).arg(archive).arg("-Wl,--no-whole-archive");
    succeed(linker.args(["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl", "-lc"]));
    std::os::unix::fs::symlink("libovseal.so.1", directory.join("libovseal.so")).unwrap();
}

/// Returns the static library that cargo has built next to this test, from the latest build.
fn archive() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let files = test.parent().unwrap().read_dir().unwrap().map(|entry| entry.unwrap().path());
    let is_archive = |path: &PathBuf| {
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        name.starts_with("libovseal_c") && name.ends_with(".a")
    };
    files.filter(is_archive).max_by_key(|path| path.metadata().unwrap().modified().unwrap()).unwrap()
}

fn openvino(libraries: &Path) -> PathBuf {
    let files = libraries.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let is_runtime = |path: &PathBuf| path.to_string_lossy().contains("/libopenvino.so.");
    files.into_iter().find(is_runtime).unwrap()
}

fn rpath(directory: &Path) -> std::ffi::OsString {
    joined("-Wl,-rpath,", directory)
}

fn joined(option: &str, path: &Path) -> std::ffi::OsString {
    let mut joined = std::ffi::OsString::from(option);
    joined.push(path);
    joined
}
