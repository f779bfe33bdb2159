//! Paths of parts: relative, clean, and the same on every system (`docs/format.md` §6.1).

use std::fmt;

const PATH_LIMIT: usize = 1024;

/// The path of a part inside its container, with `/` between components.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartPath(String);

/// Text is no path of a part.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path:?} cannot be the path of a part")]
pub struct PathError {
    path: String,
}

impl PartPath {
    /// Takes a path if it is relative, has no empty, `.` or `..` component, no backslash and no control character,
    /// and is at most 1024 bytes long.
    ///
    /// # Errors
    /// Any other text.
    pub fn parse(path: &str) -> Result<Self, PathError> {
        let clean = path.split('/').all(|component| !matches!(component, "" | "." | ".."));
        let plain = !path.chars().any(|character| character == '\\' || character.is_control());
        let fits = (1..=PATH_LIMIT).contains(&path.len());
        (clean && plain && fits)
            .then(|| Self(path.to_owned()))
            .ok_or_else(|| PathError { path: path.chars().take(80).collect() })
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The extension of the last component, without the dot, in lower case; empty when there is none.
    pub fn extension(&self) -> String {
        let name = self.file_name();
        name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default()
    }

    /// The last component.
    pub fn file_name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&self.0, |(_, name)| name)
    }

    /// This path with another extension in the last component.
    pub fn with_extension(&self, extension: &str) -> Option<Self> {
        let (stem, _) = self.0.rsplit_once('.')?;
        Self::parse(&format!("{stem}.{extension}")).ok()
    }

    /// Returns the path that `relative` names, seen from the directory of this path, which it must not leave.
    ///
    /// Empty components and `.` are dropped, and `..` takes back the component before it, without a look at
    /// any file system.
    pub fn sibling(&self, relative: &str) -> Result<Self, PathError> {
        let outside = || PathError { path: relative.chars().take(80).collect() };
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
            Some((folder, _)) => Self::parse(&format!("{folder}/{relative}")),
            None => Self::parse(&relative),
        }
    }
}

impl fmt::Display for PartPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether no two paths are the same and none is a folder of another.
pub fn are_distinct<'a>(paths: impl Iterator<Item = &'a PartPath>) -> bool {
    // With `/` as the least character, a folder stands directly before what lies in it.
    let mut components: Vec<Vec<&str>> = paths.map(|path| path.as_str().split('/').collect()).collect();
    components.sort_unstable();
    components.windows(2).all(|pair| !pair[1].starts_with(&pair[0]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_paths_are_taken() {
        for path in ["model.xml", "a/b/c.bin", ".hidden", "a..b", "größe/模型.onnx", "with space"] {
            assert_eq!(PartPath::parse(path).unwrap().as_str(), path);
        }
    }

    #[test]
    fn paths_that_could_leave_the_folder_are_refused() {
        let long = "a".repeat(1025);
        for path in
            ["", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "a\\b", "a\0b", "a\nb", "a\u{85}b", &long]
        {
            assert!(PartPath::parse(path).is_err(), "{path:?}");
        }
    }

    #[test]
    fn a_path_that_is_a_folder_of_another_is_found() {
        let paths =
            |texts: &[&str]| texts.iter().map(|text| PartPath::parse(text).unwrap()).collect::<Vec<_>>();
        assert!(are_distinct(paths(&["a/b", "a-b", "a.b", "ab"]).iter()));
        assert!(!are_distinct(paths(&["a", "a-b", "a/b"]).iter()));
        assert!(!are_distinct(paths(&["x", "a", "x"]).iter()));
    }

    #[test]
    fn a_sibling_stays_inside_the_container() {
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
