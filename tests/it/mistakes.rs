//! Mistakes in the two files: each is told once, with its place and with what to write instead.

use crate::{
    channel::leave_out,
    trial::{ALEX, CONF, Case, Doubted, Mentioned, Refused, Silent, run_all},
};

#[test]
fn what_is_right_is_accepted_without_a_word() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    run_all(vec![
        Case::user("max_cons = 2", Silent),
        Case::user("home: home", Silent),
        Case::user("home = home/", Silent),
        Case::user("perm=elradfmwM", Silent),
        Case::user("Perm = elr", Silent),
        Case::user("max_upload = off", Silent),
        Case::user("max_cons = 0", Silent),
        Case::user("perm = eelrr", Silent),
        Case::users(
            "\u{feff}[alex]\r\npassword =   long-and-secret  \r\n\tperm\t=\telr\r\n  home = home\r\n",
            "BOM, CRLF, tabs",
            Silent,
        ),
        Case::users(
            "; a comment\n[DEFAULT]\nperm = elr\nhome = home\n[alex]\npassword = long-and-secret\n",
            "defaults",
            Silent,
        ),
        Case::users(ALEX.replace("long-and-secret", "pässwörd #;=: 密码"), "a password of any text", Silent),
        Case::users(ALEX.replace("home = home", "home =\u{a0}home"), "a non-breaking space", Silent),
        Case::users(format!("{ALEX}msg_login = {}\n", "x".repeat(100_000)), "a long text", Silent),
        Case::conf("welcome_msg = a\\nb # c", Silent),
        Case::conf("timeout = 0", Silent),
        Case::conf("MAX_CONS = 100", Silent),
        Case::conf("[transfer]\numask = 22", Silent),
        Case::conf("[active]\nenable_active = True", Silent),
        Case::conf("[log]\nlog_level = INFO", Silent),
    ]);
}

#[test]
fn a_mistake_in_an_account_is_told_with_what_to_write() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    run_all(vec![
        Case::user("passwrd = sesame", Refused)
            .at("user.ini:5", "passwrd")
            .says(&["did you mean 'password'?"])
            .hides("sesame"),
        Case::users(ALEX.replace("password", "passwrd"), "passwrd", Refused).at("user.ini:2", "passwrd"),
        Case::user("perm = elrx", Refused)
            .at("user.ini:3", "perm")
            .says(&["unknown letter 'x'"])
            .with(&["-q"])
            .by_nobody(),
        Case::user("max_upload = 100", Doubted).at("user.ini:5", "max_upload").says(&["100 bytes a second", "100K"]),
        Case::user("msg_login = \"hi\"", Mentioned).at("user.ini:5", "msg_login").says(&["quotes"]),
        Case::settings(format!("{CONF}prot = 1\nprot = 1\n"), "twice", Refused).at("ftpd.conf:4", "prot").finds(2),
        Case::user("home = user.ini", Doubted).at("user.ini:4", "home").says(&["is not a folder"]).prepared(|_| {}),
    ]);
}
