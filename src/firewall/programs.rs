//! Has nft and iptables print the rules of this machine.

use std::env;
use std::ffi::OsString;
use std::io::{ErrorKind, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::table::{Family, Table};
use super::{Firewall, iptables, nft};

/// How long printing may take: usually milliseconds, seconds under load.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Where these programs are; only root always has these folders in its PATH.
const SYSTEM_FOLDERS: &str = "/usr/local/sbin:/usr/sbin:/sbin";

impl Firewall {
    /// Reads the rules of nft and iptables, as far as this process may.
    pub fn of_this_machine() -> Self {
        let mut firewall = Self::default();
        let mut shared = Vec::new();
        for (program, family) in [("iptables-save", Family::V4), ("ip6tables-save", Family::V6)] {
            let text = firewall.note_failure(program, output(program, &[])).unwrap_or_default();
            firewall.tables.extend(iptables::tables(&text, family));
            shared.extend(iptables::shared_with_nft(&text).map(|name| (family, name.to_owned())));
        }
        let listed = output("nft", &["-j", "list", "ruleset"]).map(|text| nft::tables(&text?));
        let listed = firewall.note_failure("nft", listed).unwrap_or_default();
        // iptables itself prints its rules in full.
        let is_own =
            |table: &Table| !shared.iter().any(|(family, name)| (*family, name) == (table.family, &table.name));
        firewall.tables.extend(listed.into_iter().filter(is_own));
        firewall
    }

    fn note_failure<T>(&mut self, program: &str, answer: Option<Result<T, String>>) -> Option<T> {
        answer?.map_err(|reason| self.unreadable.push(format!("{program}: {reason}"))).ok()
    }
}

/// What a program prints, or why it failed; `None` if it is not installed.
fn output(program: &str, arguments: &[&str]) -> Option<Result<String, String>> {
    let mut path = env::var_os("PATH").unwrap_or_default();
    path.push(OsString::from(format!(":{SYSTEM_FOLDERS}")));
    let mut command = Command::new(program);
    command.args(arguments).env("PATH", path).env("LC_ALL", "C");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    match command.spawn() {
        Ok(child) => Some(printed(child)),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => Some(Err(error.to_string())),
    }
}

fn printed(mut child: Child) -> Result<String, String> {
    let text = child.stdout.take().and_then(read_in_time);
    if text.is_none() {
        let _ = child.kill();
    }
    let status = child.wait();
    let text = text.ok_or_else(|| format!("it takes more than {} s", TIMEOUT.as_secs()))?;
    match status.map_err(|error| error.to_string())? {
        status if status.success() => Ok(text),
        status => Err(child.stderr.take().and_then(first_line).unwrap_or_else(|| status.to_string())),
    }
}

/// All that comes through the pipe; `None` if its end does not come in time.
fn read_in_time(mut pipe: impl Read + Send + 'static) -> Option<String> {
    let (sender, receiver) = mpsc::channel();
    let read = move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    };
    thread::Builder::new().spawn(read).ok()?;
    receiver.recv_timeout(TIMEOUT).ok()
}

fn first_line(mut pipe: impl Read) -> Option<String> {
    let mut text = String::new();
    let _ = pipe.read_to_string(&mut text);
    text.lines().next().map(|line| line.escape_debug().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_prints_fails_or_is_not_there() {
        assert_eq!(output("echo", &["rules"]), Some(Ok("rules\n".to_owned())));
        assert_eq!(output("sh", &["-c", "echo no >&2; exit 3"]), Some(Err("no".to_owned())));
        assert_eq!(output("sh", &["-c", "exit 3"]), Some(Err("exit status: 3".to_owned())));
        assert_eq!(output("no-such-program-anywhere", &[]), None);
    }
}
