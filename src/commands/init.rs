//! `ftpd init`: writes the first ftpd.conf and user.ini into the current folder, and never overwrites one.

use std::env;
use std::fs;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use crate::cli::{Files, InitOptions, SampleFile};
use crate::commands::examination::{self, Occasion, Setup};
use crate::commands::fail;
use crate::commands::init::interview::{Answers, Interview};
use crate::commands::prompt::{self, Prompt};
use crate::ini::{Finding, Findings, SHOWN, program, without_number};
use crate::sys::{access, files, signals};

mod interview;
mod samples;

const SETTINGS: &str = "ftpd.conf";
const ACCOUNTS: &str = "user.ini";

/// What is said if somebody ends the questions.
const FAREWELL: &str = "ftpd init: stopped; nothing is written";

/// Permission bits of a file that everybody may read, of one with passwords, and of a folder to share.
const PUBLIC: u32 = 0o644;
const PRIVATE: u32 = 0o600;
const SHARED: u32 = 0o755;

/// Writes both files, or prints one; the exit code is 1 if nothing was written.
pub fn run(options: &InitOptions) -> ExitCode {
    match options.print {
        Some(SampleFile::Conf) => print(samples::SETTINGS),
        Some(SampleFile::Users) => print(samples::ACCOUNTS),
        None => make().unwrap_or_else(|error| match error.kind() {
            ErrorKind::UnexpectedEof => fail(FAREWELL),
            _ => fail(format_args!("ftpd init: {}", without_number(&error))),
        }),
    }
}

fn print(text: &str) -> ExitCode {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // A reader that has closed the pipe has read enough.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            fail(format_args!("ftpd init: {}", without_number(&error)))
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Asks if there is somebody to ask, writes, and says what to do next.
fn make() -> io::Result<ExitCode> {
    let here = env::current_dir()?;
    let is_there = |name: &str| here.join(name).symlink_metadata().is_ok();
    if !is_there(ACCOUNTS) || !is_there(SETTINGS) {
        access::change(&here).map_err(|error| unfit(&here, &error))?;
    }
    let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    let answers = if is_terminal && !is_there(ACCOUNTS) {
        let names = if is_there(SETTINGS) { ACCOUNTS.to_owned() } else { format!("{ACCOUNTS} and {SETTINGS}") };
        Some(asked(&here, &names)?)
    } else {
        // From here on, no signal ends this in the middle of a file.
        signals::wishes()?;
        None
    };
    let files = FirstFiles { is_terminal, ..written(&here, answers)? };
    // Nobody to read it is no failure.
    let _ = prompt::say(&files.text());
    Ok(if files.settings_are_new || files.accounts_are_new { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// No file can be made in the current folder.
#[cold]
fn unfit(here: &Path, error: &io::Error) -> io::Error {
    io::Error::other(format!(
        "nothing can be written into {}: {}; cd to a folder of your own, and type the same again",
        here.display(),
        without_number(error)
    ))
}

fn asked(here: &Path, names: &str) -> io::Result<Answers> {
    let prompt = Prompt::open(FAREWELL)?;
    prompt::say(&format!(
        "This writes {names} into {}, after three questions.\nEnter alone takes what is in [ ]; Ctrl-C ends it, and nothing is \
         written.\n\n",
        here.display()
    ))?;
    let answers = Interview::at(here.to_owned()).hold(&prompt)?;
    // Fails if the terminal is gone, and with it the person who has to see a password that was made up.
    prompt::say("\n")?;
    prompt.close();
    Ok(answers)
}

/// Writes what is not there yet; after an error there is nothing new.
fn written(here: &Path, answers: Option<Answers>) -> io::Result<FirstFiles<'_>> {
    let accounts = match &answers {
        Some(Answers { name, hash, folder, .. }) => samples::accounts_of(name, hash, folder),
        None => samples::ACCOUNTS.to_owned(),
    };
    let made = answers.as_ref().filter(|answers| answers.is_missing).map(|answers| answers.folder.clone());
    let undo = || made.as_ref().map(fs::remove_dir);
    if let Some(folder) = &made {
        files::make_folder(folder, SHARED).map_err(|error| {
            io::Error::other(format!("{} can't be made: {}", folder.display(), without_number(&error)))
        })?;
    }
    let accounts_are_new = write(ACCOUNTS, &accounts, PRIVATE).inspect_err(|_| drop(undo()))?;
    // Accounts that somebody else has written meanwhile may have passwords that everybody knows.
    let answers = answers.filter(|_| accounts_are_new);
    let settings = match answers {
        Some(_) => samples::settings_for_all_networks(),
        None => samples::SETTINGS.to_owned(),
    };
    let settings_are_new = write(SETTINGS, &settings, PUBLIC).inspect_err(|_| {
        if accounts_are_new {
            let _ = fs::remove_file(ACCOUNTS);
        }
        drop(undo());
    })?;
    Ok(FirstFiles { here, answers, is_terminal: false, settings_are_new, accounts_are_new })
}

/// Makes a file in the current folder; false if there is something of this name.
fn write(name: &str, text: &str, mode: u32) -> io::Result<bool> {
    let told = |error: io::Error| io::Error::other(format!("{name} can't be written: {}", without_number(&error)));
    match files::create_new(Path::new(name), mode) {
        Ok(mut file) => match file.write_all(text.as_bytes()) {
            Ok(()) => Ok(true),
            Err(error) => {
                // Half a file would only be in the way.
                let _ = fs::remove_file(name);
                Err(told(error))
            }
        },
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(told(error)),
    }
}

/// What came of it.
struct FirstFiles<'a> {
    here: &'a Path,
    answers: Option<Answers>,
    /// Whether there was somebody to ask.
    is_terminal: bool,
    settings_are_new: bool,
    accounts_are_new: bool,
}

impl FirstFiles<'_> {
    fn text(&self) -> String {
        let files = self.silence().to_owned() + &self.accounts() + &self.settings();
        let parts = [files, self.password(), self.found(), self.next()];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
    }

    /// Why nothing was asked.
    fn silence(&self) -> &'static str {
        match () {
            () if self.is_terminal || !(self.accounts_are_new || self.settings_are_new) => "",
            () if self.accounts_are_new && self.settings_are_new => {
                "No terminal, so no questions were asked: these are the samples.\n"
            }
            () => "No terminal, so no questions were asked: this is the sample.\n",
        }
    }

    fn stays(&self, name: &str) -> String {
        format!("{name} is already in {}, and stays as it is.\n", self.here.display())
    }

    fn accounts(&self) -> String {
        match &self.answers {
            _ if !self.accounts_are_new => self.stays(ACCOUNTS),
            Some(Answers { name, folder, is_missing, .. }) => {
                let made = if *is_missing { ", which is new" } else { "" };
                format!("{ACCOUNTS} is written: {name} may read and change everything in {}{made}.\n", folder.display())
            }
            None => format!(
                "{ACCOUNTS} is written: alex may change everything in share/alex, egon may read share/egon. Both passwords are \
                 123,\nwhich everybody knows: change them before others can reach the server.\n"
            ),
        }
    }

    fn settings(&self) -> String {
        match &self.answers {
            _ if !self.settings_are_new => self.stays(SETTINGS),
            Some(_) => format!(
                "{SETTINGS} is written. Other machines can reach the server (ip = 0.0.0.0, ::); for this machine alone write ip = \
                 127.0.0.1.\n"
            ),
            None => format!(
                "{SETTINGS} is written: the server listens on this machine alone; ip = 0.0.0.0, :: lets others in.\n"
            ),
        }
    }

    fn password(&self) -> String {
        let Some(Answers { name, made_up: Some(password), .. }) = &self.answers else { return String::new() };
        format!("The password of {name} is {password}: write it down, {ACCOUNTS} holds only its hash.\n")
    }

    /// What `ftpd check` would say about it. The homes of the samples are known to be missing.
    fn found(&self) -> String {
        let [config, users] = [SETTINGS, ACCOUNTS].map(|name| Some(name.into()));
        let files = Files { config, users, ..Files::default() };
        let found = match files.load() {
            Ok((config, users)) => {
                examination::examine(&Setup { files: &files, config: &config, users: &users }, Occasion::Check)
            }
            Err(found) => found,
        };
        let counts = |finding: &Finding| finding.is_error() || self.answers.is_some();
        let found = Findings::new(found.into_iter().filter(counts).collect());
        if found.has_warnings() { format!("`ftpd check` says:\n{}\n", found.show(SHOWN)) } else { String::new() }
    }

    fn next(&self) -> String {
        let ftpd = program();
        let homes = (self.accounts_are_new && self.answers.is_none())
            .then_some(("mkdir -p share/alex share/egon".to_owned(), "makes the homes of both accounts"));
        let commands = [
            (format!("{ftpd} check"), "says whether all is well on this machine"),
            (ftpd, "starts the server; Ctrl-C stops it"),
        ];
        let commands: Vec<(String, &str)> = homes.into_iter().chain(commands).collect();
        let width = commands.iter().map(|(command, _)| command.chars().count()).max().unwrap_or_default();
        let lines = commands.iter().map(|(command, effect)| format!("  {command:width$}  # {effect}\n"));
        format!("Next, type:\n{}", lines.collect::<String>())
    }
}
