//! Workloads of one client: big files, small files, commands, logins, listings.

use std::fs::{self, File};
use std::time::Instant;

use crate::cell::Bench;
use crate::client::{Content, Session};
use crate::data;
use crate::failure::Failure;
use crate::measure::cpu_seconds;

type Numbers = Result<Vec<f64>, Failure>;

/// How much was done in which time, in seconds.
#[derive(Default)]
pub struct Run {
    pub operations: f64,
    pub wall: f64,
    pub cpu: f64,
}

pub const WARM_UP: u32 = 10;

pub fn probe(bench: &mut Bench) -> Numbers {
    let mut session = bench.binary_session()?;
    let sent = fs::read(bench.home.join(data::SMALL))?;
    same("the right bytes come", session.fetch(&format!("RETR {}", data::SMALL))? == sent, true)?;
    let small = SmallUpload::new();
    small.store(&mut session)?;
    same("the right bytes are stored", fs::read(bench.home.join(&small.name))? == small.bytes, true)?;
    small.store_and_delete(&mut session)?;
    session.quit()?;
    Ok(Vec::new())
}

pub fn retr_big(bench: &mut Bench) -> Numbers {
    let (mut session, size) = (bench.binary_session()?, bench.effort.big);
    Ok(repeat(bench, 1, || retr(&mut session, data::BIG, size))?.per_gigabyte(size))
}

pub fn stor_big(bench: &mut Bench) -> Numbers {
    let (mut session, size) = (bench.binary_session()?, bench.effort.big);
    let file = File::open(bench.home.join(data::BIG))?;
    upload_repeatedly(bench, size, |name| session.upload(&format!("STOR {name}"), Content::File(&file, size)))
}

/// An upload of this size again and again, each to the name that it is given.
pub fn upload_repeatedly(bench: &Bench, size: u64, mut upload: impl FnMut(&str) -> Result<(), Failure>) -> Numbers {
    let name = format!("{}/big", data::UPLOADS);
    let target = bench.home.join(&name);
    let run = repeat(bench, 1, || {
        upload(&name)?;
        let stored = fs::metadata(&target)?.len();
        // Old pages are given back by us, not on the server's bill.
        fs::remove_file(&target)?;
        same("bytes stored", stored, size)
    });
    Ok(run?.per_gigabyte(size))
}

pub fn retr_small(bench: &mut Bench) -> Numbers {
    let mut session = bench.binary_session()?;
    Ok(repeat(bench, WARM_UP, || retr(&mut session, data::SMALL, data::SMALL_SIZE))?.per_operation())
}

pub fn stor_small(bench: &mut Bench) -> Numbers {
    let mut session = bench.binary_session()?;
    let small = SmallUpload::new();
    Ok(repeat(bench, WARM_UP, || small.store_and_delete(&mut session))?.per_operation())
}

pub fn login(bench: &mut Bench) -> Numbers {
    let (address, account) = (bench.server.address, bench.server.peer.account()?);
    Ok(repeat(bench, WARM_UP, || visit(address, account))?.per_operation())
}

pub fn noop(bench: &mut Bench) -> Numbers {
    ping_pong(bench, "NOOP", 200)
}

pub fn pwd(bench: &mut Bench) -> Numbers {
    ping_pong(bench, "PWD", 257)
}

pub fn size(bench: &mut Bench) -> Numbers {
    ping_pong(bench, &format!("SIZE {}", data::SMALL), 213)
}

pub fn mlsd(bench: &mut Bench) -> Numbers {
    listing(bench, "MLSD", data::MANY)
}

pub fn list(bench: &mut Bench) -> Numbers {
    listing(bench, "LIST", data::MANY)
}

pub fn list_long(bench: &mut Bench) -> Numbers {
    listing(bench, "LIST", data::VERY_MANY)
}

/// Connect, USER, PASS, PWD, QUIT.
pub fn visit(address: std::net::SocketAddr, account: (&str, &str)) -> Result<(), Failure> {
    let mut session = Session::login(address, account)?;
    session.ask("PWD", 257)?;
    session.quit()
}

/// PASV and RETR of a file whose size is known.
pub fn retr(session: &mut Session, name: &str, size: u64) -> Result<(), Failure> {
    session.download(&format!("RETR {name}"), size)
}

/// A small file that is stored and deleted.
pub struct SmallUpload {
    pub name: String,
    pub bytes: Vec<u8>,
}

impl SmallUpload {
    pub fn new() -> Self {
        let bytes = (0..data::SMALL_SIZE).map(|number| number.to_le_bytes()[0]).collect();
        Self { name: format!("{}/small", data::UPLOADS), bytes }
    }

    pub fn store_and_delete(&self, session: &mut Session) -> Result<(), Failure> {
        self.store(session)?;
        session.ask(&format!("DELE {}", self.name), 250)
    }

    fn store(&self, session: &mut Session) -> Result<(), Failure> {
        session.upload(&format!("STOR {}", self.name), Content::Bytes(&self.bytes))
    }
}

/// Fails the cell when two numbers differ that must not.
pub fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, wanted: T) -> Result<(), Failure> {
    if found == wanted { Ok(()) } else { Err(Failure::broken(format!("{what}: {found:?} instead of {wanted:?}"))) }
}

fn ping_pong(bench: &Bench, command: &str, code: u16) -> Numbers {
    let mut session = bench.binary_session()?;
    Ok(repeat(bench, WARM_UP, || session.ask(command, code))?.per_operation())
}

fn listing(bench: &Bench, verb: &str, (folder, entries): (&str, u32)) -> Numbers {
    let mut session = bench.binary_session()?;
    let command = format!("{verb} {folder}");
    let text = session.fetch(&command)?;
    let lines = u32::try_from(text.split(|&byte| byte == b'\n').count()).map_err(Failure::broken)?;
    // A line for the total, "." and "..", and what follows the last line end: not every server has them.
    if !(entries..=entries + 4).contains(&lines) {
        return Err(Failure::broken(format!("{command}: {lines} lines instead of {entries}")));
    }
    let size = u64::try_from(text.len()).map_err(Failure::broken)?;
    let run = repeat(bench, 1, || session.download(&command, size))?;
    let done = run.operations * f64::from(entries);
    Ok(vec![done / run.wall / 1e3, run.cpu / done * 1e6])
}

/// Repeats an operation as long as the cell lasts, and at least twice.
pub fn repeat(bench: &Bench, warm_up: u32, mut operation: impl FnMut() -> Result<(), Failure>) -> Result<Run, Failure> {
    for _ in 0..warm_up {
        operation()?;
    }
    let (cpu, start, mut operations) = (cpu_seconds(), Instant::now(), 0u32);
    while operations < 2 || start.elapsed() < bench.effort.cell {
        operation()?;
        operations += 1;
    }
    let wall = start.elapsed().as_secs_f64();
    Ok(Run { operations: operations.into(), wall, cpu: cpu_seconds() - cpu })
}

impl Run {
    pub fn per_gigabyte(&self, size: u64) -> Vec<f64> {
        let gigabytes = self.operations * size as f64 / 1e9;
        vec![gigabytes / self.wall, self.cpu / gigabytes]
    }

    pub fn per_operation(&self) -> Vec<f64> {
        vec![self.operations / self.wall, self.cpu / self.operations * 1e6]
    }
}
