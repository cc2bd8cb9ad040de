//! Quotas: how many bytes the files below a folder hold, and how many they may.
//!
//! A [`Counter`] belongs to a real folder, and is the same for all accounts and ways that lead there. It is filled by a
//! walk ([`walk`]) on a thread outside every jail, and kept true by what the server does: bytes are taken before they are
//! written, and credited when the last name of a file is gone. What others do on the disk is found by the next walk.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use parking_lot::{Condvar, Mutex};

use crate::fs::quota::again::{Reason, Schedule};
use crate::sys::folder::FolderHandle;
use crate::sys::meta::FileId;

pub mod again;
mod around;
mod room;
pub mod walk;

use room::Coming;
pub use room::{Hold, Reservation};

/// How long a session waits for the first walk through a folder; after that, what is counted so far is what holds.
const PATIENCE: Duration = Duration::from_secs(2);

/// The counters of all folders with a quota; shared by all sessions.
#[derive(Debug, Default)]
pub struct Quotas {
    counters: Mutex<HashMap<FileId, Arc<Counter>>>,
    /// How homes and mounts lie to that many counters.
    related: Mutex<(usize, HashMap<FileId, Arc<around::Related>>)>,
    /// To the thread that walks; without one, nothing is counted that was there before.
    orders: Option<Orders>,
}

/// Calls for the thread that walks.
type Orders = (Sender<()>, Receiver<()>);

/// The bytes below one folder.
#[derive(Debug)]
pub struct Counter {
    id: FileId,
    /// It keeps the folder open, so that its number is given to no other.
    folder: FolderHandle,
    /// Where it is, for the log.
    pub path: PathBuf,
    /// To the thread that walks.
    orders: Option<Sender<()>>,
    state: Mutex<Filling>,
    counted: Condvar,
}

#[derive(Debug, Default)]
struct Filling {
    used: u64,
    /// Each change has its number, so that a walk notices what it may have missed.
    changes: u64,
    writers: usize,
    /// The first walk is over.
    is_counted: bool,
    /// What was done can't be reckoned: only a walk tells.
    is_doubtful: bool,
    /// Folders below it that belong to others.
    apart: Vec<FileId>,
    schedule: Schedule,
    coming: Coming,
}

/// What came of a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recount {
    /// The first one, with the bytes that it found.
    First(u64),
    /// What was counted, and what it found.
    Again(u64, u64),
    /// Files were written meanwhile, so it may have missed some.
    Busy,
    /// It found that many bytes, and could not read all: nothing is counted as gone.
    Closed(u64),
}

/// A counter, and how many bytes it may come to.
#[derive(Debug, Clone)]
struct Limit {
    counter: Arc<Counter>,
    most: u64,
}

/// The quotas that hold for a folder: its own and those above it. There is at least one.
#[derive(Debug, Clone)]
pub struct QuotaChain(Vec<Limit>);

/// There is no room for so much below a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverQuota {
    /// The folder.
    pub folder: FileId,
    /// The bytes that it may hold.
    pub most: u64,
}

impl Quotas {
    /// With orders for a thread that walks.
    pub fn walked() -> Self {
        Self { orders: Some(unbounded()), ..Self::default() }
    }

    /// Calls for the thread that walks: a folder has its next walk earlier than it had.
    pub fn orders(&self) -> Option<Receiver<()>> {
        self.orders.as_ref().map(|(_, orders)| orders.clone())
    }

    /// Every counter that there is.
    pub fn all(&self) -> Vec<Arc<Counter>> {
        self.counters.lock().values().cloned().collect()
    }

    /// The counter of a folder, which is made and ordered if there is none; `describe` gives its path and the folders below it
    /// that belong to others.
    pub fn counter(
        &self,
        folder: &FolderHandle,
        describe: impl FnOnce() -> (PathBuf, Vec<FileId>),
    ) -> io::Result<Arc<Counter>> {
        let id = folder.meta()?.id;
        if let Some(counter) = self.counters.lock().get(&id) {
            return Ok(Arc::clone(counter));
        }
        // A disk that does not answer must not hold up others at the lock.
        let (path, apart) = describe();
        let orders = self.orders.as_ref().map(|(orders, _)| orders.clone());
        let state = Filling { is_counted: orders.is_none(), apart, schedule: Schedule::first(), ..Filling::default() };
        let (folder, state, counted) = (folder.again()?, Mutex::new(state), Condvar::new());
        let counter = Arc::new(Counter { id, folder, path, orders, state, counted });
        if let Some(other) = self.add(&counter) {
            return Ok(other);
        }
        counter.call();
        Ok(counter)
    }

    /// Adds a counter, unless somebody else has added one of that folder meanwhile.
    fn add(&self, counter: &Arc<Counter>) -> Option<Arc<Counter>> {
        match self.counters.lock().entry(counter.id) {
            Entry::Occupied(other) => Some(Arc::clone(other.get())),
            Entry::Vacant(free) => {
                free.insert(Arc::clone(counter));
                None
            }
        }
    }
}

impl Counter {
    /// Whether it is to be walked through again before the night.
    pub fn is_doubtful(&self) -> bool {
        self.state.lock().is_doubtful
    }

    /// Walks through the folder. `tell` hears of each file.
    pub fn count(&self, mut tell: impl FnMut(u64)) -> io::Result<Recount> {
        let begin = Instant::now();
        let (before, is_first, apart, coming) = {
            let mut state = self.state.lock();
            state.is_doubtful = false;
            state.schedule.begin();
            (state.changes, !state.is_counted, state.apart.clone(), state.coming)
        };
        let mut found = 0_u64;
        let walked = walk::files(self.folder.again()?, &apart, |size| {
            found = found.saturating_add(size);
            if is_first {
                let mut state = self.state.lock();
                state.used = state.used.saturating_add(size);
            }
            tell(size);
            Ok(())
        });
        let mut state = self.state.lock();
        state.is_counted = true;
        self.counted.notify_all();
        let is_busy = state.writers > 0 || state.changes != before;
        state.schedule.end(begin.elapsed(), is_busy && walked.is_ok());
        let is_whole = walked?;
        if is_busy {
            state.is_doubtful = true;
            let most = state.coming.since(coming).filter(|_| is_whole && !is_first);
            state.used = most.map_or(state.used, |most| state.used.min(found.saturating_add(most)));
            return Ok(Recount::Busy);
        }
        if !is_whole {
            // Clients can close folders, too, and must not gain room by that.
            state.used = if is_first { found } else { state.used.max(found) };
            return Ok(Recount::Closed(found));
        }
        let was = std::mem::replace(&mut state.used, found);
        Ok(if is_first { Recount::First(found) } else { Recount::Again(was, found) })
    }

    /// Whether it counts this folder.
    pub fn is_of(&self, folder: FileId) -> bool {
        self.id == folder
    }

    /// The bytes that are counted now.
    pub fn used(&self) -> u64 {
        self.state.lock().used
    }

    /// Whether one of these folders does not count here.
    fn has_apart(&self, folders: &[FileId]) -> bool {
        let state = self.state.lock();
        state.apart.iter().any(|id| folders.contains(id))
    }

    fn has_any_apart(&self) -> bool {
        !self.state.lock().apart.is_empty()
    }

    fn wait(&self, deadline: Instant) {
        let mut state = self.state.lock();
        while !state.is_counted && !self.counted.wait_until(&mut state, deadline).timed_out() {}
    }

    fn take(&self, bytes: u64, most: u64) -> bool {
        let mut state = self.state.lock();
        let fits = state.used.checked_add(bytes).filter(|used| *used <= most);
        state.changes += 1;
        state.used = fits.unwrap_or(state.used);
        fits.is_some()
    }

    fn credit(&self, bytes: u64) {
        let mut state = self.state.lock();
        state.changes += 1;
        // Others may have put the file there since the last walk.
        state.used = state.used.saturating_sub(bytes);
    }
}

impl Limit {
    /// It is counted, and whatever comes fits.
    fn none(counter: &Arc<Counter>) -> Self {
        Self { counter: Arc::clone(counter), most: u64::MAX }
    }

    fn error(&self) -> io::Error {
        let over = OverQuota { folder: self.counter.id, most: self.most };
        io::Error::new(ErrorKind::QuotaExceeded, over)
    }
}

impl QuotaChain {
    /// Of the folders with their bytes; `None` if there is none. Waits a moment for their first walk.
    pub fn of(limits: impl Iterator<Item = (Arc<Counter>, u64)>) -> Option<Self> {
        let mut chain: Vec<Limit> = Vec::new();
        for (counter, most) in limits {
            match chain.iter_mut().find(|limit| Arc::ptr_eq(&limit.counter, &counter)) {
                Some(same) => same.most = same.most.min(most),
                None => chain.push(Limit { counter, most }),
            }
        }
        (!chain.is_empty()).then_some(Self(chain))
    }

    /// The limits of both, each folder once.
    #[must_use]
    pub fn and(self, other: Option<Self>) -> Self {
        let others = other.and_then(|other| other.without(Some(&self)));
        Self(self.0.into_iter().chain(others.into_iter().flat_map(|others| others.0)).collect())
    }

    /// Waits a moment for the first walk through its folders.
    pub fn wait(&self) {
        let deadline = Instant::now() + PATIENCE;
        self.0.iter().filter(|limit| limit.most < u64::MAX).for_each(|limit| limit.counter.wait(deadline));
    }

    /// The bytes that still fit.
    pub fn rest(&self) -> u64 {
        let rests = self.0.iter().map(|limit| limit.most.saturating_sub(limit.counter.used()));
        rests.min().unwrap_or(u64::MAX)
    }

    /// Counts bytes that are about to come.
    ///
    /// # Errors
    /// [`is_over`] if they don't fit; nothing is counted then.
    pub fn take(&self, bytes: u64) -> io::Result<()> {
        self.try_to_take(bytes).map_err(|limit| {
            limit.counter.again(Reason::Refused);
            limit.error()
        })
    }

    /// The same; the error is the limit that lacks the room.
    fn try_to_take(&self, bytes: u64) -> Result<(), &Limit> {
        for (number, limit) in self.0.iter().enumerate() {
            if bytes > 0 && !limit.counter.take(bytes, limit.most) {
                self.0[..number].iter().for_each(|limit| limit.counter.credit(bytes));
                return Err(limit);
            }
        }
        Ok(())
    }

    /// Counts bytes no more that are gone.
    pub fn credit(&self, bytes: u64) {
        if bytes > 0 {
            self.0.iter().for_each(|limit| limit.counter.credit(bytes));
        }
    }

    /// Those that are not in another chain, too; `None` if all are.
    pub fn without(&self, other: Option<&Self>) -> Option<Self> {
        let others = other.map_or(&[][..], |other| &other.0);
        let is_other = |limit: &&Limit| !others.iter().any(|other| Arc::ptr_eq(&other.counter, &limit.counter));
        let rest: Vec<Limit> = self.0.iter().filter(is_other).cloned().collect();
        (!rest.is_empty()).then_some(Self(rest))
    }
}

impl fmt::Display for OverQuota {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("the quota is used up")
    }
}

impl Error for OverQuota {}

/// Whether an error says that a quota is used up: one of a folder's, not the disk's.
pub fn is_over(error: &io::Error) -> bool {
    over(error).is_some()
}

/// Which quota is used up, if an error says so.
pub fn over(error: &io::Error) -> Option<OverQuota> {
    error.get_ref()?.downcast_ref().copied()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::thread;

    use super::*;
    use crate::sys::access;
    use crate::sys::person::Person;

    fn counter(quotas: &Quotas, folder: &Path) -> Arc<Counter> {
        let handle = FolderHandle::open(folder).expect("there");
        quotas.counter(&handle, || (folder.to_owned(), Vec::new())).expect("a counter")
    }

    fn chain(limits: &[(&Arc<Counter>, u64)]) -> QuotaChain {
        QuotaChain::of(limits.iter().map(|(counter, most)| (Arc::clone(counter), *most))).expect("a limit")
    }

    #[test]
    fn eight_writers_fill_a_quota_to_the_byte_and_never_over_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let quotas = Quotas::default();
        let (one, twin) = (counter(&quotas, folder.path()), counter(&quotas, folder.path()));
        assert!(Arc::ptr_eq(&one, &twin));
        let chain = chain(&[(&one, 10_007), (&twin, 20_000)]);
        let fill = || {
            let mut room = chain.reserve(0);
            while room.take(7).is_ok() || room.take(1).is_ok() {
                assert!(one.used() <= 10_007);
            }
            room.counted
        };
        let sum: u64 = thread::scope(|scope| {
            let writers: Vec<_> = (0..8).map(|_| scope.spawn(fill)).collect();
            writers.into_iter().map(|writer| writer.join().expect("no panic")).sum()
        });
        assert_eq!((sum, one.used(), chain.rest()), (10_007, 10_007, 0));
        assert!(is_over(&chain.take(1).expect_err("full")));
    }

    #[test]
    fn no_lock_is_held_while_a_folder_is_described_and_the_first_counter_of_it_stays() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (quotas, handle) = (Quotas::default(), FolderHandle::open(folder.path()).expect("there"));
        let mut first = None;
        let describe = || {
            assert!(quotas.counters.try_lock().is_some());
            first = Some(counter(&quotas, folder.path()));
            (folder.path().to_owned(), Vec::new())
        };
        let second = quotas.counter(&handle, describe).expect("a counter");
        assert!(first.is_some_and(|first| Arc::ptr_eq(&first, &second)));
    }

    #[test]
    fn what_does_not_fit_into_one_of_two_quotas_is_counted_in_neither() {
        let (outer, inner) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let quotas = Quotas::default();
        let (outer, inner) = (counter(&quotas, outer.path()), counter(&quotas, inner.path()));
        let both = chain(&[(&inner, 100), (&outer, 50)]);
        assert!(is_over(&both.take(51).expect_err("too much")));
        assert_eq!((inner.used(), outer.used(), both.rest()), (0, 0, 50));
        both.take(50).expect("fits");
        let apart = both.without(Some(&chain(&[(&outer, 1)]))).expect("the inner one");
        apart.credit(80);
        assert_eq!((inner.used(), outer.used()), (0, 50));
        assert!(both.without(Some(&both)).is_none());
    }

    #[test]
    fn a_file_takes_room_only_as_far_as_it_grows_and_gives_back_what_it_lost() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let counter = counter(&Quotas::default(), folder.path());
        let chain = chain(&[(&counter, 100)]);
        chain.take(60).expect("an old file");
        let mut room = chain.reserve(60);
        room.start(Some(0));
        room.take(50).expect("has the room of the old one");
        assert_eq!(counter.used(), 60);
        room.take(10).expect("no more than it was");
        room.take(40).expect("grows to all there is");
        assert!(is_over(&room.take(1).expect_err("full")));
        assert_eq!(counter.used(), 100);
        room.settle(30);
        room.settle(30);
        drop(room);
        assert_eq!(counter.used(), 30);
        let mut more = chain.reserve(30);
        more.start(None);
        more.take(5).expect("appended");
        assert_eq!(counter.used(), 35);
    }

    #[test]
    fn a_walk_corrects_the_count_unless_somebody_writes_meanwhile() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("a"), [0; 10]).expect("written");
        let counter = counter(&Quotas::walked(), folder.path());
        assert_eq!(counter.count(|_| ()).expect("walked"), Recount::First(10));
        fs::write(folder.path().join("b"), [0; 5]).expect("written");
        let chain = chain(&[(&counter, 100)]);
        let room = chain.reserve(0);
        assert_eq!(counter.count(|_| ()).expect("walked"), Recount::Busy);
        drop(room);
        let tell = |_| chain.take(1).expect("fits");
        assert_eq!(counter.count(tell).expect("walked"), Recount::Busy);
        assert_eq!(counter.count(|_| ()).expect("walked"), Recount::Again(12, 15));
        assert_eq!(counter.used(), 15);
    }

    #[test]
    fn what_can_not_be_read_is_counted_as_before() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let closed = folder.path().join("closed");
        fs::create_dir(&closed).expect("made");
        fs::write(closed.join("a"), [0; 10]).expect("written");
        let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
        mode(folder.path(), 0o755);
        let counter = counter(&Quotas::walked(), folder.path());
        assert_eq!(counter.count(|_| ()).expect("walked"), Recount::First(10));
        fs::write(folder.path().join("b"), [0; 5]).expect("written");
        let count = || {
            if access::user_id() == 0 {
                Person::find("nobody", None).expect("a usual user").become_on_this_thread().expect("root may");
            }
            counter.count(|_| ()).expect("walked")
        };
        let counted = |bits| {
            mode(&closed, bits);
            thread::scope(|scope| scope.spawn(count).join()).expect("no panic")
        };
        for bits in [0, 0o644, 0o311] {
            assert_eq!((counted(bits), counter.used()), (Recount::Closed(5), 10), "{bits:o}");
        }
        assert_eq!((counted(0o755), counter.used()), (Recount::Again(10, 15), 15));
    }

    #[test]
    fn a_walk_lowers_the_count_while_files_are_written_but_not_below_what_they_may_hold() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("a"), [0; 500]).expect("written");
        fs::write(folder.path().join("b"), [0; 10]).expect("written");
        let counter = counter(&Quotas::walked(), folder.path());
        assert_eq!(counter.count(|_| ()).expect("walked"), Recount::First(510));
        let chain = chain(&[(&counter, 1000)]);
        let mut room = chain.reserve(0);
        room.take(7).expect("fits");
        fs::remove_file(folder.path().join("a")).expect("removed");
        let held = chain.hold();
        assert_eq!((counter.count(|_| ()).expect("walked"), counter.used()), (Recount::Busy, 517));
        let mut held = Some(held);
        let let_go = |_| drop(held.take());
        assert_eq!((counter.count(let_go).expect("walked"), counter.used()), (Recount::Busy, 517));
        let write = |_| room.take(100).expect("fits");
        assert_eq!((counter.count(write).expect("walked"), counter.used()), (Recount::Busy, 117));
        assert!(is_over(&room.take(2000).expect_err("too much")));
        assert_eq!((counter.count(|_| ()).expect("walked"), counter.used()), (Recount::Busy, 117));
        room.settle(0);
        drop(room);
        assert_eq!(counter.used(), 10);
    }
}
