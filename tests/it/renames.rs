//! Renaming is not a way to overwrite, nor to lose anything.

use std::fs;

use crate::{
    server::{BOB, Server},
    trace::Trace,
};

fn server_for(perm: &str) -> Server {
    let server = Server::start("", &BOB.replace("elradfmwMT", perm));
    server.write("from", "from");
    server.write("to", "to");
    server.write("folder/file", "x");
    server.write("other/file", "y");
    server
}

#[test]
fn a_rename_does_not_overwrite_without_w_and_d() {
    for perm in ["elf", "elfw", "elfd", "elrafmMT"] {
        overwrites_nothing(&server_for(perm));
    }
}

#[track_caller]
fn overwrites_nothing(server: &Server) {
    let mut client = server.login();
    for (from, to) in [("from", "to"), ("from", "folder"), ("folder", "to"), ("folder", "other")] {
        client.expect(format!("RNFR {from}"), 350);
        client.expect(format!("RNTO {to}"), 553);
    }
    assert_eq!((server.read("from"), server.read("to")), (b"from".to_vec(), b"to".to_vec()));
    for (from, to, file, content) in [("from", "new", "new", "from"), ("folder", "moved", "moved/file", "x")] {
        client.expect(format!("RNFR {from}"), 350);
        client.expect(format!("RNTO {to}"), 250);
        assert_eq!(server.read(file), content.as_bytes());
        assert!(!server.home().join(from).exists());
    }
}

/// FUSE, NFS, exFAT; the last two without hard links, too.
#[test]
fn a_disk_that_can_not_refuse_to_overwrite_is_asked_before() {
    for faults in [&["renameat2:error=EINVAL"][..], &["renameat2:error=EINVAL", "linkat:error=EPERM"]] {
        let server = server_for("elrafmMT");
        let Some(_trace) = Trace::failing(&server, faults) else { return };
        overwrites_nothing(&server);
    }
}

#[test]
fn a_rename_overwrites_a_file_with_w_and_d() {
    let server = server_for("elfwd");
    let mut client = server.login();
    client.expect("RNFR from", 350);
    client.expect("RNTO to", 250);
    assert_eq!(server.read("to"), b"from");
    assert!(!server.home().join("from").exists());
}

#[test]
fn a_folder_that_is_not_empty_is_never_overwritten() {
    let server = server_for("elradfmwMT");
    let mut client = server.login();
    fs::create_dir(server.home().join("empty")).unwrap();
    for from in ["from", "empty"] {
        client.expect(format!("RNFR {from}"), 350);
        client.expect("RNTO folder", [550, 553]);
    }
    assert_eq!(server.read("folder/file"), b"x");
    assert_eq!(server.read("from"), b"from");
}

#[test]
fn a_folder_cannot_be_moved_into_itself() {
    let server = server_for("elradfmwMT");
    let mut client = server.login();
    client.expect("RNFR folder", 350);
    client.expect("RNTO folder/inner", [550, 553]);
    assert_eq!(server.read("folder/file"), b"x");
}

#[test]
fn a_file_can_be_renamed_to_itself() {
    let server = server_for("elf");
    let mut client = server.login();
    client.expect("RNFR from", 350);
    client.expect("RNTO from", [250, 553]);
    assert_eq!(server.read("from"), b"from");
}

#[test]
fn a_rename_is_relative_to_the_working_directory_of_each_name() {
    let server = server_for("elradfmwMT");
    let mut client = server.login();
    client.expect("CWD folder", 250);
    client.expect("RNFR file", 350);
    client.expect("RNTO ../moved", 250);
    assert_eq!(server.read("moved"), b"x");
}

/// To the system, renaming one link of a file to another is done when nothing was done.
#[test]
fn links_of_one_file_are_not_lost_by_renaming_them() {
    for fault in [None, Some("renameat2:error=ENOSYS")] {
        let server = server_for("elfwd");
        fs::hard_link(server.home().join("from"), server.home().join("link")).unwrap();
        let trace = fault.map(|fault| Trace::failing(&server, &[fault]));
        if matches!(trace, Some(None)) {
            return;
        }
        let mut client = server.login();
        for (from, to) in [("from", "from"), ("from", "link"), ("link", "folder/../from")] {
            client.expect(format!("RNFR {from}"), 350);
            client.expect(format!("RNTO {to}"), [250, 553]);
            assert_eq!((server.read("from"), server.read("link")), (b"from".to_vec(), b"from".to_vec()), "{from} {to}");
        }
    }
}

#[test]
fn a_rename_to_another_disk_is_refused_and_copies_nothing() {
    let server = server_for("elradfmwMT");
    let mut client = server.login();
    let Some(_trace) = Trace::failing(&server, &["renameat2:error=EXDEV"]) else { return };
    client.expect("RNFR from", 350);
    client.expect("RNTO elsewhere", 553);
    assert_eq!(server.read("from"), b"from");
    assert!(!server.home().join("elsewhere").exists());
}
