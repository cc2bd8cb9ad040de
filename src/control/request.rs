//! What a running server is asked.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::control::VERSION;

/// One request, the `do` of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub enum ControlRequest {
    /// The sessions.
    Who,
    /// End some of them.
    Kick(KickTarget),
    /// Take no new ones, and stop after the last transfer.
    Drain,
    /// Read both files again, as at SIGHUP.
    Reload,
    /// How the server is.
    Status,
    /// Let an address in again.
    Unban {
        /// The address.
        address: IpAddr,
    },
}

/// Which sessions are ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a kick has \"ids\" (a list of numbers), \"user\" or \"address\"")]
pub enum KickTarget {
    /// These.
    Ids {
        /// Their numbers.
        ids: Vec<u64>,
    },
    /// All of an account.
    User {
        /// Its name.
        user: String,
    },
    /// All of a client's address.
    Address {
        /// The address.
        address: IpAddr,
        /// Whether it is kept out from now on.
        #[serde(default)]
        ban: bool,
    },
}

impl ControlRequest {
    /// Reads a line.
    ///
    /// # Errors
    /// In words, why it is no request.
    pub fn read(line: &[u8]) -> Result<ControlRequest, String> {
        let message: Value =
            serde_json::from_slice(line).map_err(|error| format!("that is no JSON object: {error}"))?;
        match message.get("v").and_then(Value::as_u64) {
            Some(version) if version == u64::from(VERSION) => {}
            Some(version) => return Err(format!("this server speaks version {VERSION}, not {version}")),
            None => return Err(format!("a request has a version: \"v\":{VERSION}")),
        }
        let request = ControlRequest::deserialize(&message).map_err(|error| error.to_string())?;
        let understood = json!(request);
        let members = message.as_object().into_iter().flat_map(|members| members.keys());
        match members.filter(|member| *member != "v").find(|member| understood.get(member).is_none()) {
            Some(member) => Err(format!("{member:?} is no member of the request {understood}")),
            None => Ok(request),
        }
    }

    /// Its line, with the line end.
    pub fn line(&self) -> String {
        let mut message = json!(self);
        message["v"] = VERSION.into();
        format!("{message}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_becomes_a_request_and_a_line_again() {
        let address: IpAddr = "192.0.2.1".parse().expect("an address");
        let cases = [
            (r#"{"v":1,"do":"who"}"#, ControlRequest::Who),
            (r#"{"v":1,"do":"kick","ids":[7,8]}"#, ControlRequest::Kick(KickTarget::Ids { ids: vec![7, 8] })),
            (
                r#"{"v":1,"do":"kick","user":"alex"}"#,
                ControlRequest::Kick(KickTarget::User { user: "alex".to_owned() }),
            ),
            (
                r#"{"v":1,"do":"kick","address":"192.0.2.1"}"#,
                ControlRequest::Kick(KickTarget::Address { address, ban: false }),
            ),
            (
                r#"{"v":1,"do":"kick","address":"192.0.2.1","ban":true}"#,
                ControlRequest::Kick(KickTarget::Address { address, ban: true }),
            ),
            (r#"{"v":1,"do":"drain"}"#, ControlRequest::Drain),
            (r#"{"v":1,"do":"reload"}"#, ControlRequest::Reload),
            (r#"{"v":1,"do":"status"}"#, ControlRequest::Status),
            (r#"{"v":1,"do":"unban","address":"192.0.2.1"}"#, ControlRequest::Unban { address }),
        ];
        for (line, request) in cases {
            assert_eq!(ControlRequest::read(line.as_bytes()).as_ref(), Ok(&request), "{line}");
            assert_eq!(ControlRequest::read(request.line().as_bytes()), Ok(request), "{line}");
        }
    }

    #[test]
    fn what_is_no_request_is_told_in_words() {
        let cases = [
            ("GET / HTTP/1.1", "that is no JSON object"),
            ("", "that is no JSON object"),
            ("[1]", "a request has a version"),
            ("7", "a request has a version"),
            (r#"{"do":"who"}"#, "a request has a version"),
            (r#"{"v":2,"do":"who"}"#, "this server speaks version 1, not 2"),
            (r#"{"v":1}"#, "missing field `do`"),
            (r#"{"v":1,"do":"dance"}"#, "unknown variant `dance`, expected one of `who`"),
            (r#"{"v":1,"do":"kick"}"#, "a kick has"),
            (r#"{"v":1,"do":"kick","ids":["x"]}"#, "a kick has"),
            (r#"{"v":1,"do":"unban","address":"localhost"}"#, "invalid IP address"),
            (r#"{"v":1,"do":"who","all":true}"#, "\"all\" is no member of the request {\"do\":\"who\"}"),
            (r#"{"v":1,"do":"kick","user":"bob","address":"127.0.0.1"}"#, "\"address\" is no member"),
            (r#"{"v":1,"do":"kick","ids":[1],"user":"bob"}"#, "\"user\" is no member"),
            (r#"{"v":1,"do":"kick","user":"nobody","ban":true}"#, "\"ban\" is no member"),
        ];
        for (line, reason) in cases {
            let told = ControlRequest::read(line.as_bytes()).expect_err("no request");
            assert!(told.contains(reason), "{line}: {told}");
        }
    }

    #[test]
    fn deep_nesting_is_no_request_either() {
        assert!(ControlRequest::read("[".repeat(60_000).as_bytes()).is_err());
    }
}
