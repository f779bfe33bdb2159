//! The memory that this process can still use.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

/// Returns the bytes that this process can still use before the kernel ends processes.
///
/// This is the least of the available memory and of the room in each enclosing memory cgroup,
/// version 1 or 2. Pages of files that the kernel can take back easily count as room. `None` if the
/// kernel does not say.
#[must_use]
pub fn memory_room() -> Option<u64> {
    Room::of_process().measure()
}

/// The places where the kernel tells how much memory is left.
#[derive(Debug)]
pub(crate) struct Room {
    available: Option<OwnedFd>,
    groups: Vec<Group>,
}

/// A memory cgroup.
#[derive(Debug)]
struct Group {
    limit: OwnedFd,
    /// The usage from which the kernel slows processes down, in version 2.
    high: Option<OwnedFd>,
    usage: OwnedFd,
    statistics: OwnedFd,
    /// The statistic of pages of files that were used once.
    inactive: &'static str,
}

impl Room {
    /// Finds the cgroups of this process. A later move to another one is not noticed.
    pub(crate) fn of_process() -> Self {
        Self::at(Path::new("/proc"))
    }

    fn at(proc: &Path) -> Self {
        let read = |name| fs::read_to_string(proc.join(name)).unwrap_or_default();
        let groups = directories(&read("self/cgroup"), &read("self/mountinfo"));
        let groups = groups.iter().filter_map(|(directory, version)| Group::open(directory, *version));
        Self { available: open(&proc.join("meminfo")), groups: groups.collect() }
    }

    /// Returns the room in bytes.
    pub(crate) fn measure(&self) -> Option<u64> {
        let available = self.available.as_ref().and_then(read).and_then(|text| available(&text));
        self.groups.iter().filter_map(Group::room).chain(available).min()
    }
}

impl Group {
    fn open(directory: &Path, version: Version) -> Option<Self> {
        let (limit, usage, inactive) = match version {
            Version::One => ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "),
            Version::Two => ("memory.max", "memory.current", "inactive_file "),
        };
        let open = |name| open(&directory.join(name));
        let high = (version == Version::Two).then(|| open("memory.high")).flatten();
        Some(Self {
            limit: open(limit)?,
            high,
            usage: open(usage)?,
            statistics: open("memory.stat")?,
            inactive,
        })
    }

    /// Returns the room in bytes. `None` if the group has no limit.
    fn room(&self) -> Option<u64> {
        let number = |file: &OwnedFd| read(file)?.trim().parse::<u64>().ok();
        let limits = [number(&self.limit), self.high.as_ref().and_then(number)];
        let limit = limits.into_iter().flatten().filter(|limit| *limit < NO_LIMIT).min()?;
        let statistics = read(&self.statistics)?;
        let inactive = statistics.lines().find_map(|line| line.strip_prefix(self.inactive)?.parse().ok());
        let used = number(&self.usage)?.saturating_sub(inactive.unwrap_or(0));
        Some(limit.saturating_sub(used))
    }
}

/// A version of cgroups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// Returns the directories of all memory cgroups that contain the process, innermost first.
///
/// The arguments are `/proc/self/cgroup` and `/proc/self/mountinfo`.
fn directories(groups: &str, mounts: &str) -> Vec<(PathBuf, Version)> {
    let found = groups.lines().filter_map(|line| {
        let [_, controllers, path] = <[&str; 3]>::try_from(line.splitn(3, ':').collect::<Vec<_>>()).ok()?;
        let is_memory = controllers.split(',').any(|controller| controller == "memory");
        let version = if is_memory { Version::One } else { Version::Two };
        let (root, mount) = mounts.lines().find_map(|line| mount_point(line, version))?;
        (is_memory || controllers.is_empty()).then(|| ancestors(Path::new(path), &root, &mount, version))
    });
    found.flatten().collect()
}

/// Returns the directories from the group at `path` up to the root of the mount.
fn ancestors(path: &Path, root: &Path, mount: &Path, version: Version) -> Vec<(PathBuf, Version)> {
    // A path outside the mounted part, as a cgroup namespace shows it, leaves the mount's root.
    let inside = path.strip_prefix(root).ok().filter(|inside| !inside.starts_with(".."));
    let inside = inside.unwrap_or(Path::new(""));
    inside.ancestors().map(|directory| (mount.join(directory), version)).collect()
}

/// Returns the root and the place of a mount of memory cgroups (proc_pid_mountinfo(5)).
fn mount_point(line: &str, version: Version) -> Option<(PathBuf, PathBuf)> {
    let (mount, file_system) = line.split_once(" - ")?;
    let mut fields = mount.split(' ').skip(3);
    let (root, place) = (fields.next()?, fields.next()?);
    let mut fields = file_system.split(' ');
    let (kind, options) = (fields.next()?, fields.nth(1)?);
    let is_wanted = match version {
        Version::One => kind == "cgroup" && options.split(',').any(|option| option == "memory"),
        Version::Two => kind == "cgroup2",
    };
    is_wanted.then(|| (root.into(), place.into()))
}

/// Returns `MemAvailable` of `/proc/meminfo` in bytes.
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

fn open(path: &Path) -> Option<OwnedFd> {
    rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()
}

/// Reads a file of the kernel from its start.
fn read(file: &OwnedFd) -> Option<String> {
    let mut text = vec![0; LONGEST];
    let length = rustix::io::pread(file, &mut text, 0).ok()?;
    text.truncate(length);
    String::from_utf8(text).ok()
}

/// The least limit that cannot be one. Version 1 shows an absent limit as almost 2^63.
const NO_LIMIT: u64 = 1 << 62;

/// More bytes than any of the files has.
const LONGEST: usize = 8192;

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, files: &[(&str, &str)]) {
        for (name, text) in files {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }

    fn measure(files: &[(&str, &str)], kind: &str, group: &str) -> Option<u64> {
        let root = tempfile::tempdir().unwrap();
        let mount = root.path().join("mount");
        let mounts = format!("30 23 0:26 /root {} rw - {kind} none rw,memory\n", mount.display());
        write(root.path(), &[("self/cgroup", group), ("self/mountinfo", &mounts)]);
        write(root.path(), files);
        Room::at(root.path()).measure()
    }

    #[test]
    fn the_least_room_of_all_enclosing_groups_counts() {
        let two = [
            ("meminfo", "MemTotal: 9 kB\nMemAvailable:       5 kB\n"),
            ("mount/a/b/memory.max", "max\n"),
            ("mount/a/b/memory.current", "10\n"),
            ("mount/a/b/memory.stat", "anon 5\ninactive_file 1\n"),
            ("mount/a/memory.max", "1000\n"),
            ("mount/a/memory.current", "900\n"),
            ("mount/a/memory.stat", "anon 5\ninactive_file 30\nactive_file 7\n"),
        ];
        assert_eq!(measure(&two, "cgroup2", "0::/root/a/b\n"), Some(130));
        let high = [&two[..], &[("mount/a/memory.high", "950\n")]].concat();
        assert_eq!(measure(&high, "cgroup2", "0::/root/a/b\n"), Some(80));
        assert_eq!(measure(&two[..4], "cgroup2", "0::/root/a/b\n"), Some(5 << 10));
        assert_eq!(measure(&two[1..4], "cgroup2", "0::/root/a/b\n"), None);
        assert_eq!(measure(&two, "cgroup2", "0::/../elsewhere\n"), Some(5 << 10));
    }

    #[test]
    fn version_1_has_other_files_and_a_large_number_for_no_limit() {
        let one = [
            ("mount/memory.limit_in_bytes", "9223372036854771712\n"),
            ("mount/memory.usage_in_bytes", "7\n"),
            ("mount/memory.stat", "total_inactive_file 0\n"),
            ("mount/a/memory.limit_in_bytes", "500\n"),
            ("mount/a/memory.usage_in_bytes", "600\n"),
            ("mount/a/memory.stat", "inactive_file 9\ntotal_inactive_file 120\n"),
        ];
        let groups = "5:cpu,cpuacct:/root/a\n4:memory:/root/a\n0::/\n";
        assert_eq!(measure(&one, "cgroup", groups), Some(20));
        assert_eq!(measure(&one[..3], "cgroup", groups), None);
    }

    #[test]
    fn this_process_has_room() {
        assert!(memory_room().is_some_and(|room| room > 1 << 20));
    }
}
