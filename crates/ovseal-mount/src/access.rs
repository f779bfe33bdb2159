//! Users who may open files.

/// The user who mounts, and others that the caller lists.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    owner: u32,
    others: Vec<u32>,
}

impl Access {
    /// Creates a list with this process's user and `others`.
    pub(crate) fn new(others: &[u32]) -> Self {
        Self { owner: rustix::process::geteuid().as_raw(), others: others.to_vec() }
    }

    /// Returns true if the user may see and open files. Root may only if it is on the list.
    pub(crate) fn permits(&self, user: u32) -> bool {
        user == self.owner || self.others.contains(&user)
    }

    /// Returns true if more than one user may open files.
    pub(crate) fn is_shared(&self) -> bool {
        !self.others.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_users_may_open_files() {
        let owner = rustix::process::geteuid().as_raw();
        let (alone, shared) = (Access::new(&[]), Access::new(&[owner + 1]));
        assert!(alone.permits(owner) && !alone.permits(owner + 1) && !alone.is_shared());
        assert!(shared.permits(owner) && shared.permits(owner + 1) && shared.is_shared());
        assert!(!shared.permits(owner + 2));
        assert!(!Access { owner: 1000, others: vec![1001] }.permits(0), "root is not listed");
    }
}
