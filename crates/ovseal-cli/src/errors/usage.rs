//! Errors in the command line, in the form of all other errors.

use clap::error::ErrorKind;

use super::CommandError;
use crate::ui::Output;

/// Writes help or the version if requested. Everything else becomes an error.
///
/// # Errors
/// Fails for a mistake in the command line; the parser's tips become hints.
pub(crate) fn report(error: &clap::Error, output: &mut Output) -> Result<(), CommandError> {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            output.line(error.render().to_string().trim_end())
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Err(incomplete(&error.render().to_string())),
        _ => Err(mistake(&error.render().to_string())),
    }
}

/// Returns the error for a missing command or subcommand. The parser's message is its help.
fn incomplete(help: &str) -> CommandError {
    let usage = help.lines().find_map(|line| line.trim().strip_prefix("Usage: ")).unwrap_or("ovseal");
    let command: Vec<&str> = usage.split(' ').take_while(|word| !word.starts_with(['[', '<'])).collect();
    let to = command.get(1).map(|name| format!(" to {name}")).unwrap_or_default();
    CommandError::usage(format!("no command was given{to}"))
        .hint(format!("{} --help lists the commands", command.join(" ")))
}

/// Parses the parser's message: `error: …` up to the first empty line, lines with `tip:`, and the
/// usage.
fn mistake(text: &str) -> CommandError {
    let mut paragraphs =
        text.split("\n\n").map(|lines| lines.split_whitespace().collect::<Vec<_>>().join(" "));
    let first = paragraphs.next().unwrap_or_default();
    let error = CommandError::usage(first.strip_prefix("error: ").unwrap_or(&first));
    let tips = text.lines().filter_map(|line| line.trim().strip_prefix("tip: ").map(str::to_owned));
    let usage = paragraphs.find_map(|paragraph| paragraph.strip_prefix("Usage: ").map(str::to_owned));
    error.hints(tips).hints(usage.map(|usage| format!("usage: {usage}")))
}

/// Rejects `-` as an output: containers and keys are files, which appear complete or not at all.
///
/// # Errors
/// Fails if `path` is `-`.
pub(crate) fn refuse_stdout(path: &std::path::Path) -> Result<(), CommandError> {
    if path.as_os_str() == "-" {
        return Err(CommandError::usage("the output must be a file").hint("for a file named -, write ./-"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parsers_text_becomes_one_line_and_hints() {
        let text = "error: unexpected argument '--forse' found\n\n  tip: a similar argument exists: '--force'\n\n\
                    Usage: ovseal seal <MODEL>\n\nFor more information, try '--help'.\n";
        let lines: Vec<String> = mistake(text).lines().collect();
        assert_eq!(
            lines,
            [
                "ovseal: error: unexpected argument '--forse' found",
                "ovseal: hint: a similar argument exists: '--force'",
                "ovseal: hint: usage: ovseal seal <MODEL>",
            ]
        );
    }
}
