//! `cargo xtask words`: checks comments for unidiomatic words, width and openings.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use crate::failure::Failure;
use crate::process;
use crate::workspace::Workspace;

/// Counts words in tracked comments and Markdown, and lists the lines to change.
///
/// # Errors
///
/// Fails if a file cannot be read, or a line must change.
pub(crate) fn run(workspace: &Workspace, paths: &[PathBuf]) -> Result<(), Failure> {
    let mut areas = BTreeMap::<String, Area>::new();
    let mut faults = Vec::new();
    for path in tracked(workspace, paths)?.lines() {
        let Some(language) = Language::of(path) else { continue };
        let file = workspace.root.join(path);
        let text = fs::read_to_string(&file).map_err(|error| Failure::file("read", &file, &error))?;
        let comments = language.comments(&text);
        for at in 0..comments.len() {
            let line = comments[at].line;
            faults.extend(find(&comments, at).iter().map(|fault| format!("{path}:{line}: {fault}")));
        }
        if !language.lines.is_empty() {
            areas.entry(area(path)).or_default().add(&comments);
        }
    }
    for (name, area) in &areas {
        println!("{name:28} {}", area.describe());
    }
    faults.iter().for_each(|fault| println!("{fault}"));
    if faults.is_empty() { Ok(()) } else { Err(Failure::new(format!("{} comments to change", faults.len()))) }
}

fn tracked(workspace: &Workspace, paths: &[PathBuf]) -> Result<String, Failure> {
    let mut git = std::process::Command::new("git");
    process::output(git.arg("ls-files").arg("--").args(paths).current_dir(&workspace.root))
}

/// Returns the crate or top-level directory of a file.
fn area(path: &str) -> String {
    let parts: Vec<_> = path.split('/').collect();
    let depth = if ["bindings", "crates"].contains(&parts[0]) { 2 } else { 1 };
    parts[..depth.min(parts.len() - 1)].join("/")
}

/// Number of comment lines in one area, and of each unidiomatic word in them.
#[derive(Default)]
struct Area {
    lines: usize,
    words: BTreeMap<&'static str, usize>,
}

impl Area {
    fn add(&mut self, comments: &[Comment]) {
        self.lines += comments.len();
        for phrase in WORST.into_iter().chain(UNIDIOMATIC.split(", ")) {
            let count: usize = (0..comments.len()).map(|at| occurrences(comments, at, phrase)).sum();
            *self.words.entry(phrase).or_default() += count;
        }
    }

    fn describe(&self) -> String {
        let per_thousand = self.words.values().sum::<usize>() * 1000 / self.lines.max(1);
        let mut words: Vec<_> = self.words.iter().filter(|(_, count)| **count > 0).collect();
        words.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let words: Vec<_> = words.iter().map(|(word, count)| format!("{word} {count}")).collect();
        format!("{:6} lines, {per_thousand:3} per 1,000: {}", self.lines, words.join(", "))
    }
}

/// One line of a comment, or of prose.
struct Comment {
    /// Counted from 1.
    line: usize,
    /// The line without its comment markers.
    text: String,
    begins_documentation: bool,
    is_wide: bool,
}

/// Comment markers of a language, and blocks that hold no comments.
struct Language {
    /// Empty for prose, where every line is checked and only the worst words are faults.
    lines: &'static [&'static str],
    blocks: &'static [Block],
}

struct Block {
    begin: &'static str,
    end: &'static str,
    is_comment: bool,
}

impl Language {
    fn of(path: &str) -> Option<&'static Self> {
        if GENERATED.iter().any(|generated| path.starts_with(generated)) {
            return None;
        }
        match path.rsplit_once('.')?.1 {
            "rs" | "c" | "cpp" | "h" | "hpp" => Some(&SLASHES),
            "py" | "pyi" => Some(&PYTHON),
            "md" => Some(&MARKDOWN),
            _ => None,
        }
    }

    /// Finds comments that begin a line, not those after code.
    fn comments(&self, text: &str) -> Vec<Comment> {
        let mut comments = Vec::new();
        let (mut open, mut last_marker, mut documents) = (None::<&Block>, "", false);
        for (line, raw) in (1..).zip(text.lines()) {
            let (marker, body, block) = match open {
                Some(block) => ("", raw.trim(), Some(block)),
                None => self.begin(raw.trim()),
            };
            let end = block.and_then(|block| body.find(block.end));
            if block.map_or(self.lines.is_empty() || !marker.is_empty(), |block| block.is_comment) {
                documents |= DOCUMENTATION.contains(&marker) && marker != last_marker;
                let text = body[..end.unwrap_or(body.len())].trim_start_matches('*').trim().to_owned();
                let can_wrap = !self.lines.is_empty() && !text.starts_with('|') && !text.contains("://");
                let is_wide = can_wrap && raw.chars().count() > WIDTH;
                let begins_documentation = documents && !text.is_empty();
                documents &= text.is_empty();
                comments.push(Comment { line, text, begins_documentation, is_wide });
            }
            open = if end.is_none() { block } else { None };
            last_marker = if block.is_none() { marker } else { "" };
        }
        comments
    }

    /// Splits a line into its comment marker and the rest, with the block that it opens.
    fn begin<'a>(&self, line: &'a str) -> (&'static str, &'a str, Option<&'static Block>) {
        if let Some(marker) = self.lines.iter().find(|marker| line.starts_with(**marker)) {
            return (marker, &line[marker.len()..], None);
        }
        for block in self.blocks {
            if let Some(at) = line.find(block.begin).filter(|at| *at == 0 || !block.is_comment) {
                return (block.begin, &line[at + block.begin.len()..], Some(block));
            }
        }
        ("", line, None)
    }
}

/// Lists the faults of one comment line.
fn find(comments: &[Comment], at: usize) -> Vec<String> {
    let (comment, mut faults) = (&comments[at], Vec::new());
    let worst = WORST.iter().filter(|phrase| occurrences(comments, at, phrase) > 0);
    faults.extend(worst.map(|phrase| format!("\"{phrase}\"")));
    if comment.is_wide {
        faults.push(format!("comment wider than {WIDTH} columns"));
    }
    let first = comment.text.split_whitespace().next().unwrap_or_default();
    if comment.begins_documentation && OPENINGS.contains(&first) {
        faults.push(format!("documentation begins with \"{first}\""));
    }
    faults
}

/// Counts how often a phrase begins in a line. It may end in the next line.
fn occurrences(comments: &[Comment], at: usize, phrase: &str) -> usize {
    let next = comments.get(at + 1).filter(|next| next.line == comments[at].line + 1);
    let own = tokens(&comments[at].text);
    let all = [own.clone(), next.map(|next| tokens(&next.text)).unwrap_or_default()].concat();
    let phrase = tokens(phrase);
    (0..own.len()).filter(|start| all[*start..].starts_with(&phrase)).count()
}

fn tokens(text: &str) -> Vec<String> {
    let words = text.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
    words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

const WIDTH: usize = 100;
const WORST: [&str; 3] = ["whoever", "anew", "to be had"];
const UNIDIOMATIC: &str = "nobody, somebody, stands, beside, meanwhile, likewise, is no, folder, folders, gives, \
                           demands, tells, refuses";
const DOCUMENTATION: [&str; 4] = ["///", "//!", "/**", "\"\"\""];
const OPENINGS: [&str; 4] = ["What", "Whether", "How", "That"];

/// Files generated from checked sources, and test vectors.
const GENERATED: [&str; 3] =
    ["bindings/c/include/ovseal/ovseal.h", "docs/reference/cli.md", "testkit/vectors"];

const fn block(begin: &'static str, end: &'static str, is_comment: bool) -> Block {
    Block { begin, end, is_comment }
}

static SLASHES: Language = Language {
    lines: &["///", "//!", "//"],
    blocks: &[block("/**", "*/", true), block("/*", "*/", true), block("r#\"", "\"#", false)],
};
static PYTHON: Language =
    Language { lines: &["#"], blocks: &[block("\"\"\"", "\"\"\"", true), block("\"\"\"", "\"\"\"", false)] };
static MARKDOWN: Language = Language { lines: &[], blocks: &[block("```", "```", false)] };

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(language: &Language, source: &str) -> Vec<String> {
        let comments = language.comments(source);
        comments.iter().map(|comment| format!("{} {}", comment.line, comment.text)).collect()
    }

    fn faults(language: &Language, source: &str) -> Vec<String> {
        let comments = language.comments(source);
        (0..comments.len()).flat_map(|at| find(&comments, at)).collect()
    }

    #[test]
    fn comments_are_told_from_code_and_raw_strings() {
        let rust = "/// One.\nlet a = \"// no\"; // no\n    // two\nlet b = r#\"\n// no\n\"#;\n//! three\n";
        assert_eq!(texts(&SLASHES, rust), ["1 One.", "3 two", "7 three"]);
        let c = "/* one */\n/**\n * two\n */\n#define A 1\n";
        assert_eq!(texts(&SLASHES, c), ["1 one", "2 ", "3 two", "4 "]);
    }

    #[test]
    fn docstrings_are_comments_and_other_strings_are_not() {
        let python =
            "\"\"\"One.\"\"\"\n# two\na = \"\"\"no\n# no\n\"\"\"\n    \"\"\"Three\n    four\n    \"\"\"\n";
        let found = ["1 One.", "2 two", "6 Three", "7 four", "8 "];
        assert_eq!(texts(&PYTHON, python), found);
    }

    #[test]
    fn code_in_markdown_is_skipped() {
        assert_eq!(texts(&MARKDOWN, "one\n```rust\nno\n```\ntwo\n"), ["1 one", "5 two"]);
    }

    #[test]
    fn only_the_first_word_of_documentation_is_an_opening() {
        let message = ["documentation begins with \"What\""];
        assert_eq!(faults(&SLASHES, "/// What it is.\n/// What for.\n// What else.\n"), message);
        assert_eq!(faults(&SLASHES, "/**\n * What it is.\n */\n"), message);
        assert_eq!(faults(&PYTHON, "\"\"\"What it is.\"\"\"\n# What else.\n"), message);
        assert!(faults(&PYTHON, "a = \"\"\"What\"\"\"\n# What else.\n").is_empty());
    }

    #[test]
    fn wide_comments_are_faults_unless_they_cannot_wrap() {
        let wide = "a ".repeat(60);
        assert_eq!(faults(&SLASHES, &format!("// {wide}\n{wide}\n")), ["comment wider than 100 columns"]);
        assert!(faults(&SLASHES, &format!("/// | {wide} |\n// https://{wide}\n")).is_empty());
    }

    #[test]
    fn a_phrase_may_run_into_the_next_line() {
        let source = "// Whoever reads: it is to\n// be had.\n";
        assert_eq!(faults(&SLASHES, source), ["\"whoever\"", "\"to be had\""]);
    }
}
