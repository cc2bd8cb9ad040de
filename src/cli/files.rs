//! Where settings and accounts come from: two files, and what the command line says in their place.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::auth::shared_folder::SharedFolder;
use crate::auth::users::Users;
use crate::config::{Config, ControlSocket, TlsFiles};
use crate::control::place;
use crate::ini::{Finding, Findings, Holds, Override, Source, shell_word};
use crate::sys::state_folder;

/// Where settings and accounts come from.
#[derive(Clone, Debug, Default, Args)]
pub struct Files {
    /// Settings [default: ftpd.conf in the current folder, if there is one]
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Accounts [default: user.ini in the current folder]
    #[arg(short, long, value_name = "FILE")]
    pub users: Option<PathBuf>,

    /// Override one key of the settings (repeatable)
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE")]
    pub overrides: Vec<Override>,

    /// A folder to share without the two files.
    #[arg(skip)]
    pub shared: Option<SharedFolder>,
}

impl Files {
    /// Reads both files; if there is an error in one, returns what was found in both. Without `-c` and without an ftpd.conf
    /// here, the defaults hold.
    pub fn load(&self) -> Result<(Config, Users), Findings> {
        if let Some(folder) = &self.shared {
            return self.load_shared(folder);
        }
        let (config, found) = Config::examine(self.config_file().as_deref(), &self.overrides);
        let users = Users::load(self.users_file().as_deref(), config.terms());
        if users.is_err() && found.has_errors() && self.are_swapped() {
            let (config, users) = (self.config_file().unwrap_or_default(), self.users_file().unwrap_or_default());
            let fix = format!("write -c {} -u {}", users.display(), config.display());
            return Err(Finding::error(&Source::file(""), "-c and -u are swapped").fix(fix).into());
        }
        match users {
            Ok(users) if !found.has_errors() => Ok((config, users)),
            Ok(users) => Err(found.and(users.accounts().doubts())),
            Err(more) => Err(found.and(more)),
        }
    }

    fn load_shared(&self, folder: &SharedFolder) -> Result<(Config, Users), Findings> {
        // Who shares a folder wants it to be found; --set can say otherwise.
        let announced = Override::new("server", "announce", "on");
        let overrides: Vec<Override> = [announced].into_iter().chain(self.overrides.iter().cloned()).collect();
        let (mut config, found) = match &self.config {
            Some(file) => Config::examine(Some(file), &overrides),
            None => Config::without_file(&overrides),
        };
        let found = found.and(accounts_in(folder));
        if found.has_errors() {
            return Err(found);
        }
        config.anonymous = None;
        if !config.source("web", "web_port").is_written() {
            config.serve_browsers();
        }
        // What the server keeps for itself is not for those who may see or change the folder.
        if self.config.is_none() && matches!(config.tls.files, Some(TlsFiles::Own(_))) {
            config.tls.files = Some(kept_out_of(folder));
        }
        let socket = &mut config.server.control_socket;
        if *socket == ControlSocket::Auto && place::of_port(config.server.port).any(|(_, path)| folder.holds(&path)) {
            *socket = ControlSocket::Off;
        }
        Ok((config, Users::shared(folder)))
    }

    #[cold]
    fn are_swapped(&self) -> bool {
        let content = |file: Option<PathBuf>| file.and_then(|file| Holds::of(&file));
        content(self.config_file()) == Some(Holds::Accounts) && content(self.users_file()) == Some(Holds::Settings)
    }

    /// Reads both files again for a running server, and has `prepare` look at what they name. If all is valid, `users` takes
    /// the accounts over; otherwise everything stays as it was.
    pub fn reload<T>(
        &self,
        users: &Users,
        prepare: impl FnOnce(&Config, &Users) -> Result<T, Findings>,
    ) -> Result<(Config, T), Findings> {
        let (config, read) = self.load()?;
        let prepared = prepare(&config, &read)?;
        users.take_over(read);
        Ok((config, prepared))
    }

    /// The settings file: the one given, or ftpd.conf here if there is one and no folder is shared without it.
    pub fn config_file(&self) -> Option<PathBuf> {
        self.config.clone().or_else(|| self.unless_shared("ftpd.conf"))
    }

    /// The accounts file: the one given, or user.ini here if there is one and no folder is shared without it.
    pub fn users_file(&self) -> Option<PathBuf> {
        self.users.clone().or_else(|| self.unless_shared("user.ini"))
    }

    fn unless_shared(&self, name: &str) -> Option<PathBuf> {
        if self.shared.is_some() { None } else { here(name) }
    }

    /// One line for the log: which files are used, or which folder is shared.
    pub fn summary(&self) -> String {
        if let Some(folder) = &self.shared {
            let settings = self.config.as_ref().map(|file| format!(", settings from {}", file.display()));
            return format!("sharing {}{}", folder.path.display(), settings.unwrap_or_default());
        }
        let settings = self.config_file().map(|file| format!("settings from {}", file.display()));
        let settings = settings.unwrap_or_else(|| "no ftpd.conf in this folder: default settings".to_owned());
        let accounts = self.users_file().map(|file| format!("accounts from {}", file.display()));
        let accounts = accounts.unwrap_or_else(|| "no user.ini in this folder: anonymous only".to_owned());
        format!("{settings}, {accounts}")
    }
}

/// The folder holds a file of accounts, which everybody could read.
#[cold]
fn accounts_in(folder: &SharedFolder) -> Option<Finding> {
    let file = folder.path.join("user.ini");
    let holds_accounts = Holds::of(&file) == Some(Holds::Accounts);
    let reason = "these are accounts with their passwords, and the folder that they lie in would be shared";
    let fix = || format!("share another folder, or serve these accounts: ftpd -u {}", shell_word(&file));
    holds_accounts.then(|| Finding::error(&Source::file(file.display()), reason).fix(fix()))
}

/// The files of a certificate that the server makes: those of its user, unless they would lie in the folder.
fn kept_out_of(folder: &SharedFolder) -> TlsFiles {
    let kept = state_folder::of_user().filter(|kept| !folder.holds(&kept.join("key")));
    match kept.filter(|kept| state_folder::make(kept).is_ok()) {
        Some(kept) => TlsFiles::Own(kept),
        None => TlsFiles::InMemory,
    }
}

/// `name` in the current folder, unless it doesn't exist. An error of another kind is left to its reader.
fn here(name: &str) -> Option<PathBuf> {
    match fs::symlink_metadata(Path::new(name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        _ => Some(PathBuf::from(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_of_both_files_are_told_together() {
        let folder = tempfile::tempdir().unwrap();
        let [config, users] = ["ftpd.conf", "user.ini"].map(|name| folder.path().join(name));
        fs::write(&config, "[server]\nport = x\n").unwrap();
        fs::write(&users, "[bob]\nperm = x\n").unwrap();
        let overrides = vec!["log.log_level=loud".parse().unwrap()];
        let files = Files { config: Some(config), users: Some(users), overrides, shared: None };
        let problems = files.load().err().unwrap();
        let keys: Vec<&str> = problems.iter().map(|finding| finding.key.as_str()).collect();
        assert_eq!(keys, ["", "port", "home", "password", "perm"]);
    }

    #[test]
    fn a_reload_changes_all_or_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let [config, users] = ["ftpd.conf", "user.ini"].map(|name| folder.path().join(name));
        fs::write(&config, "").unwrap();
        fs::write(&users, "[bob]\npassword = x\nperm = e\nhome = .\n").unwrap();
        let files =
            Files { config: Some(config.clone()), users: Some(users.clone()), overrides: Vec::new(), shared: None };
        let (_, running) = files.load().unwrap();
        fs::write(&users, "[bob]\npassword = x\nperm = e\nhome = .\n[eve]\npassword = x\nperm = e\nhome = .\n")
            .unwrap();
        fs::write(&config, "[server]\nport = x\n").unwrap();
        assert!(files.reload(&running, |_, _| Ok(())).is_err());
        assert_eq!(running.accounts().count(), 1);
        fs::write(&config, "[server]\nport = 1\n").unwrap();
        let problem = || Finding::error(&Source::file("key.pem"), "is gone");
        assert!(files.reload(&running, |_, _| Err::<(), _>(problem().into())).is_err());
        assert_eq!(running.accounts().count(), 1);
        assert_eq!(files.reload(&running, |_, _| Ok(())).unwrap().0.server.port, 1);
        assert_eq!(running.accounts().count(), 2);
    }
}
