//! A memory cgroup without swap.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Result;

/// A memory cgroup of version 1 or 2, removed on drop.
pub(super) struct Group {
    directory: PathBuf,
    limit: &'static str,
    unlimited: &'static str,
}

impl Group {
    /// Creates a group: in this process's own one (version 1), or at the top (version 2, where a
    /// group with processes has no groups inside).
    pub(super) fn create() -> Result<Self> {
        let groups = fs::read_to_string("/proc/self/cgroup")?;
        let own = groups.lines().find_map(|line| line.split_once(":memory:").map(|(_, path)| path));
        let (parent, limit, unlimited) = match own {
            Some(path) => (format!("/sys/fs/cgroup/memory{path}").into(), "memory.limit_in_bytes", "-1"),
            None => (PathBuf::from("/sys/fs/cgroup"), "memory.max", "max"),
        };
        let directory = parent.join(format!("ovseal-bench-{}", std::process::id()));
        let refused = |error| format!("{}: {error}; this benchmark needs root", directory.display());
        fs::create_dir(&directory).map_err(refused)?;
        let group = Self { directory, limit, unlimited };
        // Not every kernel has a limit for swap.
        let _ = group.write(if own.is_some() { "memory.swappiness" } else { "memory.swap.max" }, "0");
        Ok(group)
    }

    /// Sets the limit in bytes, or none.
    pub(super) fn set_limit(&self, bytes: Option<u64>) -> Result<()> {
        self.write(self.limit, &bytes.map_or_else(|| self.unlimited.to_owned(), |bytes| bytes.to_string()))
    }

    /// Runs a command in the group. Returns its output, or `None` if it fails or passes `deadline`.
    pub(super) fn run(&self, command: &Command, deadline: Instant) -> Result<Option<String>> {
        let mut inside = Command::new("sh");
        inside.args(["-c", r#"echo $$ > "$0" && exec "$@""#]).arg(self.directory.join("cgroup.procs"));
        inside.arg(command.get_program()).args(command.get_args());
        let variables = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
        inside.envs(variables).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = inside.spawn()?;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if Instant::now() > deadline {
                child.kill()?;
            }
            sleep(Duration::from_millis(10));
        };
        let mut text = String::new();
        child.stdout.take().ok_or("no output")?.read_to_string(&mut text)?;
        Ok(status.success().then_some(text))
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let file = self.directory.join(name);
        Ok(fs::write(&file, text).map_err(|error| format!("{}: {error}", Path::display(&file)))?)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The kernel may still be taking back the pages of the last process.
        for _ in 0..100 {
            if fs::remove_dir(&self.directory).is_ok() {
                return;
            }
            sleep(Duration::from_millis(50));
        }
    }
}
