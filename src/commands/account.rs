//! `ftpd check --user NAME` and `--can NAME VERB PATH`: what an account sees and may do, with nobody logged in.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::iter;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use crate::auth::account_folders::AccountFolder;
use crate::auth::accounts::Accounts;
use crate::auth::perm::{Perm, Perms};
use crate::auth::user::User;
use crate::cli::Files;
use crate::commands::examination::{self, ServerUser, Setup};
use crate::ini::{self, Finding, Source};
use crate::protocol::legible::Legible;
use crate::protocol::plural::time_in_words;
use crate::sys::access;

mod decision;
mod intent;

use decision::{Decision, belonging};
use intent::Intent;

/// The exit code for a name or a command that does not exist.
const WRONG_USAGE: u8 = 2;
/// Maximum number of folders to name in which the file system refuses something.
const SHOWN: usize = 10;
/// How similar a name must be to be the one that was meant.
const SIMILAR: f64 = 0.8;

/// Prints the folders that an account sees: where each is, its letters, and what the file system will refuse.
pub fn show(files: &Files, name: &str, out: &mut impl Write) -> ExitCode {
    answer(files, name, out, |subject, server, user| {
        let who = subject_of(server, user);
        let kept = examination::kept_by(subject, server, user);
        let lines = server.run_for(user, || tree(subject, server, user, &who, kept));
        (lines.unwrap_or_else(|error| vec![ini::without_number(&error)]), ExitCode::SUCCESS)
    })
}

/// Prints whether an account may do what a command asks for, and what decides; the exit code is 0 for yes, 1 for no.
pub fn can(files: &Files, words: &[String], out: &mut impl Write) -> ExitCode {
    let [name, line @ ..] = words else { return ExitCode::from(WRONG_USAGE) };
    let asked = match Intent::parse(&line.join(" ")) {
        Ok(asked) => asked,
        Err(reason) => {
            let _ = writeln!(out, "{reason}");
            return ExitCode::from(WRONG_USAGE);
        }
    };
    answer(files, name, out, |subject, server, user| {
        let who = subject_of(server, user);
        let decision = Decision { config: subject.config, user, identity: server.identity(), who: &who };
        let decided = server.run_for(user, || decision.decide(&asked));
        match decided.unwrap_or_else(|error| Err(ini::without_number(&error))) {
            Ok(why) => (vec![format!("yes: {why}")], ExitCode::SUCCESS),
            Err(why) => (vec![format!("no: {why}")], ExitCode::FAILURE),
        }
    })
}

/// Reads both files, finds the account, and prints the answer.
fn answer(
    files: &Files,
    name: &str,
    out: &mut impl Write,
    say: impl FnOnce(&Setup, &ServerUser, &Arc<User>) -> (Vec<String>, ExitCode),
) -> ExitCode {
    let (lines, code) = match files.load() {
        Err(found) => (vec![found.show(ini::SHOWN)], ExitCode::FAILURE),
        Ok((config, users)) => {
            let subject = Setup { files, config: &config, users: &users };
            let accounts = users.accounts();
            match accounts.find(name.as_bytes()) {
                Some(user) => say(&subject, &ServerUser::of(&subject).0, user),
                None => (vec![unknown(&accounts, name)], ExitCode::from(WRONG_USAGE)),
            }
        }
    };
    // A reader that has closed the pipe wants no more lines.
    let _ = lines.iter().try_for_each(|line| writeln!(out, "{line}"));
    code
}

fn unknown(accounts: &Accounts, name: &str) -> String {
    let scored = accounts.all().map(|user| (strsim::jaro_winkler(name, &user.name), &user.name));
    let close = scored.filter(|(score, _)| *score >= SIMILAR).max_by(|(one, _), (other, _)| one.total_cmp(other));
    let name = name.escape_debug();
    match close {
        Some((_, close)) => format!("there is no account '{name}'; did you mean '{close}'?"),
        None => {
            let names: Vec<&str> = accounts.all().take(SHOWN).map(|user| user.name.as_str()).collect();
            format!("there is no account '{name}'; there is {}", names.join(", "))
        }
    }
}

/// Who an account's sessions are to the file system.
fn subject_of(server: &ServerUser, user: &User) -> String {
    user.system_user.as_ref().map_or_else(|| server.name.clone(), |person| person.name.clone())
}

/// The folders of an account with what holds there, then what the file system refuses in them.
fn tree(subject: &Setup, server: &ServerUser, user: &User, who: &str, kept: Vec<Finding>) -> Vec<String> {
    let folders = user.all_folders();
    let mut lines = vec![format!("{}, {who} to the file system:", user.name)];
    lines.extend(folders.iter().flat_map(|folder| described(folder, &folders)));
    let found = examination::about(subject, server, user, who).and(kept);
    lines.extend(found.iter().map(|finding| format!("  {finding}")));
    if !user.home.is_dir() {
        return lines;
    }
    let refused = refusals(&folders, who);
    if refused.is_empty() {
        let and_others = if folders.len() > 1 { ", its other folders" } else { "" };
        lines.push(format!("  the file system refuses nothing of that in /{and_others} and the folders right below"));
    }
    lines.extend(refused.iter().take(SHOWN).cloned());
    if let Some(more) = refused.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        lines.push(format!("  and {more} more"));
    }
    lines
}

/// Where a folder is, its letters, and a line for each other key that holds there.
fn described(folder: &AccountFolder, folders: &[AccountFolder]) -> Vec<String> {
    let (path, real) = (shown(folder.path.as_bytes()), folder.real.display());
    let state = match folder.is_mount() || folder.real.is_dir() {
        true => String::new(),
        false if folder.may_be_made(folders) => " (not there yet)".to_owned(),
        false => {
            format!(" (not there, and no letter lets clients make it: mkdir -p {})", ini::shell_word(&folder.real))
        }
    };
    let (perms, line) = (folder.perms, folder.letters_from.place());
    let first = format!("  {path}  is {real}{state}, letters {perms} ({line})");
    let words = |key: &str| folder.keep.filter(|_| key == "keep").map(|time| format!(": {}", time_in_words(time)));
    let rule = |(key, source): &(&str, Source)| {
        format!("     {}{} ({})", source.text(), words(key).unwrap_or_default(), source.place())
    };
    let rules = folder.rules.iter().map(rule);
    iter::once(first).chain(rules).collect()
}

fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(path).chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// What the letters promise and the file system refuses, in the folders of an account and those right below its mounts.
fn refusals(folders: &[AccountFolder], who: &str) -> Vec<String> {
    let mut all = Vec::new();
    for folder in folders.iter().filter(|folder| folder.real.is_dir()) {
        all.push((shown(folder.path.as_bytes()), folder.real.clone(), folder.perms));
        if folder.is_mount() {
            all.extend(right_below(folder, folders));
        }
    }
    let refusal = |(shown, path, perms): &(String, PathBuf, Perms)| {
        let letters = refused(*perms, path);
        (!letters.is_empty()).then(|| {
            let belonging = belonging(path, who);
            format!("  {shown}  the file system refuses {letters}: {belonging}")
        })
    };
    all.iter().filter_map(refusal).collect()
}

/// The folders in one that no section is about.
fn right_below(folder: &AccountFolder, folders: &[AccountFolder]) -> Vec<(String, PathBuf, Perms)> {
    let mut below: Vec<_> = fs::read_dir(&folder.real).into_iter().flatten().flatten().collect();
    below.sort_by_key(fs::DirEntry::file_name);
    let is_hidden = |name: &OsStr| folder.hide.is_some_and(|hide| hide.hides(name.as_encoded_bytes()));
    let entry = |entry: fs::DirEntry| {
        let name = entry.file_name();
        let path = folder.path.join(name.as_encoded_bytes());
        let is_other = is_hidden(&name) || folders.iter().any(|other| other.path == path);
        let is_folder = !is_other && entry.file_type().is_ok_and(|kind| kind.is_dir());
        is_folder.then(|| (Legible(path.as_bytes()).to_string(), entry.path(), folder.perms))
    };
    below.into_iter().filter_map(entry).collect()
}

/// The letters that are of no use in a folder.
fn refused(perms: Perms, folder: &Path) -> String {
    let (pass, read, change) = (access::may_pass(folder), access::may_read(folder), access::change(folder).is_ok());
    let useless = |perm: &Perm| match perm {
        Perm::Enter | Perm::Read | Perm::Append | Perm::Mode | Perm::Time => !pass,
        Perm::List => !pass || !read,
        Perm::Write | Perm::MakeDir | Perm::Delete | Perm::Rename => !change,
    };
    perms.granted().filter(useless).map(Perm::letter).collect()
}
