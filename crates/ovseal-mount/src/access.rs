//! Users and processes that may open files.

use std::path::PathBuf;

use rustix::process::geteuid;

/// The user who mounts, and others that the caller lists; or the processes of a mount namespace.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    owner: u32,
    others: Vec<u32>,
    /// The name of a mount namespace, as `/proc` shows it.
    namespace: Option<PathBuf>,
}

impl Access {
    /// Creates a list with this process's user and `others`.
    pub(crate) fn new(others: &[u32]) -> Self {
        Self { owner: geteuid().as_raw(), others: others.to_vec(), namespace: None }
    }

    /// Admits only processes in the mount namespace of `process`. If this user is root, they may be
    /// of any user, because programs drop their privileges.
    pub(crate) fn of_namespace(process: u32) -> Self {
        // A namespace that cannot be read is that of no process.
        Self { namespace: Some(namespace(process).unwrap_or_default()), ..Self::new(&[]) }
    }

    /// Returns true if a process of `user` may see and open files. Root may only if it is the owner
    /// or on the list.
    pub(crate) fn permits(&self, user: u32, process: u32) -> bool {
        let Some(ours) = &self.namespace else { return user == self.owner || self.others.contains(&user) };
        // A process that hides its namespace is not admitted.
        namespace(process).is_some_and(|theirs| theirs == *ours && (user == self.owner || self.owner == 0))
    }

    /// Returns true if more than one user may open files.
    pub(crate) fn is_shared(&self) -> bool {
        !self.others.is_empty() || (self.namespace.is_some() && self.owner == 0)
    }
}

/// Returns the mount namespace of a process, if this user may know it.
fn namespace(process: u32) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{process}/ns/mnt")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_users_may_open_files() {
        let owner = geteuid().as_raw();
        let (alone, shared) = (Access::new(&[]), Access::new(&[owner + 1]));
        assert!(alone.permits(owner, 0) && !alone.permits(owner + 1, 0) && !alone.is_shared());
        assert!(shared.permits(owner, 0) && shared.permits(owner + 1, 0) && shared.is_shared());
        assert!(!shared.permits(owner + 2, 0));
        let listed = Access { owner: 1000, others: vec![1001], namespace: None };
        assert!(!listed.permits(0, 0), "root is not listed");
    }

    #[test]
    fn only_processes_of_the_namespace_may_open_files() {
        let own = std::process::id();
        let access = |owner| Access { owner, ..Access::of_namespace(own) };
        assert!(access(1000).permits(1000, own) && !access(1000).permits(0, own));
        assert!(access(0).permits(65534, own) && access(0).is_shared());
        let elsewhere = |owner| Access { namespace: Some("mnt:[1]".into()), ..access(owner) };
        assert!(!elsewhere(0).permits(0, own) && !elsewhere(1000).permits(1000, own));
        // Process 0 is one that this PID namespace does not show.
        assert!(!access(0).permits(0, 0) && !access(1000).permits(1000, 0));
    }
}
