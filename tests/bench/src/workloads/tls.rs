//! Workloads under TLS: a login secures the control connection (AUTH TLS), PROT P the data connections.

use std::fs;
use std::time::Instant;

use super::crowd::by_many;
use super::one::{Run, WARM_UP, repeat, retr, same, upload_repeatedly};
use crate::cell::Bench;
use crate::channel::Tls;
use crate::client::{Content, Session};
use crate::data;
use crate::failure::Failure;
use crate::measure::cpu_seconds;

type Numbers = Result<Vec<f64>, Failure>;

/// What a client encrypts again and again: it stays in the cache.
const BLOCK: usize = 64 << 10;
/// Sessions of one batch of small files.
const SESSIONS: usize = 64;
/// Small files of each. rustls uses a ticket of TLS 1.3 once, and not every server gives another with each data connection.
const FILES: usize = 4;

pub fn retr_big(bench: &mut Bench) -> Numbers {
    let (mut session, size) = (private_session(bench, &Tls::new()?)?, bench.effort.big);
    Ok(repeat(bench, 1, || retr(&mut session, data::BIG, size))?.per_gigabyte(size))
}

pub fn stor_big(bench: &mut Bench) -> Numbers {
    let (mut session, size) = (private_session(bench, &Tls::new()?)?, bench.effort.big);
    let block = vec![b'x'; BLOCK];
    upload_repeatedly(bench, size, |name| session.upload(&format!("STOR {name}"), Content::Repeated(&block, size)))
}

/// Each data connection resumes the session of its control connection. Logins are not counted.
pub fn retr_small(bench: &mut Bench) -> Numbers {
    let tls = Tls::new()?;
    let (command, wanted) = (format!("RETR {}", data::SMALL), fs::read(bench.home.join(data::SMALL))?);
    let (mut all, mut full_handshakes) = (Run::default(), 0);
    while all.wall < bench.effort.cell.as_secs_f64() {
        let mut sessions = (0..SESSIONS).map(|_| private_session(bench, &tls)).collect::<Result<Vec<_>, _>>()?;
        let (cpu, start) = (cpu_seconds(), Instant::now());
        for session in &mut sessions {
            for _ in 0..FILES {
                same("the right bytes come", session.fetch(&command)? == wanted, true)?;
                full_handshakes += u32::from(!session.has_resumed);
            }
        }
        all.operations += (SESSIONS * FILES) as f64;
        all.wall += start.elapsed().as_secs_f64();
        all.cpu += cpu_seconds() - cpu;
        sessions.into_iter().try_for_each(Session::quit)?;
    }
    if full_handshakes > 0 {
        bench.note(format!("{full_handshakes} of {} data connections DID NOT RESUME", all.operations));
    }
    Ok(all.per_operation())
}

pub fn login(bench: &mut Bench) -> Numbers {
    let tls = Tls::new()?;
    Ok(repeat(bench, WARM_UP, || visit(bench, &tls))?.per_operation())
}

pub fn logins(bench: &mut Bench) -> Numbers {
    let tls = Tls::new()?;
    by_many(bench, || Ok(|| visit(bench, &tls)))
}

/// Connect, AUTH TLS and a full handshake, USER, PASS, QUIT.
fn visit(bench: &Bench, tls: &Tls) -> Result<(), Failure> {
    Session::private_login(bench.server.address, bench.server.peer.account()?, &tls.for_session())?.quit()
}

fn private_session(bench: &Bench, tls: &Tls) -> Result<Session, Failure> {
    let tls = tls.for_session();
    let mut session = Session::private_login(bench.server.address, bench.server.peer.account()?, &tls)?;
    session.protect(&tls)?;
    session.ask("TYPE I", 200)?;
    Ok(session)
}
