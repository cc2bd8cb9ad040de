//! An account at its folder: what it may do there, whatever protocol its client speaks.
//!
//! Each act names a file and asks for the letter it takes, in one call; the answer is what was asked for or a [`Denied`].
//! If an act takes two calls, the first one gives the value that the second one needs: [`Writable`], [`Renamable`]. Nothing
//! here knows a reply, a control connection or a line of a log. Used by `session`.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use crate::auth::limits::{Counted, Limits, Ticket};
use crate::auth::live_user::LiveUser;
use crate::auth::perm::Perm;
use crate::auth::user::User;
use crate::copy::pace::SharedPaces;
use crate::fs::claims::Claims;
use crate::fs::folder::{Folder, Order};
use crate::fs::homes::Homes;
use crate::fs::partial::is_partial;
use crate::fs::partials::Partials;
use crate::fs::root::{Links, Root};
use crate::fs::upload::{Opened, Placement, Refused, Upload, UploadPolicy};
use crate::protocol::glob::Pattern;
use crate::protocol::path::{VirtualPath, has_control_bytes};
use crate::share::denied::{Closed, Denied};
use crate::sys::identity::Identity;
use crate::sys::jail::{ActiveMode, Jail};
use crate::sys::meta::{FileKind, Meta};

pub mod denied;
pub mod obstacle;
pub mod throttles;
pub mod trial;

/// What all accounts have in common.
pub struct Premises {
    /// How many sessions there are: in all, from an address, and of an account.
    pub limits: Arc<Limits>,
    /// Home folders that are open.
    pub homes: Homes,
    /// What threads lock themselves in with.
    pub jail: Option<Jail>,
    /// Files that are being written.
    pub claims: Arc<Claims>,
    /// What is kept of broken uploads.
    pub partials: Partials,
    /// Rates of accounts, from client to server.
    pub upload_rates: SharedPaces,
    /// Rates of accounts, from server to client.
    pub download_rates: SharedPaces,
    /// Who this process is to the file system.
    pub identity: Identity,
}

/// What the administrator wants of all accounts.
#[derive(Debug, Clone, Copy)]
pub struct Conditions {
    /// Which links are followed.
    pub links: Links,
    /// What holds for all uploads.
    pub uploads: UploadPolicy,
    /// Bytes per second from client to server, for each session.
    pub max_upload: Option<u64>,
    /// Bytes per second from server to client, for each session.
    pub max_download: Option<u64>,
}

/// An account with its open home and its place among the account's sessions.
pub struct Share {
    /// As it was at login: its name, letters and home, which change for no session.
    at_login: Arc<User>,
    live: Arc<LiveUser>,
    root: Arc<Root>,
    conditions: Conditions,
    /// Who it is to the file system, if not the user of the process.
    identity: Option<Identity>,
    premises: Arc<Premises>,
    _place: Ticket,
}

/// A file that the account may write in this way; only [`Share::writable`] makes one.
#[derive(Debug, Clone, Copy)]
pub struct Writable<'p> {
    path: &'p VirtualPath,
    placement: Placement,
}

/// A file or folder that the account may rename; only [`Share::renamable`] makes one.
#[derive(Debug)]
pub struct Renamable(VirtualPath);

impl Share {
    /// Takes a place and opens the home.
    pub fn open(live: &Arc<LiveUser>, conditions: Conditions, premises: &Arc<Premises>) -> Result<Box<Self>, Closed> {
        let user = live.now();
        let place = premises.limits.take(Counted::Account(user.name.clone()), user.max_cons);
        let place = place.map_err(|full| Closed::Full(full.max))?;
        let root = premises.homes.open(&user.home, conditions.links, user.hidden_names()).map_err(Closed::Home)?;
        let identity = user.system_user.as_ref().map(obstacle::identity_of);
        let (live, premises) = (Arc::clone(live), Arc::clone(premises));
        Ok(Box::new(Self { at_login: user, live, root, conditions, identity, premises, _place: place }))
    }

    /// Makes this thread the account's system user, if it has one, and locks it into the home, if the kernel has a jail;
    /// true if it did either. After an error, the thread may be changed already.
    #[inline(never)]
    pub fn lock_in(&self, active: ActiveMode) -> io::Result<bool> {
        let person = &self.at_login.system_user;
        if let Some(person) = person {
            person.become_on_this_thread()?;
        }
        let Some(jail) = &self.premises.jail else { return Ok(person.is_some()) };
        let jailed = jail.lock_in(self.root.handle(), self.at_login.perms.rights(), active)?;
        Ok(person.is_some() || jailed)
    }

    /// Whether the thread, which may be another user by now, may enter the home.
    pub fn may_enter(&self) -> Result<(), Closed> {
        self.root.handle().may_enter().map_err(Closed::Home)
    }

    /// The account as it is now: limits and messages may change while it is logged in.
    pub fn user_now(&self) -> Arc<User> {
        self.live.now()
    }

    /// Who it is to the file system.
    pub fn identity(&self) -> &Identity {
        self.identity.as_ref().unwrap_or(&self.premises.identity)
    }

    /// Asks for a letter alone.
    pub fn permit(&self, perm: Perm) -> Result<(), Denied> {
        if self.at_login.perms.has(perm) { Ok(()) } else { Err(Denied::Letter(perm)) }
    }

    /// The home, to look at a path with this letter.
    fn look(&self, path: &VirtualPath, perm: Perm) -> Result<&Root, Denied> {
        self.permit(perm)?;
        // A partial is reached only through its target.
        if path.has_component(is_partial) { Err(Denied::File(ErrorKind::NotFound.into())) } else { Ok(&self.root) }
    }

    /// The same for a name that is made, which may hold no control byte.
    fn make(&self, path: &VirtualPath, perm: Perm) -> Result<&Root, Denied> {
        self.permit(perm)?;
        match path.file_name() {
            Some(name) if has_control_bytes(name) => Err(Denied::ControlBytes),
            _ if path.has_component(is_partial) => Err(Denied::ServersOwn),
            _ if self.root.hides(path) => Err(Denied::HiddenName),
            _ => Ok(&self.root),
        }
    }

    /// Where a path is on this machine, for logs.
    pub fn real_path(&self, path: &VirtualPath) -> PathBuf {
        self.root.real_path(path)
    }

    /// Whether something has that name, including a link that leads nowhere. Takes no letter.
    pub fn has(&self, path: &VirtualPath) -> io::Result<bool> {
        match self.root.link_meta(path) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Opens a file for reading.
    pub fn open_file(&self, path: &VirtualPath) -> Result<(File, Meta), Denied> {
        Ok(self.look(path, Perm::Read)?.open_file(path)?)
    }

    /// The size of a file that is to be read.
    pub fn readable_size(&self, path: &VirtualPath) -> Result<u64, Denied> {
        Ok(self.look(path, Perm::Read)?.meta(path)?.size)
    }

    /// What a file or folder is, links followed.
    pub fn meta(&self, path: &VirtualPath) -> Result<Meta, Denied> {
        Ok(self.look(path, Perm::List)?.meta(path)?)
    }

    /// What a file, folder or link is, the last link not followed.
    pub fn link_meta(&self, path: &VirtualPath) -> Result<Meta, Denied> {
        Ok(self.look(path, Perm::List)?.link_meta(path)?)
    }

    /// The facts to show for a path: those of the file that its last link leads to if that is inside, or of the link itself.
    pub fn followed(&self, path: &VirtualPath, own: Meta) -> Meta {
        if own.kind == FileKind::Link { self.meta(path).unwrap_or(own) } else { own }
    }

    /// Where a link leads, as it is written in it; fails if that is outside or nothing.
    pub fn link_target(&self, path: &VirtualPath) -> Result<Vec<u8>, Denied> {
        let root = self.look(path, Perm::List)?;
        root.meta(path)?;
        Ok(root.link_target(path)?)
    }

    /// Starts to read a folder; the pattern says which entries are of interest.
    pub fn list(&self, path: &VirtualPath, order: Order, pattern: Option<&Pattern>) -> Result<Folder, Denied> {
        Ok(self.look(path, Perm::List)?.list(path, order, pattern)?)
    }

    /// Whether a folder may be the current one.
    pub fn enter(&self, path: &VirtualPath) -> Result<(), Denied> {
        Ok(self.look(path, Perm::Enter)?.enter(path)?)
    }

    /// Bytes that may still be written into a folder. Takes no letter.
    pub fn free_space(&self, folder: &VirtualPath) -> io::Result<u64> {
        self.root.free_space(folder)
    }

    /// Removes a file.
    pub fn remove_file(&self, path: &VirtualPath) -> Result<(), Denied> {
        let root = self.look(path, Perm::Delete)?;
        Ok(root.remove_file(not_home(path)?, &self.at_login.name, &self.premises.claims)?)
    }

    /// Removes a folder that is empty as far as a client can see.
    pub fn remove_folder(&self, path: &VirtualPath) -> Result<(), Denied> {
        let root = self.look(path, Perm::Delete)?;
        Ok(root.remove_folder(not_home(path)?, &self.premises.claims)?)
    }

    /// Makes a folder.
    pub fn create_folder(&self, path: &VirtualPath) -> Result<(), Denied> {
        Ok(self.make(path, Perm::MakeDir)?.create_folder(path)?)
    }

    /// A file, folder or link that is there, to be renamed.
    pub fn renamable(&self, from: VirtualPath) -> Result<Renamable, Denied> {
        self.look(&from, Perm::Rename)?.link_meta(not_home(&from)?)?;
        Ok(Renamable(from))
    }

    /// The letter without which it replaces no file by a rename, if it lacks one.
    fn lacking_to_replace(&self) -> Option<Perm> {
        [Perm::Write, Perm::Delete].into_iter().find(|&perm| self.permit(perm).is_err())
    }

    /// Renames it. It replaces a file only if the account may overwrite and delete.
    pub fn rename(&self, from: &Renamable, to: &VirtualPath) -> Result<(), Denied> {
        let root = self.make(to, Perm::Rename)?;
        let lacking = self.lacking_to_replace();
        root.rename(&from.0, not_home(to)?, lacking.is_none()).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => Denied::Occupied(lacking),
            _ => Denied::File(error),
        })
    }

    /// Sets the permission bits and the modification time (in Unix seconds), those of the two that are given.
    pub fn change(&self, path: &VirtualPath, mode: Option<u16>, modified: Option<i64>) -> Result<(), Denied> {
        if modified.is_some() {
            self.permit(Perm::Time)?;
        }
        let root = self.look(path, if mode.is_some() { Perm::Mode } else { Perm::Time })?;
        if let Some(mode) = mode {
            root.set_mode(path, mode)?;
        }
        if let Some(unix) = modified {
            root.set_modified(path, unix)?;
        }
        Ok(())
    }

    /// A file to write, old or new, with the letter that its placement takes. An old one keeps its name, whatever bytes
    /// that holds.
    pub fn writable<'p>(&self, path: &'p VirtualPath, placement: Placement) -> Result<Writable<'p>, Denied> {
        let perm = if placement.appends() { Perm::Append } else { Perm::Write };
        let is_odd = placement != Placement::New && path.file_name().is_some_and(has_control_bytes);
        if !is_odd || self.look(path, perm).is_err() || self.root.link_meta(path).is_err() {
            self.make(path, perm)?;
        }
        Ok(Writable { path, placement })
    }

    /// Whether the folder of this path is there. Takes no letter.
    pub fn find_folder_of(&self, path: &VirtualPath) -> io::Result<()> {
        self.root.locate(path).map(|_| ())
    }

    /// The old file to which [`Self::store`] would append, if it holds anything.
    pub fn old_file(&self, target: Writable) -> Option<File> {
        let (file, meta) = target.appends().then(|| self.root.open_file(target.path).ok())??;
        (meta.size > 0).then_some(file)
    }

    /// Whether a finished upload must be on the disk, not only in the page cache.
    pub fn is_durable(&self) -> bool {
        self.conditions.uploads.durable
    }

    /// Opens a target for an upload.
    pub fn store<'a>(&'a self, target: Writable<'a>, now: SystemTime) -> Result<Opened<'a>, Denied> {
        let Writable { path, placement } = target;
        let Premises { claims, partials, .. } = &*self.premises;
        let (root, account, policy) = (&*self.root, self.at_login.name.as_str(), self.conditions.uploads);
        let upload = Upload { root, path, account, policy, claims, partials };
        upload.open(placement, now).map_err(|refused| match refused {
            Refused::AfterTheEnd => Denied::AfterTheEnd,
            Refused::Pending(kept) => Denied::Pending(kept),
            Refused::File(error) if error.kind() == ErrorKind::NotFound && placement == Placement::AppendToOld => {
                self.permit(Perm::Write).err().unwrap_or(Denied::File(error))
            }
            Refused::File(error) => Denied::File(error),
        })
    }
}

impl Writable<'_> {
    /// True if the new bytes come after the old ones.
    pub fn appends(&self) -> bool {
        self.placement.appends()
    }
}

impl Renamable {
    /// Where it is.
    pub fn path(&self) -> &VirtualPath {
        &self.0
    }
}

/// An account's home itself is never removed or renamed.
fn not_home(path: &VirtualPath) -> Result<&VirtualPath, Denied> {
    if path.is_root() { Err(Denied::Home) } else { Ok(path) }
}

#[cfg(test)]
impl Renamable {
    pub(crate) fn for_tests() -> Self {
        Self(VirtualPath::root().join(b"a"))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::Ipv4Addr;
    use std::time::{Duration, Instant};

    use tempfile::TempDir;

    use super::*;
    use crate::auth::user::{Guest, Terms};
    use crate::auth::users::Users;
    use crate::fs::partial;
    use crate::protocol::command::Sorting;

    const ALL: &str = "elradfmwMT";
    const NEW: Placement = Placement::New;
    const APPEND: Placement = Placement::Append;

    /// An account with these letters at a home with `file`, `link`, `folder` and a partial of `other`.
    fn share(letters: &str) -> (TempDir, Box<Share>) {
        let home = tempfile::tempdir().expect("a temporary folder");
        fs::write(home.path().join("file"), "abc").expect("made");
        fs::create_dir(home.path().join("folder")).expect("made");
        std::os::unix::fs::symlink("file", home.path().join("link")).expect("made");
        fs::write(home.path().join(hidden()), "ab").expect("made");
        let guest = Guest {
            home: home.path().to_owned(),
            perms: letters.parse().expect("letters"),
            hide: None,
            sources: Default::default(),
        };
        let users = Users::load(None, Terms { anonymous: Some(guest), ..Terms::default() }).expect("an account");
        let user = users.check_in(b"anonymous", b"", Ipv4Addr::LOCALHOST.into(), Instant::now()).expect("let in");
        let uploads = UploadPolicy { atomic: true, durable: false, max_age: Duration::from_secs(3600) };
        let conditions = Conditions { links: Links::Inside, uploads, max_upload: None, max_download: None };
        let premises = Premises {
            limits: Default::default(),
            homes: Default::default(),
            jail: None,
            claims: Default::default(),
            partials: Default::default(),
            upload_rates: Default::default(),
            download_rates: Default::default(),
            identity: Identity::of_process(),
        };
        let share = Share::open(&Arc::new(LiveUser::new(user)), conditions, &Arc::new(premises)).expect("a home");
        (home, share)
    }

    fn hidden() -> String {
        String::from_utf8(partial::name("anonymous", b"other")).expect("letters")
    }

    fn path(name: &str) -> VirtualPath {
        VirtualPath::root().join(name.as_bytes())
    }

    fn upload(share: &Share, name: &str, placement: Placement) -> Result<(), Denied> {
        let path = path(name);
        share.store(share.writable(&path, placement)?, SystemTime::now()).map(drop)
    }

    type Act = fn(&Share, &str) -> Result<(), Denied>;

    /// Each act, the letters it takes, and a name for which it is done.
    #[rustfmt::skip]
    const ACTS: &[(&str, Act, &str, &str)] = &[
        ("open_file",     |share, name| share.open_file(&path(name)).map(drop),                           "r",  "file"),
        ("readable_size", |share, name| share.readable_size(&path(name)).map(drop),                       "r",  "file"),
        ("meta",          |share, name| share.meta(&path(name)).map(drop),                                "l",  "file"),
        ("link_meta",     |share, name| share.link_meta(&path(name)).map(drop),                           "l",  "link"),
        ("link_target",   |share, name| share.link_target(&path(name)).map(drop),                         "l",  "link"),
        ("list",          |share, name| share.list(&path(name), Order::AsStored, None).map(drop),         "l",  "folder"),
        ("enter",         |share, name| share.enter(&path(name)),                                         "e",  "folder"),
        ("remove_file",   |share, name| share.remove_file(&path(name)),                                   "d",  "file"),
        ("remove_folder", |share, name| share.remove_folder(&path(name)),                                 "d",  "folder"),
        ("create_folder", |share, name| share.create_folder(&path(name)),                                 "m",  "new"),
        ("renamable",     |share, name| share.renamable(path(name)).map(drop),                            "f",  "file"),
        ("rename",        |share, name| share.rename(&share.renamable(path("link"))?, &path(name)),       "f",  "new"),
        ("set mode",      |share, name| share.change(&path(name), Some(0o600), None),                     "M",  "file"),
        ("set time",      |share, name| share.change(&path(name), None, Some(0)),                         "T",  "file"),
        ("set both",      |share, name| share.change(&path(name), Some(0o600), Some(0)),                  "MT", "file"),
        ("replace",       |share, name| upload(share, name, Placement::Replace),                          "w",  "file"),
        ("resume",        |share, name| upload(share, name, Placement::Resume(2)),                        "w",  "file"),
        ("store new",     |share, name| upload(share, name, NEW),                                         "w",  "new"),
        ("append",        |share, name| upload(share, name, APPEND),                                      "a",  "file"),
    ];

    #[test]
    fn each_act_asks_for_its_letters() {
        for (act, run, letters, name) in ACTS {
            let (_home, allowed) = share(letters);
            assert!(run(&allowed, name).is_ok(), "{act} with {letters}");
            for letter in letters.chars() {
                let (_home, lacking) = share(&ALL.replace(letter, ""));
                let denied = run(&lacking, name);
                assert!(matches!(denied, Err(Denied::Letter(perm)) if perm.letter() == letter), "{act}: {denied:?}");
            }
        }
    }

    #[test]
    fn a_partial_is_neither_found_nor_made() {
        for (act, run, ..) in ACTS {
            let (_home, share) = share(ALL);
            let denied = run(&share, &hidden());
            let is_hidden = match &denied {
                Err(Denied::File(error)) => error.kind() == ErrorKind::NotFound,
                Err(Denied::ServersOwn) => true,
                _ => false,
            };
            assert!(is_hidden, "{act}: {denied:?}");
        }
        let (_home, share) = share(ALL);
        let mut folder = share.list(&VirtualPath::root(), Order::Sorted(Sorting::default()), None).expect("listed");
        for name in ["file", "folder", "link"] {
            assert!(folder.advance().is_ok_and(|more| more) && folder.name() == name.as_bytes());
        }
        assert!(folder.advance().is_ok_and(|more| !more));
    }

    #[test]
    fn the_home_is_never_removed_or_renamed() {
        let (_home, share) = share(ALL);
        let home = VirtualPath::root();
        let renamable = share.renamable(path("file")).expect("renamable");
        for denied in [
            share.remove_file(&home),
            share.remove_folder(&home),
            share.renamable(home.clone()).map(drop),
            share.rename(&renamable, &home),
        ] {
            assert!(matches!(denied, Err(Denied::Home)), "{denied:?}");
        }
    }

    #[test]
    fn only_with_w_and_d_a_rename_replaces_a_file() {
        for (letters, replaces) in [("f", false), ("fw", false), ("fd", false), ("fwd", true)] {
            let (home, share) = share(letters);
            fs::write(home.path().join("new"), "new").expect("made");
            let renamable = share.renamable(path("new")).expect("renamable");
            assert_eq!(renamable.path(), &path("new"));
            let renamed = share.rename(&renamable, &path("file"));
            assert_eq!(renamed.is_ok(), replaces, "{letters}: {renamed:?}");
            assert!(replaces || matches!(renamed, Err(Denied::Occupied(_))), "{letters}");
        }
    }

    #[test]
    fn a_new_name_holds_no_control_byte_and_an_old_one_may() {
        let (home, share) = share(ALL);
        fs::write(home.path().join("old\x07"), "old").expect("made");
        for (name, placement, is_allowed) in [
            ("new\x07", Placement::Replace, false),
            ("new\x07", NEW, false),
            ("old\x07", Placement::Replace, true),
            ("old\x07", APPEND, true),
        ] {
            let stored = upload(&share, name, placement);
            assert_eq!(stored.is_ok(), is_allowed, "{name:?} {placement:?}: {stored:?}");
            assert!(is_allowed || matches!(stored, Err(Denied::ControlBytes)), "{name:?} {placement:?}");
        }
    }

    #[test]
    fn an_account_that_may_only_append_makes_no_file() {
        let (_home, share) = share("a");
        assert!(upload(&share, "file", Placement::AppendToOld).is_ok());
        let denied = upload(&share, "new", Placement::AppendToOld);
        assert!(matches!(denied, Err(Denied::Letter(Perm::Write))), "{denied:?}");
    }

    #[test]
    fn only_what_is_appended_to_shows_its_old_file() {
        let (_home, share) = share(ALL);
        let (file, new) = (path("file"), path("new"));
        for (path, placement, has_old) in
            [(&file, APPEND, true), (&file, Placement::Replace, false), (&new, APPEND, false)]
        {
            let target = share.writable(path, placement).expect("writable");
            assert_eq!(share.old_file(target).is_some(), has_old, "{path:?} {placement:?}");
        }
    }
}
