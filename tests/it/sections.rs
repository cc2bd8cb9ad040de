//! Sections of folders in user.ini: each mistake is told once, with its line and with what to write instead.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use crate::{
    channel::leave_out,
    privileges::{SOMEBODY, is_root},
    server::{Ended, Server, Tree, run_to_its_end},
    trial::{ALEX, Case, Doubted, Refused, Silent, Verdict, run_all},
};

/// Alex, and what follows in the file from line 5 on.
fn after_alex(text: &'static str) -> Case {
    Case { users: format!("{ALEX}{text}\n").into(), ..Case::user(text, Refused) }
}

#[test]
fn a_path_that_is_written_in_another_way_is_told_with_the_right_one() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    let fifth = |text, words: &[&'static str]| after_alex(text).at("user.ini:5", "").says(words);
    let all = "[alex /a/../b]\nperm = elr\n[alex /./c]\nperm = elr\n[alex /d//e]\nperm = elr\n[* /f/]\nperm = elr";
    run_all(vec![
        fifth("[alex /a/../b]\nperm = elr", &["'..'", "write [alex /b]"]),
        fifth("[alex /./a]\nperm = elr", &["'.'", "write [alex /a]"]),
        fifth("[alex /a//b]\nperm = elr", &["nothing between two '/'", "write [alex /a/b]"]),
        fifth("[alex //a]\nperm = elr", &["nothing between two '/'", "write [alex /a]"]),
        fifth("[alex /a/]\nperm = elr", &["ends without '/'", "write [alex /a]"]),
        fifth("[alex /]\nperm = elr", &["is the home", "put its keys below [alex]"]),
        fifth("[* /]\nperm = elr", &["is the home", "write [DEFAULT]"]),
        fifth("[alex /a/..]\nperm = elr", &["'..'", "put its keys below [alex]"]),
        fifth("[alex photos/x]\nhome = home", &["begins with '/'", "write [alex /photos/x]"]),
        fifth("[alex ./photos]\nhome = home", &["begins with '/'", "write [alex /photos]"]),
        fifth("[alex photos]\nhome = home\nperm = elr", &["begins with '/'", "write [alex /photos]"]),
        fifth("[alex/photos]\nhome = home", &["after a blank", "write [alex /photos]"]),
        fifth("[alex \\photos]\nhome = home", &["write [alex /photos]"]),
        fifth("[* photos]\nhome = home", &["write [* /photos]"]),
        fifth("[*]\nperm = elr", &["no account can be called '*'", "[* /folder]", "[DEFAULT]"]),
        fifth("[/photos]\nhome = home", &["write [alex /photos], or [* /photos]"]),
        fifth("[alex /a\u{1}b]\nperm = elr", &["a control byte", "write [alex /ab]"]),
        fifth("[alex /a\tb]\nperm = elr", &["a control byte", "write [alex /ab]"]),
        fifth("[alex /a\u{7f}]\nperm = elr", &["a control byte", "write [alex /a]"]),
        fifth("[alex /a\u{b}]\nperm = elr", &["a control byte", "write [alex /a]"]),
        fifth("[alex /a] # mine\nperm = elr", &["a comment needs a line of its own"]),
        fifth("[alex /a\nperm = elr", &["no closing ']'; write ] at its end"]),
        after_alex(all).finds(4).at("user.ini:5", "").says(&[
            "user.ini:7",
            "user.ini:9",
            "user.ini:11",
            "write [alex /b]",
            "write [alex /c]",
            "write [alex /d/e]",
            "write [* /f]",
        ]),
    ]);
}

#[test]
fn a_section_that_is_for_nobody_or_there_already_is_told() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    let fifth = |text, words: &[&'static str]| after_alex(text).at("user.ini:5", "").says(words);
    run_all(vec![
        fifth("[alx /a]\nperm = elr", &["there is no account 'alx', did you mean 'alex'?"]),
        fifth("[Alex /a]\nperm = elr", &["there is no account 'Alex', did you mean 'alex'?"]),
        fifth("[egon /a]\nperm = elr", &["there is no account 'egon'"]),
        fifth("[DEFAULT /a]\nperm = elr", &["gives its keys to accounts only", "write [* /a]"]),
        fifth("[ftp /a]\nperm = elr", &["write [anonymous /a]"]),
        fifth("[alex:sesame /a]\nperm = elr", &["there is no account 'alex:***'"]).hides("sesame"),
        after_alex("[alex /a]\nperm = elr\n[alex   /a]\nperm = elr")
            .at("user.ini:7", "")
            .says(&["the section [alex /a] is in the file twice, first in line 5"]),
        after_alex("[* /a]\nperm = elr\n[*\t/a]\nperm = elr")
            .at("user.ini:7", "")
            .says(&["the section [* /a] is in the file twice, first in line 5"]),
        Case::users("[alex /a]\nhome = home\n", "a folder without its account", Refused)
            .at("user.ini:1", "")
            .says(&["there is no account 'alex'"]),
        Case::users(ALEX.replace("[alex]", "[alex] # his") + "[alex /a]\nperm = elr\n", "a broken account", Refused)
            .at("user.ini:1", "")
            .says(&["a comment needs a line of its own"]),
        Case::users("[* /a]\nhome = home\n", "no account at all", Refused).says(&["there is no account in it"]),
    ]);
}

#[test]
fn a_key_or_a_value_that_a_folder_can_not_have_is_told() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    let folder = |line: &'static str, key, words: &[&'static str]| {
        let text = format!("{ALEX}[alex /inbox]\n{line}\n");
        Case { users: text.into(), ..Case::user(line, Refused) }.at("user.ini:6", key).says(words)
    };
    let account = |line, key, words: &[&'static str]| Case::user(line, Refused).at("user.ini:5", key).says(words);
    let belongs = "belongs to accounts, not to their folders: write it below [alex]";
    run_all(vec![
        folder("password = sesame", "password", &[belongs]).hides("sesame"),
        folder("max_cons = 3", "max_cons", &[belongs]),
        folder("allow_from = 10.0.0.0/8", "allow_from", &[belongs]),
        folder("enabled = off", "enabled", &[belongs]),
        folder("prem = elr", "prem", &["did you mean 'perm'?"]),
        folder("hom = home", "hom", &["did you mean 'home'?"]),
        folder("qouta = 1G", "qouta", &["did you mean 'quota'?"]),
        folder("path = home", "path", &["did you mean 'home'?"]),
        folder("perm = elx", "perm", &["unknown letter 'x'"]),
        folder("perm =", "perm", &["no value"]),
        folder("perm = elr\nperm = elw", "perm", &["'perm' is in [alex /inbox] twice"]).at("user.ini:7", "perm"),
        folder("quota = 20 GB", "quota", &["write quota = 20G"]),
        folder("quota = many", "quota", &["is not a number"]),
        folder("keep = 30", "keep", &["30 has no unit", "write 30d"]),
        folder("keep = a month", "keep", &["expected a time such as 30d"]),
        folder("keep = 1M", "keep", &["1 month or 1 minute", "write 30d"]),
        folder("keep = 0s", "keep", &["write off"]),
        folder("keep = 5 days", "keep", &["write keep = 5d"]),
        folder("refuse = *.exe,, *.scr", "refuse", &["there is an empty pattern"]),
        folder("refuse = \"*.exe\"", "refuse", &["write refuse = *.exe"]),
        folder("refuse = \"*.exe\", *.scr", "refuse", &["quotes"]),
        folder("refuse = in/*.exe", "refuse", &["is a path"]),
        folder("hide = *", "hide", &["would hide every name"]),
        folder("hide = '.*', x", "hide", &["quotes"]),
        folder("hide = \".*", "hide", &["a quote at one end", "write hide = .*"]),
        folder("hide = .*, Thumbs.db'", "hide", &["a quote at one end of Thumbs.db'", "write Thumbs.db"]),
        folder("on_upload = scan", "on_upload", &["absolute path"]),
        folder("on_upload = ./scan -q", "on_upload", &["absolute path"]),
        folder("on_upload = /bin/scan \"a", "on_upload", &["has no end"]),
        account("keep = 7", "keep", &["7 has no unit", "write 7d"]),
        account("quota = 1 TB", "quota", &["write quota = 1024G"]),
        account("refuse = *", "refuse", &["would refuse every name"]),
        account("on_upload = scan", "on_upload", &["absolute path"]),
        Case::users(format!("[DEFAULT]\nkeep = 30d\n{ALEX}"), "keep for all", Refused)
            .at("user.ini:2", "keep")
            .says(&["each account says itself"]),
        Case::users(format!("[DEFAULT]\nkeep = 30\n{ALEX}"), "a wrong keep for all", Refused)
            .at("user.ini:2", "keep")
            .says(&["each account says itself"]),
    ]);
}

/// Alex with these letters, what follows in the file from line 5 on, and folders beside the home.
fn with_folders(perm: &str, text: &'static str, verdict: Verdict) -> Case {
    let users = format!("{}{text}\n", ALEX.replace("elr", perm));
    Case { users: users.into(), ..Case::user(text, verdict) }.prepared(|root| {
        for folder in ["photos/2024", "other", "home/inbox/deep", "home/wide"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
    })
}

#[test]
fn sections_in_any_order_are_accepted_without_a_word() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    let mount = "[alex /photos]\nhome = photos\nperm = elr\n";
    let silent = |text: String, name| {
        Case::users(text, name, Silent)
            .prepared(|root| ["photos", "all"].iter().for_each(|name| fs::create_dir(root.join(name)).unwrap()))
    };
    run_all(vec![
        silent(format!("{mount}{ALEX}[alex /inbox]\nperm = elrw\n[* /all]\nhome = all\n"), "before, after and for all"),
        silent(
            format!("[* /a]\nperm = elr\n{ALEX}{}[bob /x]\nhome = photos\n", ALEX.replace("alex", "bob")),
            "between",
        ),
        silent(format!("[alex   /photos]\nhome = photos\n[alex /Photos]\nperm = elr\n{ALEX}"), "blanks and case"),
        silent(format!("{ALEX}[alex /a [1]] b]\nperm = elr\n[alex /Ärger = 1: x]\nperm = elr\n"), "signs in a path"),
        silent(
            format!("{ALEX}[alex /in/not/yet]\nperm = elrw\nhide = off\nrefuse = *.exe, Thumbs.db\n"),
            "a folder to come",
        ),
        with_folders("elr", "[alex /wide]\nperm = elradfmwMT\n[alex /inbox]\nperm = elrw", Silent),
    ]);
}

#[test]
fn the_folder_of_a_mount_is_looked_at_as_a_home_is() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    let doubted =
        |text, words: &[&'static str]| with_folders("elr", text, Doubted).at("user.ini:6", "home").says(words);
    run_all(vec![
        doubted("[alex /p]\nhome = gone", &["the folder gone of [alex /p] does not exist", "mkdir -p gone"]),
        doubted("[alex /p]\nhome = user.ini", &["the folder user.ini of [alex /p] is a file"]),
        doubted("[* /p]\nhome = gone/x", &["the folder gone/x of [* /p] does not exist"]),
        doubted("[alex /p]\nhome = /\nperm = el", &["is the whole disk"]),
        doubted("[alex /p]\nhome = ~/photos", &["write the whole path"]),
        doubted("[alex /p]\nhome = D:/photos", &["/mnt/d/photos"]),
        with_folders("elr", "[alex /file]\nperm = elr", Doubted)
            .at("user.ini:5", "")
            .says(&["file is a file, and the section of a folder holds for no file"])
            .prepared(|root| fs::write(root.join("home/file"), "x").unwrap()),
        with_folders("elr", "[alex /p]\nhome = photos", Silent),
    ]);
    if is_root() {
        let closed =
            |text| with_folders("elr", text, Doubted).in_settings(format!("{}user = nobody\n", crate::trial::CONF));
        run_all(vec![
            closed("[alex /p]\nhome = photos\nperm = elw")
                .finds(2)
                .at("user.ini:7", "perm")
                .says(&["elw lets clients change files in [alex /p], but nobody may not write in photos"]),
        ]);
    }
}

#[test]
fn a_section_that_no_client_notices_is_told() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    let bob = ALEX.replace("alex", "bob");
    run_all(vec![
        with_folders("elr", "[alex /inbox]\nrefuse = *.exe", Doubted)
            .at("user.ini:6", "refuse")
            .says(&["no letter lets clients make a file there"]),
        with_folders("elr", "[alex /inbox]\nrefuse = *.exe\n[alex /inbox/deep]\nperm = elrw", Silent),
        with_folders("elw", "[alex /inbox]\nrefuse = *.exe", Silent),
        Case::users(format!("{ALEX}{}[* /wide]\nrefuse = *.exe\n", bob.replace("elr", "elw")), "one may", Silent),
        Case::users(format!("{ALEX}{bob}[* /wide]\nrefuse = *.exe\n"), "nobody may", Doubted)
            .at("user.ini:10", "refuse"),
        with_folders("elr", "hide = .*\n[alex /.x/y]\nperm = elrw", Doubted)
            .at("user.ini:6", "")
            .says(&["clients can't reach it: .x is hidden by user.ini:5: hide = .*"]),
        with_folders("elr", "[alex /wide]\nhide = x*\n[alex /wide/a/xy]\nhome = photos", Doubted)
            .at("user.ini:7", "")
            .says(&["clients can't reach it: xy is hidden by user.ini:6: [alex /wide] hide = x*"]),
        with_folders("elr", "[* /inbox]\nperm = el\n[alex /inbox]\nperm = elr", Doubted)
            .at("user.ini:5", "")
            .says(&["it holds for nobody"]),
        with_folders("elr", "[anonymous /inbox]\nperm = el", Doubted)
            .at("user.ini:5", "")
            .says(&["anonymous logins are off"]),
        with_folders("elr", "[alex /inbox]", Doubted).at("user.ini:5", "").says(&["there is nothing in it"]),
        with_folders("elr", "[alex /inbox] # see [1]\nperm = elr", Doubted)
            .at("user.ini:5", "")
            .says(&["write [alex /inbox]"]),
    ]);
}

#[test]
fn what_the_kernel_can_not_hold_is_noted() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    let cases = [
        (
            "elradfmw",
            "[alex /inbox]\nperm = elw",
            "user.ini:6: perm: fewer letters than in the folder around it (no 'radfm'): ftpd holds to them, the kernel's jail can't; \
             nothing to do",
        ),
        (
            "elr",
            "[alex /wide]\nperm = elradf\n[alex /wide/x]\nperm = elr",
            "user.ini:8: perm: fewer letters than in the folder around it (no 'adf')",
        ),
        (
            "elr",
            "[alex /wide]\nperm = elradf\n[alex /wide/x]\nperm = elrw",
            "user.ini:8: perm: fewer letters than in the folder around it (no 'adf')",
        ),
        (
            "elradf",
            "[* /wide]\nperm = elradf\n[alex /wide/x]\nperm = el\n[alex /wide/x/y]\nperm = elrad",
            "user.ini:10: perm: fewer letters than in the folder around it (no 'f')",
        ),
        ("elr", "[alex /inbox]\nperm = elradfmw", ""),
        ("elw", "[alex /inbox]\nrefuse = x", ""),
        ("elradf", "[alex /p]\nhome = photos\nperm = elr", ""),
        ("elradf", "[alex /p]\nhome = photos\nperm = elr\n[alex /p/q]\nperm = elradf", ""),
        (
            "elr",
            "[alex /p]\nhome = photos\n[alex /p/q]\nhome = other",
            "user.ini:8: home: it is a mount in the mount [alex /p]",
        ),
        (
            "elr",
            "[alex /p]\nhome = photos\n[alex /q]\nhome = photos/2024",
            "user.ini:8: home: its folder lies in that of [alex /p]",
        ),
        (
            "elradf",
            "[alex /p]\nhome = home/inbox\nperm = elr",
            "fewer letters here than there (no 'adf'): ftpd holds to them, the kernel's jail can't",
        ),
        (
            "elradf",
            "[* /p]\nhome = photos\n[alex /inbox]\nperm = elr",
            "user.ini:8: perm: fewer letters than in the folder around it (no 'adf')",
        ),
    ];
    for (perm, text, expected) in cases {
        let case = with_folders(perm, text, Silent);
        let tree = Tree::new("", std::str::from_utf8(&case.users).unwrap());
        (case.prepare)(&tree.path(""));
        let mut check = tree.command();
        check.arg("check");
        let Ended { code, output } = run_to_its_end(check);
        assert_eq!(code, Some(0), "{text}: {output}");
        let notes: Vec<&str> =
            output.lines().filter(|line| line.starts_with("note: ") && line.contains("user.ini:")).collect();
        match (expected, &notes[..]) {
            ("", []) => {}
            (expected, [.., note]) if !expected.is_empty() && note.contains(expected) => {}
            _ => panic!("{text}: {expected:?} in {notes:?}"),
        }
        if !expected.is_empty() {
            let server = tree.start();
            server.wait_log("concurrency model");
            assert!(server.log_lines(expected).is_empty(), "the start says what needs nothing to be done");
        }
    }
}

#[test]
fn no_folder_of_an_account_leads_to_the_servers_own_files() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    let own = |text, line, letters: &'static str| {
        with_folders("elr", text, Refused).at(line, "home").says(&["alex may change files in", letters, "user.ini"])
    };
    run_all(vec![
        own("[alex /all]\nhome = .\nperm = elw", "user.ini:6", "name another folder in [alex /all]"),
        own("[* /all]\nhome = ..\nperm = elw", "user.ini:6", "name another folder in [* /all]"),
        own("[alex /all]\nperm = elr\nhome = .\n[alex /all/photos]\nperm = elw", "user.ini:7", "")
            .says(&["alex may read files in"]),
        with_folders("el", "[alex /all]\nhome = .\n[alex /all/photos]\nperm = elw", Silent),
    ]);
}

#[test]
fn check_shows_the_folders_of_an_account() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    let text = "hide = .*\n[alex /inbox]\nperm = elw\nrefuse = *.exe\n[alex /p]\nhome = photos\n[alex /p/new]\nperm = elrw\n\
         [alex /inbox/deep/x]\nperm = el\n[alex /q/x]\nperm = el";
    let case = with_folders("elradfmw", text, Silent);
    let tree = Tree::new("", std::str::from_utf8(&case.users).unwrap());
    (case.prepare)(&tree.path(""));
    let asked = |words: &str| {
        let mut command = tree.command();
        command.arg("check").args(words.split(' '));
        let Ended { code, output } = run_to_its_end(command);
        let root = tree.path("").display().to_string();
        (code, output.replace(&format!("{}/", root.trim_end_matches('/')), ""))
    };
    let (code, output) = asked("--user alex");
    let expected = "  /  is home, letters elradfmw (user.ini:3)\n     hide = .* (user.ini:5)\n\
                    \x20 /inbox  is home/inbox, letters elw (user.ini:7)\n     hide = .* (user.ini:5)\n     refuse = *.exe (user.ini:8)\n\
                    \x20 /inbox/deep/x  is home/inbox/deep/x (not there, and no letter lets clients make it: mkdir -p home/inbox/deep/x), letters el (user.ini:14)\n     \
                    hide = .* (user.ini:5)\n     refuse = *.exe (user.ini:8)\n\
                    \x20 /p  is photos, letters elradfmw (user.ini:3)\n\
                    \x20 /p/new  is photos/new (not there yet), letters elrw (user.ini:12)\n\
                    \x20 /q/x  is home/q/x (not there yet), letters el (user.ini:16)\n     hide = .* (user.ini:5)\n";
    assert!(code == Some(0) && output.contains(expected), "{output}");
    assert!(output.contains("user.ini:7: perm: fewer letters than in the folder around it (no 'radfm')"), "{output}");
    assert!(
        output.ends_with("refuses nothing of that in /, its other folders and the folders right below\n"),
        "{output}"
    );
    for (words, code, said) in [
        ("STOR /inbox/x", 0, "yes: user.ini:7: [alex /inbox] perm = elw has 'w'"),
        ("RETR /inbox/x", 1, "no: user.ini:7: [alex /inbox] perm = elw has no 'r'"),
        ("STOR /inbox/x.EXE", 1, "no: user.ini:8: [alex /inbox] refuse = *.exe"),
        ("RETR /.x", 1, "no: user.ini:5: hide = .*"),
        ("STOR /p/x", 0, "yes: user.ini:3: perm = elradfmw has 'w'"),
        ("RMD /p", 1, "no: user.ini:9: [alex /p] keeps /p as it is"),
    ] {
        let (ended, output) = asked(&format!("--can alex {words}"));
        assert!(ended == Some(code) && output.contains(said), "{words}: {output}");
    }
}

#[test]
fn a_path_that_is_probably_another_one_is_told() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    let doubted = |text, words: &[&'static str]| with_folders("elr", text, Doubted).at("user.ini:5", "").says(words);
    run_all(vec![
        doubted("[alex /photos/**]\nperm = elr", &["'*' is taken as it is written", "write [alex /photos]"]),
        doubted("[alex /*]\nperm = elr", &["put its keys below [alex]"]),
        doubted("[* /a/b?c/d]\nperm = elr", &["'?' is taken as it is written", "write [* /a]"]),
        doubted("[alex /Inbox]\nperm = elr", &["there is no folder Inbox, but inbox", "write [alex /inbox]"]),
        doubted("[alex /inbox/DEEP]\nperm = elr", &["write [alex /inbox/deep]"]),
        doubted(
            "[* /public]\nhome = photos\n[alex /public]\nperm = elr\n[bob]\npassword = long-and-secret\nperm = elr\nhome = home",
            &["takes the folder of", "add home = photos"],
        )
        .at("user.ini:7", ""),
        with_folders("elr", "[* /public]\nhome = photos\n[alex /public]\n[bob]\npassword = long-and-secret\nperm = elr\nhome = home", Silent),
        with_folders("elr", "[alex /in]\nperm = elr", Silent),
    ]);
    let tree = Tree::new("", ALEX);
    let home = tree.home().display().to_string();
    let folder = |path: &str| {
        format!("{}[alex {home}{path}]\nperm = elr\n", ALEX.replace("home = home", &format!("home = {home}")))
    };
    for (path, fix) in [("/inbox", "write [alex /inbox]"), ("", "put its keys below [alex]")] {
        tree.write_users(&folder(path));
        let mut check = tree.command();
        check.arg("check");
        let Ended { output, .. } = run_to_its_end(check);
        assert!(
            output.contains("warning: ") && output.contains("a path is as clients see it") && output.contains(fix),
            "{output}"
        );
    }
}

#[test]
fn what_clients_will_miss_in_a_folder_is_noted() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    for (text, expected) in [
        (
            "[alex /inbox]\nperm = w",
            "note: user.ini:6: perm: without 'e' and 'l', clients that change into this folder",
        ),
        ("[alex /inbox]\nperm = lw", "note: user.ini:6: perm: without 'e', clients that change into this folder"),
        ("[alex /inbox]\nperm = er", "note: user.ini:6: perm: without 'l', clients that list this folder first"),
        (
            "[alex /new]\nperm = el",
            "note: user.ini:5: home/new is not there, and no letter lets clients make it; mkdir -p home/new",
        ),
    ] {
        let case = with_folders("elr", text, Silent);
        let tree = Tree::new("", std::str::from_utf8(&case.users).unwrap());
        (case.prepare)(&tree.path(""));
        let mut check = tree.command();
        check.arg("check");
        let Ended { code, output } = run_to_its_end(check);
        let root = tree.path("").display().to_string();
        let output = output.replace(&format!("{}/", root.trim_end_matches('/')), "");
        assert!(code == Some(0) && output.contains(expected), "{text}: {output}");
    }
}

#[test]
fn what_is_not_there_is_judged_by_its_section_and_told_by_its_own_place() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    let text = "[alex /new]\nperm = wm\n[alex /backup]\nhome = gone\n[alex /a/b]\nhome = photos\n[alex /list]\nperm = el\n\
         [alex /wide]\nperm = elm\n[alex /wide/x]\nperm = elw";
    let case = with_folders("elrw", text, Silent);
    let tree = Tree::new("", std::str::from_utf8(&case.users).unwrap());
    (case.prepare)(&tree.path(""));
    let root = tree.path("").display().to_string();
    for (words, code, said) in [
        ("LIST /new", 1, "no: user.ini:6: [alex /new] perm = wm has no 'l'"),
        ("CWD /new", 1, "no: user.ini:6: [alex /new] perm = wm has no 'e'"),
        ("LIST /new/x", 1, "no: user.ini:6: [alex /new] perm = wm has no 'l'"),
        (
            "LIST /list",
            0,
            "yes: user.ini:12: [alex /list] perm = el has 'l', but home/list does not exist at the moment",
        ),
        ("RETR /new", 0, "yes: user.ini:3: perm = elrw has 'r', but home/new does not exist at the moment"),
        (
            "STOR /new/p.jpg",
            1,
            "no: the file system: the folder home/new does not exist; user.ini:3: perm = elrw has no 'm', so the account \
             can't make it: mkdir -p home/new\n",
        ),
        ("STOR /wide/x/p.jpg", 1, "no: the file system: the folder home/wide/x does not exist; MKD /wide/x makes it\n"),
        ("STOR /none/p.jpg", 1, "the folder home/none does not exist; user.ini:3: perm = elrw has no 'm'"),
        ("RETR /backup/b.txt", 1, "no: user.ini:8: [alex /backup] home = gone: the file system: gone does not exist\n"),
        ("LIST /backup", 1, "no: user.ini:8: [alex /backup] home = gone: the file system: gone does not exist\n"),
        ("STOR /backup/b.txt", 1, "no: user.ini:8: [alex /backup] home = gone: "),
        ("STOR /a/x", 1, "no: user.ini:9: [alex /a/b]: the folder around it is on no disk, and holds nothing else"),
    ] {
        let mut command = tree.command();
        command.arg("check").args(format!("--can alex {words}").split(' '));
        let Ended { code: ended, output } = run_to_its_end(command);
        let output = output.replace(&format!("{}/", root.trim_end_matches('/')), "");
        assert!(ended == Some(code) && output.contains(said), "{words}: {output}");
    }
    let server = tree.start();
    let mut client = server.client();
    client.expect("USER alex", 331);
    client.expect("PASS long-and-secret", 230);
    client.expect("RETR /backup/b.txt", 550);
    server.wait_log("gone is not there");
}

#[test]
fn the_start_counts_the_folders_of_each_account() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    let case =
        with_folders("elr", "[alex /inbox]\nperm = elrw\n[alex /p]\nhome = photos\n[* /wide]\nperm = elrw", Silent);
    let bob = ALEX.replace("alex", "bob");
    let tree = Tree::new("", &format!("{}{bob}", std::str::from_utf8(&case.users).unwrap()));
    (case.prepare)(&tree.path(""));
    let server = tree.start();
    server.wait_log(", elr, 4 folders");
    server.wait_log(", elr, 2 folders");
}

/// An account that tells a program of its uploads. Root runs none, so its server leaves that to another user.
fn with_program(call: &str) -> String {
    let person = if is_root() { format!("system_user = {SOMEBODY}\n") } else { String::new() };
    format!("{}{person}on_upload = {call}\n", ALEX.replace("elr", "elrw"))
}

#[test]
fn a_program_that_can_not_be_run_is_told() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    let line = if is_root() { "user.ini:6" } else { "user.ini:5" };
    let case = |call, verdict| {
        let open = |root: &Path| fs::set_permissions(root.join("home"), fs::Permissions::from_mode(0o777)).unwrap();
        Case::users(with_program(call), call, verdict).prepared(open)
    };
    let doubted = |call, words: &[&'static str]| case(call, Doubted).at(line, "on_upload").says(words);
    run_all(vec![
        case("/bin/sh -c 'exit 0'", Silent),
        case("/bin/sh -c 'echo \"$FTPD_PATH\" | cat'", Silent),
        doubted("/nowhere/scan", &["there is no program /nowhere/scan"]),
        doubted("/etc/passwd -q", &["/etc/passwd can't be run", "chmod a+x /etc/passwd"]),
        doubted("/etc", &["/etc is a folder"]),
        doubted("/bin/sh -c cat > /tmp/x", &["no shell runs the program", "'>'"]),
        case("/bin/sh 'x", Refused).at(line, "on_upload").says(&["the quote ' has no end"]),
    ]);
}

#[test]
fn a_user_that_does_not_exist_is_one_error_also_if_there_are_programs() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    if !is_root() {
        return;
    }
    let users = format!("{ALEX}on_upload = /bin/true\n");
    let settings = format!("{}user = nobody-of-that-name\n", crate::trial::CONF);
    let user = |case: Case| case.in_settings(settings.clone());
    run_all(vec![user(Case::users(users, "no such user", Refused)).finds(1).says(&["useradd"])]);
}

/// The server looks at user.ini before each login.
fn look_again(server: &Server) {
    let mut client = server.client();
    client.expect("USER nobody", 331);
    client.expect("PASS secret", 530);
}

#[test]
fn a_program_that_others_could_change_is_refused_at_the_start_and_later() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    let tree = Tree::new("", ALEX);
    let script = |name: &str, mode| {
        let path = tree.path(name);
        fs::write(&path, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        with_program(path.to_str().unwrap())
    };
    let cases = [
        (script("open", 0o777), "on_upload: everybody on this machine may write *open, and so could decide what runs"),
        (script("home/inside", 0o755), "where the server's own files lie: on_upload (*inside)"),
    ];
    let is_told = |output: &str, expected: &str| {
        let (before, after) = expected.split_once('*').unwrap();
        output.lines().any(|line| line.contains(before) && line.contains(after))
    };
    for (users, expected) in &cases {
        tree.write_users(users);
        let Ended { code, output } = tree.run();
        assert!(code == Some(1) && is_told(&output, expected), "{expected}: {output}");
    }
    tree.write_users(ALEX);
    let server = tree.start();
    let [(open, told), (inside, _)] = cases;
    server.tree().write_users(&open);
    look_again(&server);
    server.wait_log(told);
    server.tree().write_users(&inside);
    look_again(&server);
    server.wait_log("own files lie: on_upload *; the account is left out");
}
