//! The hidden files of uploads: no list shows them, no verb names them, and they do not stay for ever.

use std::{
    fs::{self, File},
    io::Write,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use crate::{
    data::reset,
    disk::snapshot,
    server::{BOB, Server, Tree, eventually},
};

/// The form of a partial's name; nobody's.
const STALE: &str = ".ftpd-0123456789abcdef.part";
const EVE: &str = "[eve]\npassword = secret\nperm = elradfmwMT\nhome = home\n[adm]\npassword = secret\nperm = elradfmwMT\nhome = above\n";

/// A partial of bob's in the home and one in a folder, both of broken overwrites; the names of both.
fn server_with_partials() -> (Server, Vec<String>) {
    let tree = Tree::new("[transfer]\npartial_max_age = 1h\n", &format!("{BOB}{EVE}"));
    tree.put_home_below("above");
    let server = tree.start();
    let mut client = server.login();
    let mut names = Vec::new();
    for folder in ["", "sub/"] {
        server.write(format!("{folder}file"), "old");
        let data = client.stalled_upload(&format!("STOR {folder}file"), b"new");
        eventually("the partial is written", || {
            let partials = server.tree().partials(folder);
            partials.first().is_some_and(|path| fs::read(path).unwrap() == b"new")
        });
        reset(data);
        client.read_reply().expect(426);
        let partial = server.tree().partials(folder).remove(0);
        names.push(format!("{folder}{}", partial.file_name().unwrap().to_str().unwrap()));
    }
    (server, names)
}

/// One way to write a name, and others that lead to the same place.
fn spellings(name: &str) -> Vec<String> {
    let base = name.rsplit('/').next().unwrap();
    let upper = name.replace(base, &base.to_uppercase());
    let mixed = name.replace(".part", ".Part").replace(".ftpd", ".FtpD");
    let ways = [name, &upper, &mixed].map(|name| {
        [
            name.to_owned(),
            format!("/{name}"),
            format!("./{name}"),
            format!("sub/../{name}"),
            format!("{name}/"),
            format!("{name}/."),
        ]
    });
    ways.concat()
}

#[test]
fn no_list_of_any_account_shows_a_partial() {
    let (server, names) = server_with_partials();
    assert!(names.iter().all(|name| server.home().join(name).is_file()), "{names:?}");
    let mut half = server.login_as("eve");
    let _data = half.stalled_upload("STOR other", b"under way");
    eventually("there is another partial", || server.partials().len() == 2);
    for user in ["bob", "eve", "adm"] {
        let mut client = server.login_as(user);
        let home = if user == "adm" { "/home" } else { "/" };
        client.expect(format!("CWD {home}"), 250);
        for argument in
            ["", " .", " *", " .*", " .ftpd-*", " sub", " sub/*", " sub/.f*", " -a", " -la", " -R", " *.part"]
        {
            for verb in ["LIST", "NLST"] {
                let data = client.passive();
                let reply = client.cmd(format!("{verb}{argument}"));
                if reply.code == 150 {
                    let lines = crate::client::lines_of(&crate::data::read_all(data));
                    client.read_reply().expect(226);
                    assert!(!lines.iter().any(|line| line.contains("ftpd-")), "{verb}{argument} of {user}: {lines:?}");
                }
            }
        }
        for argument in ["", " sub", " ."] {
            let lines = client.lines(format!("MLSD{argument}"));
            assert!(lines.iter().any(|line| line.ends_with(" file")), "{lines:?}");
            assert!(!lines.iter().any(|line| line.contains("ftpd-")), "MLSD{argument} of {user}: {lines:?}");
        }
        for argument in [".", "sub", "*", ".*"] {
            let text = client.cmd(format!("STAT {argument}")).text();
            assert!(!text.contains("ftpd-"), "STAT {argument} of {user}: {text}");
        }
    }
}

#[test]
fn no_verb_of_any_account_can_name_a_partial() {
    let (server, mut names) = server_with_partials();
    server.write(STALE, "nobody's");
    names.push(STALE.to_owned());
    names.push(".ftpd-fedcba9876543210.part".to_owned());
    let before = snapshot(&server.home());
    for user in ["bob", "eve", "adm"] {
        let mut client = server.login_as(user);
        if user == "adm" {
            client.expect("CWD home", 250);
        }
        for name in &names {
            for way in spellings(name) {
                if user == "adm" && way.starts_with('/') {
                    continue;
                }
                client.passive();
                for command in [
                    "RETR",
                    "LIST",
                    "NLST",
                    "MLSD",
                    "MLST",
                    "SIZE",
                    "MDTM",
                    "DELE",
                    "RMD",
                    "XRMD",
                    "RNFR",
                    "CWD",
                    "XCWD",
                    "STAT",
                    "HASH",
                    "XCRC",
                    "XMD5",
                    "XSHA1",
                    "XSHA256",
                    "XSHA512",
                    "AVBL",
                    "MFMT 20200102030405",
                    "MDTM 20200102030405",
                    "MFF modify=20200102030405;",
                    "SITE CHMOD 777",
                    "SITE UTIME 20200102030405",
                ] {
                    client.expect(format!("{command} {way}"), 550);
                }
                client.expect("RANG 0 1", 350);
                client.expect(format!("HASH {way}"), 550);
                client.expect(format!("XMD5 {way} 0 1"), 550);
                client.expect(format!("XMD5 \"{way}\" 0 1"), 550);
            }
        }
    }
    assert!(snapshot(&server.home()) == before, "nothing changed on the disk");
}

#[test]
fn no_verb_of_any_account_can_make_a_partial() {
    let (server, mut names) = server_with_partials();
    names.push(".ftpd-fedcba9876543210.part".to_owned());
    let before = snapshot(&server.home());
    for user in ["bob", "eve"] {
        let mut client = server.login_as(user);
        for name in &names {
            for way in spellings(name) {
                client.passive();
                for command in ["STOR", "STOU", "APPE", "MKD", "XMKD"] {
                    client.expect(format!("{command} {way}"), 553);
                }
                for name in ["file", "sub"] {
                    client.expect(format!("RNFR {name}"), 350);
                    client.expect(format!("RNTO {way}"), 553);
                }
                client.expect("REST 3", 350);
                client.expect(format!("STOR {way}"), 553);
                client.expect("REST 0", 350);
            }
        }
        // Nor as a folder on the way.
        client.expect("MKD .ftpd-fedcba9876543210.part/x", [550, 553]);
    }
    assert!(snapshot(&server.home()) == before, "nothing changed on the disk");
}

#[test]
fn names_that_only_look_alike_are_ordinary() {
    let server = Server::plain();
    let mut client = server.login();
    for name in [
        ".ftpd-0123456789abcdef.par",
        ".ftpd-0123456789abcdeg.part",
        ".ftpd-.part",
        ".ftpd-0123456789abcdef.part2",
        ".ftpd",
    ] {
        client.stor(name, "x");
        assert_eq!(client.retr(name), b"x");
        assert!(client.lines("NLST").contains(&name.to_owned()));
        client.expect(format!("DELE {name}"), 250);
    }
}

#[test]
fn a_folder_of_which_only_partials_are_left_can_be_removed() {
    let (server, _) = server_with_partials();
    let mut client = server.login_as("eve");
    client.expect("RMD sub", 550);
    client.expect("DELE sub/file", 250);
    assert_eq!(server.tree().partials("sub").len(), 1, "eve does not drop what bob kept");
    client.expect("RMD sub", 250);
    assert!(!server.home().join("sub").exists());
}

#[test]
fn a_folder_into_which_somebody_uploads_is_not_removed() {
    let server = Server::plain();
    fs::create_dir(server.home().join("sub")).unwrap();
    let mut client = server.login();
    let data = client.stalled_upload("STOR sub/new", b"x");
    server.login().expect("RMD sub", 550);
    drop(data);
    client.read_reply().expect(226);
    assert_eq!(server.read("sub/new"), b"x");
}

// The sweep

/// A partial that was last touched this long ago.
fn aged(server: &Tree, name: &str, age: Duration) -> PathBuf {
    let path = server.home().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "stale").unwrap();
    File::options().write(true).open(&path).unwrap().set_modified(SystemTime::now() - age).unwrap();
    path
}

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn a_stor_sweeps_its_folder_of_old_partials_and_of_nothing_else() {
    let tree = Tree::new("[transfer]\npartial_max_age = 1h\n", BOB);
    let old = aged(&tree, STALE, 2 * HOUR);
    let other = aged(&tree, ".FTPD-FFFFFFFFFFFFFFFF.PART", 1000 * HOUR);
    let young = aged(&tree, ".ftpd-00000000000000aa.part", HOUR / 2);
    let ordinary = aged(&tree, "ordinary.part", 1000 * HOUR);
    let hidden = aged(&tree, ".ftpd-x.part", 1000 * HOUR);
    let elsewhere = aged(&tree, &format!("sub/{STALE}"), 1000 * HOUR);
    let server = tree.start();
    let mut client = server.login();
    client.lines("LIST");
    assert!(old.exists(), "a look is no reason to sweep");
    client.stor("new", "x");
    assert!(!old.exists() && !other.exists());
    for path in [&young, &ordinary, &hidden, &elsewhere] {
        assert!(path.exists(), "{}", path.display());
    }
    client.stor("sub/new", "x");
    assert!(!elsewhere.exists());
}

#[test]
fn the_default_age_is_seven_days() {
    let tree = Tree::new("", BOB);
    let young = aged(&tree, ".ftpd-00000000000000aa.part", 7 * 24 * HOUR - HOUR);
    let old = aged(&tree, STALE, 7 * 24 * HOUR + HOUR);
    let server = tree.start();
    server.login().stor("new", "x");
    assert!(young.exists() && !old.exists());
}

#[test]
fn a_partial_is_not_swept_by_the_stor_that_goes_on_with_it() {
    let tree = Tree::new("[transfer]\npartial_max_age = 1h\n", BOB);
    let server = tree.start();
    server.write("file", "old");
    let mut client = server.login();
    let data = client.stalled_upload("STOR file", b"half ");
    eventually("it arrived", || server.arrived("file") == b"half ");
    reset(data);
    client.read_reply().expect(426);
    let partial = server.partials().remove(0);
    File::options().write(true).open(&partial).unwrap().set_modified(SystemTime::now() - 2 * HOUR).unwrap();
    client.expect("REST 5", 350);
    client.stor("file", "and half");
    assert_eq!(server.read("file"), b"half and half");
}

#[test]
fn a_partial_that_is_being_written_is_not_swept() {
    let tree = Tree::new("[transfer]\npartial_max_age = 1h\n", BOB);
    let server = tree.start();
    server.write("file", "old");
    let mut client = server.login();
    let mut data = client.stalled_upload("STOR file", b"half ");
    eventually("it arrived", || server.arrived("file") == b"half ");
    // A clock that was set, or a client that took its time.
    let partial = server.partials().remove(0);
    File::options().write(true).open(&partial).unwrap().set_modified(SystemTime::now() - 2 * HOUR).unwrap();
    server.login().stor("other", "x");
    data.write_all(b"and half").unwrap();
    drop(data);
    client.read_reply().expect(226);
    assert_eq!(server.read("file"), b"half and half");
}
