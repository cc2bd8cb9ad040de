//! What rules for folders cost: the same account with twenty of them and without, in turn, at the top and six levels down.

use super::one::retr;
use crate::cell::Bench;
use crate::client::Session;
use crate::data;
use crate::failure::Failure;
use crate::measure::thread_seconds;

type Numbers = Result<Vec<f64>, Failure>;

const ROUNDS: usize = 40;
const TRANSFERS: usize = 500;
const LISTINGS: usize = 5;

/// PASV and RETR of a small file.
pub fn retr_small(bench: &mut Bench) -> Numbers {
    at_both_depths(bench, TRANSFERS, |session, folder| {
        retr(session, &format!("{folder}{}", data::SMALL), data::SMALL_SIZE)
    })
}

/// PASV and MLSD of so many entries.
pub fn mlsd(bench: &mut Bench) -> Numbers {
    let (name, entries) = data::MANY;
    at_both_depths(bench, LISTINGS, |session, folder| {
        let lines = session.fetch(&format!("MLSD {folder}{name}"))?.split(|&byte| byte == b'\n').count();
        let whole = usize::try_from(entries).is_ok_and(|entries| lines >= entries);
        if whole { Ok(()) } else { Err(Failure::broken(format!("{lines} lines instead of {entries}"))) }
    })
}

fn at_both_depths(
    bench: &Bench,
    times: usize,
    operation: impl Fn(&mut Session, &str) -> Result<(), Failure>,
) -> Numbers {
    let deep = format!("{}/", data::DEEP);
    ["", &deep]
        .into_iter()
        .map(|folder| with_against_without(bench, times, |session| operation(session, folder)))
        .collect()
}

/// The server's CPU time for the account with rules divided by that for the one without: the median of many rounds.
fn with_against_without(
    bench: &Bench,
    times: usize,
    operation: impl Fn(&mut Session) -> Result<(), Failure>,
) -> Result<f64, Failure> {
    let mut without = bench.binary_session()?;
    let mut with = Session::login(bench.server.address, data::RULED)?;
    with.ask("TYPE I", 200)?;
    let round = |session: &mut Session| {
        let before = thread_seconds();
        (0..times.div_ceil(bench.effort.fewer)).try_for_each(|_| operation(session))?;
        Ok::<_, Failure>(thread_seconds() - before)
    };
    round(&mut without)?;
    round(&mut with)?;
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        ratios.push(round(&mut with)? / round(&mut without)?);
    }
    ratios.sort_by(f64::total_cmp);
    Ok(ratios[ROUNDS / 2])
}
