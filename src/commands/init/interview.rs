//! The three questions of `ftpd init`, each asked again until its answer can be used.

use std::env;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::samples;
use crate::auth::hash;
use crate::auth::made_up::made_up;
use crate::auth::own_files::OwnGround;
use crate::auth::user::is_anonymous;
use crate::auth::users::Users;
use crate::cli::Files;
use crate::commands::examination;
use crate::commands::hash_password::usable;
use crate::commands::prompt::{self, Prompt};
use crate::config::Config;
use crate::ini::{windows_path, without_number};
use crate::sys::owners::Owners;
use crate::sys::{access, disk};

/// What a person wants to share, and with whom.
#[derive(Debug)]
pub struct Answers {
    /// The home of the account.
    pub folder: PathBuf,
    /// Whether the home is not there, and has to be made.
    pub is_missing: bool,
    /// The name of the account.
    pub name: String,
    /// The hash of its password.
    pub hash: String,
    /// The password, if the person left it to us.
    pub made_up: Option<String>,
}

/// A folder that can be the home.
#[derive(Clone, Debug, PartialEq, Eq)]
struct HomeWish {
    path: PathBuf,
    /// Whether it has to be made first.
    is_missing: bool,
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
        let HomeWish { path: folder, is_missing } = self.ask_for_folder(prompt)?;
        let login = Owners::of_system().user(access::user_id()).map(str::to_owned);
        let login = login.filter(|login| self.name(login).is_ok());
        let name = ask(prompt, "Name to log in with", login.as_deref(), |answer| self.name(answer))?;
        let (password, made_up) = password(prompt)?;
        let hash = hash::hash(&password).map_err(io::Error::other)?;
        Ok(Answers { folder, is_missing, name, hash, made_up: made_up.then_some(password) })
    }

    /// A folder that is there, or that the person wants to be made.
    fn ask_for_folder(&self, prompt: &Prompt) -> io::Result<HomeWish> {
        let usual = self.usual();
        let shown = usual.as_ref().map(|usual| {
            let made = if usual.is_missing { ", made now" } else { "" };
            format!("{}{made}", usual.path.display())
        });
        let read = |answer: &str| match &usual {
            Some(usual) if shown.as_deref() == Some(answer) => Ok(usual.clone()),
            _ => self.folder(answer),
        };
        loop {
            let folder = ask(prompt, "Folder to share", shown.as_deref(), read)?;
            let question = || format!("  there is no folder {}; make it? [Y/n]", folder.path.display());
            if !folder.is_missing || Some(&folder) == usual.as_ref() || ask(prompt, &question(), None, yes_or_no)? {
                return Ok(folder);
            }
        }
    }

    /// The folder that is meant if nothing is answered.
    fn usual(&self) -> Option<HomeWish> {
        let all = || USUAL.iter().filter_map(|folder| self.folder(folder).ok());
        all().find(|folder| !folder.is_missing).or_else(|| self.folder(USUAL[0]).ok())
    }

    /// The folder that is meant, or why it can't be shared.
    fn folder(&self, answer: &str) -> Result<HomeWish, String> {
        let path = self.absolute(answer)?;
        let shown = path.display();
        let is_missing = match fs::metadata(&path) {
            Ok(found) if found.is_dir() => false,
            Ok(_) => return Err(format!("{shown} is a file, not a folder")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => true,
            Err(error) => return Err(format!("{shown} can't be used: {}", without_number(&error))),
        };
        let folder = if is_missing { new_folder(answer, &path)? } else { path };
        let shown = folder.display();
        if !is_missing && (!access::may_pass(&folder) || !access::may_read(&folder)) {
            return Err(format!("you may not list or enter {shown}"));
        }
        let real = fs::canonicalize(&folder).unwrap_or_else(|_| folder.clone());
        if let Some(reason) = disk::unfit_to_share(&real) {
            return Err(format!("{shown} {reason}"));
        }
        self.may_be_home(&folder)?;
        Ok(HomeWish { path: folder, is_missing })
    }

    /// Fails if an account can't have this home, or could change the server's own files in it.
    fn may_be_home(&self, folder: &Path) -> Result<(), String> {
        let shown = folder.display();
        let users = self.accounts(ANY_NAME, folder).map_err(|reason| format!("{shown} can't be used: {reason}"))?;
        let accounts = users.accounts();
        let account = accounts.all().find(|account| account.home == folder);
        let account = account.ok_or_else(|| format!("the name of {shown} can't be written in user.ini"))?;
        let ground = OwnGround::of(examination::own_files(&self.files, &self.config), false);
        let reached = ground.reached_by(account);
        let files = reached.iter().flat_map(|reach| &reach.files);
        let own: Vec<String> = files.map(|file| file.path.display().to_string()).collect();
        if own.is_empty() {
            return Ok(());
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
        } else if answer.eq_ignore_ascii_case("DEFAULT") {
            return Err(format!("{shown} is reserved; take another name"));
        } else if is_anonymous(answer.as_bytes()) {
            return Err(format!("{shown} is the name of guests, who need no password; take another name"));
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

/// The real path of a folder that is missing, or why it can't be made.
fn new_folder(answer: &str, path: &Path) -> Result<PathBuf, String> {
    let gone = format!("there is no folder {}", path.display());
    if let Some(example) = windows_path(answer) {
        return Err(format!("{gone}: this is a path of Windows; its disk may be at {example}"));
    }
    let is_there = |above: &&Path| above.symlink_metadata().is_ok();
    let above = path.ancestors().find(is_there).unwrap_or(Path::new("/"));
    let below = path.strip_prefix(above).unwrap_or(path);
    let is_name = |component: Component| matches!(component, Component::Normal(_));
    if answer.starts_with('~') && !answer.starts_with("~/")
        || below.as_os_str().is_empty()
        || !below.components().all(is_name)
    {
        return Err(gone);
    }
    let told =
        |error: io::Error| format!("{gone}, and none can be made in {}: {}", above.display(), without_number(&error));
    let real = fs::canonicalize(above).map_err(told)?;
    access::change(&real).map_err(told)?;
    Ok(real.join(below))
}

fn yes_or_no(answer: &str) -> Result<bool, String> {
    match answer.to_ascii_lowercase().as_str() {
        "" | "y" | "yes" => Ok(true),
        "n" | "no" => Ok(false),
        _ => Err("answer y or n".to_owned()),
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
            let found = HomeWish { path: folder.clone(), is_missing: false };
            assert_eq!(interview.folder(&answer), Ok(found), "{answer}");
        }
    }

    #[test]
    fn a_folder_that_can_not_be_shared_is_refused_with_the_reason() {
        let (_made, top, interview) = place();
        fs::write(top.join("file"), "").unwrap();
        fs::create_dir(top.join("line\nend")).unwrap();
        symlink("conf", top.join("to-conf")).unwrap();
        symlink("gone", top.join("nowhere")).unwrap();
        let all = top.display().to_string();
        let cases = [
            ("", "a folder is needed"),
            ("../gone/../none", "there is no folder"),
            ("../nowhere", "there is no folder"),
            ("../file/below", "can't be used: Not a directory"),
            ("D:\\photos", "a path of Windows"),
            ("/proc/none", "what the kernel knows"),
            ("/etc/none", "a folder of the system"),
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
    fn a_folder_that_is_missing_can_be_made_where_its_person_may_write() {
        let (_made, top, interview) = place();
        let missing = |path: &str| Ok(HomeWish { path: top.join(path), is_missing: true });
        for (answer, path) in [("../none", "none"), ("share", "conf/share"), ("sub/a/b/", "conf/sub/a/b")] {
            assert_eq!(interview.folder(answer), missing(path), "{answer}");
        }
        assert_eq!(yes_or_no("Y"), Ok(true));
        assert_eq!((yes_or_no("no"), yes_or_no("maybe").is_err()), (Ok(false), true));
    }

    #[test]
    fn a_name_is_one_that_user_ini_can_hold() {
        let (_made, _, interview) = place();
        for name in ["ann", "Ann Lee", "ann@example.org", "ånn", "[x", "#1", "server", "a=b"] {
            assert_eq!(interview.name(name).as_deref(), Ok(name));
        }
        for name in ["", "a]b", "]", "a\tb", "a\x1bb", "DEFAULT", "default", &"x".repeat(65)] {
            assert!(interview.name(name).is_err(), "{name:?}");
        }
        for (name, reason) in [("default", "is reserved"), ("ftp", "of guests"), ("Anonymous", "of guests")] {
            assert!(interview.name(name).is_err_and(|told| told.contains(reason)), "{name}");
        }
    }
}
