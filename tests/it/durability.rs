//! What a full disk leaves, and what `fsync = close` promises.

use std::{
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use tempfile::TempDir;

use crate::{
    channel::leave_out,
    client::{Client, Reply},
    data::reset,
    server::{BOB, Server, eventually},
    trace::Trace,
};

const KIB: usize = 1 << 10;
/// What an upload's way to the disk is made of.
const CALLS: &str = "fdatasync,fsync,rename,renameat,renameat2,write,sendto,sendmsg";

/// A file system of 1 MiB; unmounted when it is dropped.
pub struct SmallDisk(TempDir);

impl SmallDisk {
    pub fn mount() -> Option<SmallDisk> {
        SmallDisk::mount_with("size=1m,mode=777")
    }

    fn mount_with(options: &str) -> Option<SmallDisk> {
        let disk = SmallDisk(TempDir::new().unwrap());
        let mounted = disk.run_mount(&["-t", "tmpfs", "-o", options, "none"]);
        if !mounted {
            eprintln!("SKIPPED: mount is not allowed here, so no disk can be filled");
        }
        mounted.then_some(disk)
    }

    fn run_mount(&self, arguments: &[&str]) -> bool {
        let mut command = Command::new("mount");
        command.args(arguments).arg(self.0.path()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    pub fn free(&self) -> u64 {
        let space = rustix::fs::statvfs(self.0.path()).unwrap();
        space.f_bavail * space.f_frsize
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap().map(|entry| entry.unwrap().file_name());
        entries.map(|name| name.into_string().unwrap()).collect()
    }

    /// A server whose bob lives on this disk.
    pub fn serve(&self, conf: &str) -> Server {
        Server::start(conf, &BOB.replace("home = home", &format!("home = {}", self.0.path().display())))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // If it was not mounted this fails, and nothing is lost.
        let _ = Command::new("umount").args(["-l"]).arg(self.0.path()).stderr(Stdio::null()).status();
    }
}

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(2_654_435_761) >> 11) as u8).collect()
}

/// An upload whose end the server may not want to hear.
#[track_caller]
fn overflow(client: &mut Client, command: &str) -> Reply {
    let mut data = client.passive();
    client.expect(command, 150);
    let _ = data.write_all(&content(3000 * KIB));
    drop(data);
    client.read_reply()
}

#[test]
fn a_full_disk_is_452_and_loses_nothing_and_gives_the_room_back() {
    let Some(disk) = SmallDisk::mount() else { return };
    for conf in ["", "[transfer]\nmax_upload = 100M\n", "[transfer]\nfsync = close\n"] {
        let server = disk.serve(conf);
        let old = content(100 * KIB);
        fs::write(disk.path("old"), &old).unwrap();
        let free = disk.free();
        let mut client = server.login();
        for kind in ["TYPE I", "TYPE A"] {
            client.expect(kind, 200);
            for command in ["STOR old", "STOR new", "APPE old", "APPE new", "STOU new"] {
                overflow(&mut client, command).expect(452);
                assert!(disk.read("old") == old, "{command}");
                // What is made in place may stay as an empty file; a partial may not.
                if !command.starts_with("STOR") && disk.path("new").exists() {
                    assert_eq!(disk.read("new"), b"", "{command} left bytes");
                    fs::remove_file(disk.path("new")).unwrap();
                }
                // An overwrite leaves an empty partial, so that nobody resumes into the old file.
                for name in disk.names().into_iter().filter(|name| name.ends_with(".part")) {
                    assert_eq!((command, disk.read(&name)), ("STOR old", vec![]));
                    fs::remove_file(disk.path(&name)).unwrap();
                }
                assert_eq!(disk.free(), free, "{command} gave the room back");
                assert_eq!(disk.names(), ["old"], "{command}");
            }
        }
        client.expect("TYPE I", 200);
        client.expect(format!("REST {}", 100 * KIB), 350);
        overflow(&mut client, "STOR old").expect(452);
        assert!(disk.read("old") == old, "a resume in place");
        client.stor("small", content(500 * KIB));
        assert!(disk.read("small") == content(500 * KIB));
        client.expect("DELE small", 250);
        client.expect("ALLO 3000000", 552);
        client.expect("ALLO 100000", 200);
    }
}

#[test]
fn what_was_kept_of_a_broken_overwrite_outlives_a_full_disk() {
    let Some(disk) = SmallDisk::mount() else { return };
    let server = disk.serve("");
    fs::write(disk.path("file"), "old").unwrap();
    let mut client = server.login();
    let new = content(600 * KIB);
    let data = client.stalled_upload("STOR file", &new[..300 * KIB]);
    let partial = || disk.names().into_iter().find(|name| name.starts_with(".ftpd-"));
    eventually("it is written", || partial().is_some_and(|name| disk.read(&name).len() == 300 * KIB));
    reset(data);
    client.read_reply().expect(426);
    client.expect(format!("REST {}", 300 * KIB), 350);
    overflow(&mut client, "STOR file").expect(452);
    assert_eq!(disk.read("file"), b"old");
    client.expect(format!("REST {}", 300 * KIB), 350);
    client.stor("file", &new[300 * KIB..]);
    assert!(disk.read("file") == new && partial().is_none());
}

#[test]
fn a_disk_without_room_for_another_name_is_452() {
    let Some(disk) = SmallDisk::mount_with("size=1m,nr_inodes=4,mode=777") else { return };
    let server = disk.serve("");
    let mut client = server.login();
    client.stor("one", "1");
    client.stor("two", "2");
    client.stor("three", "3");
    for command in ["STOR four", "STOU four", "APPE four"] {
        client.passive();
        client.expect(command, 452);
    }
    client.expect("MKD folder", 452);
    client.expect("DELE three", 250);
    client.stor("four", "4");
    assert_eq!(disk.read("four"), b"4");
}

#[test]
fn a_disk_that_is_read_only_is_550_before_anything_is_sent() {
    let Some(disk) = SmallDisk::mount() else { return };
    let server = disk.serve("");
    fs::write(disk.path("file"), "old").unwrap();
    assert!(disk.run_mount(&["-o", "remount,ro"]));
    let mut client = server.login();
    for command in ["STOR file", "STOR new", "APPE file", "STOU"] {
        client.passive();
        client.expect(command, 550);
    }
    for command in ["MKD folder", "DELE file", "SITE CHMOD 600 file", "MFMT 20010203040506 file"] {
        client.expect(command, 550);
    }
    client.expect("RNFR file", 350);
    client.expect("RNTO new", 550);
    assert_eq!(client.retr("file"), b"old");
}

#[test]
fn a_disk_that_fails_in_mid_transfer_is_no_226() {
    for (conf, fault) in [
        ("", "write:error=EIO"),
        ("[transfer]\nfsync = close\n", "fdatasync:error=EIO"),
        ("", "renameat:error=EIO"),
        ("", "rename:error=EIO"),
    ] {
        let server = Server::start(conf, BOB);
        server.write("file", "old");
        let mut client = server.login();
        let Some(trace) = Trace::failing(&server, &[fault]) else { return };
        let reply = client.upload("STOR file", "new");
        if trace.lines(&mut client).iter().any(|line| line.contains("(INJECTED)")) {
            reply.expect(451);
            assert_eq!(server.read("file"), b"old", "{fault}");
        } else {
            // Another call does the same on this processor.
            reply.expect(226);
        }
    }
    // A disk that is not known to be local may fail when a file is closed.
    let server = Server::plain();
    server.write("file", "old");
    let Some(trace) = Trace::failing(&server, &["fstatfs:error=EIO", "close:error=EIO"]) else { return };
    let mut client = server.login();
    client.upload("STOR file", "new").expect(451);
    assert_eq!(server.read("file"), b"old");
    drop(trace);
    let server = Server::start("[transfer]\nfsync = close\n", BOB);
    server.write("file", "old");
    let mut client = server.login();
    let Some(trace) = Trace::failing(&server, &["fsync:error=EIO"]) else { return };
    let reply = client.upload("STOR file", "new").expect(451);
    assert!(reply.text().contains("in its place"), "{reply:?}");
    assert_eq!(server.read("file"), b"new");
    drop(trace);
    leave_out!(Explicit | Implicit: "TLS sends without sendfile");
    let server = Server::plain();
    server.write("file", "content");
    let mut client = server.login();
    let Some(_trace) = Trace::failing(&server, &["sendfile:error=EIO"]) else { return };
    let data = client.passive();
    client.expect("RETR file", 150);
    client.read_reply().expect(451);
    drop(data);
}

// fsync

#[test]
fn with_fsync_close_uploads_of_every_kind_end_in_the_right_bytes() {
    for atomic in ["on", "off"] {
        let server = Server::start(&format!("[transfer]\nfsync = close\natomic_uploads = {atomic}\n"), BOB);
        let whole = content(3000 * KIB);
        let mut client = server.login();
        client.stor("file", "old");
        client.stor("file", &whole);
        assert!(server.read("file") == whole);
        client.stor("empty", "");
        assert_eq!(server.read("empty"), b"");
        client.stor("cut", &whole[..1000 * KIB]);
        client.expect(format!("REST {}", 1000 * KIB), 350);
        client.stor("cut", &whole[1000 * KIB..2000 * KIB]);
        client.upload("APPE cut", &whole[2000 * KIB..]).expect(226);
        assert!(server.read("cut") == whole);
    }
}

/// Where a call stands first and last.
#[track_caller]
fn span(lines: &[String], what: &str, is_it: impl Fn(&str) -> bool) -> (usize, usize) {
    let first = lines.iter().position(|line| is_it(line));
    let last = lines.iter().rposition(|line| is_it(line));
    first.zip(last).unwrap_or_else(|| panic!("no {what} in\n{}", lines.join("\n")))
}

fn is_folder_sync(line: &str) -> bool {
    line.contains("fsync") && !line.contains("fdatasync")
}

#[test]
fn with_fsync_close_the_file_is_on_the_disk_before_its_name_and_the_name_before_the_226() {
    leave_out!(Explicit | Implicit: "strace can't read a 226 under TLS");
    for (old, name) in [(true, "file"), (false, "new")] {
        let server = Server::start("[transfer]\nfsync = close\n", BOB);
        if old {
            server.write(name, "old");
        }
        let mut client = server.login();
        let Some(trace) = Trace::of(&server, CALLS) else { return };
        client.stor(name, content(100 * KIB));
        let lines = trace.lines(&mut client);
        let data = span(&lines, "fdatasync", |line| line.contains("fdatasync"));
        let rename = span(&lines, "rename", |line| line.contains("rename"));
        let folder = span(&lines, "fsync of the folder", is_folder_sync);
        let reply = span(&lines, "226", |line| line.contains("\"226 "));
        let all = lines.join("\n");
        assert!(data.1 < rename.0, "the bytes come before the name:\n{all}");
        assert!(rename.1 < folder.0, "the name comes before the folder:\n{all}");
        assert!(folder.1 < reply.0, "the folder comes before the 226:\n{all}");
    }
}

#[test]
fn with_fsync_close_what_is_written_in_place_is_on_the_disk_before_the_226() {
    leave_out!(Explicit | Implicit: "strace can't read a 226 under TLS");
    let server = Server::start("[transfer]\nfsync = close\n", BOB);
    server.write("file", "old");
    let mut client = server.login();
    let Some(trace) = Trace::of(&server, CALLS) else { return };
    client.upload("APPE file", content(100 * KIB)).expect(226);
    let lines = trace.lines(&mut client);
    let data = span(&lines, "fdatasync or fsync", |line| line.contains("fdatasync") || line.contains("fsync"));
    let reply = span(&lines, "226", |line| line.contains("\"226 "));
    assert!(data.1 < reply.0, "{}", lines.join("\n"));
}

#[test]
fn with_fsync_close_a_large_upload_is_written_back_as_it_comes() {
    let server = Server::start("[transfer]\nfsync = close\n", BOB);
    let mut client = server.login();
    let Some(trace) = Trace::of(&server, CALLS) else { return };
    client.stor("file", vec![7; 70 << 20]);
    let lines = trace.lines(&mut client);
    let syncs = lines.iter().filter(|line| line.contains("fdatasync(")).count();
    assert!(syncs >= 2, "{syncs} for 70 MiB");
}

#[test]
fn without_fsync_nothing_waits_for_the_disk() {
    let server = Server::plain();
    server.write("file", "old");
    let mut client = server.login();
    let Some(trace) = Trace::of(&server, CALLS) else { return };
    client.stor("file", content(100 * KIB));
    let lines = trace.lines(&mut client);
    span(&lines, "rename", |line| line.contains("rename"));
    assert!(!lines.iter().any(|line| line.contains("sync")), "{}", lines.join("\n"));
}
