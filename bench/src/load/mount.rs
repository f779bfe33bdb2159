//! A `gocryptfs` directory, whose files a process decrypts when they are read.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Result;

/// A mounted directory. Dropping it unmounts.
pub(super) struct Mount {
    encrypted: PathBuf,
    plain: PathBuf,
    server: Child,
}

impl Mount {
    /// Creates an encrypted directory in `directory` and mounts it.
    pub(super) fn create(directory: &Path) -> Result<Self> {
        let [encrypted, plain] = ["encrypted", "plain"].map(|name| directory.join(name));
        fs::create_dir_all(&encrypted)?;
        fs::create_dir_all(&plain)?;
        let passphrase = directory.join("passphrase");
        fs::write(&passphrase, "It protects nothing.\n")?;
        // The passphrase has a low cost, which is not part of the measurement.
        let init = command(&passphrase).args(["-init", "-scryptn", "10"]).arg(&encrypted).output();
        let init = init.map_err(|error| format!("gocryptfs cannot be started: {error}"))?;
        if !init.status.success() {
            return Err(format!("gocryptfs: {}", String::from_utf8_lossy(&init.stderr).trim()).into());
        }
        // If the program fails, its status is enough. If it succeeds, it only warns about newer
        // kernels.
        let mut server = command(&passphrase);
        let server = server.arg("-fg").arg(&encrypted).arg(&plain).stderr(Stdio::null()).spawn()?;
        let mut mount = Self { encrypted, plain, server };
        mount.wait()?;
        Ok(mount)
    }

    /// Returns the directory of the plaintext.
    pub(super) fn plain(&self) -> &Path {
        &self.plain
    }

    /// Returns the directory of the encrypted files.
    pub(super) fn encrypted(&self) -> &Path {
        &self.encrypted
    }

    /// Returns the processor time of the process in seconds, outside the kernel and inside.
    pub(super) fn cpu(&self) -> Result<[f64; 2]> {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.server.id()))?;
        let [user, system] = ticks(&text).ok_or("the kernel does not report gocryptfs's processor time")?;
        let second = rustix::param::clock_ticks_per_second() as f64;
        Ok([user as f64 / second, system as f64 / second])
    }

    /// Waits until the directory is mounted, or the process has ended.
    fn wait(&mut self) -> Result<()> {
        let start = Instant::now();
        while fs::metadata(&self.plain)?.dev() == fs::metadata(&self.encrypted)?.dev() {
            if let Some(status) = self.server.try_wait()? {
                return Err(format!("gocryptfs cannot mount here: {status}; is there /dev/fuse?").into());
            }
            if start.elapsed() > PATIENCE {
                return Err("gocryptfs did not mount in time".into());
            }
            sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        unmount(&self.plain);
        // The process ends by itself after unmounting. Otherwise, killing it makes the kernel
        // unmount.
        let start = Instant::now();
        while matches!(self.server.try_wait(), Ok(None)) && start.elapsed() < PATIENCE {
            sleep(Duration::from_millis(10));
        }
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Unmounts what an interrupted run left mounted in a directory of [`Mount::create`].
pub(super) fn release(directory: &Path) {
    let plain = directory.join("plain");
    let device = |path: &Path| fs::metadata(path).map(|metadata| metadata.dev()).ok();
    // If the process of a mount is gone, even the mount's metadata cannot be read.
    if directory.exists() && device(&plain) != device(directory) {
        unmount(&plain);
    }
}

fn unmount(plain: &Path) {
    for program in [&["umount"][..], &["fusermount3", "-u"], &["fusermount", "-u"]] {
        let (name, arguments) = (program[0], &program[1..]);
        let mut command = Command::new(name);
        command.args(arguments).arg(plain).stdin(Stdio::null()).stderr(Stdio::null());
        if command.status().is_ok_and(|status| status.success()) {
            break;
        }
    }
}

fn command(passphrase: &Path) -> Command {
    let mut command = Command::new("gocryptfs");
    command.args(["-q", "-passfile"]).arg(passphrase).stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// Returns the fields 14 and 15 of a process's `stat`, proc_pid_stat(5).
///
/// The second field may contain spaces and brackets.
fn ticks(stat: &str) -> Option<[u64; 2]> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse().ok();
    Some([next()?, next()?])
}

const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_move_the_fields() {
        let stat = "7 (a ) (b) S 1 2 3 4 5 6 7 8 9 10 140 150 16";
        assert_eq!(ticks(stat), Some([140, 150]));
    }
}
