//! The servers that are compared: where their programs are found, and the settings with which each is at its best.

use std::env;
use std::fs::{self, File};
use std::io::Write;
use std::iter;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::data;
use crate::failure::Failure;
use crate::workloads::{Protection, Protocol};

/// What is known of a server before it is looked for on this machine.
pub struct Peer {
    pub name: &'static str,
    /// What clients log in with, in FTP. `None` if it speaks HTTP alone.
    account: Option<(&'static str, &'static str)>,
    /// How it serves over HTTP, without a login. `None` if it speaks FTP alone.
    web: Option<Web>,
    program: Program,
    /// Files written before each start; `{port}`, `{home}`, `{dir}`, `{group}`, `{certificate}` and `{prefix}` (above the
    /// program's `sbin`) are filled in, here and below.
    files: &'static [(&'static str, &'static str)],
    /// A command of the same package that must run before.
    before: &'static [&'static str],
    arguments: &'static [&'static str],
    tls: Addition,
    version: &'static [&'static str],
}

/// A server over one protocol.
#[derive(Clone, Copy)]
pub struct Speaker {
    pub peer: &'static Peer,
    pub protocol: Protocol,
}

/// A server over HTTP.
struct Web {
    addition: Addition,
    /// The path of the list of [`data::MANY`] for programs, if there is one.
    list: Option<&'static str>,
    /// Whether files can be stored.
    takes_uploads: bool,
}

/// What a server is told besides where it is to speak HTTP, or clients want TLS.
struct Addition {
    /// At the end of its first file.
    lines: &'static str,
    arguments: &'static [&'static str],
}

enum Program {
    /// Given on the command line, `--ftpd` or `--against`.
    Given(fn(&Places) -> Option<&Path>),
    /// This program itself.
    Floor,
    /// Looked for in the folders of `PATH`, and below `--peer-root`.
    Installed(&'static str),
    /// A Python that has this module.
    Python(&'static str),
}

/// Where to look for programs.
#[derive(Clone, Debug, clap::Args)]
pub struct Places {
    /// The ftpd to measure
    #[arg(long, value_name = "FILE")]
    pub ftpd: PathBuf,
    /// Another ftpd to compare it with, for example the one of the last release
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// A folder with packages unpacked by dpkg -x, and perhaps a Python environment `venv`
    #[arg(long, value_name = "DIR")]
    peer_root: Option<PathBuf>,
    /// A setting for ftpd, as its own --set takes it (repeatable)
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE")]
    settings: Vec<String>,
}

/// What one start of a server is given.
pub struct Start<'a> {
    pub port: u16,
    /// The folder of all that is made once.
    pub data: &'a Path,
    pub home: &'a Path,
    /// A folder of its own for settings.
    pub folder: &'a Path,
    pub protocol: Protocol,
    pub protection: Protection,
}

const AN_HOUR: Duration = Duration::from_secs(3600);

pub const FTPD: &str = "ftpd";
const AGAINST: &str = "against";
pub const FLOOR: &str = "floor";

const BENCH: Option<(&str, &str)> = Some(("bench", "bench"));
const FTPD_FILES: &[(&str, &str)] =
    &[("ftpd.conf", include_str!("../peers/ftpd.conf")), ("user.ini", include_str!("../peers/user.ini"))];
const FTPD_TLS: Addition = Addition { lines: include_str!("../peers/ftpd-tls.conf"), arguments: &[] };
const FTPD_WEB: Option<Web> = Some(Web {
    addition: Addition { lines: include_str!("../peers/ftpd-web.conf"), arguments: &["--set", "server.port=0"] },
    list: Some("/many/?json"),
    takes_uploads: true,
});
const NOTHING: Addition = Addition { lines: "", arguments: &[] };
const FTPD_ARGUMENTS: &[&str] = &["-c", "{dir}/ftpd.conf", "-u", "{dir}/user.ini"];

pub const PEERS: &[Peer] = &[
    Peer {
        name: FTPD,
        account: BENCH,
        web: FTPD_WEB,
        program: Program::Given(|places| Some(&places.ftpd)),
        files: FTPD_FILES,
        before: &[],
        arguments: FTPD_ARGUMENTS,
        tls: FTPD_TLS,
        version: &["--version"],
    },
    Peer {
        name: AGAINST,
        account: BENCH,
        web: FTPD_WEB,
        program: Program::Given(|places| places.against.as_deref()),
        files: FTPD_FILES,
        before: &[],
        arguments: FTPD_ARGUMENTS,
        tls: FTPD_TLS,
        version: &["--version"],
    },
    Peer {
        name: FLOOR,
        account: BENCH,
        web: Some(Web {
            addition: Addition { lines: "", arguments: &["--protocol", "http"] },
            list: Some("/many/"),
            takes_uploads: true,
        }),
        program: Program::Floor,
        files: &[],
        before: &[],
        arguments: &["--ftpd", "-", "--floor", "{port}", "--data", "{home}"],
        tls: NOTHING,
        version: &["--version"],
    },
    Peer {
        name: "vsftpd",
        account: Some(("anonymous", "bench@")),
        web: None,
        program: Program::Installed("vsftpd"),
        files: &[("vsftpd.conf", include_str!("../peers/vsftpd.conf"))],
        before: &[],
        arguments: &["{dir}/vsftpd.conf"],
        tls: Addition { lines: include_str!("../peers/vsftpd-tls.conf"), arguments: &[] },
        version: &["-v"],
    },
    Peer {
        name: "proftpd",
        account: BENCH,
        web: None,
        program: Program::Installed("proftpd"),
        files: &[("proftpd.conf", include_str!("../peers/proftpd.conf")), ("passwd", include_str!("../peers/passwd"))],
        before: &[],
        arguments: &["--nodaemon", "--quiet", "--config", "{dir}/proftpd.conf"],
        tls: Addition { lines: include_str!("../peers/proftpd-tls.conf"), arguments: &[] },
        version: &["-v"],
    },
    Peer {
        name: "pure-ftpd",
        account: BENCH,
        web: None,
        program: Program::Installed("pure-ftpd"),
        files: &[("passwd", include_str!("../peers/pure.passwd"))],
        before: &["pure-pw", "mkdb", "{dir}/users.pdb", "-f", "{dir}/passwd"],
        arguments: &[
            "--bind=127.0.0.1,{port}",
            "--login=puredb:{dir}/users.pdb",
            "--maxclientsnumber=12000",
            "--maxclientsperip=12000",
            "--limitrecursion=200000:5",
            "--minuid=1",
            "--dontresolve",
            "--syslogfacility=none",
            "--pidfile={dir}/pid",
        ],
        tls: Addition { lines: "", arguments: &["--tls=1", "--certfile={certificate}"] },
        version: &["--help"],
    },
    Peer {
        name: "pyftpdlib",
        account: BENCH,
        web: None,
        program: Program::Python("pyftpdlib"),
        files: &[("server.py", include_str!("../peers/server.py"))],
        before: &[],
        arguments: &["{dir}/server.py", "{port}", "{home}"],
        tls: Addition { lines: "", arguments: &["{certificate}"] },
        version: &["-c", "import pyftpdlib; print('pyftpdlib', pyftpdlib.__ver__)"],
    },
    Peer {
        name: "dufs",
        account: None,
        web: Some(Web { addition: NOTHING, list: Some("/many/?json"), takes_uploads: true }),
        program: Program::Installed("dufs"),
        files: &[],
        before: &[],
        arguments: &["{home}", "--bind", "127.0.0.1", "--port", "{port}", "--allow-all", "--log-format", ""],
        tls: NOTHING,
        version: &["--version"],
    },
    Peer {
        name: "miniserve",
        account: None,
        // It takes uploads by a form's POST only.
        web: Some(Web { addition: NOTHING, list: None, takes_uploads: false }),
        program: Program::Installed("miniserve"),
        files: &[],
        before: &[],
        arguments: &["--interfaces", "127.0.0.1", "--port", "{port}", "{home}"],
        tls: NOTHING,
        version: &["--version"],
    },
    Peer {
        name: "nginx",
        account: None,
        web: Some(Web { addition: NOTHING, list: Some("/json/many/"), takes_uploads: true }),
        program: Program::Installed("nginx"),
        files: &[("nginx.conf", include_str!("../peers/nginx.conf"))],
        before: &[],
        arguments: &["-e", "stderr", "-p", "{dir}", "-c", "{dir}/nginx.conf"],
        tls: NOTHING,
        version: &["-v"],
    },
];

impl Peer {
    pub fn named(name: &str) -> Result<&'static Self, Failure> {
        PEERS.iter().find(|peer| peer.name == name).ok_or_else(|| Failure::broken(format!("no server named {name}")))
    }

    /// Somebody else's server, that ftpd wants to be ahead of.
    pub fn is_rival(&self) -> bool {
        matches!(self.program, Program::Installed(_) | Program::Python(_))
    }

    /// Whether its clients can use this protocol.
    pub fn speaks(&self, protocol: Protocol) -> bool {
        match protocol {
            Protocol::Ftp => self.account.is_some(),
            Protocol::Http => self.web.is_some(),
        }
    }

    /// What clients log in with, in FTP.
    pub fn account(&self) -> Result<(&'static str, &'static str), Failure> {
        self.account.ok_or_else(|| Failure::Unsupported("FTP".to_owned()))
    }

    /// The path of the list of [`data::MANY`] for programs, over HTTP.
    pub fn web_list(&self) -> Result<&'static str, Failure> {
        let list = self.web.as_ref().and_then(|web| web.list);
        list.ok_or_else(|| Failure::Unsupported("lists for programs".to_owned()))
    }

    /// Whether files can be stored over HTTP.
    pub fn takes_web_uploads(&self) -> bool {
        self.web.as_ref().is_some_and(|web| web.takes_uploads)
    }

    /// The program on this machine.
    pub fn find(&self, places: &Places) -> Option<PathBuf> {
        match self.program {
            Program::Given(which) => which(places).map(Path::to_owned),
            Program::Floor => env::current_exe().ok(),
            Program::Installed(name) => places.find(name),
            Program::Python(module) => {
                let own = places.peer_root.iter().map(|root| root.join("venv/bin/python"));
                let import = format!("import {module}");
                own.chain(places.find("python3")).find(|python| {
                    Command::new(python).args(["-c", &import]).output().is_ok_and(|output| output.status.success())
                })
            }
        }
    }

    /// The first line with a number that the program says of itself.
    pub fn version(&self, places: &Places, folder: &Path) -> Result<String, Failure> {
        let program = self.find(places).ok_or_else(not_found)?;
        let path = folder.join("version");
        let said = File::options().create(true).write(true).truncate(true).open(&path)?;
        let mut command = places.command(&program);
        // vsftpd says it on standard input.
        command.args(self.version).stdin(said.try_clone()?).stdout(said.try_clone()?).stderr(said).status()?;
        let text = fs::read_to_string(path)?;
        let line = text.lines().find(|line| line.contains(|letter: char| letter.is_ascii_digit()));
        Ok(line.unwrap_or_default().trim().to_owned())
    }

    /// Writes the settings and gives the command that serves.
    pub fn prepare(&self, places: &Places, start: &Start) -> Result<Command, Failure> {
        let program = self.find(places).ok_or_else(not_found)?;
        let prefix = program.ancestors().nth(2).unwrap_or(Path::new("/")).to_string_lossy();
        let fill_in = |text: &str| start.fill_in(text).replace("{prefix}", &prefix);
        let additions: Vec<&Addition> = self.additions(start).collect();
        for (number, (name, text)) in self.files.iter().enumerate() {
            let added = additions.iter().filter(|_| number == 0).map(|addition| addition.lines);
            let mut file =
                File::options().create(true).write(true).truncate(true).mode(0o600).open(start.folder.join(name))?;
            file.write_all(fill_in(&iter::once(*text).chain(added).collect::<String>()).as_bytes())?;
            // As it is in service: a file of this very second may be looked at twice.
            file.set_modified(SystemTime::now() - AN_HOUR)?;
        }
        if let Some((tool, arguments)) = self.before.split_first() {
            let tool = places.find(tool).ok_or_else(|| Failure::broken(format!("{tool} is not found")))?;
            let output = places.command(&tool).args(arguments.iter().map(|it| fill_in(it))).output()?;
            if !output.status.success() {
                return Err(Failure::broken(String::from_utf8_lossy(&output.stderr)));
            }
        }
        let mut command = places.command(&program);
        let added = additions.iter().flat_map(|addition| addition.arguments);
        command.args(self.arguments.iter().chain(added).map(|argument| fill_in(argument)));
        if self.files == FTPD_FILES {
            command.args(places.settings.iter().flat_map(|setting| ["--set", setting.as_str()]));
        }
        Ok(command)
    }
}

impl Speaker {
    /// Whether there is nothing to compare without it. An older ftpd may know nothing of HTTP.
    pub fn is_needed(&self) -> bool {
        !self.peer.is_rival() && (self.peer.name != AGAINST || self.protocol == Protocol::Ftp)
    }
}

impl Peer {
    /// What is needed besides at this start.
    fn additions(&self, start: &Start) -> impl Iterator<Item = &Addition> {
        let tls = Some(&self.tls).filter(|_| start.protection == Protection::Private);
        let web = self.web.as_ref().filter(|_| start.protocol == Protocol::Http);
        tls.into_iter().chain(web.map(|web| &web.addition))
    }
}

impl Places {
    fn find(&self, program: &str) -> Option<PathBuf> {
        let below_root =
            self.peer_root.iter().flat_map(|root| ["usr/sbin", "usr/bin", "bin"].map(|folder| root.join(folder)));
        let path = env::var_os("PATH").unwrap_or_default();
        let system = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
        let folders = below_root.chain(env::split_paths(&path).collect::<Vec<_>>()).chain(system);
        folders.map(|folder| folder.join(program)).find(|program| program.is_file())
    }

    /// A command that also finds the libraries below `--peer-root`, and is not told how to log by our environment.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_remove("RUST_LOG");
        let Some(root) = self.peer_root.as_ref().filter(|root| program.starts_with(root)) else { return command };
        let mut folders = Vec::new();
        for folder in ["usr/lib", "lib"].map(|name| root.join(name)) {
            let inside = fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
            folders.extend(inside.filter(|path| path.to_string_lossy().contains("-linux-")));
            folders.push(folder);
        }
        if let Ok(folders) = env::join_paths(folders) {
            command.env("LD_LIBRARY_PATH", folders);
        }
        command
    }
}

impl Start<'_> {
    fn fill_in(&self, text: &str) -> String {
        text.replace("{port}", &self.port.to_string())
            .replace("{home}", &self.home.to_string_lossy())
            .replace("{dir}", &self.folder.to_string_lossy())
            .replace("{group}", &nobodys_group())
            .replace("{certificate}", &self.data.join(data::CERTIFICATE).to_string_lossy())
    }
}

fn not_found() -> Failure {
    Failure::broken("not found on this machine")
}

/// Debian calls it nogroup, others nobody.
fn nobodys_group() -> String {
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    let name = groups.lines().find(|line| line.split(':').nth(2) == Some("65534"));
    name.and_then(|line| line.split(':').next()).unwrap_or("nobody").to_owned()
}
