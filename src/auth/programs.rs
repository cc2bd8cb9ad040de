//! The programs that user.ini names, and who could make them do something else.

use std::collections::BTreeSet;
use std::path::Path;

use crate::auth::accounts::Accounts;
use crate::auth::exposed::Exposed;
use crate::auth::own_files::{OwnFile, Secrecy};
use crate::auth::program::Program;
use crate::auth::user::User;
use crate::ini::{Finding, Source, shell_word};
use crate::sys::access;
use crate::sys::meta::Meta;
use crate::sys::owners::{self, Owners};
use crate::sys::route::Route;

/// A line of user.ini that names a program, for one account.
#[derive(Clone, Debug)]
pub struct Calling<'a> {
    /// The account whose uploads it is told of.
    pub user: &'a User,
    /// The program.
    pub program: &'a Program,
    /// The line.
    pub source: Source,
}

/// What others could do who write to a program.
const POWER: &str = "decide what runs after each upload";

impl Accounts {
    /// Every program of every account.
    pub fn programs(&self) -> impl Iterator<Item = Calling<'_>> {
        self.all().flat_map(|user| user.programs())
    }

    /// The files of all programs, which no account may reach.
    pub fn program_files(&self) -> Vec<OwnFile> {
        let paths: BTreeSet<&Path> = self.programs().flat_map(|calling| calling.program.files()).collect();
        let own = |path: &Path| OwnFile { name: "on_upload", path: path.to_owned(), secret: Secrecy::None };
        paths.into_iter().map(own).collect()
    }

    /// Programs that root would run, or that other users of the machine could change, if the server is the user `server`.
    pub fn unsafe_programs(&self, server: u32) -> Vec<Finding> {
        self.programs().flat_map(|calling| calling.dangers(server)).collect()
    }
}

impl User {
    /// Its programs, by section.
    pub fn programs(&self) -> impl Iterator<Item = Calling<'_>> {
        let own = self.keys.on_upload.get().map(|program| (program, self.source("on_upload")));
        let of_folders = self.folders.iter().filter_map(|folder| {
            let program = folder.keys.on_upload.get()?;
            Some((program, folder.source("on_upload")))
        });
        own.into_iter().chain(of_folders).map(|(program, source)| Calling { user: self, program, source })
    }
}

impl Calling<'_> {
    /// The number of the user that runs it.
    pub fn runner(&self, server: u32) -> u32 {
        self.user.system_user.as_ref().map_or(server, |person| person.user)
    }

    /// Who else could decide what it does, if the server is the user `server`.
    pub fn dangers(&self, server: u32) -> Vec<Finding> {
        let runner = self.runner(server);
        let of_file = |file| {
            let exposed = Exposed::on_the_way_to(file, runner).into_iter();
            exposed.map(|exposed| exposed.finding_at(&self.source, POWER)).chain(self.of_others(file, runner))
        };
        self.program.files().flat_map(of_file).chain(self.as_root(runner)).collect()
    }

    fn as_root(&self, runner: u32) -> Option<Finding> {
        (runner == 0).then(|| {
            let reason = "root would run it, as the server stays root";
            let fix = "set user in [server] of ftpd.conf, or system_user for the account";
            Finding::error(&self.source, reason).fix(fix)
        })
    }

    /// Whether a file, or a folder that decides what it is, belongs to a user who is neither root, nor this process's, nor the
    /// one that runs it.
    fn of_others(&self, file: &Path, runner: u32) -> Option<Finding> {
        let route = Route::to(file).ok()?;
        let end = Meta::of(route.end()).ok().map(|meta| (route.end().to_owned(), meta));
        let folders = route.folders().into_iter().map(|folder| (folder.path, folder.meta));
        let is_trusted = |owner: u32| [0, runner, access::user_id()].contains(&owner) || owners::is_unmapped(owner);
        let (path, meta) = end.into_iter().chain(folders).find(|(_, meta)| !is_trusted(meta.owner))?;
        let owner = Owners::of_system().user(meta.owner).map_or_else(|| format!("user {}", meta.owner), str::to_owned);
        let reason = format!("{owner} owns {}, and so could {POWER}", path.display());
        Some(Finding::error(&self.source, reason).fix(format!("chown root {}", shell_word(&path))))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::auth::samples::{account, terms};

    fn told(text: &str, server: u32) -> Vec<String> {
        let accounts = Accounts::parse(Path::new("user.ini"), Ok(text.into()), &terms(None)).unwrap();
        accounts.unsafe_programs(server).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn a_program_that_root_would_run_is_dangerous() {
        let text =
            account("bob", "x", "on_upload = /bin/true\n[bob /in]\non_upload = /bin/true\n[bob /x]\non_upload = off");
        let root = "root would run it, as the server stays root; set user in [server] of ftpd.conf, or system_user for the account";
        let expected = [5, 7].map(|line| format!("user.ini:{line}: on_upload: {root}"));
        assert_eq!(told(&text, 0), expected);
        assert_eq!(told(&text, 1), Vec::<String>::new());
    }

    #[test]
    fn a_program_that_others_could_change_is_dangerous() {
        let made = tempfile::tempdir().unwrap();
        let top = fs::canonicalize(made.path()).unwrap();
        let set = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        let program = top.join("bin/scan");
        fs::create_dir(top.join("bin")).unwrap();
        fs::write(&program, "").unwrap();
        let text = account("bob", "x", &format!("on_upload = {}", program.display()));
        let script = account("bob", "x", &format!("on_upload = /bin/sh -e {}", program.display()));
        let server = 4_000_000_000;
        for (path, open, closed) in [(top.join("bin"), 0o777, 0o755), (program.clone(), 0o646, 0o644)] {
            set(&path, open);
            let expected = format!(
                "user.ini:5: on_upload: everybody on this machine may write {0}, and so could {POWER}; chmod o-w {0}",
                path.display()
            );
            assert_eq!(told(&text, server), [expected.as_str()]);
            assert_eq!(told(&script, server), [expected.as_str()]);
            set(&path, closed);
            assert_eq!(told(&text, server), Vec::<String>::new());
        }
        if std::os::unix::fs::chown(&program, Some(12_345), None).is_ok() {
            let expected = format!(
                "user.ini:5: on_upload: user 12345 owns {0}, and so could {POWER}; chown root {0}",
                program.display()
            );
            assert_eq!(told(&text, server), [expected]);
            assert_eq!(told(&text, 12_345), Vec::<String>::new());
        }
    }
}
