//! Paths of parts: relative, clean, and the same on every system (`docs/format.md` §6.1).

use std::fmt;

const PATH_LIMIT: usize = 1024;

/// The path of a part inside its container, with `/` between its components.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartPath(String);

/// The error for an invalid path of a part.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path:?} is not a valid part path")]
pub struct PathError {
    path: String,
}

impl PartPath {
    /// Parses a relative path of 1 to 1024 bytes.
    ///
    /// It has no backslash, no control character, and no component that is empty, `.` or `..`.
    ///
    /// # Errors
    /// [`PathError`] if `path` is not such a path.
    pub fn parse(path: &str) -> Result<Self, PathError> {
        let clean = path.split('/').all(|component| !matches!(component, "" | "." | ".."));
        let plain = !path.chars().any(|character| character == '\\' || character.is_control());
        let fits = (1..=PATH_LIMIT).contains(&path.len());
        (clean && plain && fits).then(|| Self(path.to_owned())).ok_or_else(|| PathError::new(path))
    }

    /// Returns the path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the extension of the last component in lower case, without the dot.
    ///
    /// The extension is empty if there is none.
    pub fn extension(&self) -> String {
        let name = self.file_name();
        name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default()
    }

    /// Returns the last component.
    pub fn file_name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&self.0, |(_, name)| name)
    }

    /// Returns this path with a different extension, or `None` if the last component has none.
    pub fn with_extension(&self, extension: &str) -> Option<Self> {
        let (stem, _) = self.0.rsplit_once('.').filter(|(_, old)| !old.contains('/'))?;
        Self::parse(&format!("{stem}.{extension}")).ok()
    }

    /// Resolves `relative` against the directory of this path.
    ///
    /// Empty components and `.` are dropped, and `..` removes the component before it
    /// (`docs/format.md` §6.1). No file system is consulted.
    ///
    /// # Errors
    /// [`PathError`] if `relative` leaves that directory or is not a valid path.
    pub fn sibling(&self, relative: &str) -> Result<Self, PathError> {
        let outside = || PathError::new(relative);
        let mut components = Vec::new();
        if relative.starts_with('/') || relative.ends_with('/') {
            return Err(outside());
        }
        for component in relative.split('/') {
            match component {
                "" | "." => {}
                ".." => drop(components.pop().ok_or_else(outside)?),
                component => components.push(component),
            }
        }
        let relative = components.join("/");
        match self.0.rsplit_once('/') {
            Some((directory, _)) => Self::parse(&format!("{directory}/{relative}")),
            None => Self::parse(&relative),
        }
    }
}

impl PathError {
    /// Quotes at most 80 characters of the string.
    fn new(path: &str) -> Self {
        Self { path: path.chars().take(80).collect() }
    }
}

impl fmt::Display for PartPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns true if no two paths are equal and no path is a directory of another.
pub fn are_distinct<'a>(paths: impl Iterator<Item = &'a PartPath>) -> bool {
    // Sorted by components, a directory comes directly before its contents.
    let mut components: Vec<Vec<&str>> = paths.map(|path| path.as_str().split('/').collect()).collect();
    components.sort_unstable();
    components.windows(2).all(|pair| !pair[1].starts_with(&pair[0]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_paths_are_accepted() {
        for path in ["model.xml", "a/b/c.bin", ".hidden", "a..b", "größe/模型.onnx", "with space"] {
            assert_eq!(PartPath::parse(path).unwrap().as_str(), path);
        }
    }

    #[test]
    fn paths_that_could_leave_the_directory_are_rejected() {
        let long = "a".repeat(1025);
        for path in
            ["", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "a\\b", "a\0b", "a\nb", "a\u{85}b", &long]
        {
            assert!(PartPath::parse(path).is_err(), "{path:?}");
        }
    }

    #[test]
    fn a_path_that_is_a_directory_of_another_is_found() {
        let paths =
            |texts: &[&str]| texts.iter().map(|text| PartPath::parse(text).unwrap()).collect::<Vec<_>>();
        assert!(are_distinct(paths(&["a/b", "a-b", "a.b", "ab"]).iter()));
        assert!(!are_distinct(paths(&["a", "a-b", "a/b"]).iter()));
        assert!(!are_distinct(paths(&["x", "a", "x"]).iter()));
    }

    #[test]
    fn only_the_extension_of_the_last_component_is_replaced() {
        let replaced = |path: &str| PartPath::parse(path).unwrap().with_extension("bin");
        assert_eq!(replaced("v1.0/net.xml").unwrap().as_str(), "v1.0/net.bin");
        assert_eq!(replaced("v1.0/net"), None);
    }

    #[test]
    fn a_sibling_stays_inside_its_directory() {
        let path = PartPath::parse("models/net.onnx").unwrap();
        for same in ["data/w.bin", "data//w.bin", "./data/./w.bin", "././data/w.bin", "a/../data/b/../w.bin"]
        {
            assert_eq!(path.sibling(same).unwrap().as_str(), "models/data/w.bin", "{same}");
        }
        for outside in
            ["../w.bin", "data/../../w.bin", "/w.bin", "//w.bin", "..", "data/..", ".", "", "data/"]
        {
            assert!(path.sibling(outside).is_err(), "{outside}");
        }
    }
}
