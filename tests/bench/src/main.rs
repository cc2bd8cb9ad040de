//! `make bench`: ftpd, its peers and a floor without FTP under the same workloads, interleaved, as a table of ratios.

#![forbid(unsafe_code)]

use std::fs;
use std::path::PathBuf;
use std::process::{self, ExitCode};
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::cell::{Effort, Isolation, Lifeline, Network, Outcome};
use crate::failure::Failure;
use crate::peers::{FLOOR, PEERS, Peer, Places, Speaker};
use crate::table::Table;
use crate::workloads::{PROTOCOLS, Protocol, Rounds, Servers, WORKLOADS, Workload};

mod cell;
mod channel;
mod client;
mod data;
mod failure;
mod floor;
mod gulp;
mod machine;
mod measure;
mod peers;
mod server;
mod strace;
mod table;
mod web_client;
mod workloads;

/// Measures ftpd against its peers and against a floor without FTP
#[derive(Parser)]
#[command(version)]
struct Options {
    #[command(flatten)]
    places: Places,
    /// Rounds, interleaved: A B C A B C …
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Only these workloads
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    only: Vec<String>,
    /// Only these servers besides ftpd and the floor, or none
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    peers: Vec<String>,
    /// One round, shorter and smaller: to see that all works, not to compare
    #[arg(long)]
    quick: bool,
    /// No new cell is begun after so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 1200)]
    limit: u64,
    /// A folder in tmpfs for the files that are served, some 5 GB at most
    #[arg(long, value_name = "DIR", default_value = "/dev/shm")]
    scratch: PathBuf,
    /// The inside of one cell: workload:server
    #[arg(long, hide = true)]
    cell: Option<String>,
    #[arg(long, hide = true)]
    isolated: bool,
    /// Serve as the floor on this port
    #[arg(long, hide = true)]
    floor: Option<u16>,
    #[arg(long, hide = true, value_enum, default_value_t = Protocol::Ftp)]
    protocol: Protocol,
    #[arg(long, hide = true, default_value = ".")]
    data: PathBuf,
}

const NONE: &str = "none";

fn main() -> ExitCode {
    let options = Options::parse();
    if let Some(port) = options.floor {
        return exit_code(floor::serve(options.protocol, port, &options.data).map_err(Failure::from));
    }
    if let Some(name) = &options.cell {
        let network = if options.isolated { Network::Own } else { Network::Hosts };
        cell::run_here(name, &options.places, &options.data, options.effort(), network);
        return ExitCode::SUCCESS;
    }
    exit_code(run_all(&options))
}

fn exit_code(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn run_all(options: &Options) -> Result<(), Failure> {
    let (workloads, load) = (options.workloads()?, machine::load());
    let wanted = options.wanted(&workloads)?;
    let lab = Lab::open(options)?;
    let (speakers, skipped): (Vec<_>, Vec<_>) =
        wanted.into_iter().partition(|speaker| lab.can_measure(speaker, options));
    if let Some(Speaker { peer, .. }) = skipped.iter().find(|speaker| speaker.is_needed()) {
        return Err(Failure::broken(format!("nothing to compare without {}", peer.name)));
    }
    let mut table = Table::new(speakers.clone(), workloads.clone());
    for (workload, round, peer) in options.order(&workloads, &speakers) {
        if lab.is_out_of_time() {
            println!("OUT OF TIME (--limit) at {}, round {round}\n", workload.name);
            break;
        }
        // What has failed once would fail, and take its time, in each round.
        if !table.has_failed(workload, peer) {
            let outcome = lab.run(workload, peer);
            eprintln!("{:4} s  {} {round} {}: {outcome:?}", lab.begun.elapsed().as_secs(), workload.name, peer.name);
            table.add(workload, peer, outcome);
        }
    }
    println!("{}; load before: {load}; autogroup {}", machine::description(), machine::autogroup());
    println!("{}\n", lab.isolation);
    for Speaker { peer, protocol } in speakers {
        println!("- {} ({protocol}): {}", peer.name, peer.version(&options.places, &lab.scratch.0)?);
    }
    for Speaker { peer, protocol } in skipped {
        println!("- {} ({protocol}): SKIPPED", peer.name);
    }
    println!("\n{table}");
    if table.ftpd_is_sound() { Ok(()) } else { Err(Failure::broken("ftpd failed")) }
}

/// Where cells are run.
struct Lab {
    begun: Instant,
    limit: Duration,
    isolation: Isolation,
    scratch: Scratch,
    lifeline: Lifeline,
}

impl Lab {
    fn open(options: &Options) -> Result<Self, Failure> {
        let scratch = Scratch(options.scratch.join(format!("ftpd-bench-{}", process::id())));
        let (begun, limit) = (Instant::now(), Duration::from_secs(options.limit));
        let lab = Self { begun, limit, isolation: Isolation::available(), scratch, lifeline: Lifeline::default() };
        lab.clean_up_on_signal()?;
        eprintln!("making files in {} …", lab.scratch.0.display());
        data::make(&lab.scratch.0.join("home"), options.effort().big)?;
        data::make_certificate(&lab.scratch.0)?;
        Ok(lab)
    }

    fn is_out_of_time(&self) -> bool {
        self.begun.elapsed() > self.limit
    }

    fn run(&self, workload: &Workload, peer: &Peer) -> Outcome {
        let name = format!("{}:{}", workload.name, peer.name);
        cell::run_apart(self.isolation, &name, &self.scratch.0, &self.lifeline)
    }

    /// Says loudly why not.
    fn can_measure(&self, &Speaker { peer, protocol }: &Speaker, options: &Options) -> bool {
        if peer.find(&options.places).is_none() {
            eprintln!("SKIPPED: {} is not found on this machine (see tests/bench/README.md)", peer.name);
            return false;
        }
        match Workload::probe(protocol).and_then(|probe| self.run(probe, peer).numbers) {
            Ok(_) => true,
            Err(failure) => {
                eprintln!("SKIPPED: {} ({protocol}) does not work here: {failure}", peer.name);
                false
            }
        }
    }

    fn clean_up_on_signal(&self) -> Result<(), Failure> {
        let (scratch, lifeline) = (self.scratch.0.clone(), Arc::clone(&self.lifeline));
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        thread::spawn(move || {
            if signals.forever().next().is_some() {
                let mut lifeline = lifeline.lock().unwrap_or_else(PoisonError::into_inner);
                drop(lifeline.take());
                // Until its last process is gone, the cell may still write.
                while scratch.exists() {
                    let _ = fs::remove_dir_all(&scratch);
                }
                process::exit(130);
            }
        });
        Ok(())
    }
}

impl Options {
    fn effort(&self) -> Effort {
        if self.quick { Effort::QUICK } else { Effort::FULL }
    }

    /// Which cell after which: interleaved, so that a slow minute of the machine meets all servers.
    fn order(
        &self,
        workloads: &[&'static Workload],
        speakers: &[Speaker],
    ) -> Vec<(&'static Workload, usize, &'static Peer)> {
        let mut order = Vec::new();
        for &workload in workloads {
            let can = |peer: &&Peer| match workload.servers {
                Servers::All => true,
                Servers::FtpdAndFloor => !peer.is_rival(),
                Servers::NotFloor => peer.name != FLOOR,
                Servers::Ftpd => !peer.is_rival() && peer.name != FLOOR,
            };
            let speaking = speakers.iter().filter(|speaker| speaker.protocol == workload.protocol);
            let peers: Vec<_> = speaking.map(|speaker| speaker.peer).filter(can).collect();
            for round in 1..=self.rounds_of(workload) {
                order.extend(peers.iter().map(|&peer| (workload, round, peer)));
            }
        }
        order
    }

    fn rounds_of(&self, workload: &Workload) -> usize {
        if self.quick || workload.rounds == Rounds::Once { 1 } else { self.rounds }
    }

    fn workloads(&self) -> Result<Vec<&'static Workload>, Failure> {
        if self.only.is_empty() {
            return Ok(WORKLOADS.iter().collect());
        }
        self.only.iter().map(|name| Workload::named(name)).collect()
    }

    /// Who is to be measured, over the protocols of these workloads.
    fn wanted(&self, workloads: &[&Workload]) -> Result<Vec<Speaker>, Failure> {
        self.peers.iter().filter(|name| *name != NONE).try_for_each(|name| Peer::named(name).map(drop))?;
        let named = |peer: &Peer| self.peers.is_empty() || self.peers.iter().any(|name| name == peer.name);
        let wanted = |peer: &&Peer| if peer.is_rival() { named(peer) } else { peer.find(&self.places).is_some() };
        let protocols = PROTOCOLS.iter().copied();
        let spoken = protocols.filter(|protocol| workloads.iter().any(|workload| workload.protocol == *protocol));
        let speakers = spoken.flat_map(|protocol| {
            let peers = PEERS.iter().filter(wanted).filter(move |peer| peer.speaks(protocol));
            peers.map(move |peer| Speaker { peer, protocol })
        });
        Ok(speakers.collect())
    }
}

/// The folder of all files; gone when this value is.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
