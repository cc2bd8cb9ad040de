//! How full folders with a quota are: they are walked through at the start, when the first session needs it, and each night,
//! on a thread that no jail holds.

use std::io;
use std::mem;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use jiff::civil::Date;
use jiff::{ToSpan, Zoned};

use crate::auth::users::Users;
use crate::fs::quota::{Counter, Recount};
use crate::fs::root::Links;
use crate::protocol::plural::Plural;
use crate::share::Premises;
use crate::share::tree::Tree;

/// The hour of the night, by the server's clock.
const HOUR: i64 = 3;
/// The time until a folder is walked through again in which files were written meanwhile, and between two looks at the clock.
const PAUSE: Duration = Duration::from_secs(300);
/// Tries at once, for the short uploads.
const TRIES: usize = 3;
/// The time between two lines about a walk that takes long.
const PATIENCE: Duration = Duration::from_secs(10);

/// Starts to count, for as long as the process lives.
pub fn start(users: &Arc<Users>, premises: &Arc<Premises>) -> io::Result<()> {
    let Some(orders) = premises.quotas.orders() else { return Ok(()) };
    let (users, premises) = (Arc::clone(users), Arc::clone(premises));
    let work = move || {
        register(&users, &premises);
        obey(&orders, &premises);
    };
    thread::Builder::new().name("quotas".to_owned()).spawn(work)?;
    Ok(())
}

/// Orders each folder of an account that has a quota and is there.
fn register(users: &Users, premises: &Premises) {
    for user in users.accounts().all().filter(|user| user.has_sections()) {
        if let Ok(home) = premises.homes.open(&user.home, Links::Never, None) {
            Tree::open(user, &home, &premises.homes, Links::Inside).count(&premises.quotas);
        }
    }
}

/// Walks through what is ordered, after a while through what is in doubt, and through all each night.
fn obey(orders: &Receiver<Arc<Counter>>, premises: &Premises) {
    let mut last = night();
    loop {
        let mut due = premises.quotas.all();
        // A server without quotas makes no system call.
        let patience = if due.is_empty() { Duration::MAX } else { PAUSE };
        match orders.recv_timeout(patience) {
            Ok(counter) => due = vec![counter],
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) if mem::replace(&mut last, night()) == last => {
                due.retain(|counter| counter.is_doubtful());
            }
            Err(RecvTimeoutError::Timeout) => premises.quotas.look_again(),
        }
        due.iter().for_each(|counter| count(counter));
    }
}

/// The day that began at that hour.
fn night() -> Date {
    let now = Zoned::now();
    now.checked_sub(HOUR.hours()).unwrap_or(now).date()
}

/// Walks through one folder; if files were written meanwhile, it stays in doubt.
fn count(counter: &Counter) {
    let path = counter.path.display();
    for _ in 0..TRIES {
        let (mut files, mut bytes, mut told) = (0_u64, 0_u64, Instant::now());
        let counted = counter.count(|size| {
            (files, bytes) = (files + 1, bytes.saturating_add(size));
            if files.is_multiple_of(1024) && told.elapsed() > PATIENCE {
                told = Instant::now();
                log::info!("quota of {path}: {} in {} so far", Plural(bytes, "byte"), Plural(files, "file"));
            }
        });
        match counted {
            Ok(Recount::Busy) => continue,
            Ok(Recount::First(found)) => log::debug!("quota of {path}: {found} bytes are used"),
            Ok(Recount::Again(was, found)) if was != found => {
                log::info!("quota of {path}: {was} bytes were counted, {found} bytes are there");
            }
            Ok(Recount::Again(..)) => {}
            Ok(Recount::Closed(found)) => {
                log::warn!(
                    "quota of {path}: {found} bytes are there, and folders that can't be read: the count goes up only"
                );
            }
            Err(error) => log::warn!("quota of {path}: can't count what is there: {error}"),
        }
        return;
    }
}
