//! Completions for shells: what clap_complete makes of the command line, mended where the first word may be a folder or a
//! command.

use clap::Command;
use clap_complete::{Shell, generate};

use crate::cli::Cli;

/// The completion for bash.
pub(super) fn for_bash() -> String {
    let script = script(Shell::Bash, Cli::shown());
    // Without a matching option or command, and besides them, folders; files only where an option takes one.
    let script = replaced(&script, "${cur} == -* || ${COMP_CWORD} -eq 1 ]]", "${cur} == -* ]]");
    let end = "                *)\n                    COMPREPLY=()\n";
    let folders = format!("{end}                    compopt -o plusdirs 2>/dev/null\n");
    let script = replaced(&script, end, &folders);
    script.replace(" -o default ftpd", " ftpd")
}

/// The completion for zsh.
pub(super) fn for_zsh() -> String {
    let script = script(Shell::Zsh, Cli::shown());
    // The folder is no argument before the command: the first word is one or the other.
    let folder = script.lines().find(|line| line.starts_with("'::folder -- ")).unwrap_or_default();
    let script = replaced(&script, &format!("{folder}\n"), "").replace("$line[2]", "$line[1]");
    let first = "\":: : _alternative 'commands:command:_ftpd_commands' 'folders:folder:_files -/'\" \\";
    let begin = "_arguments \"${_arguments_options[@]}\" : \\\n";
    let options = script.split(begin).nth(1).and_then(|rest| rest.split("\":: :").next()).unwrap_or_default();
    let after_folder = format!("(*)\n{begin}{options}&& ret=0\n;;\n        esac\n    ;;\nesac\n}}\n");
    let script = replaced(&script, "        esac\n    ;;\nesac\n}\n", &after_folder);
    replaced(&script, "\":: :_ftpd_commands\" \\", first)
}

/// The completion for fish.
pub(super) fn for_fish() -> String {
    let command = Cli::shown();
    let names: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
    let is_command = format!("if contains -- \"$argv[1]\" {}\n", names.join(" "));
    let script = replaced(&script(Shell::Fish, command.clone()), "if set -q argv[1]\n", &is_command);
    script + "complete -c ftpd -n \"__fish_ftpd_needs_command\" -f -a \"(__fish_complete_directories)\"\n"
}

fn script(shell: Shell, mut command: Command) -> String {
    let mut script = Vec::new();
    generate(shell, &mut command, "ftpd", &mut script);
    String::from_utf8(script).expect("names and texts of options are UTF-8")
}

/// The script with its first `old` replaced.
fn replaced(script: &str, old: &str, new: &str) -> String {
    assert!(script.contains(old), "clap_complete writes another script than before: {old}");
    script.replacen(old, new, 1)
}
