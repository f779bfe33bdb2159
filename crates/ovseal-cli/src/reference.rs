//! The reference page and the manual pages, rendered from the definition of the command line.

use clap::{Command, CommandFactory};

use crate::args::Cli;

/// Width of the help texts in the reference page, whatever the terminal.
const WIDTH: usize = 100;

/// The pages under `docs/reference`: the name of each file, and its content.
///
/// # Errors
/// Only if a page cannot be rendered, which is a bug.
pub fn reference() -> std::io::Result<Vec<(String, String)>> {
    let mut root = Cli::command().term_width(WIDTH).max_term_width(WIDTH);
    root.build();
    let mut pages = vec![("cli.md".to_owned(), page(&mut root)), manual(&root, "ovseal")?];
    for (name, command) in commands("ovseal", &root) {
        pages.push(manual(&command, &name.replace(' ', "-"))?);
    }
    Ok(pages)
}

/// The commands that a user sees with their full names, each followed by its own; without `help`.
fn commands(name: &str, command: &Command) -> Vec<(String, Command)> {
    let below = command.get_subcommands().filter(|command| command.get_name() != "help");
    let named = |command: &Command| {
        let name = format!("{name} {}", command.get_name());
        let further = commands(&name, command);
        std::iter::once((name, command.clone())).chain(further)
    };
    below.flat_map(named).collect()
}

fn page(root: &mut Command) -> String {
    let mut text = String::from(HEAD);
    section(&mut text, "ovseal", root);
    for (name, mut command) in commands("ovseal", root) {
        section(&mut text, &name, &mut command);
    }
    text
}

fn section(text: &mut String, name: &str, command: &mut Command) {
    let help = command.render_long_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    text.push_str(&format!("\n## {name}\n\n```text\n{}\n```\n", lines.join("\n").trim_end()));
}

fn manual(command: &Command, name: &str) -> std::io::Result<(String, String)> {
    let mut page = Vec::new();
    let source = concat!("ovseal ", env!("CARGO_PKG_VERSION"));
    clap_mangen::Man::new(command.clone()).title(name.to_uppercase()).source(source).render(&mut page)?;
    let page = String::from_utf8(page).map_err(std::io::Error::other)?;
    Ok((format!("man/{name}.1"), page))
}

const HEAD: &str = "\
# The command line

This page is made from the definition of the command line; `OVSEAL_UPDATE_REFERENCE=1 cargo test -p ovseal-cli --test reference`
makes it anew.
";
