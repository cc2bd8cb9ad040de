//! The server under test: the real binary in a temporary tree, its log, its end.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    os::unix::{ffi::OsStrExt, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{
    channel::Mode,
    client::{Client, PATIENCE},
    glob,
};

/// The account of most tests: every letter, `home` of the tree as its home.
pub const BOB: &str = "[bob]\npassword = secret\nperm = elradfmwMT\nhome = home\n";

/// A temporary folder with ftpd.conf, user.ini and `home`; no server runs yet.
pub struct Tree {
    folder: TempDir,
    /// For its sockets.
    runtime: TempDir,
}

impl Tree {
    /// Writes both files. `ip = 127.0.0.1` and `port = 0` are added to `[server]` where `conf` does not say otherwise, and
    /// what a run over TLS needs where `conf` has no `[tls]`.
    pub fn new(conf: &str, users: &str) -> Tree {
        let temporary = || TempDir::new().expect("a temporary folder");
        let tree = Tree { folder: temporary(), runtime: temporary() };
        fs::create_dir(tree.home()).unwrap();
        tree.write_conf(conf);
        tree.write_users(users);
        tree
    }

    pub fn write_conf(&self, conf: &str) {
        fs::write(self.path("ftpd.conf"), with_local_listener(&with_tls(conf))).unwrap();
    }

    pub fn write_users(&self, users: &str) {
        fs::write(self.path("user.ini"), users).unwrap();
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn home(&self) -> PathBuf {
        self.path("home")
    }

    /// Moves the home into a folder of this name, which another account may have as its home, and leaves a link to it.
    pub fn put_home_below(&self, folder: &str) {
        fs::create_dir(self.path(folder)).unwrap();
        fs::rename(self.home(), self.path(folder).join("home")).unwrap();
        std::os::unix::fs::symlink(format!("{folder}/home"), self.home()).unwrap();
    }

    /// The hidden files of uploads in a folder below the home.
    pub fn partials(&self, folder: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.home().join(folder)).unwrap().map(|entry| entry.unwrap());
        entries.filter(|entry| entry.file_name().as_bytes().starts_with(b".ftpd-")).map(|entry| entry.path()).collect()
    }

    /// The server's command line, ready to run or to be given more arguments.
    pub fn command(&self) -> Command {
        let mut command = bare_command();
        command.arg("-c").arg(self.path("ftpd.conf")).arg("-u").arg(self.path("user.ini"));
        command.env("XDG_RUNTIME_DIR", self.runtime.path());
        command
    }

    /// `$XDG_RUNTIME_DIR` of the server, in which the folder `ftpd` holds its local socket.
    pub fn runtime(&self) -> &Path {
        self.runtime.path()
    }

    pub fn start(self) -> Server {
        let command = self.command();
        self.start_as(command)
    }

    /// Starts `command` as the server of this tree and waits for its start line.
    #[track_caller]
    pub fn start_as(self, mut command: Command) -> Server {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the server starts");
        let log = Log::follow(child.stderr.take().unwrap());
        let mut server =
            Server { child, log, addresses: vec![], implicit: vec![], web: vec![], tree: Some(self), may_panic: false };
        let line = server.wait_log(">>> starting FTP server on ");
        (server.addresses, server.implicit) = addresses_of(&line);
        server.web = web_addresses_of(&line);
        server
    }

    /// Runs a server that is expected to end by itself; killed, with a failed test, when it does not.
    #[track_caller]
    pub fn run(&self) -> Ended {
        run_to_its_end(self.command())
    }
}

/// The binary with a clean environment and no arguments.
pub fn bare_command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ftpd"));
    command.env_remove("RUST_LOG").env_remove("RUNTIME_DIRECTORY").env("RUST_BACKTRACE", "1");
    command
}

/// What a finished run said and returned.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub output: String,
}

/// Runs `command` with no input until it ends; stdout and stderr are joined.
#[track_caller]
pub fn run_to_its_end(mut command: Command) -> Ended {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("the binary runs");
    let output = finish(child);
    let text = [output.stdout, output.stderr].concat();
    Ended { code: output.status.code(), output: String::from_utf8_lossy(&text).into_owned() }
}

/// Waits for a child with a cap; a child that outlives it is killed and fails the test.
#[track_caller]
pub fn finish(mut child: Child) -> Output {
    let drain = |pipe: Option<Box<dyn Read + Send>>| {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(mut pipe) = pipe {
                let _ = pipe.read_to_end(&mut bytes);
            }
            bytes
        })
    };
    let stdout = drain(child.stdout.take().map(|pipe| Box::new(pipe) as _));
    let stderr = drain(child.stderr.take().map(|pipe| Box::new(pipe) as _));
    let status = wait_for_exit(&mut child, Duration::from_secs(120));
    if status.is_none() {
        let _ = child.kill();
    }
    let (stdout, stderr) = (stdout.join().unwrap(), stderr.join().unwrap());
    let Some(status) = status else {
        panic!("it did not end by itself:\n{}{}", stdout.escape_ascii(), String::from_utf8_lossy(&stderr));
    };
    Output { status, stdout, stderr }
}

/// A running server; dropping it stops it, and shows its log when the test fails.
pub struct Server {
    child: Child,
    log: Arc<Log>,
    addresses: Vec<SocketAddr>,
    implicit: Vec<SocketAddr>,
    web: Vec<SocketAddr>,
    tree: Option<Tree>,
    may_panic: bool,
}

impl Server {
    pub fn start(conf: &str, users: &str) -> Server {
        Tree::new(conf, users).start()
    }

    /// The server of a test that needs no settings: bob with every letter.
    pub fn plain() -> Server {
        Server::start("", BOB)
    }

    /// The first address it listens on in clear, which AUTH TLS ends.
    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// The first address that starts with TLS.
    #[track_caller]
    pub fn implicit_address(&self) -> SocketAddr {
        *self.implicit.first().expect("implicit TLS in the start line")
    }

    /// The addresses where it speaks HTTP, the first one that of [`Server::web`].
    pub fn web_addresses(&self) -> &[SocketAddr] {
        &self.web
    }

    /// The first address where it speaks HTTP.
    #[track_caller]
    pub fn web(&self) -> SocketAddr {
        *self.web.first().expect("a URL in the start line")
    }

    /// Where the clients of this run knock: the first of [`Server::doors`].
    pub fn door(&self) -> SocketAddr {
        self.doors()[0]
    }

    pub fn doors(&self) -> &[SocketAddr] {
        match Mode::of_this_run() {
            Mode::Implicit => &self.implicit,
            _ => &self.addresses,
        }
    }

    pub fn tree(&self) -> &Tree {
        self.tree.as_ref().expect("a tree until the server is dropped")
    }

    pub fn home(&self) -> PathBuf {
        self.tree().home()
    }

    /// Writes a file below `home`, making its folders.
    pub fn write(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) {
        let path = self.home().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// A file of that many zero bytes that takes no room on the disk.
    pub fn write_sparse(&self, name: &str, length: u64) {
        fs::File::create(self.home().join(name)).unwrap().set_len(length).unwrap();
    }

    #[track_caller]
    pub fn read(&self, name: impl AsRef<Path>) -> Vec<u8> {
        let path = self.home().join(name);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Each file below the home, hidden ones, too, with its content.
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.home()];
        while let Some(folder) = folders.pop() {
            for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                match fs::symlink_metadata(&path).unwrap() {
                    meta if meta.is_dir() => folders.push(path),
                    meta if meta.is_file() => drop(files.insert(path.clone(), fs::read(path).unwrap())),
                    _ => {}
                }
            }
        }
        files
    }

    /// What came so far of the upload that is under way: hidden, or in place under this name.
    pub fn arrived(&self, name: &str) -> Vec<u8> {
        let hidden = self.partials().pop();
        fs::read(hidden.unwrap_or_else(|| self.home().join(name))).unwrap_or_default()
    }

    /// The hidden files of uploads in the home itself.
    pub fn partials(&self) -> Vec<PathBuf> {
        self.tree().partials("")
    }

    /// A client that has read the greeting.
    #[track_caller]
    pub fn client(&self) -> Client {
        Client::greeted(self.door())
    }

    /// A client that is logged in as bob.
    #[track_caller]
    pub fn login(&self) -> Client {
        self.login_as("bob")
    }

    /// A client that is logged in with the password of all test accounts, in binary type.
    #[track_caller]
    pub fn login_as(&self, user: &str) -> Client {
        let mut client = self.client();
        client.login(user, "secret");
        client.expect("TYPE I", 200);
        client
    }

    /// Waits for a log line that holds `pattern` (`*` stands for anything) and returns the first one.
    #[track_caller]
    pub fn wait_log(&self, pattern: &str) -> String {
        self.wait_log_times(pattern, 1).swap_remove(0)
    }

    /// Waits until that many log lines hold `pattern`.
    #[track_caller]
    pub fn wait_log_times(&self, pattern: &str, times: usize) -> Vec<String> {
        self.log.wait(pattern, times).unwrap_or_else(|| panic!("the log never held {times} x {pattern:?}"))
    }

    /// Waits until this number of log lines hold `pattern`, which may be no more.
    #[track_caller]
    pub fn expect_log(&self, pattern: &str, times: usize) {
        let lines = self.wait_log_times(pattern, times);
        assert_eq!(lines.len(), times, "{lines:?}");
    }

    /// Log lines so far that hold `pattern`.
    pub fn log_lines(&self, pattern: &str) -> Vec<String> {
        self.log.lines(pattern)
    }

    /// For a test of what a panic costs.
    #[cfg(feature = "planted-bug")]
    pub fn may_panic(&mut self) {
        self.may_panic = true;
    }

    pub fn signal(&self, signal: Signal) {
        let _ = kill_process(self.pid(), signal);
    }

    /// Stops all its threads where they are, until [`Server::thaw`].
    #[track_caller]
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
        eventually("all threads stand still", || {
            let tasks = fs::read_dir(self.proc_file("task")).unwrap();
            let stats = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("stat")).unwrap_or_default());
            stats.into_iter().all(|stat| stat.is_empty() || stat.contains(") T "))
        });
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Waits, with a cap, for the server to end by itself.
    #[track_caller]
    pub fn wait_exit(&mut self) -> ExitStatus {
        wait_for_exit(&mut self.child, PATIENCE).expect("the server ends")
    }

    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// `kill -9`; what is left is the tree, to be served again.
    pub fn kill(mut self) -> Tree {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.tree.take().expect("a tree until the server is dropped")
    }

    pub fn threads(&self) -> usize {
        count_entries(&self.proc_file("task"))
    }

    /// Numbers of the UDP sockets that it holds.
    pub fn udp_sockets(&self) -> Vec<String> {
        let tables = ["net/udp", "net/udp6"].map(|name| fs::read_to_string(self.proc_file(name)).unwrap_or_default());
        let links = fs::read_dir(self.proc_file("fd")).unwrap().filter_map(|fd| fs::read_link(fd.unwrap().path()).ok());
        let sockets = links.filter_map(|link| {
            let number = link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned();
            tables.iter().any(|table| table.contains(&format!(" {number} "))).then_some(number)
        });
        sockets.collect()
    }

    pub fn descriptors(&self) -> usize {
        count_entries(&self.proc_file("fd"))
    }

    /// Resident memory of its own in KiB: heap and stacks, not the pages of the program that happened to be needed yet.
    pub fn memory(&self) -> u64 {
        self.status("RssAnon:")
    }

    /// The most that resident memory ever was, in KiB.
    pub fn peak_memory(&self) -> u64 {
        self.status("VmHWM:")
    }

    /// Address space in KiB.
    pub fn address_space(&self) -> u64 {
        self.status("VmSize:")
    }

    fn status(&self, key: &str) -> u64 {
        let status = fs::read_to_string(self.proc_file("status")).unwrap();
        let line = status.lines().find(|line| line.starts_with(key)).expect("memory in /proc");
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Processor time used so far, in ticks (a hundred to a second on any usual Linux).
    pub fn processor_ticks(&self) -> u64 {
        let stat = fs::read_to_string(self.proc_file("stat")).unwrap();
        let after_name = stat.rsplit_once(')').expect("a name in brackets").1;
        let words: Vec<&str> = after_name.split_whitespace().collect();
        words[11].parse::<u64>().unwrap() + words[12].parse::<u64>().unwrap()
    }

    fn proc_file(&self, name: &str) -> PathBuf {
        Path::new("/proc").join(self.child.id().to_string()).join(name)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A test that failed may have left it frozen.
        self.thaw();
        // A second signal ends a server that still waits for a transfer.
        for _ in 0..2 {
            self.signal(Signal::TERM);
            if wait_for_exit(&mut self.child, Duration::from_secs(2)).is_some() {
                break;
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        let panics = self.log.lines("panicked at");
        if thread::panicking() {
            let lines = self.log.lines("");
            let end = &lines[lines.len().saturating_sub(200)..];
            eprintln!("--- log of the server ---\n{}\n-------------------------", end.join("\n"));
        } else if !self.may_panic {
            assert!(panics.is_empty(), "the server panicked: {panics:?}");
        }
    }
}

/// Lines of a child's output, and an event for each.
#[derive(Default)]
pub struct Log {
    state: Mutex<LogState>,
    changed: Condvar,
}

#[derive(Default)]
struct LogState {
    lines: Vec<String>,
    ended: bool,
}

impl Log {
    pub fn follow(output: impl Read + Send + 'static) -> Arc<Log> {
        let log = Arc::new(Log::default());
        let writer = Arc::clone(&log);
        thread::spawn(move || {
            let mut reader = BufReader::new(output);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
                let text = String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned();
                writer.change(|state| state.lines.push(text));
                line.clear();
            }
            writer.change(|state| state.ended = true);
        });
        log
    }

    fn change(&self, change: impl FnOnce(&mut LogState)) {
        change(&mut self.state.lock().unwrap());
        self.changed.notify_all();
    }

    pub fn lines(&self, pattern: &str) -> Vec<String> {
        self.state.lock().unwrap().matching(pattern)
    }

    /// The lines that hold `pattern`, once there are that many.
    pub fn wait(&self, pattern: &str, times: usize) -> Option<Vec<String>> {
        let state = self.state.lock().unwrap();
        let too_few = |state: &mut LogState| !state.ended && state.matching(pattern).len() < times;
        let (state, _) = self.changed.wait_timeout_while(state, PATIENCE, too_few).unwrap();
        Some(state.matching(pattern)).filter(|lines| lines.len() >= times)
    }
}

impl LogState {
    fn matching(&self, pattern: &str) -> Vec<String> {
        let pattern = format!("*{pattern}*");
        self.lines.iter().filter(|line| glob::matches(pattern.as_bytes(), line.as_bytes())).cloned().collect()
    }
}

/// Waits until `condition` holds; the test fails when it does not within the usual patience.
#[track_caller]
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "it never came to be that {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// The exit code, with a signal as the shell gives it.
pub fn exit_code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

pub fn wait_for_exit(child: &mut Child, cap: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + cap;
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if Instant::now() >= deadline {
            return None;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

fn count_entries(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

/// `… on 127.0.0.1:2121, [::1]:2121, implicit TLS on 127.0.0.1:990, web on http://127.0.0.1:80/, pid=12 <<<` → the two and the
/// one of FTP.
fn addresses_of(start_line: &str) -> (Vec<SocketAddr>, Vec<SocketAddr>) {
    let (_, rest) = start_line.split_once("starting FTP server on ").expect("a start line");
    let (lists, _) = rest.split_once(", pid=").expect("a pid in the start line");
    let (lists, _) = lists.split_once(", web on ").unwrap_or((lists, ""));
    let (clear, implicit) = lists.split_once(", implicit TLS on ").unwrap_or((lists, ""));
    let addresses =
        |list: &str| list.split_terminator(", ").map(|address| address.parse().expect("an address")).collect();
    (addresses(clear), addresses(implicit))
}

/// The same line → `127.0.0.1:80`.
fn web_addresses_of(start_line: &str) -> Vec<SocketAddr> {
    let urls = start_line.split([' ', ',']).filter_map(|word| word.strip_prefix("http://")?.strip_suffix('/'));
    urls.map(|address| address.parse().expect("an address")).collect()
}

fn with_tls(conf: &str) -> String {
    if conf.contains("[tls]") { conf.to_owned() } else { format!("{conf}{}", Mode::of_this_run().settings()) }
}

fn with_local_listener(conf: &str) -> String {
    let says = |key: &str| conf.lines().any(|line| line.split('=').next().unwrap().trim() == key);
    let mut local = String::from("[server]\n");
    if !says("ip") {
        local.push_str("ip = 127.0.0.1\n");
    }
    if !says("port") {
        local.push_str("port = 0\n");
    }
    match conf.contains("[server]\n") {
        true => conf.replacen("[server]\n", &local, 1),
        false => format!("{conf}\n{local}"),
    }
}
