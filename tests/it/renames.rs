//! Renaming is not a way to overwrite, nor to lose anything.

use std::fs;

use crate::server::{BOB, Server};

fn server_for(perm: &str) -> Server {
    let server = Server::start("", &BOB.replace("elradfmwMT", perm));
    server.write("from", "from");
    server.write("to", "to");
    server.write("folder/file", "x");
    server
}

#[test]
fn a_rename_does_not_overwrite_without_w_and_d() {
    for perm in ["elf", "elfw", "elfd", "elrafmMT"] {
        let server = server_for(perm);
        let mut client = server.login();
        client.expect("RNFR from", 350);
        client.expect("RNTO to", 553);
        assert_eq!((server.read("from"), server.read("to")), (b"from".to_vec(), b"to".to_vec()), "{perm}");
        client.expect("RNFR from", 350);
        client.expect("RNTO new", 250);
        assert_eq!(server.read("new"), b"from");
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
    fs::create_dir(server.home().join("other")).unwrap();
    let mut client = server.login();
    for from in ["from", "other"] {
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
