//! What a changed user.ini means for the sessions of an account: compares the account as it was with the account as it is
//! now. Used by `server::lookout`.

use crate::auth::user::User;

/// What follows for the sessions of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consequence {
    /// They go on, with the account as it is now.
    TakenOver,
    /// They end after the transfer that runs, for this reason.
    EndAfterTransfer(&'static str),
    /// They end at once, with their transfers, for this reason.
    EndAtOnce(&'static str),
}

/// What follows for sessions that began with the account `old` if it is `new` now; `None` if it is gone.
pub fn consequence(old: &User, new: Option<&User>) -> Consequence {
    let Some(new) = new else { return Consequence::EndAtOnce("is gone") };
    // Each field is named here, so that a new one is not forgotten.
    let User {
        name: _,
        enabled,
        password,
        perms,
        home,
        keys,
        folders,
        charset,
        system_user,
        // Limits, messages and what concerns only the next login or transfer.
        max_cons: _,
        max_upload: _,
        max_download: _,
        admission: _,
        msg_login: _,
        msg_quit: _,
        ascii_conversion: _,
        hasty: _,
        sources: _,
    } = new;
    match () {
        () if !enabled => Consequence::EndAtOnce("is disabled"),
        () if *password != old.password => Consequence::EndAtOnce("has another password"),
        () if *perms != old.perms => Consequence::EndAfterTransfer("has other letters"),
        () if *home != old.home => Consequence::EndAfterTransfer("has another home"),
        () if keys.hide != old.keys.hide => Consequence::EndAfterTransfer("has other hidden names"),
        () if !keys.hold_the_same(&old.keys) => Consequence::EndAfterTransfer("has other rules for its files"),
        () if *folders != old.folders => Consequence::EndAfterTransfer("has other folders"),
        () if *charset != old.charset => Consequence::EndAfterTransfer("has another charset"),
        () if *system_user != old.system_user => Consequence::EndAfterTransfer("has another system_user"),
        () => Consequence::TakenOver,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::auth::accounts::Accounts;
    use crate::auth::samples::{ARGON2, BCRYPT, public, terms};

    fn bob(text: &str) -> Arc<User> {
        let text = format!("[bob]\n{text}");
        let accounts = Accounts::parse(Path::new("/user.ini"), Ok(text.into()), &terms(None)).unwrap();
        Arc::clone(accounts.find(b"bob").unwrap())
    }

    #[test]
    fn each_change_has_its_consequence() {
        const OLD: &str = "password = one\nperm = elr\nhome = home\n";
        let (gone, silent) = (Consequence::EndAtOnce, Consequence::TakenOver);
        let later = Consequence::EndAfterTransfer;
        let cases = [
            (OLD.to_owned(), silent),
            (format!("# other lines\n\n{OLD}"), silent),
            (OLD.replace("one", "two"), gone("has another password")),
            (OLD.replace("one", ARGON2), gone("has another password")),
            (format!("{OLD}enabled = off"), gone("is disabled")),
            (format!("{OLD}enabled = on"), silent),
            (OLD.replace("elr", "el"), later("has other letters")),
            (OLD.replace("elr", "elrw"), later("has other letters")),
            (OLD.replace("elr", "rle"), silent),
            (OLD.replace("= home", "= house"), later("has another home")),
            (format!("{OLD}hide = .*, x"), later("has other hidden names")),
            (format!("{OLD}hide = off"), silent),
            (format!("{OLD}quota = 1G"), later("has other rules for its files")),
            (format!("{OLD}refuse = *.exe"), later("has other rules for its files")),
            (format!("{OLD}on_upload = /bin/scan"), later("has other rules for its files")),
            (format!("{OLD}keep = 30d"), silent),
            (format!("{OLD}quota = off\nrefuse = off\non_upload = off\nkeep = off"), silent),
            (format!("{OLD}[bob /a]\nperm = elr"), later("has other folders")),
            (format!("{OLD}[* /a]\nperm = elr"), later("has other folders")),
            (format!("{OLD}[anonymous /a]\nperm = elr"), silent),
            (format!("{OLD}charset = gbk"), later("has another charset")),
            (format!("{OLD}charset = utf-8"), silent),
            (OLD.replace("one", "two").replace("elr", "el"), gone("has another password")),
            (format!("{OLD}max_cons = 1"), silent),
            (format!("{OLD}max_upload = 1K\nmax_download = 1K"), silent),
            (format!("{OLD}allow_from = 192.0.2.1"), silent),
            (format!("{OLD}msg_login = hi\nmsg_quit = bye"), silent),
            (format!("{OLD}ascii_conversion = off\nhasty = on"), silent),
        ];
        let old = bob(OLD);
        for (text, expected) in cases {
            assert_eq!(consequence(&old, Some(&bob(&text))), expected, "{text}");
        }
        assert_eq!(consequence(&old, None), gone("is gone"));
    }

    #[test]
    fn a_section_of_a_folder_changes_with_each_of_its_keys_and_with_nothing_else() {
        const SECTION: &str =
            "[bob /a]\nhome = x\nperm = elr\nquota = 1G\nkeep = 1d\nhide = x\nrefuse = y\non_upload = /z\n";
        let with = |section: &str| bob(&format!("password = one\nperm = elr\nhome = home\n{section}"));
        let old = with(SECTION);
        let changed = |section: &str| consequence(&old, Some(&with(section)));
        for line in SECTION.lines().skip(1) {
            let without = SECTION.replace(&format!("{line}\n"), "");
            assert_eq!(changed(&without), Consequence::EndAfterTransfer("has other folders"), "{line}");
        }
        for (from, to) in
            [("= x", "= w"), ("elr", "elrw"), ("1G", "2G"), ("1d", "2d"), ("y", "off"), ("/z", "/z z"), ("/a", "/A")]
        {
            assert_eq!(
                changed(&SECTION.replacen(from, to, 1)),
                Consequence::EndAfterTransfer("has other folders"),
                "{to}"
            );
        }
        for same in [SECTION.replace("1d", "24h"), SECTION.replace("elr", "rle"), SECTION.replace(" /a", "  /a")] {
            assert_eq!(changed(&format!("# more\n{same}\n")), Consequence::TakenOver, "{same}");
        }
    }

    #[test]
    fn hidden_names_are_the_same_in_another_order() {
        let with = |hide: &str| bob(&format!("password = one\nperm = elr\nhome = home\nhide = {hide}\n"));
        assert_eq!(consequence(&with(".*, x"), Some(&with("X,.*"))), Consequence::TakenOver);
        let fewer = consequence(&with(".*, x"), Some(&with(".*")));
        assert_eq!(fewer, Consequence::EndAfterTransfer("has other hidden names"));
    }

    #[test]
    fn a_hash_is_the_same_password_as_long_as_it_is_written_the_same() {
        let with = |password: &str| bob(&format!("password = {password}\nperm = elr\nhome = home\n"));
        for (old, new, same) in
            [(ARGON2, ARGON2, true), (BCRYPT, BCRYPT, true), (ARGON2, BCRYPT, false), (BCRYPT, "password", false)]
        {
            let expected = if same { Consequence::TakenOver } else { Consequence::EndAtOnce("has another password") };
            assert_eq!(consequence(&with(old), Some(&with(new))), expected, "{old} {new}");
        }
    }

    #[test]
    fn the_anonymous_account_changes_like_any_other() {
        let guest = public().unwrap();
        let old = User::anonymous(&guest);
        assert_eq!(consequence(&old, Some(&User::anonymous(&guest))), Consequence::TakenOver);
        let moved = User { home: "/other".into(), ..User::anonymous(&guest) };
        assert_eq!(consequence(&old, Some(&moved)), Consequence::EndAfterTransfer("has another home"));
        assert_eq!(consequence(&old, None), Consequence::EndAtOnce("is gone"));
    }
}
