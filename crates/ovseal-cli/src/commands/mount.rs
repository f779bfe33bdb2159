//! `ovseal mount`: a container as read-only files, for programs that load models by path.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use ovseal::Opened;
use ovseal_mount::{Failure, MountOptions, Mounted};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};

use super::shown::Containers;
use crate::errors::CommandError;
use crate::keys::OpeningOptions;
use crate::ui::text::{bytes, plural, printable};
use crate::ui::{Output, ServiceManager, Signals};

/// Show a container's parts as read-only files, until a signal ends the command
///
/// Programs load the files by path. They are decrypted into the kernel's cache when they are read,
/// and never written to a disk. Only you can open them, not even root. The command stays in the
/// foreground: SIGTERM, SIGINT and SIGHUP unmount, SIGUSR1 drops all plaintext now.
#[derive(Debug, Args)]
#[command(allow_missing_positional = true)]
pub(crate) struct MountArgs {
    #[command(flatten)]
    pub(crate) containers: Containers,

    /// Mount at this empty directory
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,

    #[command(flatten)]
    pub(crate) opening: OpeningOptions,

    /// Drop the plaintext of a file this long after it was last closed: 30s, 5m, 500ms or never
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time)]
    pub(crate) forget_after: Duration,

    /// Also let the user with this number open files; may be repeated. Needs root, or
    /// user_allow_other in /etc/fuse.conf
    #[arg(long = "allow-uid", value_name = "N")]
    pub(crate) users: Vec<u32>,

    /// Decrypt only what is read, instead of a whole file when it is opened
    #[arg(long)]
    pub(crate) no_ahead: bool,
}

pub(super) fn run(args: &MountArgs, output: &mut Output) -> Result<(), CommandError> {
    let opened = args.opening.open(&args.containers.paths(), output)?;
    let tree = args.containers.tree(&opened)?;
    let (files, length) = (tree.parts().count() as u64, tree.length());
    // First, because a signal must not leave a mount behind.
    let mut signals = Signals::watch(&[SIGTERM, SIGINT, SIGHUP, SIGUSR1])?;
    let mounted = Mounted::at(tree, &args.directory, options(args))?;
    let facts = format!("{} ({}) at {}", plural(files, "file"), bytes(length), args.directory.display());
    output.note(&format!("serving {facts}"));
    let manager = ServiceManager::from_environment();
    manager.ready(&status(&opened, &args.directory));
    serve(&mounted, &mut signals);
    manager.stopping();
    end(args, mounted, &mut signals, output)
}

fn options(args: &MountArgs) -> MountOptions {
    let containers = args.containers.clone();
    let report = move |failure: &Failure| {
        // Nothing is returned here: the exit code follows at the end.
        Output::standard().finish(Err(containers.failure(failure)));
    };
    let options = MountOptions::new(report).forget_after(args.forget_after);
    options.ahead(!args.no_ahead).users(args.users.clone())
}

/// Waits until a signal ends the command, or others unmount.
fn serve(mounted: &Mounted, signals: &mut Signals) {
    while !mounted.is_ended() {
        let arrived = signals.wait(Duration::from_secs(1));
        if arrived.contains(&SIGUSR1) {
            mounted.drop_pages();
        }
        if arrived.iter().any(|signal| *signal != SIGUSR1) {
            return;
        }
    }
}

/// Lets programs close their files, and unmounts.
fn end(
    args: &MountArgs,
    mounted: Mounted,
    signals: &mut Signals,
    output: &mut Output,
) -> Result<(), CommandError> {
    mounted.refuse_opens();
    let begin = Instant::now();
    while mounted.open_count() > 0 && !mounted.is_ended() && begin.elapsed() < PATIENCE {
        let arrived = signals.wait(Duration::from_millis(20));
        if arrived.iter().any(|signal| *signal != SIGUSR1) {
            break;
        }
    }
    let open = mounted.open_count();
    let failure = mounted.unmount()?;
    if open > 0 {
        let files = plural(open, "file");
        output.warning(&format!("unmounted while {files} were open: programs get errors when they read"));
    }
    match failure {
        Some(failure) => Err(args.containers.failure(&failure).already_reported()),
        None => Ok(()),
    }
}

/// Returns the state in words: what is served, and where.
fn status(opened: &[Opened], directory: &Path) -> String {
    let place = directory.display();
    let [opened] = opened else { return format!("serving {} models at {place}", opened.len()) };
    let manifest = opened.manifest();
    let name = printable(manifest.name.as_str());
    format!("serving {name}, security version {}, at {place}", manifest.security_version)
}

/// Parses a time such as `30s`, `5m`, `500ms` or `never`.
fn time(text: &str) -> Result<Duration, String> {
    const EXPECTED: &str = "expected a number with ms, s, m or h, or never";
    if text == "never" {
        return Ok(Duration::MAX);
    }
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or(EXPECTED)?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| EXPECTED)?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(EXPECTED.to_owned()),
    };
    number.checked_mul(milliseconds).map(Duration::from_millis).ok_or_else(|| EXPECTED.to_owned())
}

/// The time that programs have to close their files after a signal. A second signal ends it.
const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit() {
        let times = ["30s", "5m", "500ms", "1h", "0s"].map(|text| time(text).unwrap().as_millis());
        assert_eq!(times, [30_000, 300_000, 500, 3_600_000, 0]);
        assert_eq!(time("never").unwrap(), Duration::MAX);
        for wrong in ["", "30", "s", "-1s", "1d", "18446744073709551615h", "1.5s"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }
}
