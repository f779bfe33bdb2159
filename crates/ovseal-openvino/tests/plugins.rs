//! A configuration file next to the runtime does not bring the cache back.
//!
//! The test has its own binary, because it loads the runtime from a different directory and a
//! process can load only one.
#![expect(clippy::unwrap_used, clippy::panic, reason = "clippy knows tests by their attribute only")]

mod common;

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{CONV, set_up};
use ovseal_openvino::{Core, Environment, LocateError, NetworkError, Runtime};

#[test]
fn a_cache_folder_in_plugins_xml_stays_empty_and_a_second_runtime_is_refused() {
    let (libraries, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    link_runtime(&original_folder(), libraries.path());

    let runtime = Runtime::locate(Some(libraries.path()), &Environment::default()).unwrap();
    for (configured, device) in [("CPU", "CPU"), ("AUTO", "AUTO:CPU"), ("HETERO", "HETERO:CPU")] {
        configure_cache(libraries.path(), cache.path(), configured);
        assert!(refuses_the_cache_folder(&Core::new(&runtime).unwrap(), device), "{device}");
        assert_eq!(std::fs::read_dir(cache.path()).unwrap().count(), 0, "{device}");
    }

    let second = Runtime::locate(Some(&original_folder()), &Environment::default()).err();
    assert!(matches!(second, Some(LocateError::AlreadyLoaded { .. })), "{second:?}");
    let same = Runtime::locate(Some(runtime.path()), &Environment::default()).unwrap();
    assert_eq!(same.version(), runtime.version());
}

/// Links all libraries except that of the C interface, which is copied to make it a different file.
fn link_runtime(original: &Path, folder: &Path) {
    for entry in std::fs::read_dir(original).unwrap().flatten() {
        let place = folder.join(entry.file_name());
        if is_c_interface(&entry.path()) {
            std::fs::copy(entry.path().canonicalize().unwrap(), place).unwrap();
        } else {
            symlink(entry.path(), place).unwrap();
        }
    }
}

/// Writes an installation's list of plugins. The properties of one plugin include a cache
/// directory.
fn configure_cache(libraries: &Path, cache: &Path, configured: &str) {
    let mut plugins = String::new();
    for (device, library) in [("CPU", "intel_cpu"), ("AUTO", "auto"), ("HETERO", "hetero")] {
        let location = libraries.join(format!("libopenvino_{library}_plugin.so"));
        plugins += &plugin(device, &location, (device == configured).then_some(cache));
    }
    std::fs::write(libraries.join("plugins.xml"), format!("<ie><plugins>{plugins}</plugins></ie>")).unwrap();
}

fn plugin(device: &str, location: &Path, cache: Option<&Path>) -> String {
    let property = cache.map(|folder| format!(r#"<property key="CACHE_DIR" value="{}"/>"#, folder.display()));
    let properties =
        property.map_or(String::new(), |property| format!("<properties>{property}</properties>"));
    format!(r#"<plugin name="{device}" location="{}">{properties}</plugin>"#, location.display())
}

/// Returns whether a plugin rejects its cache directory. The plugins of 2026.4 do, and the message
/// shows that the configuration is in effect.
fn refuses_the_cache_folder(core: &Core, device: &str) -> bool {
    let model = core.read_model(&CONV.topology(), Some(Arc::new(CONV.weights()))).unwrap();
    match core.compile(&model, device, &[]) {
        Err(NetworkError::Runtime(error)) => error.detail().unwrap().contains("CACHE_DIR"),
        _ => false,
    }
}

/// Finds the directory of the libraries. The test set-up may specify a library, their directory, or
/// the directory of a wheel's package.
fn original_folder() -> PathBuf {
    let set_up = set_up("OVSEAL_OPENVINO");
    let folders = [set_up.parent().unwrap().to_path_buf(), set_up.clone(), set_up.join("libs")];
    let holds = |folder: &PathBuf| {
        std::fs::read_dir(folder)
            .is_ok_and(|entries| entries.flatten().any(|entry| is_c_interface(&entry.path())))
    };
    folders.into_iter().find(holds).unwrap_or_else(|| panic!("no libraries at {}", set_up.display()))
}

fn is_c_interface(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("libopenvino_c.so"))
}
