//! An account at its folder: what it may do there, whatever protocol its client speaks.
//!
//! Each act names a file and asks for the letter it takes, in one call; the answer is what was asked for or a [`Denied`].
//! If an act takes two calls, the first one gives the value that the second one needs: [`Writable`], [`Renamable`]. Nothing
//! here knows a reply, a control connection or a line of a log. Used by `session`.

use std::borrow::Cow;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;

use crate::auth::folders::FolderSection;
use crate::auth::limits::{Counted, Limits, Ticket};
use crate::auth::live_user::LiveUser;
use crate::auth::perm::{Perm, Perms};
use crate::auth::user::User;
use crate::copy::pace::SharedPaces;
use crate::fs::claims::Claims;
use crate::fs::downloads::Downloads;
use crate::fs::homes::Homes;
use crate::fs::partial::is_partial;
use crate::fs::partials::Partials;
use crate::fs::quota::{QuotaChain, Quotas};
use crate::fs::root::{Links, Root, is_hidden};
use crate::fs::upload::UploadPolicy;
use crate::protocol::path::{VirtualPath, has_control_bytes};
use crate::share::arrivals::Arrivals;
use crate::share::denied::{Closed, Denied};
use crate::share::tree::{Absent, Area, Last, Spot, Tree};
use crate::sys::identity::Identity;
use crate::sys::jail::{self, ActiveMode, Jail};
use crate::sys::meta::FileKind;

pub mod archive;
pub mod arrivals;
mod changes;
pub mod denied;
mod looks;
mod moved;
pub mod obstacle;
pub mod throttles;
pub mod tree;
pub mod trial;
mod uploads;

pub use changes::Renamable;
pub use uploads::Writable;

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
    /// Files that are being read.
    pub downloads: Arc<Downloads>,
    /// Uploads that programs are told of.
    pub arrivals: Arrivals,
    /// How full the folders with a quota are.
    pub quotas: Quotas,
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
    /// Without folder sections the home is all there is.
    tree: Option<Box<Tree>>,
    conditions: Conditions,
    /// Who it is to the file system, if not the user of the process.
    identity: Option<Identity>,
    premises: Arc<Premises>,
    _place: Option<SharePlace>,
}

/// A place among an account's sessions, until it is dropped.
#[derive(Debug)]
pub struct SharePlace(Ticket);

/// Where an act takes place, which it was found to be allowed.
struct At<'p> {
    root: &'p Arc<Root>,
    path: Cow<'p, VirtualPath>,
    /// Where that is, if the account has folder sections.
    spot: Option<Spot<'p>>,
}

impl SharePlace {
    /// Takes a place among the sessions of this account.
    pub fn take(user: &User, premises: &Premises) -> Result<Self, Closed> {
        let place = premises.limits.take(Counted::Account(user.name.clone()), user.max_cons);
        place.map(Self).map_err(|full| Closed::Full(full.max))
    }

    /// Whether it is a place of this kind.
    pub fn is_for(&self, key: &Counted) -> bool {
        self.0.is_for(key)
    }
}

impl Share {
    /// Opens the home, for a session that gives its place, or keeps it itself.
    pub fn open(
        live: &Arc<LiveUser>,
        place: Option<SharePlace>,
        conditions: Conditions,
        premises: &Arc<Premises>,
    ) -> Result<Box<Self>, Closed> {
        let user = live.now();
        let has_sections = user.has_sections();
        // With folder sections, links are followed in the tree, and each section hides names of its own.
        let (links, hide) = if has_sections { (Links::Never, None) } else { (conditions.links, user.keys.hide.get()) };
        let root = premises.homes.open(&user.home, links, hide).map_err(Closed::Home)?;
        let tree = has_sections.then(|| Tree::open(&user, &root, &premises.homes, conditions.links));
        let identity = user.system_user.as_ref().map(obstacle::identity_of);
        let (live, premises) = (Arc::clone(live), Arc::clone(premises));
        Ok(Box::new(Self { at_login: user, live, root, tree, conditions, identity, premises, _place: place }))
    }

    /// The mounts that are not there.
    pub fn absent(&self) -> &[Absent] {
        self.tree.as_ref().map_or(&[], |tree| tree.absent())
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
        let jailed = match &self.tree {
            None => jail.lock_in([(self.root.handle(), self.at_login.perms.rights())], active)?,
            Some(tree) => {
                jail.lock_in(tree.jailed_folders().map(|(folder, perms)| (folder, perms.rights())), active)?
            }
        };
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

    /// Whether the account has a letter at a path, whatever is there.
    pub fn permit(&self, path: &VirtualPath, perm: Perm) -> Result<(), Denied> {
        match &self.tree {
            None => letter(self.at_login.perms, perm),
            Some(tree) => {
                let spot = tree.find(path, Last::Followed);
                self.holds(spot.map_or_else(|_| tree.nearest(path), |spot| spot.area), perm)
            }
        }
    }

    /// Whether a letter is among those of a section, for the kernel's jail, too.
    fn holds(&self, area: &Area, perm: Perm) -> Result<(), Denied> {
        letter(area.perms, perm)?;
        if self.tree.as_ref().is_some_and(|tree| tree.came_late(area, perm)) { Err(Denied::Late) } else { Ok(()) }
    }

    /// Finds a path to look at it with this letter.
    fn look<'p>(&'p self, path: &'p VirtualPath, last: Last, perm: Perm) -> Result<At<'p>, Denied> {
        let at = self.find(path, last, |spot| self.holds(spot.area, perm), perm)?;
        // A partial is reached only through its target.
        if path.has_component(is_partial) { Err(Denied::File(ErrorKind::NotFound.into())) } else { Ok(at) }
    }

    /// The same for a name that is made, which may hold no control byte.
    fn make<'p>(&'p self, path: &'p VirtualPath, last: Last, perm: Perm) -> Result<At<'p>, Denied> {
        let at = match self.find(path, last, |spot| self.holds(spot.around, perm), perm) {
            Err(Denied::File(error)) if is_hidden(&error) => return Err(Denied::HiddenName),
            found => found?,
        };
        match path.file_name() {
            Some(name) if has_control_bytes(name) => Err(Denied::ControlBytes),
            _ if path.has_component(is_partial) => Err(Denied::ServersOwn),
            _ if at.root.hides(&at.path) => Err(Denied::HiddenName),
            _ if at.is_refused() => Err(Denied::RefusedName),
            _ => Ok(at),
        }
    }

    fn find<'p>(
        &'p self,
        path: &'p VirtualPath,
        last: Last,
        permit: impl Fn(&Spot) -> Result<(), Denied>,
        perm: Perm,
    ) -> Result<At<'p>, Denied> {
        let Some(tree) = &self.tree else {
            letter(self.at_login.perms, perm)?;
            return Ok(At { root: &self.root, path: Cow::Borrowed(path), spot: None });
        };
        let spot = tree.find(path, last).map_err(|denied| match letter(tree.nearest(path).perms, perm) {
            // What is not there tells nothing to an account that may not look.
            Err(lacking) => lacking,
            Ok(()) => denied,
        })?;
        permit(&spot)?;
        Ok(At { root: spot.root.unwrap_or(&self.root), path: Cow::Owned(spot.path.clone()), spot: Some(spot) })
    }

    /// The line of user.ini with what holds for a path under a key.
    pub fn line(&self, path: Option<&VirtualPath>, key: &'static str) -> String {
        let source = self.deciding(path, key).map(|section| section.source(key));
        source.unwrap_or_else(|| self.user_now().source(key)).to_string()
    }

    /// That a letter is missing at a path, with the line that decided so.
    pub fn lacks(&self, path: Option<&VirtualPath>, perm: Perm) -> String {
        self.deciding(path, "perm").map_or_else(|| self.user_now().lacks(perm), |section| section.lacks(perm))
    }

    /// The folder section that says what holds for a path under a key; `None` if it is the account's own.
    fn deciding(&self, path: Option<&VirtualPath>, key: &'static str) -> Option<Arc<FolderSection>> {
        let (tree, path) = (self.tree.as_ref()?, path?);
        let found = tree.find(path, Last::Followed).or_else(|_| tree.find(path, Last::AsIs));
        let area = found.map_or_else(|_| tree.nearest(path), |spot| spot.area);
        tree.areas_above(area).filter_map(|area| area.written.as_ref()).find(|section| section.says(key)).cloned()
    }

    /// The quotas that hold in the folder that a place lies in, and the counts of other accounts there. The first to ask waits a
    /// moment until those are counted.
    fn quota_around(&self, at: &At) -> Option<QuotaChain> {
        let own = at.spot.as_ref().and_then(|spot| self.quota_in(spot.around));
        match at.path.parent() {
            Some(folder) => self.premises.quotas.complete(own, at.root, &folder),
            None => own,
        }
    }

    /// The quotas that hold in an area.
    fn quota_in(&self, area: &Area) -> Option<QuotaChain> {
        let quota = self.tree.as_ref()?.quota(area, &self.premises.quotas)?;
        quota.wait();
        Some(quota)
    }

    /// Where a path is on this machine, for logs.
    pub fn real_path(&self, path: &VirtualPath) -> PathBuf {
        if let Some((_, real)) = self.tree.as_ref().and_then(|tree| tree.unmounted(path)) {
            return real;
        }
        let (root, path) = self.written(path);
        root.real_path(&path)
    }

    /// The mount in which a path lies by its text, and its place there.
    fn written<'p>(&'p self, path: &'p VirtualPath) -> (&'p Root, Cow<'p, VirtualPath>) {
        let mounted = self.tree.as_ref().and_then(|tree| tree.mounted(path));
        mounted.map_or((&*self.root, Cow::Borrowed(path)), |(root, path)| (root, Cow::Owned(path)))
    }
}

impl At<'_> {
    /// The mount, unless the place is on no disk.
    fn on_disk(&self) -> Result<&Root, Denied> {
        match &self.spot {
            Some(spot) if spot.root.is_none() => Err(Denied::Fixed),
            _ => Ok(self.root),
        }
    }

    /// The same for what is moved, removed or replaced.
    fn loose(&self) -> Result<&Root, Denied> {
        match &self.spot {
            Some(spot) if spot.is_fixed => Err(Denied::Fixed),
            _ => self.on_disk(),
        }
    }

    /// Whether its name may not be given to anything there.
    fn is_refused(&self) -> bool {
        let name = |spot: &Spot| spot.seen.file_name().is_some_and(|name| spot.around.refuses(name));
        self.spot.as_ref().is_some_and(name)
    }

    /// Whether the jail grants less here than there, and so lets nothing move there. The kernel knows nothing of a rule whose
    /// folder this would become.
    fn is_narrower_than(&self, other: &Self, tree: &Tree) -> io::Result<bool> {
        let (Some(here), Some(there)) = (&self.spot, &other.spot) else { return Ok(false) };
        let is_folder = here.meta.as_ref().is_some_and(|meta| meta.kind == FileKind::Folder);
        let gains = |there: &Area| !jail::grants_no_more(there.jailed.rights(), here.around.jailed.rights(), is_folder);
        Ok(gains(there.around) || is_folder && gains(tree.section_of_folder_at(there)?))
    }
}

/// Whether a letter is among these.
fn letter(perms: Perms, perm: Perm) -> Result<(), Denied> {
    if perms.has(perm) { Ok(()) } else { Err(Denied::Letter(perm)) }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::Ipv4Addr;
    use std::time::{Duration, Instant, SystemTime};

    use tempfile::TempDir;

    use super::*;
    use crate::auth::user::{Guest, Terms};
    use crate::auth::users::Users;
    use crate::fs::folder::Order;
    use crate::fs::partial;
    use crate::fs::upload::Placement;
    use crate::protocol::command::Sorting;

    const ALL: &str = "elradfmwMT";
    const NEW: Placement = Placement::New;
    const APPEND: Placement = Placement::Append;

    /// An account with these letters at a home with `file`, `link`, `folder` and a partial of `other`.
    pub(super) fn share(letters: &str) -> (TempDir, Box<Share>) {
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
        let share = open(&users, "anonymous");
        (home, share)
    }

    /// This account, whose password is `secret` if it has one.
    pub(super) fn open(users: &Users, name: &str) -> Box<Share> {
        let user = users.check_in(name.as_bytes(), b"secret", Ipv4Addr::LOCALHOST.into(), Instant::now());
        let user = user.expect("let in");
        let uploads = UploadPolicy { atomic: true, durable: false, max_age: Duration::from_secs(3600) };
        let conditions = Conditions { links: Links::Inside, uploads, max_upload: None, max_download: None };
        let premises = Premises {
            limits: Default::default(),
            homes: Default::default(),
            jail: None,
            claims: Default::default(),
            partials: Default::default(),
            arrivals: Default::default(),
            downloads: Default::default(),
            quotas: Default::default(),
            upload_rates: Default::default(),
            download_rates: Default::default(),
            identity: Identity::of_process(),
        };
        let place = SharePlace::take(&user, &premises).ok();
        Share::open(&Arc::new(LiveUser::new(user)), place, conditions, &Arc::new(premises)).expect("a home")
    }

    fn hidden() -> String {
        String::from_utf8(partial::name("anonymous", b"other")).expect("letters")
    }

    pub(super) fn path(name: &str) -> VirtualPath {
        VirtualPath::root().join(name.as_bytes())
    }

    fn upload(share: &Share, name: &str, placement: Placement) -> Result<(), Denied> {
        let path = path(name);
        share.store(&share.writable(&path, placement)?, SystemTime::now()).map(drop)
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
        ("rename",        |share, name| share.rename(&share.renamable(path("link"))?, &path(name), true),       "f",  "new"),
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
            share.rename(&renamable, &home, true),
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
            let renamed = share.rename(&renamable, &path("file"), true);
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
            assert_eq!(share.old_file(&target).is_some(), has_old, "{path:?} {placement:?}");
        }
    }
}
