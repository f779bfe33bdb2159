//! Containers shown as files. The command alone does this.

use std::io;

use ovseal_mount::{FillError, LaunchError, MountError, TreeError};

use super::{Explain, FrontEnd};
use crate::Code;

impl Explain for TreeError {
    fn code(&self) -> Code {
        match self {
            Self::Conflict { .. } => Code::Usage,
            _ => Code::Unsupported,
        }
    }
}

impl Explain for MountError {
    fn code(&self) -> Code {
        match self {
            Self::Read { .. } => Code::Read,
            Self::NotADirectory(_) | Self::NotEmpty(_) | Self::NotOurs(_) => Code::Usage,
            _ => Code::Environment,
        }
    }

    fn hint(&self, _: FrontEnd) -> Option<String> {
        let hint = match self {
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotConnected => {
                "its file system was not unmounted: run fusermount3 -u DIR, or umount DIR as root"
            }
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                "create the directory first"
            }
            Self::NotADirectory(_) | Self::NotEmpty(_) => "give an empty directory",
            Self::NotOurs(_) => "give a directory that belongs to the user who runs this command",
            Self::NoDevice(_) => {
                "load the kernel module with modprobe fuse; in a container, pass the device: --device /dev/fuse"
            }
            Self::Mount { source, .. } => return mount_hint(source),
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

impl Explain for FillError {
    fn code(&self) -> Code {
        match self {
            Self::Open { error, .. } => error.code(),
            Self::Write { .. } => Code::Write,
            Self::Memory(error) => error.code(),
            _ => Code::Environment,
        }
    }

    fn hint(&self, to: FrontEnd) -> Option<String> {
        match self {
            Self::Open { error, .. } => error.hint(to),
            Self::Write { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Some("make the directory's file system larger, or use --via fuse".to_owned())
            }
            _ => None,
        }
    }
}

impl Explain for LaunchError {
    fn code(&self) -> Code {
        match self {
            Self::Confine(error) if error.kind() == io::ErrorKind::NotFound => Code::Usage,
            _ => Code::Environment,
        }
    }

    fn hint(&self, _: FrontEnd) -> Option<String> {
        let hint = match self {
            // The kernel's word for a limit of zero is that there is no space.
            Self::Namespaces(error) if error.kind() == io::ErrorKind::StorageFull => {
                "raise the limit: sysctl user.max_user_namespaces=10000"
            }
            Self::Namespaces(_) => NO_NAMESPACES,
            Self::Mount(_) => "ovseal doctor shows which routes work here",
            Self::Confine(error) if error.kind() == io::ErrorKind::NotFound => {
                "create the directories of --allow-write first"
            }
            Self::Confine(_) => "this kernel has no Landlock: use --no-confine to do without",
            Self::Program { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                "check the program's name after --, and PATH"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

const NO_NAMESPACES: &str = "on Ubuntu, install the AppArmor profile of ovseal; in a container, use --via dir:PATH with a \
                             tmpfs, or --via memfd";

fn mount_hint(error: &io::Error) -> Option<String> {
    let hint = match error.kind() {
        io::ErrorKind::NotFound => "install fusermount3, which mounts for users: apt-get install fuse3",
        _ if error.to_string().contains("user_allow_other") => {
            "for --allow-uid, add the line user_allow_other to /etc/fuse.conf, or run as root"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(error: &MountError) -> String {
        error.hint(FrontEnd::Command).unwrap()
    }

    #[test]
    fn each_missing_part_has_its_remedy() {
        let mount = |source| MountError::Mount { path: "d".into(), source };
        assert!(hint(&mount(io::ErrorKind::NotFound.into())).contains("apt-get install fuse3"));
        let refused = "option allow_other only allowed if 'user_allow_other' is set in /etc/fuse.conf";
        assert!(hint(&mount(io::Error::other(refused))).contains("/etc/fuse.conf"));
        assert!(hint(&MountError::NoDevice(io::ErrorKind::NotFound.into())).contains("--device /dev/fuse"));
        let stale = io::Error::from_raw_os_error(107);
        assert!(hint(&MountError::Read { path: "d".into(), source: stale }).contains("fusermount3 -u DIR"));
    }

    #[test]
    fn a_wrong_directory_is_the_callers_mistake() {
        for error in [
            MountError::NotEmpty("d".into()),
            MountError::NotOurs("d".into()),
            MountError::NotADirectory("d".into()),
        ] {
            assert_eq!((error.code(), error.hint(FrontEnd::Command).is_some()), (Code::Usage, true));
        }
    }
}
