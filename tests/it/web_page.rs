//! What the pages offer, to whom.

use rustix::process::Signal;

use crate::{
    server::BOB,
    web::{ask, serve},
    web_who::page,
};

#[test]
fn a_login_is_offered_only_if_an_account_can_log_in() {
    let anonymous = "[anonymous]\nenable_anonymous = on\nanonymous_path = home\n";
    let disabled = format!("{BOB}enabled = off\n");
    let server = serve(anonymous, &disabled);
    let is_offered = |path| ask(&server, &page(path)).text().contains("/~ftpd/login");
    assert_eq!([is_offered("/"), is_offered("/missing")], [false, false]);
    server.tree().write_users(BOB);
    server.signal(Signal::HUP);
    server.wait_log("read again: ");
    assert_eq!([is_offered("/"), is_offered("/missing")], [true, true]);
    server.tree().write_users(&disabled);
    server.signal(Signal::HUP);
    server.wait_log_times("read again: ", 2);
    assert_eq!([is_offered("/"), is_offered("/missing")], [false, false]);
}

#[test]
fn a_refusal_is_told_in_the_language_of_the_browser_with_the_sentence_of_the_server() {
    let server = serve("", BOB);
    let cases = [("en", "Not there: "), ("zh", "不存在：")];
    for (language, word) in cases {
        let request =
            page("/missing").with("Authorization", "Basic Ym9iOnNlY3JldA==").with("Accept-Language", language);
        let shown = ask(&server, &request).expect(404);
        assert!(shown.text().contains(&format!("<p>{word}No such file or folder.</p>")), "{shown:?}");
    }
}
