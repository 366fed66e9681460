//! Completions and the man page, generated from the flags so that they cannot drift from them.

use afterword_core::error::Error;
use clap::CommandFactory;

use crate::args::Cli;

/// A shell's completion script.
pub fn completions(shell: clap_complete::Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "afterword", &mut script);
    script
}

/// One man page: the program, then every command with its flags.
pub fn man() -> Result<Vec<u8>, Error> {
    let mut command = Cli::command();
    command.build();
    let mut page = Vec::new();
    let write = |page: &mut Vec<u8>| -> std::io::Result<()> {
        let man = clap_mangen::Man::new(command.clone());
        man.render_title(page)?;
        man.render_name_section(page)?;
        man.render_synopsis_section(page)?;
        man.render_description_section(page)?;
        man.render_options_section(page)?;
        page.extend_from_slice(b".SH COMMANDS\n");
        for sub in command.get_subcommands() {
            describe(page, sub, "");
        }
        man.render_extra_section(page)?;
        man.render_version_section(page)
    };
    write(&mut page).map_err(Error::internal)?;
    Ok(page)
}

fn describe(page: &mut Vec<u8>, command: &clap::Command, parents: &str) {
    let name = format!("{parents}{}", command.get_name());
    let mut line = |text: String| page.extend_from_slice(text.as_bytes());
    line(format!(".SS \"{name}\"\n"));
    if let Some(about) = command.get_about() {
        line(format!("{}\n", roff(&about.to_string())));
    }
    for arg in
        command.get_arguments().filter(|arg| !arg.is_global_set() && !arg.is_hide_set() && arg.get_id() != "help")
    {
        let value = arg.get_value_names().and_then(|names| names.first()).map(|name| name.to_string());
        let takes = arg.get_action().takes_values();
        let label = match (arg.get_long(), value) {
            (Some(long), Some(value)) if takes => format!("\\fB\\-\\-{}\\fR \\fI{}\\fR", roff(long), roff(&value)),
            (Some(long), _) => format!("\\fB\\-\\-{}\\fR", roff(long)),
            (None, value) => {
                format!("\\fI{}\\fR", roff(&value.unwrap_or_else(|| arg.get_id().to_string().to_uppercase())))
            }
        };
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        line(format!(".TP\n{label}\n{}\n", roff(&help)));
    }
    for sub in command.get_subcommands() {
        describe(page, sub, &format!("{name} "));
    }
}

/// Text in which roff sees no commands.
fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('\n', " ");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_and_flag_is_in_the_man_page() {
        let page = String::from_utf8(man().unwrap()).unwrap();
        for sub in Cli::command().get_subcommands() {
            assert!(page.contains(&format!(".SS \"{}\"", sub.get_name())), "{}", sub.get_name());
            for long in sub.get_arguments().filter_map(|arg| arg.get_long()) {
                assert!(page.contains(&format!("\\-\\-{}", roff(long))), "{} --{long}", sub.get_name());
            }
        }
        for part in ["devices remove", "item set", "recovery check", "passphrase\\-file"] {
            assert!(page.contains(part), "{part}");
        }
    }

    #[test]
    fn completions_know_commands_and_flags() {
        for shell in [clap_complete::Shell::Bash, clap_complete::Shell::Zsh, clap_complete::Shell::Fish] {
            let script = String::from_utf8(completions(shell)).unwrap();
            assert!(script.contains("untrash") && script.contains("passphrase-file"), "{shell}");
        }
    }
}
