//! A server that runs, from its start to the end of its last process.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, kill_process};

use crate::client::Session;
use crate::failure::Failure;
use crate::measure;
use crate::peers::{Peer, Places, Start};
use crate::web_client::WebClient;
use crate::workloads::Protocol;

/// A running server; all its processes end with this value.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    pub peer: &'static Peer,
}

const START: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(10);

impl Server {
    /// Starts the server, on a port of the system's choice, and waits until it greets, or accepts.
    pub fn start(peer: &'static Peer, places: &Places, start: Start) -> Result<Self, Failure> {
        fs::create_dir_all(start.folder)?;
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let mut command = peer.prepare(places, &Start { port: address.port(), ..start })?;
        let (output, log) = log_file(start.folder)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let mut server = Self { child: command.spawn()?, address, peer };
        let deadline = Instant::now() + START;
        loop {
            let greeted = match start.protocol {
                Protocol::Ftp => Session::connect(address).and_then(Session::quit),
                Protocol::Http => WebClient::connect(address).map(drop),
            };
            match greeted {
                Ok(()) => return Ok(server),
                Err(failure) if server.child.try_wait()?.is_some() || Instant::now() > deadline => {
                    let said = fs::read_to_string(&log).unwrap_or_default();
                    return Err(Failure::broken(format!("does not start: {failure}; {}", said.trim())));
                }
                Err(_) => thread::sleep(POLL),
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One kill may cross a fork.
        while kill_all() {
            let _ = self.child.wait();
            while let Ok(Some(_)) = rustix::process::wait(WaitOptions::NOHANG) {}
        }
    }
}

/// Kills all that runs below this process, in whatever session or group; false when there is nothing.
pub fn kill_all() -> bool {
    let processes = measure::processes();
    for process in processes.iter().filter_map(|&process| Pid::from_raw(process)) {
        let _ = kill_process(process, Signal::KILL);
    }
    !processes.is_empty()
}

fn log_file(folder: &Path) -> Result<(File, PathBuf), Failure> {
    let path = folder.join("output");
    Ok((File::create(&path)?, path))
}
