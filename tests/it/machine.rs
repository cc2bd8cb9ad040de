//! A small machine for a test: its own files, host name and network, with the programs of this one and `ftpd`.
//!
//! It is what README speaks of: ann's, called `myhost`, at 192.168.1.20. It needs root; without it, it is skipped loudly.

use std::{
    fs::{self, Permissions},
    io::{BufRead, BufReader, Write},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::namespaces::Networks;

/// Its address in the local network.
pub const ADDRESS: &str = "192.168.1.20";

/// Other addresses there, which clients may come from.
const NEIGHBOURS: [&str; 3] = ["192.168.1.32", "192.168.1.33", "192.168.1.34"];

const ENVIRONMENT: [&str; 5] =
    ["HOME=/home/ann", "LANG=C.UTF-8", "PATH=/opt/bin:/usr/bin:/usr/sbin", "TERM=xterm-256color", "PS1=$ "];

/// Makes the root folder, which is gone with the last process in it, and stays there until its input ends.
const SETUP: &str = r#"
set -e
mount -t tmpfs machine "$1"
cd "$1"
mkdir -p usr proc dev etc/ftpd opt/bin run tmp var/log home/ann/photos/summer media/usb srv/share srv/inbox srv/public
chmod 1777 tmp
for folder in bin sbin lib lib64 lib32; do [ ! -L /$folder ] || cp -P /$folder $folder; done
for folder in usr dev proc; do mount --rbind /$folder $folder; done
touch opt/bin/ftpd
mount --bind "$2" opt/bin/ftpd
cp /etc/ld.so.cache etc
printf 'root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\nftpd:x:999:999::/:/bin/false\n' > etc/passwd
printf 'root:x:0:\nann:x:1000:\nftpd:x:999:\n' > etc/group
printf 'hosts: files\n' > etc/nsswitch.conf
printf '127.0.0.1 localhost\n192.168.1.20 myhost\n192.0.2.80 ftp.example.org node1.example.org\n' > etc/hosts
printf 'a film' > home/ann/photos/holiday.mp4
printf 'a picture' > home/ann/photos/summer/beach.jpg
cp home/ann/photos/holiday.mp4 home/ann
chown -R 1000:1000 home/ann etc/ftpd media/usb srv/*
hostname myhost
exec chroot . cat
"#;

/// It is gone when this is dropped and nothing runs in it.
pub struct Machine {
    networks: Networks,
    holder: Child,
    _root: TempDir,
}

/// Who runs a command.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Ann,
    Root,
}

impl Machine {
    /// A machine with a local network, or nothing (and a loud word).
    pub fn new() -> Option<Machine> {
        let networks = Networks::new(&["ann", "lan"])?;
        networks.connect(("ann", &format!("{ADDRESS}/24")), ("lan", "192.168.1.31/24"));
        for address in NEIGHBOURS {
            networks.run("lan", &format!("ip addr add {address}/24 dev to-ann"));
        }
        let root = TempDir::new().unwrap();
        let mut command = networks.inside("ann");
        command.args(["unshare", "--mount", "--uts", "--propagation", "private", "sh", "-c", SETUP, "sh"]);
        command.arg(root.path()).arg(env!("CARGO_BIN_EXE_ftpd"));
        let mut holder = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        // It comes back from `cat`, when all is made.
        holder.stdin.as_ref().unwrap().write_all(b"ready\n").unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "the machine is set up");
        Some(Machine { networks, holder, _root: root })
    }

    /// A line of a shell in ann's home.
    pub fn shell(&self, who: Who, line: &str) -> Command {
        let mut command = self.networks.inside("ann");
        self.enter(&mut command, who);
        command.arg(line);
        command
    }

    /// The same on another machine of the local network, with the files of this one.
    pub fn neighbour(&self, line: &str) -> Command {
        let mut command = self.networks.inside("lan");
        self.enter(&mut command, Who::Ann);
        command.arg(line);
        command
    }

    fn enter(&self, command: &mut Command, who: Who) {
        let holder = self.holder.id().to_string();
        let identity = if who == Who::Root { "0" } else { "1000" };
        command.args(["nsenter", "--target", &holder, "--mount", "--uts", "--root", "--wd"]);
        command.args(["--setuid", identity, "--setgid", identity, "env", "-i"]).args(ENVIRONMENT);
        command.args(["sh", "-c", r#"cd && eval "$0""#]);
    }

    /// A file of it, by its path there.
    pub fn file(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{path}", self.holder.id()))
    }

    /// Makes a folder, and those above it, that belong to ann.
    pub fn make_folder(&self, path: &str) {
        let made = self.shell(Who::Ann, &format!("mkdir -p {path}")).status();
        assert!(made.unwrap().success(), "{path}");
    }

    /// Work in its network.
    pub fn visit<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.networks.visit("ann", work)
    }

    /// Writes a file that belongs to ann, and that nobody else can read.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        fs::write(self.file(path), content).unwrap();
        fs::set_permissions(self.file(path), Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::chown(self.file(path), Some(1000), Some(1000)).unwrap();
    }
}

impl Machine {
    /// Ends what still runs in it: a server that has lost its terminal goes on.
    fn clear(&self) {
        let mounts_of = |process: u32| fs::read_link(format!("/proc/{process}/ns/mnt")).ok();
        let holder = self.holder.id();
        let ours = mounts_of(holder);
        if ours.is_none() || ours == mounts_of(std::process::id()) {
            return;
        }
        let processes =
            fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
        for process in processes.filter(|process| *process != holder && mounts_of(*process) == ours) {
            let process = Pid::from_raw(process.try_into().unwrap()).unwrap();
            let _ = kill_process(process, Signal::KILL);
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.clear();
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}
