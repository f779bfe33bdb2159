//! The reference page, rendered from the definition of the command line.

use clap::{Command, CommandFactory};

use crate::commands::Cli;

/// Width of the help in the reference page.
const WIDTH: usize = 100;

/// Renders the page `docs/reference/cli.md`.
#[must_use]
pub fn reference() -> String {
    commands().into_iter().fold(String::from(HEAD), |text, (name, command)| text + &section(&name, command))
}

/// Returns every command that is not hidden, with its full name; each is followed by its own
/// commands.
pub(crate) fn commands() -> Vec<(String, Command)> {
    let mut root = Cli::command().term_width(WIDTH).max_term_width(WIDTH);
    root.build();
    let below = below("ovseal", &root);
    std::iter::once(("ovseal".to_owned(), root)).chain(below).collect()
}

fn below(name: &str, command: &Command) -> Vec<(String, Command)> {
    let shown = |command: &&Command| command.get_name() != "help" && !command.is_hide_set();
    let named = |command: &Command| {
        let name = format!("{name} {}", command.get_name());
        let further = below(&name, command);
        std::iter::once((name, command.clone())).chain(further)
    };
    command.get_subcommands().filter(shown).flat_map(named).collect()
}

fn section(name: &str, mut command: Command) -> String {
    let help = command.render_long_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    format!("\n## {name}\n\n```text\n{}\n```\n", lines.join("\n").trim_end())
}

const HEAD: &str = "\
# The command line

This page is generated from the definition of the command line. To update it:
`OVSEAL_UPDATE_REFERENCE=1 cargo test -p ovseal-cli --test reference`.
";
