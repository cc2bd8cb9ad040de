//! One cell of the table: one workload on one server, in a process of its own that takes all of them with it at its end.
//!
//! Where the system allows it, the cell has a network of its own (nobody else's TIME_WAITs, and reno: where the default
//! is BBR, its pacing measures itself) and is the first process of a PID namespace: when it ends, however that comes,
//! the kernel ends the server. Elsewhere it leads a process group.

use std::env;
use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process_group, set_child_subreaper, setrlimit};

use crate::client::Session;
use crate::data;
use crate::failure::Failure;
use crate::measure;
use crate::peers::{Peer, Places, Start};
use crate::server::{self, Server};
use crate::web_client::WebClient;
use crate::workloads::{Cpus, Servers, Workload};

/// What a workload works with.
pub struct Bench {
    pub server: Server,
    pub home: PathBuf,
    /// For what the workload itself writes.
    pub folder: PathBuf,
    pub effort: Effort,
    notes: Vec<String>,
}

/// How much a cell does.
#[derive(Clone, Copy)]
pub struct Effort {
    /// Operations are repeated so long.
    pub cell: Duration,
    /// Size of the big file.
    pub big: u64,
    pub idle: usize,
    /// Fixed numbers of transfers are divided by this.
    pub fewer: usize,
}

/// What came of a cell.
pub struct Outcome {
    /// One for each metric of the workload.
    pub numbers: Result<Vec<f64>, Failure>,
    pub notes: Vec<String>,
}

/// How far a cell is kept away from the rest of the machine.
#[derive(Clone, Copy, Debug)]
pub enum Isolation {
    Namespaces(&'static [&'static str]),
    ProcessGroup,
}

/// The network that a cell finds itself in.
#[derive(Clone, Copy)]
pub enum Network {
    /// New, and still to be brought up.
    Own,
    Hosts,
}

/// What the cell that runs now listens to: when it is dropped, the cell ends, and so it does when this process is gone.
pub type Lifeline = Arc<Mutex<Option<ChildStdin>>>;

/// A cell that doesn't end in this time has failed.
const LIMIT: Duration = Duration::from_secs(60);
const FILES: u64 = 20_000;
const MANY_FILES: u64 = 200_000;
const GOODBYE: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(5);
const CONGESTION_CONTROL: &str = "/proc/sys/net/ipv4/tcp_congestion_control";
const NAMESPACES: [&[&str]; 2] = [
    &["--net", "--pid", "--mount-proc", "--fork", "--kill-child"],
    &["--user", "--map-root-user", "--net", "--pid", "--mount-proc", "--fork", "--kill-child"],
];

impl Effort {
    pub const FULL: Self = Self { cell: Duration::from_millis(1000), big: 1 << 30, idle: 1000, fewer: 1 };
    pub const QUICK: Self = Self { cell: Duration::from_millis(300), big: 1 << 28, idle: 200, fewer: 20 };
}

impl Bench {
    /// A session that is logged in and has said TYPE I.
    pub fn binary_session(&self) -> Result<Session, Failure> {
        let mut session = self.session()?;
        session.ask("TYPE I", 200)?;
        Ok(session)
    }

    /// A session that is logged in.
    pub fn session(&self) -> Result<Session, Failure> {
        Session::login(self.server.address, self.server.peer.account()?)
    }

    /// A connection over HTTP.
    pub fn web(&self) -> Result<WebClient, Failure> {
        WebClient::connect(self.server.address)
    }

    /// Says something below the table.
    pub fn note(&mut self, what: String) {
        self.notes.push(what);
    }
}

impl Isolation {
    /// The most that this system allows.
    pub fn available() -> Self {
        let works = |flags: &&&[&str]| {
            let mut command = Command::new("unshare");
            command.args(**flags).args(["--", "ip", "link", "set", "lo", "up"]).stdin(Stdio::null());
            command.output().is_ok_and(|output| output.status.success())
        };
        NAMESPACES.iter().find(works).map_or(Self::ProcessGroup, |flags| Self::Namespaces(flags))
    }

    fn command(self, program: &Path) -> Command {
        match self {
            Self::Namespaces(flags) => {
                let mut command = Command::new("unshare");
                command.args(flags).arg("--").arg(program);
                command
            }
            Self::ProcessGroup => Command::new(program),
        }
    }
}

impl fmt::Display for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Namespaces(_) => f.write_str("network and PID namespace for each cell, reno"),
            Self::ProcessGroup => {
                let control = fs::read_to_string(CONGESTION_CONTROL).unwrap_or_default();
                write!(f, "no namespaces, the host's network ({})", control.trim())
            }
        }
    }
}

/// Runs a cell in a process of its own.
pub fn run_apart(isolation: Isolation, name: &str, data: &Path, lifeline: &Lifeline) -> Outcome {
    let apart = || {
        // Locked before the cell is born: whoever ends us by signal holds the lock to the end.
        let mut line = lifeline.lock().unwrap_or_else(PoisonError::into_inner);
        let mut cell = start_apart(isolation, name, data)?;
        *line = cell.stdin.take();
        drop(line);
        let text = read_with_limit(&mut cell);
        lifeline.lock().unwrap_or_else(PoisonError::into_inner).take();
        end(cell)?;
        text
    };
    match apart() {
        Ok(text) => Outcome::parse(&text),
        Err(failure) => failure.into(),
    }
}

/// A cell ends by itself when its lifeline is cut; one that hangs is killed, with all of its group.
fn end(mut cell: Child) -> Result<(), Failure> {
    let deadline = Instant::now() + GOODBYE;
    while cell.try_wait()?.is_none() {
        if Instant::now() > deadline {
            let group = i32::try_from(cell.id()).ok().and_then(Pid::from_raw);
            group.map_or(Ok(()), |group| kill_process_group(group, Signal::KILL))?;
        }
        thread::sleep(POLL);
    }
    Ok(())
}

fn start_apart(isolation: Isolation, name: &str, data: &Path) -> Result<Child, Failure> {
    let mut command = isolation.command(&env::current_exe()?);
    command.args(env::args_os().skip(1)).args(["--cell", name]).arg("--data").arg(data);
    if matches!(isolation, Isolation::Namespaces(_)) {
        command.arg("--isolated");
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
    Ok(command.spawn()?)
}

fn read_with_limit(cell: &mut Child) -> Result<String, Failure> {
    let mut stdout = cell.stdout.take().ok_or_else(|| Failure::broken("no output"))?;
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let mut text = String::new();
        let _ = send.send(stdout.read_to_string(&mut text).map(|_| text));
    });
    match receive.recv_timeout(LIMIT) {
        Ok(text) => Ok(text?),
        Err(_) => Err(Failure::broken(format!("not finished after {} s", LIMIT.as_secs()))),
    }
}

/// The inside of a cell: the outcome goes to stdout.
pub fn run_here(name: &str, places: &Places, data: &Path, effort: Effort, network: Network) {
    thread::spawn(|| {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        server::kill_all();
        process::exit(1);
    });
    print!("{}", measure_here(name, places, data, effort, network));
}

fn measure_here(name: &str, places: &Places, data: &Path, effort: Effort, network: Network) -> Outcome {
    let mut notes = Vec::new();
    let mut measure = || {
        let (workload, peer) = name.split_once(':').ok_or_else(|| Failure::broken("workload:server"))?;
        let (workload, peer) = (Workload::named(workload)?, Peer::named(peer)?);
        set_child_subreaper(Some(rustix::process::getpid()))?;
        match network {
            Network::Own => {
                Command::new("ip").args(["link", "set", "lo", "up"]).status()?;
                fs::write(CONGESTION_CONTROL, "reno")?;
            }
            Network::Hosts => {}
        }
        allow_open_files(workload.servers);
        let home = data.join("home");
        data::empty_uploads(&home)?;
        if workload.cpus == Cpus::One {
            measure::pin_to_one_cpu()?;
        }
        let folder = data.join(peer.name);
        let start = Start {
            port: 0,
            data,
            home: &home,
            folder: &folder,
            protocol: workload.protocol,
            protection: workload.protection,
        };
        let server = Server::start(peer, places, start)?;
        let mut bench = Bench { server, home, folder, effort, notes: Vec::new() };
        let numbers = workload.run(&mut bench);
        notes = std::mem::take(&mut bench.notes);
        numbers
    };
    let numbers = measure();
    Outcome { numbers, notes }
}

/// So many for client and server each; where that isn't allowed, as many as are.
fn allow_open_files(servers: Servers) {
    let wanted = match servers {
        Servers::All | Servers::NotFloor | Servers::Ftpd => FILES,
        Servers::FtpdAndFloor => MANY_FILES,
    };
    let now = getrlimit(Resource::Nofile);
    let more = now.maximum.map(|most| most.max(wanted));
    if setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: more }).is_err() {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: now.maximum, maximum: now.maximum });
    }
}

/// As lines, from the cell to the one who ordered it.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for note in &self.notes {
            writeln!(f, "note {}", one_line(note))?;
        }
        match &self.numbers {
            Ok(numbers) => {
                let numbers: Vec<String> = numbers.iter().map(f64::to_string).collect();
                writeln!(f, "numbers {}", numbers.join(" "))
            }
            Err(Failure::Unsupported(what)) => writeln!(f, "unsupported {}", one_line(what)),
            Err(Failure::Broken(what)) => writeln!(f, "broken {}", one_line(what)),
        }
    }
}

/// For the eye: the numbers, or why there are none.
impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match &self.numbers {
            Ok(numbers) => write!(f, "{numbers:.3?}"),
            Err(failure) => write!(f, "FAILED: {failure}"),
        }
    }
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        Self { numbers: Err(failure), notes: Vec::new() }
    }
}

impl Outcome {
    fn parse(text: &str) -> Self {
        let mut outcome = Self { numbers: Err(Failure::broken("the cell broke off")), notes: Vec::new() };
        for (kind, rest) in text.lines().filter_map(|line| line.split_once(' ')) {
            match kind {
                "numbers" if rest.is_empty() => outcome.numbers = Ok(Vec::new()),
                "note" => outcome.notes.push(rest.to_owned()),
                "numbers" => {
                    outcome.numbers = rest.split(' ').map(|number| number.parse().map_err(Failure::broken)).collect();
                }
                "unsupported" => outcome.numbers = Err(Failure::Unsupported(rest.to_owned())),
                _ => outcome.numbers = Err(Failure::Broken(rest.to_owned())),
            }
        }
        outcome
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_survives_its_way_between_processes() {
        let outcome = Outcome { numbers: Ok(vec![1.5, 2.0]), notes: vec!["a b".to_owned()] };
        let read = Outcome::parse(&outcome.to_string());
        assert_eq!((read.numbers.unwrap(), read.notes), (vec![1.5, 2.0], vec!["a b".to_owned()]));
    }

    #[test]
    fn a_probe_has_no_numbers_and_is_well() {
        let outcome = Outcome { numbers: Ok(Vec::new()), notes: Vec::new() };
        assert!(Outcome::parse(&outcome.to_string()).numbers.unwrap().is_empty());
    }

    #[test]
    fn a_cell_that_says_nothing_has_failed() {
        assert!(matches!(Outcome::parse("").numbers, Err(Failure::Broken(_))));
    }
}
