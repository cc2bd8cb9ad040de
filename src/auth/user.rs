//! One account, and how it is written in user.ini.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::auth::admission::Admission;
use crate::auth::folders::{FolderKeys, FolderSection};
use crate::auth::hash::StoredPassword;
use crate::auth::perm::{Perm, Perms};
use crate::ini::{Key, Mistake, Section, Source, Sources, Value, word};
use crate::protocol::charset::{Charset, NoCharset};
use crate::protocol::content::Conversion;
use crate::protocol::hidden::HiddenNames;
use crate::sys::access;
use crate::sys::person::Person;

/// Every key of an account in user.ini, from which docs/user.ini.md and the sample are made, too.
#[rustfmt::skip]
pub const KEYS: &[Key] = &[
    Key::needed("password", "password",
        "The password itself, or a hash: `$argon2id$`, `$2b$` (bcrypt), `$5$`, `$6$` (sha-crypt). `ftpd hash-password` makes \
         one."),
    Key::needed("perm", "letters",
        "What the account may do; the letters are explained below."),
    Key::needed("home", "folder",
        "The folder that is `/` for the account; a relative path begins in the folder of user.ini."),
    Key::new("enabled", "on or off", "on",
        "With `off` it can't log in, and its sessions end."),
    Key::new("max_cons", "number", "off",
        "Sessions of this account at once."),
    Key::new("max_upload", "size", "0",
        "Bytes per second from client to server, for all its sessions together."),
    Key::new("max_download", "size", "0",
        "Bytes per second from server to client, for all its sessions together."),
    Key::optional("allow_from", "networks",
        "Addresses or networks it may log in from: `192.168.0.0/16, 10.1.2.3`."),
    Key::optional("msg_login", "text",
        "The reply to its login."),
    Key::optional("msg_quit", "text",
        "The reply to its QUIT."),
    Key::optional("ascii_conversion", "auto, on, off",
        "As in ftpd.conf, for this account."),
    Key::new("hasty", "on or off", "off",
        "For devices that close both connections at once and wait for no reply: an upload that ended in good order replaces \
         the old file. With `off` it doesn't, because a killed client looks the same."),
    Key::new("quota", "size", "off",
        "Bytes of all files below its home, mounts left out; an upload beyond that is refused with 552."),
    Key::new("keep", "time", "off",
        "Files below its home are removed that long after they arrived: `30d`, `12h`. Folders stay. `[DEFAULT]` can't hold it."),
    Key::new("hide", "patterns", "off",
        "Names that do not exist for its clients: `.*, Thumbs.db`, with `*`, `?` and `[a-z]` as in a shell, in any case. They \
         are not listed and can't be read, entered or made; the same holds for what is below such a folder."),
    Key::new("refuse", "patterns", "off",
        "Names that its clients may not make or rename to: `*.exe, *.scr`, in any case, and with dots or blanks after them."),
    Key::new("on_upload", "program", "off",
        "A program, and its arguments, that is told of each upload when the file is in its place: `/usr/local/bin/scan -q`. No \
         shell runs it."),
    Key::new("charset", "charset", "utf-8",
        "In which charset its clients write names until they say OPTS UTF8 ON: `gb18030`, `gbk`, `big5`, `shift_jis`, \
         `euc-kr`, `koi8-r`, `windows-1251`, … On the disk names are UTF-8."),
    Key::new("system_user", "name", "off",
        "The system user that owns its files and whose rights the kernel checks; only if the server stays root."),
];

/// One account.
#[derive(Debug)]
pub struct User {
    /// The name as the client sends it; `anonymous` for that account.
    pub name: String,
    /// What the account may do.
    pub perms: Perms,
    /// The folder that is `/` for it; it need not exist.
    pub home: PathBuf,
    /// Whether it may log in.
    pub enabled: bool,
    /// Sessions of this account at once.
    pub max_cons: Option<usize>,
    /// Bytes per second from client to server, for all its sessions together.
    pub max_upload: Option<u64>,
    /// Bytes per second from server to client, for all its sessions together.
    pub max_download: Option<u64>,
    /// The addresses it may log in from.
    pub admission: Admission,
    /// Text of the 230 reply.
    pub msg_login: Option<String>,
    /// Text of the 221 reply.
    pub msg_quit: Option<String>,
    /// Which files are converted under TYPE A; `None` is the setting of the server.
    pub ascii_conversion: Option<Conversion>,
    /// Whether an upload that ended in good order counts even if the control connection ended at the same moment.
    pub hasty: bool,
    /// What holds in its home, until a folder's section says otherwise.
    pub keys: FolderKeys,
    /// Its other folders and the rules for some, sorted by path; those for all accounts are among them.
    pub folders: Vec<Arc<FolderSection>>,
    /// In which its clients write names until they ask for UTF-8; `None` if names are not converted.
    pub charset: Option<Charset>,
    /// The user that its sessions are to the file system; `None` is the server's.
    pub system_user: Option<Person>,
    /// What a client's password is compared with; `None` for the anonymous account.
    pub(super) password: Option<StoredPassword>,
    /// Where its values come from.
    pub(super) sources: Sources,
}

/// The account that anonymous clients share.
#[derive(Clone, Debug, PartialEq)]
pub struct Guest {
    /// Its home.
    pub home: PathBuf,
    /// What it may do.
    pub perms: Perms,
    /// Names that do not exist for it.
    pub hide: Option<Arc<HiddenNames>>,
    /// Where these come from, under the names that the keys of accounts have.
    pub sources: Sources,
}

/// What the settings allow user.ini to hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Terms {
    /// The account of anonymous clients, if they may log in.
    pub anonymous: Option<Guest>,
    /// Whether the server becomes another user than root, so that no session can become a third one.
    pub gives_up_root: bool,
}

impl User {
    /// Reads an account's section; `None` if a needed key is missing or wrong, which is a problem of the section.
    pub(super) fn read(section: &mut Section, name: &str, terms: &Terms) -> Option<User> {
        if terms.anonymous.is_some() && is_anonymous(name.as_bytes()) {
            let hidden = Mistake::new(format!("the account '{name}' is hidden by enable_anonymous = on"));
            section.refuse("", hidden.fix("give it another name, or write enable_anonymous = off in ftpd.conf"));
        }
        let (password, perms, home) = (section.need("password"), section.need("perm"), section.need("home"));
        Some(User {
            enabled: section.take("enabled"),
            max_cons: section.take("max_cons"),
            max_upload: section.take("max_upload"),
            max_download: section.take("max_download"),
            admission: section.find("allow_from").map_or(Admission::Everywhere, Admission::Networks),
            msg_login: section.find("msg_login"),
            msg_quit: section.find("msg_quit"),
            ascii_conversion: section.find("ascii_conversion"),
            hasty: section.take("hasty"),
            keys: FolderKeys::read(section).topmost(),
            folders: Vec::new(),
            charset: section.take::<Option<Charset>>("charset").filter(|charset| !charset.is_utf8()),
            system_user: system_user(section, terms),
            name: name.to_owned(),
            // Last, as a key that was not asked for would count as unknown.
            password: Some(password?),
            perms: perms?,
            home: home?,
            sources: section.sources(),
        })
    }

    /// The account without a password.
    pub(super) fn anonymous(anonymous: &Guest) -> User {
        User {
            name: "anonymous".to_owned(),
            perms: anonymous.perms,
            home: anonymous.home.clone(),
            enabled: true,
            max_cons: None,
            max_upload: None,
            max_download: None,
            admission: Admission::Everywhere,
            msg_login: None,
            msg_quit: None,
            ascii_conversion: None,
            hasty: false,
            keys: FolderKeys { hide: anonymous.hide.clone().into(), ..FolderKeys::default() }.topmost(),
            folders: Vec::new(),
            charset: None,
            system_user: None,
            password: None,
            sources: anonymous.sources.clone(),
        }
    }

    /// Whether the places in its tree differ in more than what is on the disk.
    pub fn has_sections(&self) -> bool {
        let FolderKeys { quota, keep: _, hide: _, refuse, on_upload } = &self.keys;
        !self.folders.is_empty() || quota.is_some() || refuse.get().is_some() || on_upload.get().is_some()
    }

    /// Whether this is the account without a password.
    pub fn is_anonymous(&self) -> bool {
        self.password.is_none()
    }

    /// Where the value of a key comes from; for anonymous, that of the setting which stands for it.
    pub fn source(&self, key: &str) -> Source {
        self.sources.of(key)
    }

    /// That a letter is missing, with the line that decided so: `user.ini:14: perm = elr has no 'w'`.
    pub fn lacks(&self, perm: Perm) -> String {
        match self.source("perm") {
            words @ Source::CommandLine(_) => words.to_string(),
            line => format!("{line} has no '{}'", perm.letter()),
        }
    }

    /// Names that do not exist for its clients.
    pub fn hidden_names(&self) -> Option<&Arc<HiddenNames>> {
        self.keys.hide.get()
    }

    /// The password, if it is not a hash.
    pub(super) fn plain_password(&self) -> Option<&str> {
        self.password.as_ref()?.plain()
    }
}

/// A session can become another user only if the server stays root.
fn system_user(section: &mut Section, terms: &Terms) -> Option<Person> {
    let person = section.take::<Option<Person>>("system_user")?;
    let reason = if terms.gives_up_root {
        "goes only without `user` in ftpd.conf, which gives up root"
    } else if access::user_id() != 0 {
        "needs a server that runs as root"
    } else {
        return Some(person);
    };
    section.refuse("system_user", reason);
    None
}

impl Value for Person {
    fn parse(text: &str, _: &Path) -> Result<Person, Mistake> {
        Person::find(text, None).map_err(Mistake::from)
    }
}

impl Value for Conversion {
    fn parse(text: &str, _: &Path) -> Result<Conversion, Mistake> {
        word(text, &[("auto", Conversion::Auto), ("on", Conversion::On), ("off", Conversion::Off)])
    }
}

impl Value for Charset {
    fn parse(text: &str, _: &Path) -> Result<Charset, Mistake> {
        text.parse().map_err(|no| match no {
            NoCharset::Unknown => Mistake::new(format!("'{text}' is no charset that is known here")),
            NoCharset::NotAscii => Mistake::new(format!("names can't be in '{text}': it writes ASCII in another way")),
        })
    }
}

/// Whether a name means the account without a password.
pub fn is_anonymous(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"anonymous") || name.eq_ignore_ascii_case(b"ftp")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::ini::{File, Missing};

    #[test]
    fn every_key_of_the_table_is_read_and_those_that_are_needed_are_told() {
        let mut file = File::parse("user.ini", Path::new("/"), "[a]\nmax_cons = 1\n");
        assert!(file.read("a", KEYS, |section| User::read(section, "a", &Terms::default())).is_none());
        let read: BTreeSet<_> = file.known().map(|(_, key)| key).collect();
        assert_eq!(read, KEYS.iter().map(|key| key.name).collect());
        let missing: BTreeSet<_> = file.finish().into_iter().map(|problem| problem.key).collect();
        let needed = KEYS.iter().filter(|key| key.missing == Missing::Problem);
        assert_eq!(missing, needed.map(|key| key.name.to_owned()).collect());
    }

    #[test]
    fn the_defaults_are_what_holds_for_an_account_that_has_only_what_is_needed() {
        let bare = "[a]\npassword = x\nperm = elr\nhome = /\n".to_owned();
        let defaults = KEYS.iter().filter_map(|key| Some(format!("{} = {}\n", key.name, key.default()?)));
        let written = bare.clone() + &defaults.collect::<String>();
        let [bare, written] = [bare, written].map(|text| {
            let mut file = File::parse("user.ini", Path::new("/"), &text);
            let user = file.read("a", KEYS, |section| User::read(section, "a", &Terms::default()));
            assert!(file.finish().is_empty());
            format!("{user:?}")
        });
        assert_eq!(bare, written);
    }
}
