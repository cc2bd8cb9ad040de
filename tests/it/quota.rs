//! Quotas of accounts and folders: what fits, what is refused, and what gives room back.

use std::{fs, io::Write, os::unix::fs::symlink, thread};

use crate::{
    channel::leave_out,
    client::Client,
    privileges,
    server::{Server, Tree, eventually, run_to_its_end},
};

const ALL: &str = "elradfmwMT";
/// The quota of `/q`.
const MOST: usize = 1000;

/// An account whose folder `/q` has a quota, a home that has one if `home` says so, and a mount that has none.
fn tree(conf: &str, home: &str, more: &str) -> Tree {
    let users = format!(
        "[bob]\npassword = secret\nperm = {ALL}\nhome = home\n{home}\n[bob /q]\nquota = {MOST}\n\
         [bob /mount]\nhome = mount\n{more}\n"
    );
    let tree = Tree::new(conf, &users);
    fs::create_dir_all(tree.home().join("q/deep")).unwrap();
    fs::create_dir(tree.path("mount")).unwrap();
    tree
}

fn start() -> Server {
    tree("", "", "").start()
}

/// Stores that many bytes.
#[track_caller]
fn put(client: &mut Client, name: &str, bytes: usize, code: u16) {
    client.upload(format!("STOR {name}"), vec![b'x'; bytes]).expect(code);
}

/// What AVBL says there.
#[track_caller]
fn rest(client: &mut Client, path: &str) -> u64 {
    client.expect(format!("AVBL {path}"), 213).text().trim_start_matches("213 ").trim().parse().expect("a number")
}

/// An upload that ends after that many bytes, which are kept.
#[track_caller]
fn break_off(server: &Server, client: &mut Client, folder: &str, name: &str, bytes: u64) {
    let data = client.stalled_upload(&format!("STOR {folder}/{name}"), &vec![0; usize::try_from(bytes).unwrap()]);
    let has_come = |partial: &std::path::PathBuf| fs::metadata(partial).is_ok_and(|partial| partial.len() == bytes);
    eventually("the bytes have come", || server.tree().partials(folder).iter().any(has_come));
    client.send("ABOR");
    client.read_reply().expect(426);
    client.read_reply().expect(226);
    drop(data);
}

#[test]
fn exactly_the_quota_fits_and_one_byte_more_does_not() {
    let server = start();
    let mut client = server.login();
    put(&mut client, "q/a", 600, 226);
    put(&mut client, "q/deep/b", 400, 226);
    put(&mut client, "q/empty", 0, 226);
    put(&mut client, "q/c", 1, 552);
    client.upload("APPE q/a", "x").expect(552);
    client.upload("STOU q/c", "x").expect(552);
    client.expect("SIZE q/c", 550);
    client.expect("SIZE q/a", 213);
    put(&mut client, "large", 5000, 226);
    put(&mut client, "mount/large", 5000, 226);
    assert_eq!(server.read("q/a").len(), 600);
    assert!(server.tree().partials("q").is_empty());
    server.wait_log("STOR */q/c completed=0*(*user.ini:*: [bob /q] quota = 1000: no room for more)");
    client.expect("DELE q/deep/b", 250);
    assert_eq!(rest(&mut client, "q"), 400);
    put(&mut client, "q/c", 400, 226);
    assert_eq!(rest(&mut client, "q"), 0);
}

#[test]
fn over_the_quota_the_old_file_stays_and_the_room_is_given_back() {
    let server = start();
    let mut client = server.login();
    put(&mut client, "q/old", 400, 226);
    put(&mut client, "q/old", 601, 552);
    put(&mut client, "q/new", 601, 552);
    assert_eq!((server.read("q/old").len(), rest(&mut client, "q")), (400, 600));
    client.expect("SIZE q/new", 550);
    // Both are there until the end; then the old one's room is free.
    put(&mut client, "q/old", 600, 226);
    assert_eq!((server.read("q/old").len(), rest(&mut client, "q")), (600, 400));
}

#[test]
fn in_place_an_overwrite_has_the_room_of_the_old_file() {
    let server = tree("[transfer]\natomic_uploads = off\n", "", "").start();
    let mut client = server.login();
    put(&mut client, "q/old", 1000, 226);
    put(&mut client, "q/old", 1000, 226);
    put(&mut client, "q/old", 300, 226);
    assert_eq!(rest(&mut client, "q"), 700);
    client.expect("REST 200", 350);
    put(&mut client, "q/old", 100, 226);
    assert_eq!(rest(&mut client, "q"), 700);
    client.expect("REST 200", 350);
    put(&mut client, "q/old", 800, 226);
    client.upload("APPE q/old", "x").expect(552);
    assert_eq!((server.read("q/old").len(), rest(&mut client, "q")), (1000, 0));
}

#[test]
fn in_place_a_new_file_that_does_not_fit_leaves_nothing() {
    let server = tree("[transfer]\natomic_uploads = off\n", "quota = 1M", "").start();
    let mut client = server.login();
    let before = rest(&mut client, "/");
    for verb in ["STOR", "APPE", "STOU"] {
        let mut data = client.passive();
        client.expect(format!("{verb} new"), 150);
        data.handshake();
        // The server hangs up when it has enough.
        let _ = data.write_all(&[0; 2 << 20]);
        drop(data);
        client.read_reply().expect(552);
        assert!(!server.home().join("new").exists(), "{verb}");
        assert_eq!(rest(&mut client, "/"), before, "{verb}");
    }
}

#[test]
fn a_rename_takes_its_room_along() {
    let server = start();
    let mut client = server.login();
    fs::create_dir_all(server.home().join("folder/deep")).unwrap();
    fs::write(server.home().join("folder/a"), [0; 300]).unwrap();
    fs::write(server.home().join("folder/deep/b"), [0; 300]).unwrap();
    put(&mut client, "large", 601, 226);
    put(&mut client, "q/a", 400, 226);
    let rename = |client: &mut Client, from: &str, to: &str, code: u16| {
        client.expect(format!("RNFR {from}"), 350);
        client.expect(format!("RNTO {to}"), code);
    };
    rename(&mut client, "large", "q/large", 552);
    server.wait_log("RNTO */q/large 552*user.ini:*[bob /q] quota = 1000");
    rename(&mut client, "folder", "q/folder", 250);
    assert_eq!(rest(&mut client, "q"), 0);
    rename(&mut client, "q/folder/deep", "deep", 250);
    assert_eq!(rest(&mut client, "q"), 300);
    // The one that it replaces makes room for it.
    rename(&mut client, "large", "q/a", 250);
    assert_eq!(rest(&mut client, "q"), 99);
    rename(&mut client, "q/folder/a", "q/a", 250);
    assert_eq!(rest(&mut client, "q"), 700);
    rename(&mut client, "q/a", "a", 250);
    assert_eq!(rest(&mut client, "q"), 1000);
    rename(&mut client, "deep", "q/deeper", 250);
    rename(&mut client, "q/deeper", "q/deepest", 250);
    assert_eq!(rest(&mut client, "q"), 700);
}

#[test]
fn what_can_not_be_counted_is_not_moved_to_a_quota() {
    let users = format!("[bob]\npassword = secret\nperm = {ALL}\nhome = home\n[bob /q]\nquota = {MOST}\n");
    let server = if privileges::is_root() {
        privileges::tree(&format!("[server]\nuser = {}\n", privileges::USER), &users, privileges::USER).start()
    } else {
        Tree::new("", &users).start()
    };
    let mut client = server.login();
    for folder in ["q", "out", "out/closed"] {
        client.expect(format!("MKD {folder}"), 257);
    }
    put(&mut client, "out/closed/large", 5000, 226);
    for (mode, code) in [(644, 550), (755, 552)] {
        client.expect(format!("SITE CHMOD {mode} out/closed"), 200);
        client.expect("RNFR out", 350);
        client.expect("RNTO q/out", code);
    }
    assert_eq!(rest(&mut client, "q"), 1000);
}

#[test]
fn allo_and_avbl_know_the_smallest_quota() {
    let server = tree("", "quota = 100M", "[bob /q/deep]\nquota = 2000\n").start();
    let mut client = server.login();
    symlink("q", server.home().join("to-q")).unwrap();
    symlink("q/a", server.home().join("to-a")).unwrap();
    put(&mut client, "q/a", 100, 226);
    put(&mut client, "to-q/b", 1, 226);
    client.expect("DELE q/b", 250);
    put(&mut client, "home", 50, 226);
    for way in ["q", "q/a", "q/deep", "to-q", "to-q/a", "to-q/deep", "to-a"] {
        assert_eq!(rest(&mut client, way), 900, "{way}");
    }
    for way in ["/", "home"] {
        assert_eq!(rest(&mut client, way), (100 << 20) - 150, "{way}");
    }
    assert!(rest(&mut client, "mount") > 1 << 30);
    put(&mut client, "to-q/b", 901, 552);
    put(&mut client, "to-a", 1001, 552);
    client.expect("CWD to-q/deep", 250);
    client.expect("ALLO 901", 552);
    client.expect("ALLO 900", 200);
    client.expect("CWD /mount", 250);
    client.expect("ALLO 1000000000", 200);
}

#[test]
fn a_file_below_two_quotas_counts_in_both() {
    let server = tree("", "quota = 1500", "[bob /q/deep]\nquota = 5000\n").start();
    let mut client = server.login();
    put(&mut client, "q/deep/a", 800, 226);
    put(&mut client, "q/deep/b", 201, 552);
    server.wait_log("STOR */q/deep/b completed=0*: [bob /q] quota = 1000: no room for more)");
    put(&mut client, "b", 700, 226);
    put(&mut client, "c", 1, 552);
    put(&mut client, "q/c", 1, 552);
    server.wait_log("STOR */q/c completed=0*user.ini:*: quota = 1500: no room for more)");
    put(&mut client, "mount/c", 5000, 226);
    client.expect("DELE b", 250);
    put(&mut client, "q/deep/b", 200, 226);
    assert_eq!((rest(&mut client, "/"), rest(&mut client, "q")), (500, 0));
}

#[test]
fn what_others_did_is_counted_after_a_restart_and_never_makes_the_count_negative() {
    let server = start();
    let mut client = server.login();
    put(&mut client, "q/grows", 10, 226);
    put(&mut client, "q/goes", 500, 226);
    let q = server.home().join("q");
    fs::write(q.join("others"), [0; 900]).unwrap();
    client.expect("DELE q/others", 250);
    assert_eq!(rest(&mut client, "q"), 1000);
    fs::write(q.join("grows"), [0; 100]).unwrap();
    fs::remove_file(q.join("goes")).unwrap();
    fs::write(q.join("deep/one"), [0; 200]).unwrap();
    fs::hard_link(q.join("deep/one"), q.join("twin")).unwrap();
    fs::write(q.join(".ftpd-0123456789abcdef.part"), [0; 50]).unwrap();
    drop(client);
    let server = server.kill().start();
    let mut client = server.login();
    assert_eq!(rest(&mut client, "q"), 650);
    client.expect("DELE q/twin", 250);
    assert_eq!(rest(&mut client, "q"), 650);
    client.expect("DELE q/deep/one", 250);
    assert_eq!(rest(&mut client, "q"), 850);
    fs::write(q.join("more"), [0; 950]).unwrap();
    put(&mut client, "q/more", 850, 226);
    assert_eq!(rest(&mut client, "q"), 950);
    client.expect("DELE q/more", 250);
    assert_eq!(rest(&mut client, "q"), 1000);
}

#[test]
fn a_broken_upload_counts_as_far_as_it_is_kept() {
    let server = start();
    let mut client = server.login();
    put(&mut client, "q/old", 100, 226);
    break_off(&server, &mut client, "q", "old", 300);
    assert_eq!(rest(&mut client, "q"), 600);
    client.expect("REST 300", 350);
    put(&mut client, "q/old", 601, 552);
    assert_eq!((server.read("q/old").len(), rest(&mut client, "q")), (100, 600));
    client.expect("REST 300", 350);
    put(&mut client, "q/old", 600, 226);
    assert_eq!((server.read("q/old").len(), rest(&mut client, "q")), (900, 100));
}

#[test]
fn removing_a_folder_or_a_file_gives_the_room_of_its_partials_back() {
    let server = start();
    let mut client = server.login();
    for folder in ["q", "q/deep"] {
        put(&mut client, &format!("{folder}/file"), 100, 226);
        break_off(&server, &mut client, folder, "file", 200);
    }
    assert_eq!(rest(&mut client, "q"), 400);
    client.expect("DELE q/file", 250);
    assert_eq!(rest(&mut client, "q"), 700);
    fs::remove_file(server.home().join("q/deep/file")).unwrap();
    client.expect("RMD q/deep", 250);
    // What was removed behind the server's back is still counted.
    assert_eq!(rest(&mut client, "q"), 900);
}

#[test]
fn accounts_that_share_a_folder_share_its_count() {
    let eve = format!("[eve]\npassword = secret\nperm = {ALL}\nhome = home/q\nquota = 2000\n");
    let server = tree("", "", &eve).start();
    let (mut bob, mut eve) = (server.login(), server.login_as("eve"));
    put(&mut eve, "e", 700, 226);
    assert_eq!(rest(&mut bob, "q"), 300);
    put(&mut bob, "q/b", 301, 552);
    put(&mut bob, "q/b", 300, 226);
    assert_eq!(rest(&mut eve, "/"), 1000);
}

#[test]
fn a_folder_that_comes_later_is_counted_from_then_on() {
    let server = tree("", "", "[bob /later]\nquota = 500\n").start();
    let mut client = server.login();
    client.expect("MKD later", 257);
    put(&mut client, "later/a", 501, 552);
    put(&mut client, "later/a", 500, 226);
    fs::create_dir(server.home().join("other")).unwrap();
    fs::write(server.home().join("other/b"), [0; 200]).unwrap();
    fs::rename(server.home().join("later"), server.home().join("gone")).unwrap();
    fs::rename(server.home().join("other"), server.home().join("later")).unwrap();
    assert_eq!(rest(&mut client, "later"), 300);
}

#[test]
fn eight_clients_at_once_fill_it_to_the_byte() {
    const MIB: usize = 1 << 20;
    let users = format!("[bob]\npassword = secret\nperm = {ALL}\nhome = home\nmax_cons = 20\nquota = 8M\n");
    let server = Tree::new("[server]\nmax_cons_per_ip = 20\n", &users).start();
    let fill = |number: usize| {
        let mut client = server.login();
        put(&mut client, &format!("fits{number}"), MIB - 1, 226);
    };
    thread::scope(|scope| (0..8).for_each(|number| drop(scope.spawn(move || fill(number)))));
    let mut client = server.login();
    assert_eq!(rest(&mut client, "/"), 8);
    let mut codes: Vec<u16> = thread::scope(|scope| {
        let one = |number: usize| {
            let name = format!("STOR more{number}");
            server.login().upload(name, "xxx").code
        };
        let clients: Vec<_> = (0..8).map(|number| scope.spawn(move || one(number))).collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    codes.sort_unstable();
    assert_eq!((codes, rest(&mut client, "/")), (vec![226, 226, 552, 552, 552, 552, 552, 552], 2));
    let sizes = fs::read_dir(server.home()).unwrap().map(|file| file.unwrap().metadata().unwrap().len());
    assert_eq!(sizes.sum::<u64>(), (8 << 20) - 2);
}

#[test]
fn what_other_accounts_write_there_counts_whatever_home_they_have() {
    let more = format!(
        "[twin]\npassword = secret\nperm = {ALL}\nhome = home/q\n[inner]\npassword = secret\nperm = {ALL}\nhome = home/q/deep\n\
         [outer]\npassword = secret\nperm = {ALL}\nhome = home\n"
    );
    let server = tree("", "quota = 1M", &more).start();
    let mut bob = server.login();
    let (home, twin, inner, outer) = (
        rest(&mut bob, "/"),
        &mut server.login_as("twin"),
        &mut server.login_as("inner"),
        &mut server.login_as("outer"),
    );
    put(twin, "a", 100, 226);
    put(inner, "b", 200, 226);
    put(outer, "q/c", 300, 226);
    put(outer, "d", 50, 226);
    assert_eq!((rest(&mut bob, "q"), rest(&mut bob, "/")), (400, home - 650));
    put(&mut bob, "q/f", 401, 552);
    // Only bob is held to it.
    put(inner, "g", 1000, 226);
    assert_eq!(rest(&mut bob, "q"), 0);
    inner.expect("DELE g", 250);
    outer.expect("RNFR q/c", 350);
    outer.expect("RNTO c", 250);
    assert_eq!((rest(&mut bob, "q"), rest(&mut bob, "/")), (700, home - 650));
    twin.expect("RNFR deep/b", 350);
    twin.expect("RNTO b", 250);
    outer.expect("DELE q/b", 250);
    assert_eq!((rest(&mut bob, "q"), rest(&mut bob, "/")), (900, home - 450));
}

#[test]
fn what_keep_removes_is_room_again() {
    let server = tree("", "", "[bob /q/deep]\nkeep = 1s\n").start();
    let mut client = server.login();
    put(&mut client, "q/stays", 100, 226);
    put(&mut client, "q/deep/goes", 900, 226);
    assert_eq!(rest(&mut client, "q"), 0);
    server.wait_log("keep: *q/deep/goes removed*");
    assert_eq!(rest(&mut client, "q"), 900);
}

#[test]
fn what_others_removed_is_room_again_after_a_refusal_or_a_reload() {
    let server = start();
    let mut client = server.login();
    let q = server.home().join("q");
    put(&mut client, "q/a", 900, 226);
    fs::remove_file(q.join("a")).unwrap();
    put(&mut client, "q/b", 101, 552);
    server.wait_log("quota of *home/q: 900 bytes were counted, 0 bytes are there");
    put(&mut client, "q/b", 1000, 226);
    fs::remove_file(q.join("b")).unwrap();
    assert_eq!(rest(&mut client, "q"), 0);
    server.administer("reload");
    server.wait_log("quota of *home/q: 1000 bytes were counted, 0 bytes are there");
    assert_eq!(rest(&mut client, "q"), 1000);
}

#[test]
fn a_refused_rename_or_allo_has_the_folder_counted_again() {
    for is_rename in [true, false] {
        let server = start();
        let mut client = server.login();
        put(&mut client, "q/a", 900, 226);
        put(&mut client, "b", 1000, 226);
        fs::remove_file(server.home().join("q/a")).unwrap();
        if is_rename {
            client.expect("RNFR b", 350);
            client.expect("RNTO q/b", 552);
        } else {
            client.expect("CWD q", 250);
            client.expect("ALLO 1000", 552);
        }
        server.wait_log("quota of *home/q: 900 bytes were counted, 0 bytes are there");
        assert_eq!(rest(&mut client, "/q"), 1000);
    }
}

#[test]
fn check_says_no_to_an_upload_if_the_quota_is_used_up() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    let tree = tree("", "quota = 5000", "[bob /q/deep]\nquota = 5000\n");
    let asked = |line: &str| {
        let mut check = tree.command();
        check.args(["check", "--can", "bob"]).args(line.split(' '));
        let ended = run_to_its_end(check);
        (ended.code, ended.output)
    };
    fs::write(tree.home().join("q/deep/a"), vec![0; MOST - 1]).unwrap();
    let (code, output) = asked("STOR /q/deep/x");
    assert!(code == Some(0) && output.contains("yes: "), "{output}");
    fs::write(tree.home().join("q/b"), "xx").unwrap();
    for line in ["STOR /q/deep/x", "APPE /q/b", "STOR /q/b", "STOU /q/x"] {
        let (code, output) = asked(line);
        let no = output.contains(": [bob /q] quota = 1000 is used up (1001 bytes)");
        assert!(code == Some(1) && output.starts_with("no: ") && no, "{line}: {output}");
    }
    for line in ["STOR /x", "DELE /q/b", "RETR /q/b"] {
        let (code, output) = asked(line);
        assert!(code == Some(0), "{line}: {output}");
    }
}

#[test]
fn room_that_others_made_is_found_while_another_upload_runs() {
    let server = start();
    let (mut slow, mut client) = (server.login(), server.login());
    put(&mut client, "q/a", 900, 226);
    let data = slow.stalled_upload("STOR q/slow", &[0; 50]);
    let has_come = |partial: &std::path::PathBuf| fs::metadata(partial).is_ok_and(|partial| partial.len() == 50);
    eventually("the bytes have come", || server.tree().partials("q").iter().any(has_come));
    fs::remove_file(server.home().join("q/a")).unwrap();
    put(&mut client, "q/b", 600, 552);
    eventually("there is room", || rest(&mut client, "q") >= 900);
    put(&mut client, "q/b", 600, 226);
    drop(data);
    slow.read_reply();
    drop(slow);
    server.wait_log("STOR */q/slow completed=*");
    assert!(rest(&mut client, "q") <= 400);
}
