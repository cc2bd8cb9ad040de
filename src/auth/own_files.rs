//! The files that the server lives by, and the accounts that could reach them.
//!
//! A client that could store user.ini by FTP would decide who every account is, and one that could read the private key
//! could pass for the server. So no account may change anything where one of these files lies, or read one that holds a
//! secret.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};

use crate::auth::account_folders::AccountFolder;
use crate::auth::accounts::Accounts;
use crate::auth::perm::Perm;
use crate::auth::user::User;
use crate::ini::{Finding, Source, shell_word};
use crate::sys::access;
use crate::sys::identity::Identity;
use crate::sys::meta::{FileId, FileKind, Meta};
use crate::sys::person::Person;
use crate::sys::route::Route;

/// One of the server's own files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnFile {
    /// How people know it: the key that names it, or its usual name.
    pub name: &'static str,
    /// Where it is.
    pub path: PathBuf,
    /// The secret in it.
    pub secret: Secrecy,
}

/// The secret in a file of the server, which no client may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrecy {
    /// Nothing.
    None,
    /// Passwords, unless all of them are hashes.
    Passwords,
    /// A private key.
    Key,
}

/// Where the server's own files lie at one moment.
#[derive(Debug, Default)]
pub struct OwnGround {
    files: Vec<OwnFile>,
    /// The folders of their real places and of the links that lead there, and all folders above: the numbers of the files.
    folders: HashMap<FileId, BTreeSet<usize>>,
    has_plain_passwords: bool,
}

/// A folder in which an account could reach files of the server; prints as a sentence about it.
#[derive(Debug)]
pub struct Reach<'a> {
    /// The folder.
    pub folder: AccountFolder<'a>,
    /// The files, at least one.
    pub files: Vec<&'a OwnFile>,
    /// Whether it could change them; otherwise it could read them.
    pub changes: bool,
}

impl OwnGround {
    /// Finds where these files and the programs of the accounts lie.
    pub fn guarded_from(accounts: &Accounts, files: Vec<OwnFile>) -> Self {
        let files = files.into_iter().chain(accounts.program_files()).collect();
        Self::of(files, accounts.has_plain_passwords())
    }

    /// Finds where these files lie. If an account has a password in plain text, the file of the accounts is a secret, too.
    pub fn of(files: Vec<OwnFile>, has_plain_passwords: bool) -> Self {
        let mut folders: HashMap<FileId, BTreeSet<usize>> = HashMap::new();
        for (number, file) in files.iter().enumerate() {
            let route = Route::to(&file.path).unwrap_or_default();
            for folder in route.folders() {
                folders.entry(folder.meta.id).or_default().insert(number);
            }
        }
        Self { files, folders, has_plain_passwords }
    }

    /// The files that an account could reach at this moment in its home and its other folders, as far as these are there.
    ///
    /// A rule that takes letters away is not counted on, as the kernel's jail can't hold it.
    pub fn reached_by<'a>(&'a self, user: &'a User) -> Vec<Reach<'a>> {
        let mut reached: Vec<Reach> = Vec::new();
        for folder in user.all_folders() {
            let Some(reach) = self.reached_in(folder) else { continue };
            // A rule is told of only if its letters, and not those above it, give more.
            let is_told = |file: &OwnFile| {
                let by = |known: &Reach| known.changes >= reach.changes && known.files.contains(&file);
                !reach.folder.is_mount() && reached.iter().any(by)
            };
            if !reach.files.iter().all(|file| is_told(file)) {
                reached.push(reach);
            }
        }
        reached
    }

    fn reached_in<'a>(&'a self, folder: AccountFolder<'a>) -> Option<Reach<'a>> {
        let meta = Meta::of(&folder.real).ok()?;
        let below = self.folders.get(&meta.id)?.iter().map(|number| &self.files[*number]);
        let changes = folder.perms.can_write_anything();
        let files = below.filter(|file| changes || file.tells(&folder, self.has_plain_passwords)).collect::<Vec<_>>();
        (!files.is_empty()).then_some(Reach { folder, files, changes })
    }
}

impl OwnFile {
    /// Whether an account that finds the file in this folder could read a secret in it.
    fn tells(&self, folder: &AccountFolder, has_plain_passwords: bool) -> bool {
        let is_secret = match self.secret {
            Secrecy::None => false,
            Secrecy::Passwords => has_plain_passwords,
            Secrecy::Key => true,
        };
        // A key that is not there will be made by the server, for itself.
        let may_read = || !self.path.exists() || may_read(&self.path, folder.user.system_user.as_ref());
        is_secret && folder.perms.has(Perm::Read) && may_read()
    }

    /// What is wrong if the file has other names, too: one of them may lie in a home, where an account could change the file or
    /// read its secret. Where else it has a name, only a search of the whole disk could tell.
    pub fn other_names(&self, accounts: &Accounts) -> Option<Finding> {
        let meta = Meta::of(&self.path).ok().filter(|meta| meta.kind == FileKind::File && meta.links > 1)?;
        let has_plain = accounts.has_plain_passwords();
        let changes = |folder: &AccountFolder| {
            folder.perms.can_write_anything() && may_change(&self.path, &meta, folder.user.system_user.as_ref())
        };
        let folders = || accounts.all().flat_map(|user| user.all_folders());
        let writers: Vec<AccountFolder> = folders().filter(changes).collect();
        let readers = || folders().filter(|folder| self.tells(folder, has_plain)).collect();
        let (verb, folders) = if writers.is_empty() { ("read", readers()) } else { ("change", writers) };
        let name = &folders.first()?.user.name;
        let homes: BTreeSet<String> = folders.iter().map(|folder| shell_word(&folder.real)).collect();
        let homes = homes.into_iter().collect::<Vec<_>>().join(" ");
        let (links, path) = (meta.links, self.path.display());
        let reason =
            format!("it has {links} names (hard links); if one of them lies in a home, {name} may {verb} it there");
        let fix = format!(
            "find {homes} -samefile {path} finds that; cp -p {path} {path}.new && mv {path}.new {path} parts them"
        );
        Some(Finding::error(&Source::file(path), reason).fix(fix))
    }
}

impl Reach<'_> {
    /// The files, as people know them.
    fn names(&self) -> String {
        let named = self.files.iter().map(|file| match file.path.ends_with(file.name) {
            true => file.path.display().to_string(),
            false => format!("{} ({})", file.name, file.path.display()),
        });
        named.collect::<Vec<_>>().join(", ")
    }

    /// What is wrong with the account.
    pub fn finding(&self) -> Finding {
        if let words @ Source::CommandLine(_) = self.folder.source() {
            let (verb, names) = (if self.changes { "replace" } else { "read" }, self.names());
            let reason = format!("whoever is let in could {verb} the server's own files there: {names}");
            let fix = "share a folder inside it, or move these files elsewhere first";
            return Finding::error(&words, reason).fix(fix);
        }
        let what = match self.folder.section {
            None => format!("give {} another home", self.folder.user.name),
            Some(section) => format!("name another folder in {}", section.title()),
        };
        let are_passwords = self.files.iter().all(|file| file.secret == Secrecy::Passwords);
        let fix = match () {
            () if !self.changes && are_passwords => {
                format!("{what}, or hash all passwords (ftpd hash-password)")
            }
            () => format!("{what}, or keep them elsewhere"),
        };
        Finding::error(&self.folder.source(), self.to_string()).fix(fix)
    }
}

/// Whether this thread may read a file, or the person that it becomes for an account.
fn may_read(path: &Path, person: Option<&Person>) -> bool {
    let Some(person) = person else { return access::may_read(path) };
    let groups = person.groups.iter().copied().chain([person.group]).collect();
    Meta::of(path).is_ok_and(|meta| Identity::of(person.user, groups).rights(&meta).read)
}

/// Whether this thread may write a file or change its mode, or the person that it becomes for an account.
fn may_change(path: &Path, meta: &Meta, person: Option<&Person>) -> bool {
    let Some(person) = person else { return access::may_write(path) || meta.owner == access::user_id() };
    let identity = Identity::of(person.user, person.groups.iter().copied().chain([person.group]).collect());
    identity.rights(meta).write || identity.owns(meta)
}

impl fmt::Display for Reach<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { folder, changes, .. } = self;
        let verb = if *changes { "change" } else { "read" };
        let (name, folder, perms) = (&folder.user.name, folder.real.display(), folder.perms);
        let names = self.names();
        write!(f, "{name} may {verb} files in {folder} (perm = {perms}), where the server's own files lie: {names}")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::sync::Arc;

    use super::*;
    use crate::auth::samples::{terms, user};

    /// A folder with etc/user.ini, etc/key.pem, log/a.log (which is not there yet) and home.
    fn tree() -> (tempfile::TempDir, Vec<OwnFile>) {
        let top = tempfile::tempdir().unwrap();
        for folder in ["etc", "log", "home"] {
            fs::create_dir(top.path().join(folder)).unwrap();
        }
        let files = [
            ("user.ini", "etc/user.ini", Secrecy::Passwords),
            ("private_key", "etc/key.pem", Secrecy::Key),
            ("log_file", "log/a.log", Secrecy::None),
        ];
        for (_, path, _) in &files[..2] {
            fs::write(top.path().join(path), "").unwrap();
        }
        let own = files.map(|(name, path, secret)| OwnFile { name, path: top.path().join(path), secret });
        (top, own.to_vec())
    }

    #[test]
    fn who_may_change_anything_reaches_all_that_lies_below_its_home() {
        let (top, files) = tree();
        symlink("etc", top.path().join("link")).unwrap();
        let ground = OwnGround::of(files, false);
        let all = "user.ini private_key log_file";
        let cases = [
            ("home", "elradfmwMT", ""),
            ("etc", "a", "user.ini private_key"),
            ("etc", "T", "user.ini private_key"),
            ("link", "w", "user.ini private_key"),
            ("log", "elrd", "log_file"),
            ("", "m", all),
            ("", "elr", "private_key"),
            ("etc", "elr", "private_key"),
            ("etc", "el", ""),
            ("log", "elr", ""),
            ("none", "elradfmwMT", ""),
        ];
        for (home, perm, expected) in cases {
            let user = user("bob", perm, &top.path().join(home));
            let reached = ground.reached_by(&user);
            let names: Vec<&str> = reached.iter().flat_map(|reach| &reach.files).map(|file| file.name).collect();
            assert_eq!(names.join(" "), expected, "{home} {perm}");
        }
    }

    #[test]
    fn each_folder_of_an_account_reaches_by_its_own_letters() {
        let (top, files) = tree();
        let read = |sections: &str| {
            let text = format!("[bob]\npassword = long-enough\nperm = elr\nhome = home\n{sections}");
            let accounts = Accounts::parse(&top.path().join("user.ini"), Ok(text.into()), &terms(None)).unwrap();
            let user = Arc::clone(accounts.find(b"bob").unwrap());
            let ground = OwnGround::of(files.clone(), false);
            let told = |reach: &Reach| {
                let verb = if reach.changes { "changes" } else { "reads" };
                format!(
                    "{} {verb} {}",
                    reach.folder.title(),
                    reach.files.iter().map(|file| file.name).collect::<Vec<_>>().join(" ")
                )
            };
            let reached = ground.reached_by(&user);
            (
                reached.iter().map(told).collect::<Vec<_>>().join("; "),
                reached.first().map(|reach| reach.finding().to_string()),
            )
        };
        let cases = [
            ("[bob /x]\nhome = etc\nperm = w\n", "[bob /x] changes user.ini private_key"),
            ("[bob /x]\nhome = etc\n", "[bob /x] reads private_key"),
            ("[bob /x]\nhome = etc\nperm = el\n", ""),
            ("[bob /x]\nhome = none\nperm = w\n", ""),
            ("[* /x]\nhome = log\nperm = w\n[bob /y]\nhome = etc\nperm = el\n", "[* /x] changes log_file"),
            // A rule that gives more than its mount, and one that gives less, which is not counted on.
            ("[bob /x]\nhome = .\nperm = el\n[bob /x/etc]\nperm = w\n", "[bob /x/etc] changes user.ini private_key"),
            (
                "[bob /x]\nhome = .\nperm = elw\n[bob /x/etc]\nperm = el\n[bob /x/log]\nperm = w\n",
                "[bob /x] changes user.ini private_key log_file",
            ),
        ];
        for (sections, expected) in cases {
            assert_eq!(read(sections).0, expected, "{sections}");
        }
        let (_, told) = read("[bob /x]\nhome = etc\nperm = w\n");
        let etc = top.path().join("etc").display().to_string();
        let expected = format!(
            "{0}/user.ini:6: home: bob may change files in {etc} (perm = w), where the server's own files lie: {etc}/user.ini, \
             private_key ({etc}/key.pem); name another folder in [bob /x], or keep them elsewhere",
            top.path().display()
        );
        assert_eq!(told, Some(expected));
    }

    #[test]
    fn plain_passwords_make_a_secret_of_user_ini() {
        let (top, files) = tree();
        let user = user("bob", "elr", &top.path().join("etc"));
        let ground = OwnGround::of(files, true);
        let told = ground.reached_by(&user)[0].to_string();
        let etc = top.path().join("etc").display().to_string();
        let expected = format!(
            "bob may read files in {etc} (perm = elr), where the server's own files lie: \
             {etc}/user.ini, private_key ({etc}/key.pem)"
        );
        assert_eq!(told, expected);
    }

    #[test]
    fn the_folder_of_a_link_to_a_file_counts_as_much_as_that_of_the_file() {
        let (top, mut files) = tree();
        let link = top.path().join("home/user.ini");
        symlink("../etc/user.ini", &link).unwrap();
        files[0].path = link;
        let ground = OwnGround::of(files, false);
        for home in ["home", "etc"] {
            let user = user("bob", "w", &top.path().join(home));
            assert_eq!(ground.reached_by(&user)[0].files[0].name, "user.ini", "{home}");
        }
    }
}
