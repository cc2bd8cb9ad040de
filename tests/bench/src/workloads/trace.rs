//! System calls of an operation: the number without noise.

use super::one::{SmallUpload, retr, visit};
use super::web::get_small_file;
use crate::cell::Bench;
use crate::data;
use crate::failure::Failure;
use crate::strace::Trace;

type Numbers = Result<Vec<f64>, Failure>;

const OPERATIONS: u32 = 100;
/// The first operations may set something up.
const WARM_UP: u32 = 3;

pub fn noop(bench: &mut Bench) -> Numbers {
    let mut session = bench.session()?;
    count(bench, || session.ask("NOOP", 200))
}

pub fn login(bench: &mut Bench) -> Numbers {
    let (address, account) = (bench.server.address, bench.server.peer.account()?);
    count(bench, || visit(address, account))
}

pub fn retr_small(bench: &mut Bench) -> Numbers {
    let mut session = bench.binary_session()?;
    count(bench, || retr(&mut session, data::SMALL, data::SMALL_SIZE))
}

pub fn stor_small(bench: &mut Bench) -> Numbers {
    let mut session = bench.binary_session()?;
    let small = SmallUpload::new();
    count(bench, || small.store_and_delete(&mut session))
}

pub fn web_get_small(bench: &mut Bench) -> Numbers {
    let mut client = bench.web()?;
    count(bench, || get_small_file(&mut client))
}

fn count(bench: &mut Bench, mut operation: impl FnMut() -> Result<(), Failure>) -> Numbers {
    for _ in 0..WARM_UP {
        operation()?;
    }
    let trace = Trace::attach(&bench.folder)?;
    for _ in 0..OPERATIONS {
        operation()?;
    }
    let calls = trace.detach()?;
    bench.note(calls.per_operation(OPERATIONS.into()));
    Ok(vec![calls.total() as f64 / f64::from(OPERATIONS)])
}
