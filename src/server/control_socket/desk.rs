//! Answers the requests at the local socket: reads the roster, and hands orders to the main thread.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use jiff::Timestamp;

use crate::control::answer::{
    self, BanFacts, DrainAnswer, KickAnswer, LimitFacts, ReloadAnswer, ServerFacts, SessionFacts, StatusAnswer,
    UnbanAnswer, WhoAnswer,
};
use crate::control::request::{ControlRequest, KickTarget};
use crate::net::ending::Farewell;
use crate::reception::activity::Seat;
use crate::server::gate::Gate;
use crate::sys::waker::Waker;

/// Answers requests.
pub struct Desk {
    gate: Arc<Gate>,
    errands: Sender<Errand>,
    waker: Waker,
    started: Instant,
    address: String,
    rates: HashMap<u64, Sample>,
}

/// What the main thread is asked to do.
pub enum Errand {
    /// Take no new sessions, and stop after the last transfer.
    Drain(ErrandReply),
    /// Read both files again.
    Reload(ErrandReply),
}

/// Returns the result of an errand to the client.
pub struct ErrandReply {
    line: Sender<String>,
    waker: Waker,
}

/// An answer, or where it comes from.
pub enum Answered {
    /// This line.
    Now(String),
    /// A line that takes a while.
    Later(Receiver<String>),
}

/// The progress of a transfer when it was last shown.
struct Sample {
    /// When that transfer began.
    began: Instant,
    at: Instant,
    bytes: u64,
    /// Its rate then, in bytes a second.
    rate: u64,
}

/// The goodbye to a session that the administrator ends.
const KICKED: Farewell = Farewell { text: "The administrator has ended this session", reason: "kicked" };
/// A rate is measured over at least this time, and at most the other one.
const RATE_OVER: Duration = Duration::from_millis(700);
const RATE_OLD: Duration = Duration::from_secs(10);

impl ErrandReply {
    /// Says that the server drains, with this many sessions.
    pub fn draining(self, sessions: usize) {
        self.send(answer::line(&DrainAnswer { sessions }));
    }

    /// Says what came of a reload.
    pub fn reloaded(self, reloaded: bool, lines: Vec<String>) {
        self.send(answer::line(&ReloadAnswer { reloaded, lines }));
    }

    /// Says why it can't be done.
    pub fn failed(self, reason: &str) {
        self.send(answer::refusal(reason));
    }

    fn send(self, line: String) {
        // The client may be gone.
        let _ = self.line.send(line);
        self.waker.wake();
    }
}

impl Desk {
    /// Of a server that listens there.
    pub fn new(gate: Arc<Gate>, address: String, errands: Sender<Errand>, waker: Waker) -> Desk {
        Desk { gate, errands, waker, started: Instant::now(), address, rates: HashMap::new() }
    }

    /// Answers, or has it answered.
    pub fn answer(&mut self, request: ControlRequest, now: Instant) -> Answered {
        Answered::Now(match request {
            ControlRequest::Who => answer::line(&self.who(now)),
            ControlRequest::Status => answer::line(&self.status(now)),
            ControlRequest::Kick(target) => answer::line(&self.kick(&target, now)),
            ControlRequest::Unban { address } => answer::line(&self.unban(address, now)),
            ControlRequest::Drain => return self.send_on(Errand::Drain),
            ControlRequest::Reload => return self.send_on(Errand::Reload),
        })
    }

    fn send_on(&self, errand: impl FnOnce(ErrandReply) -> Errand) -> Answered {
        let (line, coming) = bounded(1);
        match self.errands.try_send(errand(ErrandReply { line, waker: self.waker.clone() })) {
            Ok(()) => Answered::Later(coming),
            Err(_) => Answered::Now(answer::refusal("the server is busy with other errands; try again later")),
        }
    }

    fn server(&self, now: Instant) -> ServerFacts {
        ServerFacts {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            uptime: now.saturating_duration_since(self.started).as_secs(),
            address: self.address.clone(),
            max_cons: self.gate.max_cons(),
        }
    }

    fn who(&mut self, now: Instant) -> WhoAnswer {
        let seats = self.gate.roster.seats();
        let sessions: Vec<SessionFacts> = seats.iter().map(|seat| self.session(seat, now)).collect();
        self.rates.retain(|_, sample| now.saturating_duration_since(sample.at) < RATE_OLD);
        WhoAnswer { server: self.server(now), sessions }
    }

    fn session(&mut self, Seat { activity, .. }: &Seat, now: Instant) -> SessionFacts {
        let doing = activity.doing();
        let moving = doing.as_ref().map(|(doing, bytes)| (doing.began, *bytes));
        let since = Timestamp::try_from(activity.since()).unwrap_or_default();
        SessionFacts {
            id: activity.id,
            user: activity.account().map(|account| account.name.clone()),
            address: activity.address(),
            tls: activity.is_secured(),
            protocol: activity.is_on_web.then(|| "http".to_owned()),
            since: since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            idle: activity.idle(now).as_secs(),
            verb: doing.as_ref().map(|(doing, _)| doing.verb.to_owned()),
            path: doing.as_ref().map(|(doing, _)| String::from_utf8_lossy(doing.path.as_bytes()).into_owned()),
            bytes: moving.map_or(0, |(_, bytes)| bytes),
            total: doing.as_ref().and_then(|(doing, _)| doing.total),
            rate: moving.map_or(0, |(began, bytes)| self.rate(activity.id, began, bytes, now)),
        }
    }

    /// Bytes a second since this session was last looked at, or since its transfer began.
    fn rate(&mut self, id: u64, began: Instant, bytes: u64, now: Instant) -> u64 {
        let last = self.rates.get(&id).filter(|sample| sample.began == began);
        let (from, at) = match last {
            Some(sample) if now.saturating_duration_since(sample.at) < RATE_OVER => return sample.rate,
            Some(sample) if now.saturating_duration_since(sample.at) < RATE_OLD => (sample.bytes, sample.at),
            _ => (0, began),
        };
        let millis = now.saturating_duration_since(at).as_millis().max(1);
        let rate = u128::from(bytes.saturating_sub(from)) * 1000 / millis;
        let rate = u64::try_from(rate).unwrap_or(u64::MAX);
        self.rates.insert(id, Sample { began, at: now, bytes, rate });
        rate
    }

    fn kick(&self, target: &KickTarget, now: Instant) -> KickAnswer {
        // The ban comes first: a client that is sent away must not come back.
        let banned = match target {
            KickTarget::Address { address, ban: true } => self.ban(address.to_canonical(), now),
            KickTarget::Address { .. } | KickTarget::Ids { .. } | KickTarget::User { .. } => None,
        };
        let idle = match target {
            KickTarget::User { user } => self.gate.web.logins.end_all_of(user),
            KickTarget::Ids { .. } | KickTarget::Address { .. } => 0,
        };
        let seats = self.gate.roster.seats();
        let chosen: Vec<&Seat> = seats.iter().filter(|seat| chooses(target, seat)).collect();
        for seat in &chosen {
            let (peer, account) = (seat.activity.address(), seat.activity.account());
            let user = account.as_ref().map_or("", |account| account.name.as_str());
            log::info!(peer:%, user; "session {} is kicked", seat.activity.id);
            seat.ending.ask(KICKED);
        }
        let unknown = match target {
            KickTarget::Ids { ids } => {
                let is_unknown = |id: &&u64| !chosen.iter().any(|seat| seat.activity.id == **id);
                ids.iter().filter(is_unknown).copied().collect()
            }
            KickTarget::User { .. } | KickTarget::Address { .. } => Vec::new(),
        };
        KickAnswer { kicked: chosen.len() + idle, unknown, banned }
    }

    /// Keeps an address out for `ban_time`, or for good if that is off; for how many seconds.
    fn ban(&self, address: IpAddr, now: Instant) -> Option<u64> {
        let time = Some(self.gate.settings().config.server.ban.time).filter(|time| !time.is_zero());
        self.gate.shared.reception.bans.ban(address, time, now);
        self.gate.forget_refusals(address);
        match time {
            Some(time) => log::info!("{address} is kept out for {} s", time.as_secs()),
            None => log::info!("{address} is kept out until the server ends"),
        }
        time.map(|time| time.as_secs())
    }

    fn unban(&self, address: IpAddr, now: Instant) -> UnbanAnswer {
        let rule = self.gate.settings().config.server.ban;
        let address = address.to_canonical();
        let unbanned = self.gate.shared.reception.bans.lift(address, rule, now);
        if unbanned {
            self.gate.forget_refusals(address);
            log::info!("{address} is let in again");
        }
        UnbanAnswer { unbanned }
    }

    fn status(&self, now: Instant) -> StatusAnswer {
        let (config, seats) = (self.gate.settings().config, self.gate.roster.seats());
        let (totals, ports) = (self.gate.roster.totals(), self.gate.shared.passive.range());
        let bans = self.gate.shared.reception.bans.list(config.server.ban, now).into_iter();
        StatusAnswer {
            server: self.server(now),
            draining: self.gate.shared.reception.stop.asked().is_some(),
            sessions: seats.len(),
            sessions_total: totals.sessions,
            transfers: seats.iter().filter(|seat| seat.activity.doing().is_some()).count(),
            received: totals.moved.received,
            sent: totals.moved.sent,
            limits: LimitFacts {
                max_cons: self.gate.max_cons(),
                max_cons_per_ip: config.server.max_cons_per_ip,
                max_upload: config.transfer.max_upload,
                max_download: config.transfer.max_download,
                passive_ports: ports.map(|range| format!("{}-{}", range.start(), range.end())),
            },
            bans: bans.map(|(address, left)| BanFacts { address, left: left.map(|left| left.as_secs()) }).collect(),
            partials: totals.moved.kept,
        }
    }
}

fn chooses(target: &KickTarget, Seat { activity, .. }: &Seat) -> bool {
    match target {
        KickTarget::Ids { ids } => ids.contains(&activity.id),
        KickTarget::User { user } => activity.account().is_some_and(|account| account.name == *user),
        KickTarget::Address { address, .. } => activity.is_from(address.to_canonical()),
    }
}
