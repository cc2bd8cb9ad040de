//! What the server can do and how the session is: FEAT, HELP, OPTS, HOST, STAT.

use std::borrow::Cow;

use crate::fs::listing::Facts;
use crate::protocol::command::{Algorithm, Opts};
use crate::protocol::path::Name;
use crate::protocol::reply::Reply;
use crate::protocol::verbs::{OTHER_FEATURES, Role, VERBS, Verb};
use crate::session::Session;
use crate::session::step::{Answer, refuse, reply};

/// What OPTS has chosen.
#[derive(Debug, Clone, Copy)]
pub struct Preferences {
    /// What MLSD and MLST show.
    pub facts: Facts,
    /// How HASH reads a file.
    pub algorithm: Algorithm,
    /// Names are UTF-8, whatever the charset of the account.
    pub utf8: bool,
}

impl Default for Preferences {
    fn default() -> Self {
        Self { facts: Facts::DEFAULT, algorithm: Algorithm::Sha256, utf8: false }
    }
}

impl Session {
    /// RFC 2389 §3: each feature's line begins with one blank.
    #[cold]
    pub(super) fn feat(&mut self) -> Answer {
        let Preferences { facts, algorithm: chosen, .. } = self.access.agreed().preferences;
        let offered = offered(self.tls.is_some());
        let mut features: Vec<String> = offered.filter_map(Verb::feature).collect();
        features.extend(OTHER_FEATURES.iter().map(|&feature| feature.to_owned()));
        features.push(format!("MLST {}", facts.feature()));
        let star = |algorithm| if algorithm == chosen { "*" } else { "" };
        let hashes = Algorithm::ALL.map(|(algorithm, name)| format!("{name}{}", star(algorithm)));
        features.push(format!("HASH {}", hashes.join(";")));
        features.sort_unstable();
        Ok(Reply::lines(211, "Features:", features, "End.").into())
    }

    #[cold]
    pub(super) fn opts(&mut self, opts: Opts) -> Answer {
        let charset = self.access.login().and_then(|login| login.charset);
        let Preferences { facts, algorithm, utf8 } = &mut self.access.agreed().preferences;
        let text = match opts {
            Opts::Utf8 => {
                *utf8 = true;
                Cow::Borrowed(if charset.is_some() { "Names are in UTF-8 now." } else { "UTF-8 is always on." })
            }
            Opts::NoUtf8 => {
                let Some(charset) = charset else { return refuse(504, "UTF-8 can't be turned off: names are bytes.") };
                *utf8 = false;
                Cow::Owned(format!("Names are in {charset} now."))
            }
            Opts::Hash(wanted) => {
                *algorithm = wanted.unwrap_or(*algorithm);
                Cow::Borrowed(algorithm.name())
            }
            Opts::Mlst(wanted) => {
                *facts = Facts::parse(&wanted);
                Cow::Owned(format!("MLST OPTS {}", facts.chosen()).trim_end().to_owned())
            }
        };
        reply(200, text)
    }

    /// RFC 7151 §3: before login, and here every host is the same one.
    pub(super) fn host(&self) -> Answer {
        match self.access.login() {
            None => reply(220, "Every host name leads here."),
            Some(_) => refuse(503, "HOST comes before USER."),
        }
    }

    #[cold]
    pub(super) fn stat(&self) -> Reply {
        let who = &self.control.who;
        let mut lines = vec![format!("Connected from {}", who.peer), self.describe_security()];
        match self.access.login() {
            None => lines.push("Not logged in".to_owned()),
            Some(login) => lines.extend(login.status()),
        }
        Reply::lines(211, "Status:", lines, "End of status.")
    }
}

/// HELP: how a verb is used, or which verbs there are.
#[cold]
pub fn help(verb: Option<&Name>, with_tls: bool) -> Answer {
    if let Some(name) = verb {
        return help_with(name.as_bytes());
    }
    let names: Vec<&str> = offered(with_tls).map(|verb| verb.name).collect();
    let lines = names.chunks(10).map(|row| row.join(" "));
    Ok(Reply::lines(214, "Commands:", lines, "HELP <command> says how it is used.").into())
}

/// HELP of one verb.
pub fn help_with(verb: &[u8]) -> Answer {
    let verb = Verb::find(verb).ok_or_else(|| Reply::new(501, "No such command; HELP lists all."))?;
    reply(214, verb.usage())
}

fn offered(with_tls: bool) -> impl Iterator<Item = &'static Verb> {
    VERBS.iter().filter(move |verb| with_tls || verb.role != Role::Tls)
}
