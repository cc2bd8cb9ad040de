//! What a running server answers.

use std::net::{IpAddr, SocketAddr};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::control::VERSION;

/// The server itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerFacts {
    /// Of the program.
    pub version: String,
    /// The number of its process.
    pub pid: u32,
    /// Seconds since its start.
    pub uptime: u64,
    /// What it listens on, as the start line of the log has it.
    pub address: String,
    /// Sessions at once.
    pub max_cons: usize,
}

/// One session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionFacts {
    /// Its number, which no other session of this run has.
    pub id: u64,
    /// Its account; none before login.
    pub user: Option<String>,
    /// The client's end of the control connection.
    pub address: SocketAddr,
    /// Whether the control connection is under TLS.
    pub tls: bool,
    /// `http` for a connection of the web; none for FTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// When it began, as in RFC 3339, UTC.
    pub since: String,
    /// Seconds since its last command ended; 0 while one runs.
    pub idle: u64,
    /// The command that moves bytes now.
    pub verb: Option<String>,
    /// What that is about, as the client sees it.
    pub path: Option<String>,
    /// Bytes that command has moved.
    pub bytes: u64,
    /// Bytes it has to move, if that is known.
    pub total: Option<u64>,
    /// Bytes a second, over the last second or so.
    pub rate: u64,
}

impl SessionFacts {
    /// The command that moves bytes, or why there is none.
    pub fn does(&self) -> &str {
        match &self.verb {
            Some(verb) => verb,
            None if self.protocol.is_some() => "web",
            None if self.user.is_some() => "idle",
            None => "login",
        }
    }
}

/// Answers [`super::request::ControlRequest::Who`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhoAnswer {
    /// Who answers.
    pub server: ServerFacts,
    /// In the order in which they came.
    pub sessions: Vec<SessionFacts>,
}

/// Answers [`super::request::ControlRequest::Kick`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KickAnswer {
    /// How many sessions were told to end.
    pub kicked: usize,
    /// The numbers that no session has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<u64>,
    /// Seconds for which the address is kept out; none if it is not, or until the server ends.
    pub banned: Option<u64>,
}

/// Answers [`super::request::ControlRequest::Drain`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrainAnswer {
    /// Sessions that are still here.
    pub sessions: usize,
}

/// Answers [`super::request::ControlRequest::Reload`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadAnswer {
    /// Whether the files are in use now; if not, nothing has changed.
    pub reloaded: bool,
    /// What came of it, as in the log.
    pub lines: Vec<String>,
}

/// Answers [`super::request::ControlRequest::Status`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusAnswer {
    /// Who answers.
    pub server: ServerFacts,
    /// Whether it takes no new sessions any more.
    pub draining: bool,
    /// Sessions that are here.
    pub sessions: usize,
    /// Sessions since the start.
    pub sessions_total: u64,
    /// Transfers and listings that run.
    pub transfers: usize,
    /// Bytes from clients since the start.
    pub received: u64,
    /// Bytes to clients since the start.
    pub sent: u64,
    /// What bounds sessions and rates.
    pub limits: LimitFacts,
    /// Addresses that are kept out.
    pub bans: Vec<BanFacts>,
    /// Broken uploads since the start that left a hidden part, to be resumed.
    pub partials: u64,
}

/// What bounds sessions and rates; none is no bound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitFacts {
    /// Sessions at once.
    pub max_cons: usize,
    /// Sessions at once from one address.
    pub max_cons_per_ip: Option<usize>,
    /// Bytes per second from client to server, for each session.
    pub max_upload: Option<u64>,
    /// Bytes per second from server to client, for each session.
    pub max_download: Option<u64>,
    /// The passive ports.
    pub passive_ports: Option<String>,
}

/// An address that is kept out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BanFacts {
    /// The address.
    pub address: IpAddr,
    /// For how many seconds more; none is until the server ends.
    pub left: Option<u64>,
}

/// Answers [`super::request::ControlRequest::Unban`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnbanAnswer {
    /// Whether the address was kept out.
    pub unbanned: bool,
}

/// The line of an answer, with the line end.
pub fn line(answer: &impl Serialize) -> String {
    let mut message = json!(answer);
    message["v"] = VERSION.into();
    message["ok"] = true.into();
    format!("{message}\n")
}

/// Why there is no answer if the server has stopped; each client is told so, unasked, before it ends.
pub const GOODBYE: &str = "the server has stopped";

/// Whether a line is the server's last.
pub fn is_goodbye(line: &str) -> bool {
    read::<Value>(line).is_err_and(|reason| reason == GOODBYE)
}

/// The line that says why there is no answer.
pub fn refusal(reason: &str) -> String {
    format!("{}\n", json!({ "v": VERSION, "ok": false, "error": reason }))
}

/// Reads a line.
///
/// # Errors
/// Why the server gives no answer, or what is wrong with the line.
pub fn read<A: DeserializeOwned>(line: &str) -> Result<A, String> {
    let message: Value = serde_json::from_str(line).map_err(|_| "the server's answer is no JSON".to_owned())?;
    if let Some(error) = message.get("error").and_then(Value::as_str) {
        return Err(error.to_owned());
    }
    let version = message.get("v").and_then(Value::as_u64);
    let read = serde_json::from_value(message).map_err(|error| error.to_string());
    read.map_err(|error| match version {
        Some(version) if version == u64::from(VERSION) => format!("the server's answer is not understood: {error}"),
        _ => format!("the server speaks another version of the protocol than {VERSION}: is it another ftpd?"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_as_it_was_written() {
        let answer = KickAnswer { kicked: 2, unknown: vec![9], banned: Some(600) };
        let line = line(&answer);
        assert_eq!(line, "{\"banned\":600,\"kicked\":2,\"ok\":true,\"unknown\":[9],\"v\":1}\n");
        assert_eq!(read(&line), Ok(answer));
    }

    #[test]
    fn a_refusal_is_its_reason() {
        let line = refusal("no \"such\" thing\n");
        assert_eq!(line.lines().count(), 1);
        assert_eq!(read::<DrainAnswer>(&line), Err("no \"such\" thing\n".to_owned()));
    }

    #[test]
    fn a_goodbye_is_told_from_other_refusals() {
        assert!(is_goodbye(&refusal(GOODBYE)));
        assert!(!is_goodbye(&refusal("the line is too long")) && !is_goodbye(&line(&DrainAnswer { sessions: 1 })));
    }

    #[test]
    fn an_answer_of_another_program_is_no_answer() {
        for (line, reason) in
            [("HTTP/1.1 400", "no JSON"), (r#"{"v":2}"#, "another version"), (r#"{"v":1}"#, "sessions")]
        {
            let told = read::<DrainAnswer>(line).expect_err("none");
            assert!(told.contains(reason), "{told}");
        }
    }
}
