//! Memory that this process can still use.

use std::fs;
use std::path::Path;

/// Returns the bytes of memory that are available: those of the host, or the room in the narrowest
/// enclosing memory cgroup (version 1 or 2) if that is less. `None` if nothing is known.
#[must_use]
pub fn memory_room() -> Option<u64> {
    let available = available(&fs::read_to_string("/proc/meminfo").ok()?)?;
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let rooms = groups.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?);
        match controllers {
            "" => narrowest(&["/sys/fs/cgroup", "/sys/fs/cgroup/unified"], path, VERSION_2),
            _ if controllers.split(',').any(|name| name == "memory") => {
                narrowest(&["/sys/fs/cgroup/memory"], path, VERSION_1)
            }
            _ => None,
        }
    });
    Some(rooms.fold(available, u64::min))
}

/// The files with a group's limit and its use.
type Names = (&'static str, &'static str);

const VERSION_1: Names = ("memory.limit_in_bytes", "memory.usage_in_bytes");
const VERSION_2: Names = ("memory.max", "memory.current");

/// Returns the least room in a group and those that enclose it.
fn narrowest(roots: &[&str], path: &str, names: Names) -> Option<u64> {
    let rooms = roots.iter().flat_map(|root| {
        let inner = Path::new(root).join(path.trim_start_matches('/'));
        let root = Path::new(root).to_owned();
        let groups = inner.ancestors().take_while(|group| group.starts_with(&root));
        groups.filter_map(|group| room(group, names)).collect::<Vec<_>>()
    });
    rooms.min()
}

/// Returns the room in one group. `max` is no limit.
fn room(group: &Path, (limit, usage): Names) -> Option<u64> {
    let number = |name: &str| fs::read_to_string(group.join(name)).ok()?.trim().parse::<u64>().ok();
    Some(number(limit)?.saturating_sub(number(usage)?))
}

fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_some_memory() {
        let room = memory_room().unwrap();
        assert!(room > 1 << 20 && room < 1 << 50, "{room}");
    }

    #[test]
    fn the_narrowest_enclosing_group_counts() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_str().unwrap();
        std::fs::create_dir_all(folder.path().join("a/b")).unwrap();
        let write = |path: &str, text: &str| std::fs::write(folder.path().join(path), text).unwrap();
        [("a/b/memory.max", "max\n"), ("a/memory.max", "1000\n"), ("memory.max", "9000\n")]
            .into_iter()
            .chain([
                ("a/b/memory.current", "1\n"),
                ("a/memory.current", "400\n"),
                ("memory.current", "500\n"),
            ])
            .for_each(|(path, text)| write(path, text));
        assert_eq!(narrowest(&[root], "/a/b", VERSION_2), Some(600));
        assert_eq!(narrowest(&[root], "/", VERSION_2), Some(8500));
        assert_eq!(narrowest(&["/no such root"], "/a", VERSION_2), None);
    }

    #[test]
    fn available_memory_is_in_bytes() {
        assert_eq!(available("MemTotal: 9 kB\nMemAvailable:  2 kB\n"), Some(2048));
        assert_eq!(available("MemTotal: 9 kB\n"), None);
    }
}
