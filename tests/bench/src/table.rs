//! The table: a row for each metric, medians with their range, and how far ftpd is ahead.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use crate::cell::Outcome;
use crate::failure::Failure;
use crate::peers::{FLOOR, FTPD, Peer, Speaker};
use crate::workloads::{Better, Metric, PROTOCOLS, Protocol, Rounds, Workload};

/// All results so far.
pub struct Table {
    speakers: Vec<Speaker>,
    /// By workload and server.
    cells: BTreeMap<(&'static str, &'static str), Cell>,
    workloads: Vec<&'static Workload>,
}

#[derive(Default)]
struct Cell {
    /// One list for each metric, one number for each round.
    numbers: Vec<Vec<f64>>,
    failure: Option<Failure>,
    notes: Vec<String>,
}

impl Table {
    pub fn new(speakers: Vec<Speaker>, workloads: Vec<&'static Workload>) -> Self {
        Self { speakers, cells: BTreeMap::new(), workloads }
    }

    /// Takes in what a cell brought.
    pub fn add(&mut self, workload: &'static Workload, peer: &'static Peer, outcome: Outcome) {
        let cell = self.cells.entry((workload.name, peer.name)).or_default();
        cell.notes = outcome.notes;
        cell.numbers.resize(workload.metrics.len(), Vec::new());
        match outcome.numbers {
            Ok(numbers) => cell.numbers.iter_mut().zip(numbers).for_each(|(list, number)| list.push(number)),
            Err(failure) => cell.failure = Some(failure),
        }
    }

    pub fn has_failed(&self, workload: &Workload, peer: &Peer) -> bool {
        self.cell(workload, peer.name).is_some_and(|cell| cell.failure.is_some())
    }

    /// Whether ftpd did all that it was asked to do.
    pub fn ftpd_is_sound(&self) -> bool {
        self.workloads.iter().all(|workload| self.cell(workload, FTPD).is_none_or(|cell| cell.failure.is_none()))
    }

    /// The columns.
    fn peers(&self, protocol: Protocol) -> impl Iterator<Item = &'static Peer> {
        self.speakers.iter().filter(move |speaker| speaker.protocol == protocol).map(|speaker| speaker.peer)
    }

    /// All rows of one protocol.
    fn rows(&self, f: &mut fmt::Formatter, protocol: Protocol) -> fmt::Result {
        let workloads: Vec<_> = self.workloads.iter().filter(|workload| workload.protocol == protocol).collect();
        if workloads.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = self.peers(protocol).map(|peer| peer.name).collect();
        writeln!(f, "| {protocol} | {} | × best peer | × floor |", names.join(" | "))?;
        writeln!(f, "|---|{}---:|---:|", "---:|".repeat(names.len()))?;
        for workload in workloads {
            for metric in 0..workload.metrics.len() {
                self.row(f, workload, metric)?;
            }
        }
        writeln!(f)
    }

    fn cell(&self, workload: &Workload, peer: &'static str) -> Option<&Cell> {
        self.cells.get(&(workload.name, peer))
    }

    fn numbers(&self, workload: &Workload, metric: usize, peer: &'static str) -> Option<&[f64]> {
        let cell = self.cell(workload, peer)?;
        let numbers = cell.numbers.get(metric).filter(|_| cell.failure.is_none())?;
        (!numbers.is_empty()).then_some(numbers)
    }

    fn row(&self, f: &mut fmt::Formatter, workload: &Workload, metric: usize) -> fmt::Result {
        let Metric { name, unit, better } = &workload.metrics[metric];
        let arrow = if *better == Better::Higher { '↑' } else { '↓' };
        write!(f, "| {}: {name}, {unit} {arrow} |", workload.name)?;
        for peer in self.peers(workload.protocol) {
            write!(f, " {} |", self.shown(workload, metric, peer.name))?;
        }
        let median_of = |peer| self.numbers(workload, metric, peer).map(median);
        let ours = median_of(FTPD);
        let rivals = self.peers(workload.protocol).filter(|peer| peer.is_rival());
        let rivals = rivals.filter_map(|peer| Some((median_of(peer.name)?, peer.name)));
        let best = rivals.reduce(|best, next| if better.ahead(next.0, best.0) > 1.0 { next } else { best });
        match (ours, best) {
            (Some(ours), Some((best, name))) => write!(f, " **{:.2}** {name} |", better.ahead(ours, best))?,
            _ => f.write_str(" – |")?,
        }
        match (ours, median_of(FLOOR)) {
            (Some(ours), Some(floor)) => writeln!(f, " {:.2} |", better.ahead(ours, floor)),
            _ => writeln!(f, " – |"),
        }
    }

    fn shown(&self, workload: &Workload, metric: usize, peer: &'static str) -> String {
        let Some(numbers) = self.numbers(workload, metric, peer) else {
            return match self.cell(workload, peer).and_then(|cell| cell.failure.as_ref()) {
                Some(Failure::Broken(_)) => "**failed**".to_owned(),
                Some(Failure::Unsupported(_)) | None => "–".to_owned(),
            };
        };
        let middle = short(median(numbers));
        if workload.rounds == Rounds::Once || numbers.len() == 1 {
            return middle;
        }
        let (least, most) = numbers.iter().fold((f64::MAX, f64::MIN), |(a, b), &n| (a.min(n), b.max(n)));
        format!("{middle} ({}–{})", short(least), short(most))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        PROTOCOLS.iter().try_for_each(|&protocol| self.rows(f, protocol))?;
        writeln!(f, "Median (least–most). × over 1: ftpd is ahead, whether ↑ more or ↓ less is better.\n")?;
        for ((workload, peer), cell) in &self.cells {
            if let Some(failure) = &cell.failure {
                writeln!(f, "- {workload}, {peer}: {failure}")?;
            }
            for note in &cell.notes {
                writeln!(f, "- {workload}, {peer}: {note}")?;
            }
        }
        Ok(())
    }
}

impl Better {
    /// How many times better `ours` is.
    fn ahead(self, ours: f64, theirs: f64) -> f64 {
        match self {
            Self::Higher => ours / theirs,
            Self::Lower => theirs / ours,
        }
    }
}

/// The middle one, or the mean of the middle two.
fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}

/// Three digits that count.
fn short(number: f64) -> String {
    let decimals = match number.abs() {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    let mut text = String::new();
    let _ = write!(text, "{number:.decimals$}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0]), 2.5);
    }

    #[test]
    fn three_digits_count() {
        assert_eq!([0.0661, 1.234, 12.34, 1234.5].map(short), ["0.066", "1.23", "12.3", "1234"]);
    }

    #[test]
    fn ahead_is_over_one_whatever_is_better() {
        assert_eq!(Better::Higher.ahead(2.0, 1.0), 2.0);
        assert_eq!(Better::Lower.ahead(1.0, 2.0), 2.0);
    }
}
