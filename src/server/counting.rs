//! How full folders with a quota are: they are walked through at the start, when the first session needs it, each night, and
//! when others may have made room: at a reload, after a program of `on_upload`, and after a refusal. A thread that no jail
//! holds does that.

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

/// Walks through each folder when that is due, through those in doubt after a while, and through all each night.
fn obey(orders: &Receiver<()>, premises: &Premises) {
    let quotas = &premises.quotas;
    let (mut last, mut look) = (night(), Instant::now() + PAUSE);
    loop {
        let next = quotas.all().iter().map(|counter| counter.next_walk().map_or(look, |next| next.min(look))).min();
        // A server without quotas makes no system call.
        let patience = next.map_or(Duration::MAX, |next| next.saturating_duration_since(Instant::now()));
        if orders.recv_timeout(patience) == Err(RecvTimeoutError::Disconnected) {
            return;
        }
        let all = quotas.all();
        if look <= Instant::now() {
            let is_new = mem::replace(&mut last, night()) != last;
            if is_new {
                quotas.look_again();
            }
            all.iter().filter(|counter| is_new || counter.is_doubtful()).for_each(|counter| counter.plan());
            look = Instant::now() + PAUSE;
        }
        let is_due = |counter: &&Arc<Counter>| counter.next_walk().is_some_and(|next| next <= Instant::now());
        all.iter().filter(is_due).for_each(|counter| count(counter));
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
