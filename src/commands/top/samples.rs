//! Answers for the tests of `ftpd top`.

use std::time::Instant;

use crate::commands::top::view::View;
use crate::control::answer::{ServerFacts, SessionFacts, WhoAnswer};

/// A session that is idle.
pub fn idle(id: u64) -> SessionFacts {
    SessionFacts {
        id,
        user: Some("alex".to_owned()),
        address: "192.168.1.20:51542".parse().unwrap(),
        tls: true,
        protocol: None,
        since: "2026-11-26T05:28:00Z".to_owned(),
        idle: 200,
        verb: None,
        path: None,
        bytes: 0,
        total: None,
        rate: 0,
    }
}

/// A session that moves a file of 1000 bytes.
pub fn busy(id: u64, verb: &str, bytes: u64, rate: u64) -> SessionFacts {
    let (verb, path) = (Some(verb.to_owned()), Some("/films/a.iso".to_owned()));
    SessionFacts { verb, path, bytes, rate, total: Some(1000), idle: 0, ..idle(id) }
}

/// An answer with these sessions.
pub fn answer(sessions: Vec<SessionFacts>) -> WhoAnswer {
    let server = ServerFacts {
        version: "0.1.0".to_owned(),
        pid: 4711,
        uptime: 11_100,
        address: "0.0.0.0:2121".to_owned(),
        max_cons: 512,
    };
    WhoAnswer { server, sessions }
}

/// A screen after these answers.
pub fn view(answers: Vec<Vec<SessionFacts>>) -> View {
    let mut view = View::default();
    answers.into_iter().for_each(|sessions| view.take(answer(sessions), Instant::now()));
    view
}
