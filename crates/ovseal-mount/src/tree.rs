//! The directories and files of one or more containers, numbered for the kernel.

use std::collections::BTreeMap;
use std::ffi::OsStr;

use ovseal::{Opened, Part, PartPath};

/// The parts of opened containers, as a tree of directories and files.
///
/// A part's path is its file's path, so `tokenizer/vocab.txt` is a file in a directory. Several
/// containers share one tree if each is added under another directory.
pub struct Tree {
    /// The node with number n is at index n - 1, and the root is number 1.
    nodes: Vec<Node>,
}

/// A directory or a file.
pub(crate) enum Node {
    Directory { parent: u64, children: BTreeMap<String, u64> },
    File(File),
}

/// A file, and the sizes that reading it needs.
pub(crate) struct File {
    /// The path in the tree.
    pub(crate) path: String,
    pub(crate) part: Part,
    /// Bytes in each chunk but the last.
    pub(crate) chunk_size: u64,
}

/// The error for parts that cannot be shown as files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    /// A directory or file name is longer than file systems allow.
    #[error("a name in {path:?} is longer than {NAME_LIMIT} bytes")]
    NameTooLong {
        /// The path, shortened.
        path: String,
    },
    /// There are too many files and directories.
    #[error("the parts need more than {NODE_LIMIT} files and directories")]
    TooManyNodes,
    /// Two containers have the same path.
    #[error("{path:?} is in two containers, or is a file and a directory")]
    Conflict {
        /// The path, shortened.
        path: String,
    },
}

impl Tree {
    /// Creates an empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self { nodes: vec![Node::directory(ROOT)] }
    }

    /// Creates a tree with the parts of one container.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub fn of(opened: &Opened) -> Result<Self, TreeError> {
        let mut tree = Self::new();
        tree.add(None, opened)?;
        Ok(tree)
    }

    /// Adds the parts of a container, in `directory` if there is one.
    ///
    /// # Errors
    /// [`TreeError::NameTooLong`] for a name of more than 255 bytes, [`TreeError::TooManyNodes`]
    /// for more than 65,536 files and directories, [`TreeError::Conflict`] if a path is taken.
    pub fn add(&mut self, directory: Option<&PartPath>, opened: &Opened) -> Result<(), TreeError> {
        let chunk_size = opened.chunk_size().bytes() as u64;
        opened.parts().try_for_each(|part| {
            let path = part.entry().path.as_str().to_owned();
            let path = directory.map(|directory| format!("{directory}/{path}")).unwrap_or(path);
            self.insert(File { path, part, chunk_size })
        })
    }

    /// Returns the sum of the lengths of all files, in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.files().map(|(_, file)| file.part.length()).fold(0, u64::saturating_add)
    }

    /// Returns the path and the part of each file, in the order of the containers.
    pub fn parts(&self) -> impl Iterator<Item = (&str, &Part)> {
        self.files().map(|(_, file)| (file.path.as_str(), &file.part))
    }

    /// Returns the node with this number.
    pub(crate) fn node(&self, number: u64) -> Option<&Node> {
        self.nodes.get(usize::try_from(number.checked_sub(1)?).ok()?)
    }

    /// Returns the file with this number.
    pub(crate) fn file(&self, number: u64) -> Option<&File> {
        match self.node(number)? {
            Node::File(file) => Some(file),
            Node::Directory { .. } => None,
        }
    }

    /// Returns the number of a directory's child.
    pub(crate) fn child(&self, directory: u64, name: &OsStr) -> Option<u64> {
        match self.node(directory)? {
            Node::Directory { children, .. } => children.get(name.to_str()?).copied(),
            Node::File(_) => None,
        }
    }

    /// Returns all files with their numbers.
    pub(crate) fn files(&self) -> impl Iterator<Item = (u64, &File)> {
        self.nodes.iter().zip(1..).filter_map(|(node, number)| match node {
            Node::File(file) => Some((number, file)),
            Node::Directory { .. } => None,
        })
    }

    /// Returns the number of files and directories.
    pub(crate) fn count(&self) -> usize {
        self.nodes.len()
    }

    fn insert(&mut self, file: File) -> Result<(), TreeError> {
        let path = file.path.clone();
        let path = path.as_str();
        if path.split('/').any(|name| name.len() > NAME_LIMIT) {
            return Err(TreeError::NameTooLong { path: shortened(path) });
        }
        let conflict = || TreeError::Conflict { path: shortened(path) };
        let (parents, name) = path.rsplit_once('/').map_or((None, path), |(up, name)| (Some(up), name));
        let mut directory = ROOT;
        for parent in parents.into_iter().flat_map(|parents| parents.split('/')) {
            directory = match self.child(directory, OsStr::new(parent)) {
                Some(known) => known,
                None => self.attach(directory, parent, Node::directory(directory))?.ok_or_else(conflict)?,
            };
        }
        self.attach(directory, name, Node::File(file))?.ok_or_else(conflict).map(drop)
    }

    /// Attaches a node, and returns its number, or `None` if the name is taken or the parent is a
    /// file.
    fn attach(&mut self, directory: u64, name: &str, node: Node) -> Result<Option<u64>, TreeError> {
        if self.nodes.len() >= NODE_LIMIT {
            return Err(TreeError::TooManyNodes);
        }
        let number = self.nodes.len() as u64 + 1;
        let parent = self.nodes.get_mut(directory as usize - 1);
        let Some(Node::Directory { children, .. }) = parent else { return Ok(None) };
        if children.contains_key(name) {
            return Ok(None);
        }
        children.insert(name.to_owned(), number);
        self.nodes.push(node);
        Ok(Some(number))
    }
}

impl Default for Tree {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Tree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tree({} nodes)", self.nodes.len())
    }
}

impl Node {
    fn directory(parent: u64) -> Self {
        Self::Directory { parent, children: BTreeMap::new() }
    }
}

impl File {
    /// Returns the number of chunks. An empty file has none to read.
    pub(crate) fn chunks(&self) -> u64 {
        self.part.length().div_ceil(self.chunk_size)
    }

    /// Returns the number of bytes in a chunk, 0 beyond the end.
    pub(crate) fn chunk_length(&self, index: u64) -> u64 {
        let start = index.saturating_mul(self.chunk_size);
        self.part.length().saturating_sub(start).min(self.chunk_size)
    }
}

/// Returns at most 80 characters of a path.
fn shortened(path: &str) -> String {
    path.chars().take(80).collect()
}

/// The number of the root directory, which the kernel prescribes.
pub(crate) const ROOT: u64 = 1;

/// The longest name of a file or directory (`NAME_MAX`), in bytes.
const NAME_LIMIT: usize = 255;

/// The largest number of files and directories. A path may have 512 components, so parts alone do
/// not limit it.
const NODE_LIMIT: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use ovseal_testkit::Fixture;

    use super::*;

    fn opened(files: &[(&str, &[u8])]) -> Opened {
        let fixture = Fixture::new(files);
        fixture.seal(fixture.options());
        fixture.open().unwrap()
    }

    #[test]
    fn parts_are_files_in_directories() {
        let tree = Tree::of(&opened(&[("a.bin", b"1"), ("b/c/d.bin", b"22"), ("b/e.bin", b"")])).unwrap();
        let paths: Vec<_> = tree.parts().map(|(path, part)| (path, part.length())).collect();
        assert_eq!(paths, [("a.bin", 1), ("b/c/d.bin", 2), ("b/e.bin", 0)]);
        assert_eq!((tree.length(), tree.count()), (3, 6));
        let b = tree.child(ROOT, OsStr::new("b")).unwrap();
        let c = tree.child(b, OsStr::new("c")).unwrap();
        assert!(matches!(tree.node(c), Some(Node::Directory { parent, .. }) if *parent == b));
        assert!(tree.file(tree.child(c, OsStr::new("d.bin")).unwrap()).is_some());
    }

    #[test]
    fn unknown_numbers_and_names_are_not_found() {
        let tree = Tree::of(&opened(&[("a.bin", b"1")])).unwrap();
        let file = tree.child(ROOT, OsStr::new("a.bin")).unwrap();
        assert!([0, 3, u64::MAX].iter().all(|&number| tree.node(number).is_none()));
        assert!(tree.file(ROOT).is_none() && tree.child(file, OsStr::new("a.bin")).is_none());
        for name in ["", ".", "..", "b", "a.bin/", "a.bin\n"] {
            assert_eq!(tree.child(ROOT, OsStr::new(name)), None, "{name:?}");
        }
    }

    #[test]
    fn several_containers_are_beside_each_other_but_not_in_one_place() {
        let (first, second) = (opened(&[("m.bin", b"1")]), opened(&[("m.bin", b"22")]));
        let mut tree = Tree::new();
        let directory = |path| PartPath::parse(path).unwrap();
        tree.add(Some(&directory("one/1")), &first).unwrap();
        tree.add(Some(&directory("two/1")), &second).unwrap();
        let paths: Vec<_> = tree.parts().map(|(path, _)| path).collect();
        assert_eq!(paths, ["one/1/m.bin", "two/1/m.bin"]);
        for taken in ["one/1", "one/1/m.bin"] {
            let error = tree.add(Some(&directory(taken)), &second).unwrap_err();
            assert!(matches!(error, TreeError::Conflict { .. }), "{taken}: {error}");
        }
    }

    #[test]
    fn a_container_with_the_most_parts_fits() {
        let names: Vec<String> = (0..4096).map(|number| format!("{number}")).collect();
        let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), b"x".as_slice())).collect();
        assert_eq!(Tree::of(&opened(&files)).unwrap().count(), 4097);
    }

    #[test]
    fn paths_with_too_many_directories_are_refused() {
        let part = opened(&[("a.bin", b"1")]);
        let mut tree = Tree::new();
        let deep = |number| PartPath::parse(&format!("{number}/{}b", "a/".repeat(400))).unwrap();
        let error = (0..200).find_map(|number| tree.add(Some(&deep(number)), &part).err());
        assert!(matches!(error, Some(TreeError::TooManyNodes)));
    }

    #[test]
    fn a_name_longer_than_a_file_system_allows_is_refused() {
        let part = opened(&[("a.bin", b"1")]);
        let add = |length| Tree::new().add(Some(&PartPath::parse(&"n".repeat(length)).unwrap()), &part);
        add(255).unwrap();
        let error = add(256).unwrap_err().to_string();
        assert_eq!(error, format!("a name in {:?} is longer than 255 bytes", "n".repeat(80)));
    }
}
