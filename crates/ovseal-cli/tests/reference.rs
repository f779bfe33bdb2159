//! The reference under `docs/reference` says what the command line is.

use std::path::PathBuf;

#[test]
fn the_reference_is_what_the_command_line_defines() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
    let pages = ovseal_cli::reference().unwrap();
    for (name, content) in &pages {
        let path = folder.join(name);
        if std::env::var_os("OVSEAL_UPDATE_REFERENCE").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, content).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            written == *content,
            "docs/reference/{name} is out of step; make it anew with: \
             OVSEAL_UPDATE_REFERENCE=1 cargo test -p ovseal-cli --test reference"
        );
    }
    for entry in folder.join("man").read_dir().unwrap() {
        let name = format!("man/{}", entry.unwrap().file_name().to_str().unwrap());
        let is_current = pages.iter().any(|(page, _)| *page == name);
        assert!(is_current, "docs/reference/{name} belongs to a command that is gone");
    }
}
