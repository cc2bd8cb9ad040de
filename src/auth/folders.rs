//! Folders of an account: what holds there and below, and how it is written in user.ini.
//!
//! An account's own section says it for its home, a section such as `[alex /photos]` for another folder (a mount) or for a
//! folder of the tree (a rule), and `[* /photos]` for all accounts that have no such section.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::auth::perm::{Perm, Perms};
use crate::auth::program::Program;
use crate::ini::{FolderTitle, Key, Mistake, Section, Source, Sources, Value, duration};
use crate::protocol::hidden::{HiddenNames, RefusedNames, WrongPattern};
use crate::protocol::path::VirtualPath;
use crate::protocol::plural::{Plural, time_in_words};

/// Every key of a folder's section in user.ini, from which docs/user.ini.md is made, too.
#[rustfmt::skip]
pub const KEYS: &[Key] = &[
    Key::optional("home", "folder",
        "The folder that the account sees there (a mount); a relative path begins in the folder of user.ini. Without it, the \
         section is a rule for that folder of the account's tree."),
    Key::optional("perm", "letters",
        "What the account may do there and below; without it, the letters of the nearest section above."),
    Key::new("quota", "size", "off",
        "Bytes of all files below that folder, mounts in it left out; an upload beyond that is refused with 552."),
    Key::optional("keep", "time",
        "Files below it are removed that long after they arrived: `30d`, `12h`. Folders stay."),
    Key::optional("hide", "patterns",
        "Names that do not exist there for clients."),
    Key::optional("refuse", "patterns",
        "Names that clients may not make there."),
    Key::optional("on_upload", "program",
        "The program that is told of each upload there."),
];

/// What holds for a folder and all below it: the keys that accounts and folder sections have in common.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FolderKeys {
    /// Bytes below that folder; `None` is no limit. Not inherited: each section counts for itself.
    pub quota: Option<u64>,
    /// How long files stay there after they arrived.
    pub keep: Setting<Duration>,
    /// Names that do not exist there.
    pub hide: Setting<Arc<HiddenNames>>,
    /// Names that clients may not make there.
    pub refuse: Setting<Arc<RefusedNames>>,
    /// The program that is told of each upload there.
    pub on_upload: Setting<Arc<Program>>,
}

/// A key that a section may leave to the one above it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Setting<T> {
    /// What the section above says; nothing if there is none.
    #[default]
    Inherited,
    /// Nothing, whatever the section above says.
    Off,
    /// This.
    Is(T),
}

/// What one section says of a folder: `[alex /photos]`, or `[* /photos]` for an account without a section of its own for
/// that path.
#[derive(Clone, Debug, PartialEq)]
pub struct FolderSection {
    /// The name of the account, or `*`.
    owner: String,
    /// The folder, as clients see it; never the root.
    pub path: VirtualPath,
    /// The folder that is seen there; `None` is the one that lies there anyway.
    pub home: Option<PathBuf>,
    /// The letters there and below; `None` are those of the section above.
    pub perms: Option<Perms>,
    /// What else holds there.
    pub keys: FolderKeys,
    /// Where its values come from.
    pub(super) sources: Sources,
}

/// How long files stay; without a unit, people who mean days would lose files after seconds.
struct Keep(Duration);

impl<T> Setting<T> {
    /// The same for the home of an account, to which there is nothing above.
    fn topmost(self) -> Self {
        if matches!(self, Setting::Inherited) { Setting::Off } else { self }
    }

    fn state(&self) -> Setting<()> {
        match self {
            Setting::Inherited => Setting::Inherited,
            Setting::Off => Setting::Off,
            Setting::Is(_) => Setting::Is(()),
        }
    }

    /// What holds below something for which `above` holds.
    pub fn over<'s>(&'s self, above: Option<&'s T>) -> Option<&'s T> {
        match self {
            Setting::Inherited => above,
            Setting::Off => None,
            Setting::Is(value) => Some(value),
        }
    }

    /// What it says itself.
    pub fn get(&self) -> Option<&T> {
        match self {
            Setting::Inherited | Setting::Off => None,
            Setting::Is(value) => Some(value),
        }
    }
}

/// What is written.
impl<T> From<Option<T>> for Setting<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Setting::Off, Setting::Is)
    }
}

impl FolderKeys {
    /// Reads them from the section of an account or of a folder.
    pub(super) fn read(section: &mut Section) -> FolderKeys {
        FolderKeys {
            quota: section.take("quota"),
            keep: keep(section),
            hide: setting(section, "hide", Arc::<HiddenNames>::new),
            refuse: setting(section, "refuse", Arc::<RefusedNames>::new),
            on_upload: setting(section, "on_upload", Arc::<Program>::new),
        }
    }

    /// Whether sessions obey both in the same way; what they keep is removed by others.
    pub(super) fn hold_the_same(&self, other: &FolderKeys) -> bool {
        *self == FolderKeys { keep: self.keep.clone(), ..other.clone() }
    }

    /// Each key of them with what is said of it.
    pub(super) fn states(&self) -> [(&'static str, Setting<()>); 5] {
        let FolderKeys { quota, keep, hide, refuse, on_upload } = self;
        [
            ("quota", quota.map(|_| ()).into()),
            ("keep", keep.state()),
            ("hide", hide.state()),
            ("refuse", refuse.state()),
            ("on_upload", on_upload.state()),
        ]
    }

    /// The same for the home of an account, to which there is nothing above.
    pub(super) fn topmost(self) -> FolderKeys {
        let FolderKeys { quota, keep, hide, refuse, on_upload } = self;
        FolderKeys {
            quota,
            keep: keep.topmost(),
            hide: hide.topmost(),
            refuse: refuse.topmost(),
            on_upload: on_upload.topmost(),
        }
    }
}

/// What a section says, if it says anything.
fn setting<V: Value, T>(section: &mut Section, key: &'static str, form: impl Fn(V) -> T) -> Setting<T> {
    match section.find::<Option<V>>(key) {
        None => Setting::Inherited,
        Some(value) => value.map(form).into(),
    }
}

fn keep(section: &mut Section) -> Setting<Duration> {
    let keep = setting(section, "keep", |Keep(time)| time);
    if let Some(time) = keep.get().filter(|time| **time < HOUR) {
        let mistake = Mistake::new(format!("files are removed {} after they arrive", time_in_words(*time)));
        section.doubt("keep", mistake.fix("write a longer time, such as 30d, unless you mean that"));
    }
    keep
}

impl FolderSection {
    /// Reads the section called `title`, of which the path is `path`.
    pub(super) fn read(section: &mut Section, title: &FolderTitle, path: VirtualPath) -> FolderSection {
        FolderSection {
            owner: title.account.clone(),
            path,
            home: section.find("home"),
            perms: section.find("perm"),
            keys: FolderKeys::read(section),
            // Last, as a key that was not asked for would count as unknown.
            sources: section.sources(),
        }
    }

    /// Whether it is for this account alone; otherwise it is for all of them.
    pub(super) fn is_of(&self, account: &str) -> bool {
        self.owner == account
    }

    /// Whether it is for every account that has no section of its own for that folder.
    pub fn is_for_all(&self) -> bool {
        self.owner == FOR_ALL
    }

    /// Its name in user.ini: `[alex /photos]`.
    pub fn title(&self) -> String {
        format!("[{} {}]", self.owner, String::from_utf8_lossy(self.path.as_bytes()))
    }

    /// Whether a key is written in it.
    pub fn says(&self, key: &str) -> bool {
        self.sources.of(key).is_written()
    }

    /// Where it begins.
    pub fn begin(&self) -> Source {
        self.sources.begin()
    }

    /// Where the value of a key comes from.
    pub fn source(&self, key: &str) -> Source {
        self.sources.of(key)
    }

    /// That a letter is missing, with the line that decided so: `user.ini:14: [alex /inbox] perm = elw has no 'r'`.
    pub fn lacks(&self, perm: Perm) -> String {
        format!("{} has no '{}'", self.source("perm"), perm.letter())
    }
}

/// A `keep` below that is probably a mistake.
const HOUR: Duration = Duration::from_secs(3600);
/// The name that stands for all accounts.
pub(super) const FOR_ALL: &str = "*";

impl Value for Keep {
    fn parse(text: &str, _: &Path) -> Result<Keep, Mistake> {
        if let Some(Ok(number)) = text.strip_suffix('M').map(|number| number.trim_end().parse::<u32>()) {
            let (months, minutes) = (Plural(number, "month"), Plural(number, "minute"));
            let days = u64::from(number) * 30;
            let mistake = Mistake::new(format!("{text} could be {months} or {minutes}"));
            return Err(mistake.fix(format!("write {days}d for {months}, {number}m for {minutes}")));
        }
        let time = duration(text, "30d, 12h or 90m")?;
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            let mistake = Mistake::new(format!("{text} has no unit"));
            return Err(mistake.fix(format!("write {text}d for days, or {text}h, {text}m, {text}s")));
        }
        match time {
            Duration::ZERO => {
                Err(Mistake::new(format!("after {text} every file would be gone")).fix("write off to keep all"))
            }
            time => Ok(Keep(time)),
        }
    }
}

impl Value for HiddenNames {
    fn parse(text: &str, _: &Path) -> Result<HiddenNames, Mistake> {
        text.parse().map_err(Mistake::from)
    }
}

impl Value for RefusedNames {
    fn parse(text: &str, _: &Path) -> Result<RefusedNames, Mistake> {
        text.parse().map_err(Mistake::from)
    }
}

impl From<WrongPattern> for Mistake {
    fn from(WrongPattern { reason, fix, at }: WrongPattern) -> Mistake {
        Mistake { reason, fix, part: at }
    }
}
