//! Random trees of mounts, rules and links, random commands, and beside them a plain model of what is allowed: it knows only
//! letters and real places.
//!
//! A tree and what happens in it follow from one number, which a failure names: `FTPD_SEED=n` begins with it, and `FTPD_TREES=n`
//! says how many follow.

mod checks;
mod commands;
mod disk;
mod ground;
mod model;
mod walk;

use std::{collections::BTreeMap, env};

use self::{ground::Ground, walk::Walk};
use crate::dice::Dice;

const COMMANDS: usize = 100;

/// The numbers of the trees of this run.
fn seeds() -> std::ops::Range<u64> {
    let number = |variable: &str| env::var(variable).ok().map(|text| text.parse::<u64>().expect("a number"));
    let first = number("FTPD_SEED").unwrap_or(1);
    first..first + number("FTPD_TREES").unwrap_or(48)
}

/// Walks through one tree; the positive answers, by verb.
fn walk(seed: u64, sandbox: &str, holes: usize) -> Result<BTreeMap<String, usize>, String> {
    let mut dice = Dice::numbered(seed);
    let ground = Ground::new(&mut dice, &format!("[server]\nsandbox = {sandbox}\n"));
    let mut walk = Walk::new(&mut dice, &ground, holes);
    walk.go(COMMANDS).map_err(|wrong| format!("FTPD_SEED={seed} FTPD_TREES=1: {wrong}"))?;
    Ok(walk.done)
}

/// Walks through all trees.
#[track_caller]
fn walk_all(sandbox: impl Fn(u64) -> &'static str, holes: usize) {
    let mut done: BTreeMap<String, usize> = BTreeMap::new();
    for seed in seeds() {
        match walk(seed, sandbox(seed), holes) {
            Ok(more) => more.into_iter().for_each(|(verb, times)| *done.entry(verb).or_default() += times),
            Err(wrong) => panic!("{wrong}"),
        }
    }
    eprintln!("done: {done:?}");
}

#[test]
fn no_byte_and_no_name_is_out_of_bounds() {
    walk_all(|seed| if seed % 2 == 0 { "auto" } else { "off" }, 0);
}

/// A part of the commands gives paths of the machine past all that the program does: what is allowed then is what the kernel's
/// jail can hold.
#[cfg(feature = "planted-bug")]
mod planted {
    use super::*;
    use crate::server::{BOB, Server};

    const HOLES: usize = 30;

    #[test]
    fn no_byte_and_no_name_that_the_jail_can_hold_is_out_of_bounds() {
        if Server::start("", BOB).wait_log("sandbox: ").contains("no landlock") {
            return eprintln!("SKIPPED: this kernel has no Landlock");
        }
        walk_all(|_| "require", HOLES);
    }

    #[test]
    fn without_the_jail_the_walk_finds_the_hole() {
        assert!((1..=3).all(|seed| walk(seed, "off", HOLES).is_err()));
    }
}
