//! The three man pages: texts of docs/, and the command line as clap knows it.

use clap::{Arg, Command};

use super::Page;
use super::page::{bold, italic};
use crate::cli::Cli;

/// ftpd(1).
pub(super) fn of_program() -> String {
    let text = include_str!("../../../docs/ftpd.md");
    let (introduction, others) = text.split_once("\n## ").expect("it has sections");
    let mut command = Cli::definition().disable_help_subcommand(true);
    command.build();
    let mut page = Page::new("ftpd", 1, &command.get_about().map(ToString::to_string).unwrap_or_default());
    page.heading("Synopsis");
    page.usage(&usage(&mut command));
    page.heading("Description");
    page.markdown(introduction);
    page.heading("Options");
    options(&mut page, &command);
    page.heading("Commands");
    for command in command.get_subcommands_mut().filter(|command| !command.is_hide_set()) {
        page.subheading(&usage(command).join(" "));
        let about = command.get_long_about().or(command.get_about());
        page.paragraph(&about.map(ToString::to_string).unwrap_or_default());
        options(&mut page, command);
    }
    page.markdown(&format!("## {others}"));
    page.markdown("## See also\n\n`ftpd.conf`(5), `user.ini`(5)");
    page.finish()
}

/// ftpd.conf(5).
pub(super) fn of_settings() -> String {
    of_file("ftpd.conf", "settings of ftpd", include_str!("../../../docs/ftpd.conf.md"), "user.ini")
}

/// user.ini(5).
pub(super) fn of_accounts() -> String {
    of_file("user.ini", "accounts of ftpd", include_str!("../../../docs/user.ini.md"), "ftpd.conf")
}

fn of_file(name: &str, about: &str, text: &str, other: &str) -> String {
    let mut page = Page::new(name, 5, about);
    page.heading("Description");
    page.markdown(text);
    page.markdown(&format!("## See also\n\n`ftpd`(1), `{other}`(5)"));
    page.finish()
}

/// The ways to write a command.
fn usage(command: &mut Command) -> Vec<String> {
    let usage = command.render_usage().to_string();
    usage.trim_start_matches("Usage:").lines().map(|line| line.trim().to_owned()).collect()
}

fn options(page: &mut Page, command: &Command) {
    // Each command has --help, so it is told once.
    let is_told = |arg: &&Arg| !arg.is_hide_set() && (command.has_subcommands() || arg.get_id() != "help");
    let mut told: Vec<&Arg> = command.get_arguments().filter(is_told).collect();
    told.sort_by_key(|arg| !arg.is_positional());
    told.iter().for_each(|arg| page.item(&signature(arg), &meaning(arg)));
}

/// `-c, --config <FILE>`.
fn signature(arg: &Arg) -> String {
    let shown = arg.to_string();
    let (name, value) = shown.split_at(shown.find([' ', '=', '[', '<']).unwrap_or(shown.len()));
    let short = arg.get_short().filter(|_| arg.get_long().is_some()).map(|short| bold(&format!("-{short}")) + ", ");
    short.unwrap_or_default() + &bold(name) + &italic(value)
}

fn meaning(arg: &Arg) -> String {
    let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string).unwrap_or_default();
    if !arg.get_action().takes_values() {
        return help;
    }
    let told = |title: &str, words: Vec<String>| match words.is_empty() {
        true => String::new(),
        false => format!(" [{title}: {}]", words.join(", ")),
    };
    let values = arg.get_possible_values();
    let possible = values.iter().filter(|value| !value.is_hide_set()).map(|value| value.get_name().to_owned());
    let defaults = arg.get_default_values().iter().map(|value| value.to_string_lossy().into_owned());
    help + &told("possible values", possible.collect()) + &told("default", defaults.collect())
}
