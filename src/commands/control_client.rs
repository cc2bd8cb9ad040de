//! The other end of a running server's local socket: finds it, asks, and reads the answer.

use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::cli::Files;
use crate::cli::running::RunningServer;
use crate::config::{Config, ControlSocket};
use crate::control::answer;
use crate::control::place;
use crate::control::request::ControlRequest;
use crate::sys::local_socket::LocalStream;

/// A connection to a running server.
#[derive(Debug)]
pub struct ControlClient {
    path: PathBuf,
    stream: LocalStream,
    /// What came after the last answer.
    input: Vec<u8>,
}

/// How long a server may take to connect or to answer. It does nothing for a client that has given up.
const PATIENCE: Duration = Duration::from_secs(10);
/// A server that has too many clients drops the one that has been silent longest, which may be this one.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(50);

impl ControlClient {
    /// Connects to the server that is meant: the one named, or that of the ftpd.conf that is given or lies in the current
    /// folder, or else the only one that runs.
    ///
    /// # Errors
    /// In words, why there is none.
    pub fn find(files: &Files, running: &RunningServer) -> Result<ControlClient, String> {
        if let Some(path) = &running.socket {
            return Self::connect(path).map_err(|why| no_server_at(path, &why));
        }
        if let Some(port) = running.port {
            return Self::find_by_port(port, "");
        }
        let Some(file) = files.config_file() else { return Self::find_only() };
        // Mistakes in it are for `ftpd check`.
        let (config, _) = Config::examine(Some(&file), &files.overrides);
        let file = file.display();
        match &config.server.control_socket {
            ControlSocket::At(path) => Self::connect(path).map_err(|why| no_server_at(path, &why) + &renamed(&why)),
            ControlSocket::Off => Err(format!("{file} says control_socket = off: its server can't be asked")),
            ControlSocket::Auto if config.server.port == 0 => Self::find_only(),
            ControlSocket::Auto => Self::find_by_port(config.server.port, &format!(" (the port of {file})")),
        }
    }

    /// Connects to a server's socket.
    pub fn connect(path: &Path) -> io::Result<ControlClient> {
        let stream = LocalStream::connect(path, PATIENCE)?;
        Ok(ControlClient { path: path.to_owned(), stream, input: Vec::new() })
    }

    fn find_by_port(port: u16, why: &str) -> Result<ControlClient, String> {
        let mut denied = String::new();
        for (folder, path) in place::of_port(port) {
            match Self::connect(&path) {
                Ok(client) if folder.is_safe() => return Ok(client),
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                    denied = format!("; {} is another user's: ask as that user, or as root", path.display());
                }
                _ => {}
            }
        }
        Err(format!("no server with the port {port}{why} runs{denied}{}", others()))
    }

    fn find_only() -> Result<ControlClient, String> {
        let mut found = all();
        match found.len() {
            0 => Err("no server runs that this user may ask; --socket PATH names one elsewhere".to_owned()),
            1 => Ok(found.remove(0)),
            _ => Err(format!("several servers run; say which one:{}", list(&found))),
        }
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// In words, what the server says instead of an answer, or how the connection broke.
    pub fn ask<A: DeserializeOwned>(&mut self, request: &ControlRequest) -> Result<A, String> {
        let mut line = self.exchange(request);
        for _ in 1..TRIES {
            if !line.as_ref().is_err_and(is_hangup) {
                break;
            }
            thread::sleep(PAUSE);
            line = Self::connect(&self.path).and_then(|other| {
                (self.stream, self.input) = (other.stream, other.input);
                self.exchange(request)
            });
        }
        match line {
            Ok(line) if answer::is_goodbye(&line) => Err(broken(&self.path, &ErrorKind::ConnectionRefused.into())),
            line => answer::read(&line.map_err(|error| broken(&self.path, &error))?),
        }
    }

    fn exchange(&mut self, request: &ControlRequest) -> io::Result<String> {
        // An answer that comes before the end, such as a refusal, is read first.
        let written = self.stream.write_all(request.line().as_bytes());
        self.read_line().or_else(|error| written.and(Err(error)))
    }

    fn read_line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.input.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.input.drain(..=end).collect();
                return String::from_utf8(line).map_err(|_| ErrorKind::InvalidData.into());
            }
            let mut bytes = [0; 16 * 1024];
            match self.stream.read(&mut bytes)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                read => self.input.extend_from_slice(&bytes[..read]),
            }
        }
    }

    /// Waits until the server is gone; false if it ended without a goodbye.
    pub fn wait_for_the_end(&mut self) -> bool {
        loop {
            let _ = self.stream.set_patience(None);
            let mut said = false;
            while let Ok(line) = self.read_line() {
                said |= answer::is_goodbye(&line);
            }
            if said {
                return true;
            }
            // It may have hung up on this client alone.
            thread::sleep(PAUSE);
            let Ok(other) = Self::connect(&self.path) else { return false };
            (self.stream, self.input) = (other.stream, other.input);
        }
    }
}

fn broken(path: &Path, error: &io::Error) -> String {
    let why = match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => {
            format!("it has not answered within {} s; is its process stopped, or its machine busy?", PATIENCE.as_secs())
        }
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => "it has stopped".to_owned(),
        ErrorKind::UnexpectedEof => "it has hung up".to_owned(),
        _ => error.to_string(),
    };
    format!("the server at {}: {why}", path.display())
}

fn is_hangup(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)
}

/// The servers that run and that this user may ask.
fn all() -> Vec<ControlClient> {
    place::present().iter().filter_map(|path| ControlClient::connect(path).ok()).collect()
}

fn list(found: &[ControlClient]) -> String {
    let line = |client: &ControlClient| {
        let port = client.path.file_stem().and_then(|port| port.to_str()).unwrap_or_default();
        format!("\n  -p {port}    ({})", client.path.display())
    };
    found.iter().map(line).collect()
}

fn others() -> String {
    match all() {
        none if none.is_empty() => String::new(),
        found => format!("; others do:{}", list(&found)),
    }
}

/// What to do if the path of ftpd.conf has changed since the server's start.
fn renamed(why: &io::Error) -> String {
    match why.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
            "; a server keeps the path of its start: if that was another one, --socket names it".to_owned()
        }
        _ => String::new(),
    }
}

fn no_server_at(path: &Path, why: &io::Error) -> String {
    let path = path.display();
    match why.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => format!("no server runs with the control_socket {path}"),
        ErrorKind::PermissionDenied => format!("{path} is another user's: ask as that user, or as root"),
        _ => format!("{path}: {why}"),
    }
}
