//! Small transfers by the ten thousands: whether the last ones cost what the first did. Each leaves a connection in
//! TIME_WAIT, and some servers look for their ports among all of these.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Mutex, PoisonError};

use super::crowd::at_once;
use super::one::retr;
use crate::cell::Bench;
use crate::client::Session;
use crate::data;
use crate::failure::Failure;
use crate::measure::cpu_seconds;

type Numbers = Result<Vec<f64>, Failure>;

const CLIENTS: usize = 16;
const ROUNDS: usize = 10;
const PASSIVE: usize = 60_000;
/// Some servers get slower still.
const ACTIVE: usize = 24_000;
const WARM_UP: usize = 10;

/// PASV and RETR, 60 000 times.
pub fn passive(bench: &mut Bench) -> Numbers {
    last_against_first(bench, PASSIVE, |session| retr(session, data::SMALL, data::SMALL_SIZE))
}

/// PORT and RETR, 24 000 times, each to a port of its own.
pub fn active(bench: &mut Bench) -> Numbers {
    let command = format!("RETR {}", data::SMALL);
    last_against_first(bench, ACTIVE, |session| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        session.active_download(&listener, &command, data::SMALL_SIZE)
    })
}

/// The server's CPU time in the last of all rounds divided by that in the first, and the last one's for each transfer.
fn last_against_first(
    bench: &Bench,
    transfers: usize,
    transfer: impl Fn(&mut Session) -> Result<(), Failure> + Sync,
) -> Numbers {
    let sessions = (0..CLIENTS).map(|_| bench.binary_session().map(Mutex::new));
    let sessions: Vec<_> = sessions.collect::<Result<_, _>>()?;
    let round = |times: usize| {
        let before = cpu_seconds();
        let run = |number: usize| {
            let mut session = sessions[number].lock().unwrap_or_else(PoisonError::into_inner);
            (0..times).try_for_each(|_| transfer(&mut session))
        };
        at_once(CLIENTS, run, || ())?;
        Ok((cpu_seconds() - before) / (times * CLIENTS) as f64 * 1e6)
    };
    round(WARM_UP)?;
    let times = transfers / bench.effort.fewer / ROUNDS / CLIENTS;
    let each: Vec<f64> = (0..ROUNDS).map(|_| round(times)).collect::<Result<_, Failure>>()?;
    let (first, last) = (each[0], each[ROUNDS - 1]);
    Ok(vec![last / first, last])
}
