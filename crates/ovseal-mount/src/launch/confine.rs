//! Confines a process, and the program that it becomes, to files that it may write.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetStatus,
};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, setrlimit};

/// Forbids core dumps and new privileges. This concerns every program that gets plaintext.
pub(super) fn forbid_dumps() -> rustix::io::Result<()> {
    // One byte rather than none: the kernel then pipes no dump to a crash handler either. A limit
    // that is lower already cannot be raised without privilege.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(1), maximum: Some(1) });
    rustix::thread::set_no_new_privs(true)
}

/// Denies writing, except in `allowed` and to devices that keep nothing. What is open stays
/// writable.
///
/// # Errors
/// `EOPNOTSUPP` if the kernel has no Landlock; the error of a directory that cannot be opened.
pub(super) fn deny_writing(allowed: &[PathBuf]) -> Result<(), Errno> {
    let refused = |_| Errno::OPNOTSUPP;
    let writing = AccessFs::from_write(ABI::V3);
    let rules = Ruleset::default().set_compatibility(CompatLevel::BestEffort);
    let rules = rules.handle_access(writing).and_then(Ruleset::create).map_err(refused)?;
    let given = allowed.iter().map(|path| (path.as_path(), true));
    let always = DEVICES.iter().map(|path| (Path::new(path), false));
    let memory = MEMORY.iter().map(Path::new).filter(|path| is_memory(path)).map(|path| (path, false));
    let mut rules = rules;
    for (path, is_given) in given.chain(always).chain(memory) {
        let Ok(opened) = PathFd::new(path) else {
            if is_given {
                return Err(Errno::NOENT);
            }
            continue;
        };
        let access = if path.is_dir() { writing } else { writing & AccessFs::from_file(ABI::V3) };
        rules = rules.add_rule(PathBeneath::new(opened, access)).map_err(refused)?;
    }
    let status = rules.restrict_self().map_err(refused)?;
    if status.ruleset == RulesetStatus::NotEnforced { Err(Errno::OPNOTSUPP) } else { Ok(()) }
}

/// Returns true if a directory's files are in memory only: in a tmpfs or ramfs.
#[must_use]
pub fn is_memory(path: &Path) -> bool {
    rustix::fs::statfs(path).is_ok_and(|facts| MAGIC.contains(&(facts.f_type as u64)))
}

/// The numbers of the file systems tmpfs and ramfs (`statfs(2)`).
const MAGIC: [u64; 2] = [0x0102_1994, 0x8584_58f6];

/// Devices that store nothing: terminals, graphics and neural processors.
const DEVICES: [&str; 10] = [
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/tty",
    "/dev/ptmx",
    "/dev/pts",
    "/dev/dri",
    "/dev/accel",
];

/// Directories that are allowed if they are in memory.
const MEMORY: [&str; 2] = ["/dev/shm", "/tmp"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_memory_is_memory_and_the_root_directory_of_a_disk_is_not() {
        assert!(!is_memory(Path::new("/proc")) && !is_memory(Path::new("/no such path")));
        if Path::new("/dev/shm").exists() {
            assert!(is_memory(Path::new("/dev/shm")));
        }
    }
}
