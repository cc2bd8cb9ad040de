//! The three questions of `ftpd init`, each asked again until its answer can be used.

use std::env;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::samples;
use crate::auth::hash;
use crate::auth::made_up::made_up;
use crate::auth::own_files::OwnGround;
use crate::auth::users::Users;
use crate::cli::Files;
use crate::commands::examination;
use crate::commands::hash_password::usable;
use crate::commands::prompt::{self, Prompt};
use crate::config::Config;
use crate::ini::{shell_word, without_number};
use crate::sys::owners::Owners;
use crate::sys::{access, disk};

/// What a person wants to share, and with whom.
#[derive(Debug)]
pub struct Answers {
    /// The home of the account.
    pub folder: PathBuf,
    /// The name of the account.
    pub name: String,
    /// The hash of its password.
    pub hash: String,
    /// The password, if the person left it to us.
    pub made_up: Option<String>,
}

/// What an answer is compared with: the place where the files will be.
pub struct Interview {
    /// The current folder.
    here: PathBuf,
    files: Files,
    config: Config,
}

/// A password that stands for the one that is not known yet.
const ANY_PASSWORD: &str = "************";
/// A name that stands for the one that is not known yet.
const ANY_NAME: &str = "alex";
/// Longest name of an account.
const LONGEST_NAME: usize = 64;
/// A password with fewer characters can be guessed.
const SHORT: usize = 8;
/// Folders that may be shared if nothing else is wished, the first that is there.
const USUAL: [&str; 4] = ["share", "~/Public", "/srv/share", "/srv/ftp"];

impl Interview {
    /// Prepares for files in the folder `here`, an absolute path; ftpd.conf may be there already.
    pub fn at(here: PathBuf) -> Self {
        let [settings, accounts] = ["ftpd.conf", "user.ini"].map(|name| here.join(name));
        let (config, _) = Config::examine(Some(settings.as_path()).filter(|path| path.is_file()), &[]);
        let files = Files { config: Some(settings), users: Some(accounts), ..Files::default() };
        Self { here, files, config }
    }

    /// Asks until all is answered; the error is that of the terminal, or its end.
    pub fn hold(&self, prompt: &Prompt) -> io::Result<Answers> {
        let usual = USUAL.iter().find_map(|folder| self.folder(folder).ok()).map(|folder| folder.display().to_string());
        let folder = ask(prompt, "Folder to share", usual.as_deref(), |answer| self.folder(answer))?;
        let login = Owners::of_system().user(access::user_id()).map(str::to_owned);
        let login = login.filter(|login| self.name(login).is_ok());
        let name = ask(prompt, "Name to log in with", login.as_deref(), |answer| self.name(answer))?;
        let (password, made_up) = password(prompt)?;
        let hash = hash::hash(&password).map_err(io::Error::other)?;
        Ok(Answers { folder, name, hash, made_up: made_up.then_some(password) })
    }

    /// The folder that is meant, or why it can't be shared.
    fn folder(&self, answer: &str) -> Result<PathBuf, String> {
        let folder = self.absolute(answer)?;
        let shown = folder.display();
        match fs::metadata(&folder) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Err(format!("{shown} is a file, not a folder")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(format!("there is no folder {shown}; mkdir -p {} makes it", shell_word(&folder)));
            }
            Err(error) => return Err(format!("{shown} can't be used: {}", without_number(&error))),
        }
        if !access::may_pass(&folder) || !access::may_read(&folder) {
            return Err(format!("you may not list or enter {shown}"));
        }
        let real = fs::canonicalize(&folder).unwrap_or_else(|_| folder.clone());
        if let Some(reason) = disk::unfit_to_share(&real) {
            return Err(format!("{shown} {reason}"));
        }
        let users = self.accounts(ANY_NAME, &folder).map_err(|reason| format!("{shown} can't be used: {reason}"))?;
        let accounts = users.accounts();
        let account = accounts.all().find(|account| account.home == folder);
        let account = account.ok_or_else(|| format!("the name of {shown} can't be written in user.ini"))?;
        let ground = OwnGround::of(examination::own_files(&self.files, &self.config), false);
        let reached = ground.reached_by(account);
        let files = reached.iter().flat_map(|reach| &reach.files);
        let own: Vec<String> = files.map(|file| file.path.display().to_string()).collect();
        if own.is_empty() {
            return Ok(folder);
        }
        Err(format!(
            "the account could change the server's own files in {shown}: {}\n  name another folder, or end this and run ftpd \
             init elsewhere",
            own.join(", ")
        ))
    }

    /// The path that somebody has typed, or dragged onto the terminal, which puts it in quotes.
    fn absolute(&self, answer: &str) -> Result<PathBuf, String> {
        let quoted = |quote: char| answer.strip_prefix(quote)?.strip_suffix(quote);
        let answer = quoted('\'').or_else(|| quoted('"')).unwrap_or(answer);
        if answer.is_empty() {
            return Err("a folder is needed".to_owned());
        }
        let home = || env::home_dir().ok_or("your home folder is not known; write the path without ~");
        let folder = match answer.strip_prefix('~') {
            Some("") => home()?,
            Some(rest) if rest.starts_with('/') => home()?.join(rest.trim_start_matches('/')),
            _ => self.here.join(answer),
        };
        let goes_up = folder.components().any(|component| component == Component::ParentDir);
        let real = goes_up.then(|| fs::canonicalize(&folder).ok()).flatten();
        // Without `.` and a slash at the end.
        Ok(real.unwrap_or_else(|| folder.components().collect()))
    }

    /// The name, or why no account can have it.
    fn name(&self, answer: &str) -> Result<String, String> {
        let shown = answer.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect::<String>();
        if answer.is_empty() {
            return Err("a name is needed".to_owned());
        } else if answer.contains(char::is_control) {
            return Err("a name can't hold control characters".to_owned());
        } else if answer.contains(']') {
            return Err("a name can't hold ']', which ends it in user.ini".to_owned());
        } else if answer.chars().count() > LONGEST_NAME {
            return Err(format!("a name has {LONGEST_NAME} characters at most"));
        }
        let users = self.accounts(answer, &self.here).map_err(|reason| format!("{shown} can't be used: {reason}"))?;
        let is_it = users.accounts().all().any(|account| account.name == answer);
        if is_it { Ok(answer.to_owned()) } else { Err(format!("{shown} has another meaning in user.ini")) }
    }

    /// The accounts that user.ini would give.
    fn accounts(&self, name: &str, home: &Path) -> Result<Users, String> {
        let text = samples::accounts_of(name, ANY_PASSWORD, home);
        let read = Users::parse(&self.here.join("user.ini"), &text, self.config.terms());
        read.map_err(|found| found.iter().next().map(|finding| finding.reason.clone()).unwrap_or_default())
    }
}

/// Asks until `read` takes the answer; nothing stands for the usual one, if there is one.
fn ask<T>(
    prompt: &Prompt,
    question: &str,
    usual: Option<&str>,
    read: impl Fn(&str) -> Result<T, String>,
) -> io::Result<T> {
    let question = usual.map_or_else(|| format!("{question}: "), |usual| format!("{question} [{usual}]: "));
    loop {
        let line = prompt.line(&question)?;
        let answer = match (std::str::from_utf8(&line).map(str::trim), usual) {
            (Ok(""), Some(usual)) => Ok(usual),
            (Ok(answer), _) => Ok(answer),
            (Err(_), _) => Err("that is not UTF-8 text".to_owned()),
        };
        match answer.and_then(&read) {
            Ok(answer) => return Ok(answer),
            Err(reason) => prompt::say(&format!("  {reason}\n"))?,
        }
    }
}

/// A password, and whether it was made up.
fn password(prompt: &Prompt) -> io::Result<(String, bool)> {
    loop {
        let first = prompt.secret("Password (not shown; Enter alone makes one up): ")?;
        if first.is_empty() {
            return Ok((made_up().map_err(io::Error::other)?, true));
        }
        match usable(first) {
            Ok(first) if prompt.secret("Once more: ")? == first => {
                if first.chars().count() < SHORT {
                    prompt::say("  it is short: others on your networks could guess it\n")?;
                }
                return Ok((first, false));
            }
            Ok(_) => prompt::say("  the two passwords differ\n")?,
            Err(reason) => prompt::say(&format!("  {reason}\n"))?,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A folder with `conf`, where the files will be, and `photos`.
    fn place() -> (tempfile::TempDir, PathBuf, Interview) {
        let made = tempfile::tempdir().unwrap();
        let top = fs::canonicalize(made.path()).unwrap();
        for name in ["conf/sub", "photos", "with # blank"] {
            fs::create_dir_all(top.join(name)).unwrap();
        }
        let interview = Interview::at(top.join("conf"));
        (made, top, interview)
    }

    #[test]
    fn a_folder_is_taken_however_it_is_written() {
        let (_made, top, interview) = place();
        let photos = top.join("photos");
        let shown = photos.display().to_string();
        symlink("../photos", top.join("conf/link")).unwrap();
        let cases = [
            (shown.clone(), &photos),
            (format!("{shown}/"), &photos),
            (format!("{shown}/."), &photos),
            (format!("'{shown}'"), &photos),
            (format!("\"{shown}\""), &photos),
            ("../photos".to_owned(), &photos),
            ("./sub".to_owned(), &top.join("conf/sub")),
            ("link".to_owned(), &top.join("conf/link")),
            ("../with # blank".to_owned(), &top.join("with # blank")),
        ];
        for (answer, folder) in cases {
            assert_eq!(interview.folder(&answer).as_ref(), Ok(folder), "{answer}");
        }
    }

    #[test]
    fn a_folder_that_can_not_be_shared_is_refused_with_the_reason() {
        let (_made, top, interview) = place();
        fs::write(top.join("file"), "").unwrap();
        fs::create_dir(top.join("line\nend")).unwrap();
        symlink("conf", top.join("to-conf")).unwrap();
        let all = top.display().to_string();
        let cases = [
            ("", "a folder is needed"),
            ("../none", "there is no folder"),
            ("../none", "mkdir -p"),
            ("../file", "is a file"),
            ("../line\nend", "can't be"),
            (".", "own files"),
            ("..", "own files"),
            ("../to-conf", "own files"),
            ("/", "own files"),
            ("/etc", "a folder of the system"),
            ("/proc", "what the kernel knows"),
            (all.as_str(), "conf/user.ini"),
            ("~nobody/x", "there is no folder"),
        ];
        for (answer, reason) in cases {
            let told = interview.folder(answer).err().unwrap_or_else(|| panic!("{answer} is taken"));
            assert!(told.contains(reason), "{answer}: {told}");
        }
    }

    #[test]
    fn a_name_is_one_that_user_ini_can_hold() {
        let (_made, top, interview) = place();
        for name in ["ann", "Ann Lee", "ann@example.org", "ånn", "[x", "#1", "server", "a=b"] {
            assert_eq!(interview.name(name).as_deref(), Ok(name));
        }
        for name in ["", "a]b", "]", "a\tb", "a\x1bb", "DEFAULT", "default", &"x".repeat(65)] {
            assert!(interview.name(name).is_err(), "{name:?}");
        }
        assert!(interview.name("ftp").is_ok());
        fs::write(top.join("conf/ftpd.conf"), "[anonymous]\nenable_anonymous = on\nanonymous_path = /srv\n").unwrap();
        let told = Interview::at(top.join("conf")).name("ftp").err();
        assert!(told.is_some_and(|told| told.contains("hidden by enable_anonymous")));
    }
}
