//! The server, its home, and what lies beside it.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ftpd::auth::users::Users;
use ftpd::config::Config;
use ftpd::server::Server;
use rustix::fs::{CWD, Mode, mkfifoat};

/// What stands in every file that no session may see.
const SECRET: &str = "canary-6f1d2c8e40";

/// Impatient, so that no input costs more than a second or two.
const CONF: &str = "[server]\nip = 127.0.0.1\nmax_cons_per_ip = 0\nauth_failed_delay = 0\nban_after = 0\ntimeout = 10\n\
                    [transfer]\nconnect_timeout = 1\ndata_timeout = 1\n\
                    [anonymous]\nenable_anonymous = on\nanonymous_path = home\n";

const USERS: &str = "[DEFAULT]\nhome = home\n[bob]\npassword = secret\nperm = elradfmwMT\n\
                     [kim]\npassword = secret\nperm = elradfmwMT\ncharset = gb18030\n\
                     [ubuntu]\npassword = ubuntu\nperm = elradfmwMT\n[eve]\npassword = secret\nperm = elf\n";

pub struct World {
    pub address: SocketAddr,
    folder: PathBuf,
    before: Vec<String>,
}

impl World {
    pub fn new() -> World {
        let folder = std::env::temp_dir().join(format!("ftpd-fuzz-{}", std::process::id()));
        fs::create_dir_all(folder.join("outside/folder")).unwrap();
        for file in ["canary", "outside/canary", "outside/folder/canary"] {
            fs::write(folder.join(file), SECRET).unwrap();
        }
        fs::write(folder.join("ftpd.conf"), CONF).unwrap();
        fs::write(folder.join("user.ini"), USERS).unwrap();
        let mut world = World { address: free_address(), folder, before: Vec::new() };
        world.make_home();
        world.serve();
        world.before = world.beside();
        world
    }

    fn serve(&self) {
        let (mut config, problems) = Config::examine(Some(&self.folder.join("ftpd.conf")), &[]);
        assert!(problems.is_empty(), "{problems}");
        config.server.port = self.address.port();
        let users = Users::load(Some(&self.folder.join("user.ini")), config.terms()).unwrap();
        // It serves until the process ends.
        std::mem::forget(Server::start(config, Arc::new(users)).unwrap());
    }

    /// The same home for every input: files, a folder, a FIFO, links that stay inside and links that lead out.
    pub fn make_home(&self) {
        let home = self.folder.join("home");
        remove(&home);
        fs::create_dir_all(home.join("sub/deep")).unwrap();
        fs::write(home.join("a.txt"), "one\ntwo\r\nthree").unwrap();
        fs::write(home.join("b.bin"), [0, 255, 13, 10, 26].repeat(50)).unwrap();
        fs::write(home.join("sub/c"), "c").unwrap();
        mkfifoat(CWD, home.join("fifo"), Mode::from_raw_mode(0o600)).unwrap();
        let outside = self.folder.join("outside");
        for (target, link) in [
            (Path::new("sub"), "in"),
            (Path::new("../outside"), "out"),
            (Path::new("../canary"), "sub/canary"),
            (&outside.join("canary"), "away"),
            (Path::new("loop"), "loop"),
        ] {
            symlink(target, home.join(link)).unwrap();
        }
        symlink("../../outside/folder", home.join("sub/deep/up")).unwrap();
    }

    pub fn expect_nothing_shown(&self, bytes: &[u8]) {
        let shown = bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes());
        assert!(!shown, "what lies outside was sent: {}", bytes.escape_ascii());
    }

    pub fn expect_untouched(&self) {
        assert_eq!(self.beside(), self.before, "something beside the home was changed");
    }

    /// Everything beside the home, with all that a client could change.
    fn beside(&self) -> Vec<String> {
        let mut found = Vec::new();
        for entry in ["canary", "ftpd.conf", "user.ini", "outside"] {
            collect(&self.folder.join(entry), &mut found);
        }
        let names = fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.collect();
        names.sort();
        found.push(format!("{names:?}"));
        found
    }
}

fn collect(path: &Path, found: &mut Vec<String>) {
    let meta = fs::symlink_metadata(path).unwrap();
    let content = if meta.is_file() { fs::read(path).unwrap() } else { Vec::new() };
    let (mode, time) = (meta.mode(), (meta.mtime(), meta.mtime_nsec()));
    found.push(format!("{} {mode:o} {time:?} {}", path.display(), content.escape_ascii()));
    if meta.is_dir() {
        let mut entries: Vec<PathBuf> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        entries.iter().for_each(|entry| collect(entry, found));
    }
}

/// Removes a tree in which a client may have taken the rights to do so away.
fn remove(folder: &Path) {
    let Ok(entries) =
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).and_then(|()| fs::read_dir(folder))
    else {
        return;
    };
    for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        remove(&entry.path());
    }
    fs::remove_dir_all(folder).unwrap();
}

fn free_address() -> SocketAddr {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap()
}
