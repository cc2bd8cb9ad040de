//! Sections of folders in user.ini: each mistake is told once, with its line and with what to write instead.

use crate::{
    channel::leave_out,
    trial::{ALEX, Case, Refused, run_all},
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
        fifth("[alex /a\nperm = elr", &["no closing ']'"]),
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
        folder("keep = a month", "keep", &["expected a time"]),
        folder("keep = 0s", "keep", &["write off"]),
        folder("keep = 5 days", "keep", &["write keep = 5d"]),
        folder("refuse = *.exe,, *.scr", "refuse", &["there is an empty pattern"]),
        folder("refuse = \"*.exe\"", "refuse", &["write refuse = *.exe"]),
        folder("refuse = \"*.exe\", *.scr", "refuse", &["quotes"]),
        folder("refuse = in/*.exe", "refuse", &["is a path"]),
        folder("hide = *", "hide", &["would hide every name"]),
        folder("hide = '.*', x", "hide", &["quotes"]),
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
