//! The workloads, as a table.

use std::fmt;

use crate::cell::Bench;
use crate::failure::Failure;

mod crowd;
mod lasting;
mod one;
mod rules;
mod tls;
mod trace;
mod web;

/// One or more rows of the table that is printed.
pub struct Workload {
    pub name: &'static str,
    pub metrics: &'static [Metric],
    pub cpus: Cpus,
    pub rounds: Rounds,
    pub servers: Servers,
    pub protocol: Protocol,
    pub protection: Protection,
    run: fn(&mut Bench) -> Result<Vec<f64>, Failure>,
}

/// What a number means.
pub struct Metric {
    pub name: &'static str,
    pub unit: &'static str,
    pub better: Better,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Better {
    Higher,
    Lower,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Cpus {
    /// Client and server share one CPU: without it, a ping-pong measures the scheduler.
    One,
    All,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Rounds {
    Many,
    /// The number has no noise.
    Once,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Servers {
    All,
    /// More than the others hold.
    FtpdAndFloor,
    /// More than the floor can do.
    NotFloor,
    /// What only ftpd has.
    Ftpd,
}

/// What clients speak; a table of its own for each.
#[derive(Clone, Copy, PartialEq, Debug, clap::ValueEnum)]
pub enum Protocol {
    Ftp,
    Http,
}

pub const PROTOCOLS: [Protocol; 2] = [Protocol::Ftp, Protocol::Http];

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Ftp => "FTP",
            Self::Http => "HTTP",
        })
    }
}

/// How the servers are set up (RFC 2228 calls the levels so).
#[derive(Clone, Copy, PartialEq)]
pub enum Protection {
    Clear,
    /// With TLS for clients that want it.
    Private,
}

use Better::{Higher, Lower};
use Cpus::{All as AllCpus, One};
use Rounds::{Many, Once};

const fn m(name: &'static str, unit: &'static str, better: Better) -> Metric {
    Metric { name, unit, better }
}

const fn w(
    name: &'static str,
    (cpus, rounds): (Cpus, Rounds),
    metrics: &'static [Metric],
    run: fn(&mut Bench) -> Result<Vec<f64>, Failure>,
) -> Workload {
    Workload {
        name,
        metrics,
        cpus,
        rounds,
        servers: Servers::All,
        protocol: Protocol::Ftp,
        protection: Protection::Clear,
        run,
    }
}

const fn under_tls(workload: Workload) -> Workload {
    Workload { servers: Servers::NotFloor, protection: Protection::Private, ..workload }
}

const fn over_http(workload: Workload) -> Workload {
    Workload { protocol: Protocol::Http, ..workload }
}

const fn only_ftpd(workload: Workload) -> Workload {
    Workload { servers: Servers::Ftpd, ..workload }
}

const BIG: &[Metric] = &[m("speed", "GB/s", Higher), m("server CPU", "s/GB", Lower)];
const EACH: &[Metric] = &[m("rate", "/s", Higher), m("server CPU", "µs each", Lower)];
const LISTING: &[Metric] = &[m("rate", "k entries/s", Higher), m("server CPU", "µs/entry", Lower)];
const LASTING: &[Metric] =
    &[m("CPU of the last round / of the first", "×", Lower), m("server CPU at last", "µs each", Lower)];
const RULES: &[Metric] = &[m("CPU with 20 rules / without, depth 1", "×", Lower), m("depth 6", "×", Lower)];
const CALLS: &[Metric] = &[m("system calls", "each", Lower)];

#[rustfmt::skip]
pub const WORKLOADS: &[Workload] = &[
    w("retr-1g",            (AllCpus, Many), BIG,     one::retr_big),
    w("stor-1g",            (AllCpus, Many), BIG,     one::stor_big),
    w("retr-64",            (AllCpus, Many), BIG,     crowd::retr_many),
    w("retr-small",         (One,     Many), EACH,    one::retr_small),
    w("stor-small",         (One,     Many), EACH,    one::stor_small),
    w("login-1",            (One,     Many), EACH,    one::login),
    w("login-16",           (AllCpus, Many), EACH,    crowd::logins),
    w("noop",               (One,     Many), EACH,    one::noop),
    w("pwd",                (One,     Many), EACH,    one::pwd),
    w("size",               (One,     Many), EACH,    one::size),
    w("mlsd-10k",           (One,     Many), LISTING, one::mlsd),
    w("list-10k",           (One,     Many), LISTING, one::list),
    w("list-100k",          (AllCpus, Many), LISTING, one::list_long),
    w("retr-60k",           (AllCpus, Once), LASTING, lasting::passive),
    Workload { servers: Servers::NotFloor,
    ..w("port-24k",         (AllCpus, Once), LASTING, lasting::active) },
    w("crowd-300",          (AllCpus, Many), &[m("wall time", "s", Lower), m("server CPU", "s", Lower)], crowd::published),
    w("idle-1k",            (AllCpus, Once), &[m("Pss", "KiB/session", Lower)], crowd::idle),
    Workload { servers: Servers::FtpdAndFloor,
    ..w("idle-10k",         (AllCpus, Many), &[m("Pss", "KiB/session", Lower), m("NOOP over all", "/s", Higher)], crowd::idle_10k) },
    only_ftpd(w("rules-retr",  (One, Many), RULES, rules::retr_small)),
    only_ftpd(w("rules-mlsd",  (One, Many), RULES, rules::mlsd)),
    under_tls(w("tls-retr-1g",    (AllCpus, Many), BIG,  tls::retr_big)),
    under_tls(w("tls-stor-1g",    (AllCpus, Many), BIG,  tls::stor_big)),
    under_tls(w("tls-retr-small", (One,     Many), EACH, tls::retr_small)),
    under_tls(w("tls-login-1",    (One,     Many), EACH, tls::login)),
    under_tls(w("tls-login-16",   (AllCpus, Many), EACH, tls::logins)),
    over_http(w("web-get-1g",     (AllCpus, Many), BIG,     web::get_big)),
    over_http(w("web-put-1g",     (AllCpus, Many), BIG,     web::put_big)),
    over_http(w("web-get-small",  (One,     Many), EACH,    web::get_small)),
    over_http(w("web-get-16",     (AllCpus, Many), EACH,    web::get_small_by_many)),
    over_http(w("web-get-new",    (One,     Many), EACH,    web::get_small_once)),
    over_http(w("web-list-10k",   (One,     Many), LISTING, web::list)),
    over_http(w("web-page-10k",   (One,     Many), LISTING, web::page)),
    over_http(w("calls-web-get",  (AllCpus, Once), CALLS,   trace::web_get_small)),
    w("calls-noop",         (AllCpus, Once), CALLS,   trace::noop),
    w("calls-login",        (AllCpus, Once), CALLS,   trace::login),
    w("calls-retr-small",   (AllCpus, Once), CALLS,   trace::retr_small),
    w("calls-stor-small",   (AllCpus, Once), CALLS,   trace::stor_small),
];

/// No rows of the table: whether a server can do at all what the others need.
const PROBES: &[Workload] =
    &[w("probe", (AllCpus, Once), &[], one::probe), over_http(w("web-probe", (AllCpus, Once), &[], web::probe))];

impl Workload {
    pub fn named(name: &str) -> Result<&'static Self, Failure> {
        let found = WORKLOADS.iter().chain(PROBES).find(|workload| workload.name == name);
        found.ok_or_else(|| Failure::broken(format!("no workload named {name}")))
    }

    /// Which one tells whether a server works at all.
    pub fn probe(protocol: Protocol) -> Result<&'static Self, Failure> {
        Self::named(match protocol {
            Protocol::Ftp => "probe",
            Protocol::Http => "web-probe",
        })
    }

    /// Runs it once; one number for each metric.
    pub fn run(&self, bench: &mut Bench) -> Result<Vec<f64>, Failure> {
        (self.run)(bench)
    }
}
