//! The local socket of a running server: where it is, who is answered, and that no client of it holds anything up.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{client::PATIENCE, server::Server};

impl Server {
    /// The path of its local socket.
    pub fn socket(&self) -> PathBuf {
        self.tree().runtime().join(format!("ftpd/{}.sock", self.address().port()))
    }

    /// What it answers at its local socket to one request.
    #[track_caller]
    pub fn ask(&self, request: &str) -> Value {
        Caller::of(&self.socket()).ask(request)
    }
}

/// A client of a local socket.
pub struct Caller {
    stream: BufReader<UnixStream>,
}

impl Caller {
    #[track_caller]
    pub fn of(socket: &Path) -> Caller {
        let stream = UnixStream::connect(socket).expect("somebody listens");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Caller { stream: BufReader::new(stream) }
    }

    /// Sends what comes without an answer; it may have been hung up.
    pub fn say(&mut self, bytes: &[u8]) {
        let _ = self.stream.get_mut().write_all(bytes);
    }

    /// The next line; empty once the server has hung up.
    #[track_caller]
    pub fn hear(&mut self) -> String {
        let mut line = String::new();
        let _ = self.stream.read_line(&mut line);
        line
    }

    #[track_caller]
    pub fn ask(&mut self, request: &str) -> Value {
        self.say(format!("{request}\n").as_bytes());
        let line = self.hear();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{request}: {line:?} is no JSON"))
    }
}

#[test]
fn the_socket_is_its_users_alone_and_gone_at_the_end() {
    let server = Server::plain();
    let socket = server.socket();
    let mode = |path: &Path| fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode(&socket), mode(socket.parent().unwrap())), (0o600, 0o700));
    let answer = server.ask(r#"{"v":1,"do":"who"}"#);
    assert_eq!(answer["server"]["pid"], server.id());
    let mut server = server;
    server.signal(rustix::process::Signal::TERM);
    server.wait_exit();
    assert!(!socket.exists());
}
