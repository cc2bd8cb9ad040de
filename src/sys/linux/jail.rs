//! The session thread's own kernel sandbox: Landlock, beneath the folder handle that confines every name already.
//!
//! After login a session's thread locks *itself* into its account's home. That can't be undone and is inherited by what
//! the thread starts, so such a thread ends with its session, and only threads outside start new ones. Everything else
//! that the session needs (logs, accounts, time zone, names of owners) is open or loaded before.

use std::fmt;
use std::io;
use std::ops::RangeInclusive;
use std::thread;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, NetPort, PathBeneath, RestrictionStatus, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};
use rustix::fd::AsFd;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

/// What this kernel can enforce, found out by trying it on a thread of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel {
    landlock: Result<Landlock, &'static str>,
    openat2: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Landlock {
    /// What both the kernel and this program know.
    abi: ABI,
    /// The kernel's own number, if that is higher.
    newer: Option<i32>,
}

/// How session threads lock themselves in.
#[derive(Debug, Clone)]
pub struct Jail {
    abi: ABI,
    /// The ports that passive listeners may be bound to after login; `None` is any free one.
    passive: Option<RangeInclusive<u16>>,
}

/// Whether a session opens data connections to its client (active mode).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActiveMode {
    /// To the port that the client names, whichever that is.
    Anywhere,
    /// Clients connect here, and only that.
    Never,
}

/// What a session asks of the file system below its home. Nothing here executes files or makes devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// To read files, and to set their times and permissions: what sets those needs a handle, for which reading is enough.
    ReadFiles,
    /// To change files that are there.
    ChangeFiles,
    /// To store files: a partial gets its file's name by a rename, or is removed.
    StoreFiles,
    /// To make folders.
    MakeFolders,
    /// To remove files and folders.
    Remove,
    /// To move anything to another folder.
    Move,
}

/// What is denied unless a rule allows it. What came after ABI 7, UDP and Unix sockets by name, no session ever uses.
const HANDLED: ABI = ABI::V10;
/// Each port is a rule that costs every login some 0.8 µs; a longer range is left open.
const MAX_PORT_RULES: usize = 32;

impl Kernel {
    /// Tries what there is.
    pub fn probe() -> Self {
        let how = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let openat2 = rustix::fs::openat2(CWD, ".", flags, Mode::empty(), how).is_ok();
        let tried =
            thread::Builder::new().name("probe".to_owned()).spawn(Landlock::probe).map(thread::JoinHandle::join);
        let landlock = tried.ok().and_then(Result::ok).unwrap_or(Err("it could not be tried"));
        Self { landlock, openat2 }
    }

    /// The jail of this server; `None` if the kernel has none.
    pub fn jail(&self, passive: Option<RangeInclusive<u16>>) -> Option<Jail> {
        self.landlock.ok().map(|Landlock { abi, .. }| Jail { abi, passive })
    }

    /// Whether every account is locked in, whatever its letters.
    pub fn is_complete(&self) -> bool {
        self.landlock.is_ok_and(|landlock| landlock.abi >= ABI::V2)
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.landlock {
            Ok(Landlock { newer: Some(version), .. }) => write!(f, "landlock ABI {version}")?,
            Ok(Landlock { abi: ABI::V1, .. }) => {
                f.write_str("landlock ABI 1 (accounts with the letter f are not locked in: that needs Linux 5.19)")?;
            }
            Ok(Landlock { abi, .. }) => write!(f, "landlock ABI {abi}")?,
            Err(reason) => write!(f, "no landlock ({reason})")?,
        }
        f.write_str(if self.openat2 { ", openat2" } else { ", no openat2 (names are resolved step by step)" })
    }
}

impl Landlock {
    /// Locks the calling thread out of everything, and checks that this holds.
    fn probe() -> Result<Self, &'static str> {
        let locked = handled().and_then(Ruleset::create).and_then(RulesetCreated::restrict_self);
        let found = match locked.map(|status| status.landlock) {
            Ok(LandlockStatus::Available { effective_abi, kernel_abi }) => {
                Self { abi: effective_abi, newer: kernel_abi }
            }
            Ok(LandlockStatus::NotEnabled) => return Err("it is not enabled: boot with lsm=landlock,…"),
            Ok(LandlockStatus::NotImplemented) => return Err("this kernel lacks it, or a container forbids it"),
            Err(_) => return Err("a container forbids it"),
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match rustix::fs::open("/", flags, Mode::empty()) {
            Err(Errno::ACCESS) => Ok(found),
            Ok(_) | Err(_) => Err("it does not hold"),
        }
    }
}

impl Jail {
    /// Locks the calling thread into these folders for the rest of its life, with these rights alone; in a folder below another
    /// one, the rights of both add up. False if the kernel can't do that: [`Right::Move`] on ABI 1, where a thread in a jail
    /// moves nothing to another folder. After an error the thread may be locked in nevertheless.
    #[inline(never)]
    pub fn lock_in<R: Iterator<Item = Right>>(
        &self,
        folders: impl IntoIterator<Item = (impl AsFd, R)>,
        active: ActiveMode,
    ) -> io::Result<bool> {
        match self.restrict(folders, active).map(|status| status.map(|status| status.ruleset)) {
            Ok(Some(RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced)) => Ok(true),
            Ok(Some(RulesetStatus::NotEnforced)) => Err(Errno::OPNOTSUPP.into()),
            Ok(None) => Ok(false),
            Err(error) => Err(io::Error::other(error)),
        }
    }

    /// A function of its own, so that the stack of a session that idles later stays small.
    #[inline(never)]
    fn restrict<R: Iterator<Item = Right>>(
        &self,
        folders: impl IntoIterator<Item = (impl AsFd, R)>,
        active: ActiveMode,
    ) -> Result<Option<RestrictionStatus>, RulesetError> {
        let mut ruleset = handled()?;
        if active == ActiveMode::Never {
            ruleset = ruleset.handle_access(AccessNet::ConnectTcp)?;
        }
        let ports = self.ports_to_bind(active);
        if ports.is_some() {
            ruleset = ruleset.handle_access(AccessNet::BindTcp)?;
        }
        let mut locked = ruleset.create()?;
        for (folder, rights) in folders {
            let Some(granted) = granted(rights, self.abi) else { return Ok(None) };
            locked = locked.add_rule(PathBeneath::new(folder, granted))?;
        }
        for port in ports.into_iter().flatten() {
            locked = locked.add_rule(NetPort::new(port, AccessNet::BindTcp))?;
        }
        locked.restrict_self().map(Some)
    }

    /// The ports that a session may have to bind; `None` if they are too many to be listed. Port 0 stands for any free
    /// one: passive listeners without a range, and the near end of active connections.
    fn ports_to_bind(&self, active: ActiveMode) -> Option<Vec<u16>> {
        let any = match (&self.passive, active) {
            (None, _) | (_, ActiveMode::Anywhere) => Some(0),
            (Some(_), ActiveMode::Never) => None,
        };
        let range = self.passive.clone().into_iter().flatten();
        let few = self.passive.as_ref().is_none_or(|range| range.len() <= MAX_PORT_RULES);
        few.then(|| any.into_iter().chain(range).collect())
    }
}

/// Denies all that is known, as far as this kernel knows it, except the TCP ports of data connections: which address a
/// client wants to be dialled at is not known at login. There is no process inside that a session could signal.
fn handled() -> Result<Ruleset, RulesetError> {
    Ruleset::default()
        .handle_access(AccessFs::from_all(HANDLED))?
        .handle_access(AccessNet::BindUdp | AccessNet::ConnectSendUdp)?
        .scope(Scope::from_all(HANDLED))
}

/// Whether the kernel lets a file, or a folder, move from where these rights hold to where those do: it must not gain any.
pub fn grants_no_more(there: impl Iterator<Item = Right>, here: impl Iterator<Item = Right>, is_folder: bool) -> bool {
    let access = |rights: &mut dyn Iterator<Item = Right>| {
        rights.fold(BitFlags::<AccessFs>::empty(), |access, right| access | right.access())
    };
    let (mut there, mut here) = (there, here);
    // Of a file only what is done with its content counts.
    let counted =
        if is_folder { BitFlags::all() } else { AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate };
    let gained = access(&mut there) & !access(&mut here) & counted;
    gained.is_empty()
}

/// The kernel's words for these rights, besides opening and listing folders; `None` if it can't grant them. Finer
/// differences are made by the acts of `share`: this is what holds when one of them is wrong.
fn granted(mut rights: impl Iterator<Item = Right>, abi: ABI) -> Option<BitFlags<AccessFs>> {
    rights.try_fold(AccessFs::ReadDir.into(), |granted, right| match right {
        // Without REFER no thread in a jail may move anything to another folder.
        Right::Move if abi < ABI::V2 => None,
        right => Some(granted | right.access()),
    })
}

impl Right {
    fn access(self) -> BitFlags<AccessFs> {
        let change = AccessFs::WriteFile | AccessFs::Truncate;
        let remove = AccessFs::RemoveFile | AccessFs::RemoveDir;
        let make = AccessFs::MakeReg | AccessFs::MakeDir | AccessFs::MakeSym | AccessFs::MakeFifo | AccessFs::MakeSock;
        match self {
            Right::ReadFiles => AccessFs::ReadFile.into(),
            Right::ChangeFiles => change,
            Right::StoreFiles => change | AccessFs::MakeReg | AccessFs::RemoveFile,
            Right::MakeFolders => AccessFs::MakeDir.into(),
            Right::Remove => remove,
            Right::Move => make | remove | AccessFs::Refer,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::{Ipv4Addr, TcpListener, TcpStream};
    use std::path::Path;

    use super::*;
    use crate::sys::folder::FolderHandle;

    /// The jail of a kernel that knows at least this; else the test is skipped.
    fn jail(least: ABI) -> Option<Jail> {
        let kernel = Kernel::probe();
        let jail = kernel.jail(None).filter(|jail| jail.abi >= least);
        if jail.is_none() {
            eprintln!("SKIPPED: {kernel}, and ABI {least} is needed");
        }
        jail
    }

    const ALL: [Right; 6] =
        [Right::ReadFiles, Right::ChangeFiles, Right::StoreFiles, Right::MakeFolders, Right::Remove, Right::Move];

    /// What the test returns, run by a thread that is locked in.
    fn inside<T: Send>(
        home: &Path,
        rights: &[Right],
        (jail, active): (&Jail, ActiveMode),
        test: impl FnOnce() -> T + Send,
    ) -> T {
        let root = FolderHandle::open(home).expect("there");
        let locked = || {
            assert!(jail.lock_in([(&root, rights.iter().copied())], active).expect("locked in"));
            test()
        };
        thread::scope(|scope| scope.spawn(locked).join()).expect("no panic")
    }

    #[test]
    fn the_kernels_words_follow_from_the_rights() {
        use AccessFs::{
            MakeDir, MakeFifo, MakeReg, MakeSock, MakeSym, ReadDir, ReadFile, Refer, RemoveDir, RemoveFile, Truncate,
            WriteFile,
        };
        let make = MakeReg | MakeDir | MakeSym | MakeFifo | MakeSock;
        let cases: [(&[Right], _); 8] = [
            (&[], BitFlags::from(ReadDir)),
            (&[Right::ReadFiles], ReadDir | ReadFile),
            (&[Right::ChangeFiles], ReadDir | WriteFile | Truncate),
            (&[Right::StoreFiles], ReadDir | WriteFile | Truncate | MakeReg | RemoveFile),
            (&[Right::MakeFolders], ReadDir | MakeDir),
            (&[Right::Remove], ReadDir | RemoveFile | RemoveDir),
            (&[Right::Move], make | ReadDir | RemoveFile | RemoveDir | Refer),
            (&ALL, ReadDir | ReadFile | WriteFile | Truncate | make | RemoveFile | RemoveDir | Refer),
        ];
        for (rights, expected) in cases {
            assert_eq!(granted(rights.iter().copied(), ABI::V7), Some(expected), "{rights:?}");
            let old = (!rights.contains(&Right::Move)).then_some(expected);
            assert_eq!(granted(rights.iter().copied(), ABI::V1), old, "{rights:?}");
        }
    }

    #[test]
    fn what_moves_must_gain_no_right() {
        let cases: [(&[Right], &[Right], bool, bool); 6] = [
            (&ALL, &ALL, true, true),
            (&ALL, &[Right::ReadFiles], true, true),
            (&[Right::StoreFiles, Right::Move], &[Right::ReadFiles], false, false),
            (&[Right::ReadFiles, Right::Move], &[Right::ReadFiles, Right::Remove], true, true),
            (&[Right::ReadFiles], &[Right::ReadFiles, Right::MakeFolders], true, false),
            (&[Right::ReadFiles], &[Right::ReadFiles, Right::MakeFolders], false, true),
        ];
        for (here, there, is_folder, moves) in cases {
            let found = grants_no_more(there.iter().copied(), here.iter().copied(), is_folder);
            assert_eq!(found, moves, "{here:?} {there:?}");
        }
    }

    #[test]
    fn the_ports_to_bind_are_told_one_by_one_where_they_are_few() {
        let cases = [
            (None, ActiveMode::Anywhere, Some(vec![0])),
            (None, ActiveMode::Never, Some(vec![0])),
            (Some(5..=6), ActiveMode::Anywhere, Some(vec![0, 5, 6])),
            (Some(5..=6), ActiveMode::Never, Some(vec![5, 6])),
            (Some(8300..=8500), ActiveMode::Never, None),
        ];
        for (passive, active, expected) in cases {
            let jail = Jail { abi: ABI::V7, passive: passive.clone() };
            assert_eq!(jail.ports_to_bind(active), expected, "{passive:?} {active:?}");
        }
    }

    #[test]
    fn a_thread_in_a_jail_reaches_its_home_and_nothing_else() {
        let Some(jail) = jail(ABI::V2) else { return };
        let folder = tempfile::tempdir().expect("a temporary folder");
        let home = folder.path().join("home");
        fs::create_dir(&home).expect("made");
        fs::write(home.join("file"), "inside").expect("made");
        fs::write(folder.path().join("secret"), "outside").expect("made");
        let denied =
            |result: io::Result<()>| result.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied);
        inside(&home, &[Right::ReadFiles], (&jail, ActiveMode::Anywhere), || {
            assert_eq!(fs::read(home.join("file")).expect("readable"), b"inside");
            assert!(denied(fs::read(folder.path().join("secret")).map(drop)));
            assert!(denied(fs::write(home.join("file"), "x")) && denied(fs::write(home.join("new"), "x")));
            assert!(denied(std::process::Command::new("/bin/true").status().map(drop)));
        });
        inside(&home, &ALL, (&jail, ActiveMode::Anywhere), || {
            fs::write(home.join("new"), "x").expect("written");
            fs::create_dir(home.join("folder")).expect("made");
            fs::rename(home.join("new"), home.join("folder/moved")).expect("moved");
            fs::remove_dir_all(home.join("folder")).expect("removed");
            assert!(denied(fs::write(folder.path().join("secret"), "x")));
            assert!(fs::rename(home.join("file"), folder.path().join("out")).is_err());
        });
        assert_eq!(fs::read(folder.path().join("secret")).expect("readable"), b"outside");
    }

    #[test]
    fn a_thread_in_a_jail_binds_and_dials_what_data_connections_need() {
        let Some(jail) = jail(ABI::V4) else { return };
        let jail = |passive| Jail { passive, ..jail.clone() };
        let home = tempfile::tempdir().expect("a temporary folder");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bound");
        let client = listener.local_addr().expect("bound");
        let free = {
            let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bound");
            probe.local_addr().expect("bound").port()
        };
        let tried = || {
            let binds = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
            [binds(0), binds(free), TcpStream::connect(client).is_ok()]
        };
        let cases = [
            (None, ActiveMode::Anywhere, [true, false, true]),
            (None, ActiveMode::Never, [true, false, false]),
            (Some(free..=free), ActiveMode::Anywhere, [true, true, true]),
            (Some(free..=free), ActiveMode::Never, [false, true, false]),
        ];
        for (passive, active, expected) in cases {
            let jail = jail(passive.clone());
            assert_eq!(inside(home.path(), &[], (&jail, active), tried), expected, "{passive:?} {active:?}");
        }
    }

    #[test]
    fn what_is_missing_is_told() {
        let kernel = |landlock, openat2| Kernel { landlock, openat2 }.to_string();
        let abi = |abi, newer| Ok(Landlock { abi, newer });
        assert_eq!(kernel(abi(ABI::V7, None), true), "landlock ABI 7, openat2");
        assert_eq!(kernel(abi(HANDLED, Some(12)), true), "landlock ABI 12, openat2");
        assert!(kernel(abi(ABI::V1, None), true).contains("letter f"));
        assert!(!Kernel { landlock: abi(ABI::V1, None), openat2: true }.is_complete());
        let bare = kernel(Err("why"), false);
        assert_eq!(bare, "no landlock (why), no openat2 (names are resolved step by step)");
    }
}
