//! Workloads of many clients at once.

use std::fs::{self, File};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use super::one::{retr, same, visit};
use crate::cell::Bench;
use crate::client::{Content, Session};
use crate::data;
use crate::failure::Failure;
use crate::measure::{cpu_seconds, pss_kib};

type Numbers = Result<Vec<f64>, Failure>;

const DOWNLOADERS: usize = 64;
const CLIENTS: usize = 16;
const PUBLISHED: usize = 300;
const PUBLISHED_SIZE: u64 = 300 * data::TEN_MB_SIZE;
const MANY_IDLE: usize = 10_000;
/// With fewer sessions the number says nothing.
const FEWEST_IDLE: usize = 100;
/// The server's threads go to sleep, its processes end.
const SETTLE: Duration = Duration::from_millis(300);

/// 64 sessions download as long as the cell lasts.
pub fn retr_many(bench: &mut Bench) -> Numbers {
    let (together, size) = (Barrier::new(DOWNLOADERS + 1), data::MEDIUM_SIZE);
    let download = |_| {
        let session = bench.binary_session();
        together.wait();
        together.wait();
        let (mut session, start, mut count) = (session?, Instant::now(), 0.0);
        while start.elapsed() < bench.effort.cell {
            retr(&mut session, data::MEDIUM, size)?;
            count += 1.0;
        }
        Ok((count, session))
    };
    let begin = || {
        together.wait();
        let cpu = cpu_seconds();
        together.wait();
        (cpu, Instant::now())
    };
    let ((cpu, start), ends) = at_once(DOWNLOADERS, download, begin)?;
    let wall = start.elapsed().as_secs_f64();
    let gigabytes = ends.iter().map(|(count, _)| count).sum::<f64>() * size as f64 / 1e9;
    Ok(vec![gigabytes / wall, (cpu_seconds() - cpu) / gigabytes])
}

/// 16 clients log in and out as long as the cell lasts.
pub fn logins(bench: &mut Bench) -> Numbers {
    let (address, account) = (bench.server.address, bench.server.peer.account()?);
    by_many(bench, || Ok(|| visit(address, account)))
}

/// 16 clients do something again and again as long as the cell lasts; what, each makes for itself.
pub fn by_many<O>(bench: &Bench, make: impl Fn() -> Result<O, Failure> + Sync) -> Numbers
where
    O: FnMut() -> Result<(), Failure>,
{
    let cell = bench.effort.cell;
    let (cpu, start) = (cpu_seconds(), Instant::now());
    let client = |_| {
        let (mut operation, mut count) = (make()?, 0.0);
        while start.elapsed() < cell {
            operation()?;
            count += 1.0;
        }
        Ok(count)
    };
    let ((), counts) = at_once(CLIENTS, client, || ())?;
    let (wall, done) = (start.elapsed().as_secs_f64(), counts.iter().sum::<f64>());
    Ok(vec![done / wall, (settled_cpu_seconds() - cpu) / done * 1e6])
}

/// As in pyftpdlib's published table: 300 clients log in, RETR 10 MB, STOR 10 MB and QUIT; all must finish.
pub fn published(bench: &mut Bench) -> Numbers {
    let file = File::open(bench.home.join(data::TEN_MB))?;
    data::touch_memory(&bench.home, PUBLISHED_SIZE)?;
    let (cpu, start) = (cpu_seconds(), Instant::now());
    let client = |number| {
        let mut session = bench.binary_session()?;
        retr(&mut session, data::TEN_MB, data::TEN_MB_SIZE)?;
        let command = format!("STOR {}/{number}", data::UPLOADS);
        session.upload(&command, Content::File(&file, data::TEN_MB_SIZE))?;
        session.quit()
    };
    at_once(PUBLISHED, client, || ())?;
    let (wall, cpu) = (start.elapsed().as_secs_f64(), settled_cpu_seconds() - cpu);
    for number in 0..PUBLISHED {
        let stored = bench.home.join(data::UPLOADS).join(number.to_string());
        same("bytes stored", fs::metadata(stored)?.len(), data::TEN_MB_SIZE)?;
    }
    Ok(vec![wall, cpu])
}

/// Memory of a session that is logged in and silent.
pub fn idle(bench: &mut Bench) -> Numbers {
    let wanted = bench.effort.idle;
    let (each, mut sessions) = idle_sessions(bench, wanted)?;
    all_alive(&mut sessions)?;
    Ok(vec![each])
}

/// The same with 10 000, and how fast they are when each wakes up once.
pub fn idle_10k(bench: &mut Bench) -> Numbers {
    let (each, mut sessions) = idle_sessions(bench, MANY_IDLE)?;
    let start = Instant::now();
    all_alive(&mut sessions)?;
    Ok(vec![each, sessions.len() as f64 / start.elapsed().as_secs_f64()])
}

/// Opens this many sessions, or as many as the server can; and the KiB that each has cost.
fn idle_sessions(bench: &mut Bench, wanted: usize) -> Result<(f64, Vec<Session>), Failure> {
    let _first = bench.session()?;
    thread::sleep(SETTLE);
    let before = pss_kib();
    let mut sessions = Vec::new();
    while sessions.len() < wanted {
        match bench.session() {
            Ok(session) => sessions.push(session),
            Err(failure) if sessions.len() < FEWEST_IDLE => return Err(failure),
            Err(failure) => {
                bench.note(format!("ONLY {} of {wanted} SESSIONS: {failure}", sessions.len()));
                break;
            }
        }
    }
    thread::sleep(SETTLE);
    Ok(((pss_kib() - before) / sessions.len() as f64, sessions))
}

fn all_alive(sessions: &mut [Session]) -> Result<(), Failure> {
    sessions.iter_mut().try_for_each(|session| session.ask("NOOP", 200))
}

/// A process that is just being reaped is seen neither alone nor in its parent: wait until the last ones are.
fn settled_cpu_seconds() -> f64 {
    thread::sleep(SETTLE);
    cpu_seconds()
}

/// Runs clients in threads of their own, `meanwhile` in this one; all of them must end well.
pub fn at_once<T: Send, M>(
    clients: usize,
    client: impl Fn(usize) -> Result<T, Failure> + Sync,
    meanwhile: impl FnOnce() -> M,
) -> Result<(M, Vec<T>), Failure> {
    let client = &client;
    thread::scope(|scope| {
        let threads: Vec<_> = (0..clients).map(|number| scope.spawn(move || client(number))).collect();
        let meanwhile = meanwhile();
        let ends = threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err(Failure::broken("the client panicked"))));
        let (done, failed): (Vec<_>, Vec<_>) = ends.partition(Result::is_ok);
        match failed.into_iter().find_map(Result::err) {
            Some(failure) => {
                let number = clients - done.len();
                Err(Failure::broken(format!("{number} of {clients} clients failed; the first: {failure}")))
            }
            None => Ok((meanwhile, done.into_iter().flatten().collect())),
        }
    })
}
