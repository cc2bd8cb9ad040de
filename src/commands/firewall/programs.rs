//! Has nft and iptables print the rules of this machine.

use std::env;
use std::ffi::OsString;
use std::io::{ErrorKind, Read};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use super::{Family, Table, Tool, iptables, nft};

/// Printing takes milliseconds; a machine under load may need seconds.
const PATIENCE: Duration = Duration::from_secs(10);
/// Where these programs are for root, and not always for others.
const SYSTEM_FOLDERS: &str = "/usr/local/sbin:/usr/sbin:/sbin";

/// All rules that can be read, and for each program that does not show its own, why.
pub fn tables() -> (Vec<Table>, Vec<String>) {
    let (mut tables, mut mute) = (Vec::new(), Vec::new());
    let mut shared: Vec<(Family, String)> = Vec::new();
    for (program, family) in [("iptables-save", Family::V4), ("ip6tables-save", Family::V6)] {
        match output(program, &[]) {
            Some(Ok(text)) => {
                tables.extend(iptables::tables(&text, family));
                shared.extend(iptables::shared_with_nft(&text).map(|name| (family, name.to_owned())));
            }
            Some(Err(reason)) => mute.push(format!("{program}: {reason}")),
            None => {}
        }
    }
    match output("nft", &["-j", "list", "ruleset"]).map(|text| nft::tables(&text?)) {
        // iptables knows better what its own rules mean.
        Some(Ok(found)) => tables.extend(
            found
                .into_iter()
                .filter(|table| table.tool == Tool::Nft && !shared.contains(&(table.family, table.name.clone()))),
        ),
        Some(Err(reason)) => mute.push(format!("nft: {reason}")),
        None => {}
    }
    (tables, mute)
}

/// What a program prints; `None` where it is not installed, else an error that says why it failed.
fn output(program: &str, arguments: &[&str]) -> Option<Result<String, String>> {
    let mut path = env::var_os("PATH").unwrap_or_default();
    path.push(OsString::from(format!(":{SYSTEM_FOLDERS}")));
    let mut command = Command::new(program);
    command.args(arguments).env("PATH", path).env("LC_ALL", "C");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    match command.spawn() {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => Some(Err(error.to_string())),
        Ok(mut child) => {
            let text = child.stdout.take().and_then(read_in_time);
            if text.is_none() {
                let _ = child.kill();
            }
            let ended = child.wait();
            let text = text.ok_or_else(|| format!("it takes more than {} s", PATIENCE.as_secs()));
            Some(text.and_then(|text| match ended {
                Ok(status) if status.success() => Ok(text),
                Ok(status) => Err(child.stderr.take().and_then(first_line).unwrap_or_else(|| status.to_string())),
                Err(error) => Err(error.to_string()),
            }))
        }
    }
}

/// All that comes through the pipe; `None` when its end does not come in time.
fn read_in_time(mut pipe: impl Read + Send + 'static) -> Option<String> {
    let (sender, receiver) = crossbeam_channel::bounded(1);
    let read = move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    };
    thread::Builder::new().spawn(read).ok()?;
    receiver.recv_timeout(PATIENCE).ok()
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
        assert_eq!(output("ftpd-no-such-program", &[]), None);
    }
}
