//! What a client of the running server sees: its greeting, a login, its passive ports.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::ops::RangeInclusive;
use std::time::Duration;

use super::client::{Client, ServerReply};
use super::passive::{self, Offer};
use crate::auth::users::Users;
use crate::commands::finding;
use crate::config::Config;
use crate::ini::Finding;
use crate::sys::holder::Holders;

/// How long a server under load may take for a line.
const PATIENCE: Duration = Duration::from_secs(5);

/// One control port, and what the settings promise about it.
pub struct Inspection<'a> {
    /// The control port.
    pub control: SocketAddr,
    /// The settings that the server should have.
    pub config: &'a Config,
    /// The accounts that the server should have.
    pub users: &'a Users,
}

impl Inspection<'_> {
    /// Reads the greeting from `stream`, and tries the passive ports.
    pub fn findings(&self, stream: TcpStream) -> Vec<Finding> {
        let (greeting, mut client) = match self.greeted(stream) {
            Ok(greeted) => greeted,
            Err(error) => return vec![self.stranger(&format!("no greeting, {}", error.kind()))],
        };
        match self.recognized(&greeting) {
            Ok(note) => note.into_iter().chain(self.passive_ports(&mut client)).collect(),
            Err(wrong) => vec![wrong],
        }
    }

    fn greeted(&self, stream: TcpStream) -> io::Result<(ServerReply, Client)> {
        let from = stream.local_addr()?;
        let server = &self.config.server;
        let mut client = Client::new(stream, PATIENCE + server.auth_failed_delay)?;
        // A server that takes this machine for a load balancer expects the check to speak like one.
        if server.proxy_protocol_from.iter().any(|net| net.contains(&from.ip())) {
            client.introduce(from)?;
        }
        Ok((client.reply()?, client))
    }

    /// A note if the server seems to have other settings; an error if it is another server, or refuses this machine.
    fn recognized(&self, greeting: &ServerReply) -> Result<Option<Finding>, Finding> {
        let control = self.control;
        match greeting {
            ServerReply { code: 421, .. } => {
                Err(finding::wrong(format!("{control} answers, and turns this machine away: '{greeting}'")))
            }
            ServerReply { code: 220, text } if self.config.server.welcome_msg.first() == Some(text) => Ok(None),
            ServerReply { code: 220, .. } if self.is_this_program() => Ok(Some(finding::note(format!(
                "{control} greets with '{greeting}', which is not welcome_msg: SIGHUP gives it the present settings"
            )))),
            _ => Err(self.stranger(&format!("'{greeting}'"))),
        }
    }

    fn is_this_program(&self) -> bool {
        Holders::read().at(self.control).is_some_and(|holder| holder.is_this_program())
    }

    /// Another program has the control port.
    fn stranger(&self, said: &str) -> Finding {
        let control = self.control;
        let holder = Holders::read().at(control).map_or_else(|| "another program".to_owned(), ToString::to_string);
        finding::wrong(format!(
            "{control} is held by {holder}, which does not greet as ftpd does ({said}): stop it, or change port in \
             ftpd.conf"
        ))
    }

    fn passive_ports(&self, client: &mut Client) -> Vec<Finding> {
        let Inspection { control, config, .. } = self;
        let range = config.passive.passive_ports.as_ref();
        let masquerade = config.passive.masquerade_address.as_ref();
        let (tried, way) = match (self.log_in(client), range) {
            (Ok(name), _) => {
                let offer = Offer { ip: control.ip(), range, masquerade };
                (passive::through_server(client, offer), format!("asked for as {name}"))
            }
            (Err(why), Some(range)) => (passive::directly(*control, range), format!("dialled without a login ({why})")),
            (Err(why), None) => {
                let text = format!("{control}: ftpd answers; passive ports were not tried ({why})");
                return vec![finding::note(text)];
            }
        };
        let count = count(tried.open.len(), range);
        let sound = format!("{control}: ftpd answers; passive ports in order: {count}, {way}");
        [finding::note(sound)].into_iter().chain(tried.findings(control.ip())).collect()
    }

    /// Logs in and returns the account's name, or says why it can't.
    fn log_in(&self, client: &mut Client) -> Result<String, String> {
        if self.config.tls.control_required {
            return Err("tls_control_required = on".to_owned());
        }
        let failed = |error: io::Error| error.kind().to_string();
        let from = client.local().map_err(failed)?.ip();
        let nobody = || format!("no account with a plain password may log in from {from}");
        let (name, password) = self.users.accounts().plain_login(from).ok_or_else(nobody)?;
        let mut reply = client.ask(&format!("USER {name}")).map_err(failed)?;
        if reply.code == 331 {
            reply = client.ask(&format!("PASS {password}")).map_err(failed)?;
        }
        if reply.code == 230 { Ok(name) } else { Err(format!("{name} can't log in: '{reply}'")) }
    }
}

/// How many passive ports are open, of how many.
fn count(open: usize, range: Option<&RangeInclusive<u16>>) -> String {
    match range.map(|range| range.len()) {
        None => format!("{open}"),
        Some(all) if all > passive::SAMPLE => format!("a sample of {open} of {all}"),
        Some(all) => format!("{open} of {all}"),
    }
}
