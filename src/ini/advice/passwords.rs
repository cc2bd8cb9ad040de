//! Passwords that look like hashes, and hashes that are none. Nothing of the text is ever repeated.

use super::super::Mistake;
use super::decoration;

const TOOL: &str = "`ftpd hash-password` makes a new one";

/// Why a password is probably not what was meant.
pub(super) fn doubt(value: &str) -> Option<Mistake> {
    if let Some(inner) = decoration::quoted(value) {
        let what = if is_hash(inner) {
            "a hash in quotes is taken as a password"
        } else {
            "the quotes are part of the password"
        };
        return Some(Mistake::new(what).fix("write it without quotes"));
    }
    if value.starts_with("= ") {
        return Some(Mistake::new("a second '=' is part of the password").fix("write one '='"));
    }
    let comment = decoration::comment(value)
        .filter(|at| value[at + 1..].starts_with(char::is_whitespace) && value[*at..].starts_with(['#', ';']));
    if comment.is_some() {
        return Some(
            Mistake::new("what looks like a comment is part of the password").fix("a comment needs a line of its own"),
        );
    }
    if let Some(mistake) = around(value) {
        return Some(mistake);
    }
    if is_hash(&format!("${value}")) {
        return Some(
            Mistake::new("this looks like a hash without its first $, and is taken as a password")
                .fix("put a $ in front of it"),
        );
    }
    is_other_hash(value).then(|| {
        let reason = "this looks like a hash of another kind, and is taken as the password as it stands";
        Mistake::new(reason).fix("`ftpd hash-password` makes a hash that is known here")
    })
}

/// Signs that other files have in place of a password, for none.
pub(super) fn refused(value: &str) -> Option<Mistake> {
    const NONE: &[&str] = &["\"\"", "''", "*", "!", "!!"];
    let mistake = || Mistake::new("a sign for no password would be the password here");
    NONE.contains(&value).then(|| mistake().fix("write a password; enabled = off keeps the account out"))
}

/// Something around a password or a hash that would be part of it.
fn around(value: &str) -> Option<Mistake> {
    let mistake = |reason: &str, fix: &str| Some(Mistake::new(reason).fix(fix));
    let packed: String = value.chars().filter(|c| !c.is_whitespace() && *c != '\\').collect();
    let packed = packed.replace("$$", "$");
    let begin = packed.find('$').filter(|at| is_hash(&packed[*at..]));
    let key = value.split(['=', ':']).next().unwrap_or_default().trim();
    match () {
        () if begin.is_some() && !is_hash(value) => {
            mistake("this is a hash with something in or before it, and is taken as a password", "write the hash alone")
        }
        () if value.len() > key.len() && key.eq_ignore_ascii_case("password") => {
            mistake("the key is part of the password", "write the key and the '=' once")
        }
        () if value.starts_with("${") && value.ends_with('}') => {
            mistake("a variable is not expanded: its name is the password", "write the password, or its hash")
        }
        () if value.starts_with('"') && decoration::half_quoted(value).is_some() => {
            mistake("there is a quote in front of the password, and it is part of it", "write it without the quote")
        }
        () => None,
    }
}

/// Why a hash can't be read.
pub(super) fn explained(value: &str) -> Option<Mistake> {
    let begins = |begin: &str| value.starts_with(begin);
    let fields = value.split('$').count();
    let (name, is_whole) = match () {
        () if begins("$argon2id$") => ("argon2id", fields >= 6 && value.len() > 60),
        () if ["$2a$", "$2b$", "$2y$"].into_iter().any(begins) => ("bcrypt", value.len() >= 60),
        () if begins("$5$") => ("sha256-crypt", value.len() >= 50),
        () if begins("$6$") => ("sha512-crypt", value.len() >= 90),
        () => return None,
    };
    let reason = format!("the {name} hash is damaged: it is too short; was it cut off?");
    (!is_whole).then(|| Mistake::new(reason).fix(TOOL))
}

fn is_hash(text: &str) -> bool {
    ["$argon2id$", "$2a$", "$2b$", "$2y$", "$5$", "$6$", "$argon2i$", "$argon2d$", "$y$", "$1$", "$apr1$"]
        .iter()
        .any(|id| text.starts_with(id) && text.len() > id.len() + 15)
}

/// `sha256:…`, `{SHA}…`, or the digits of a digest.
fn is_other_hash(value: &str) -> bool {
    const KINDS: &[&str] = &[
        "md5",
        "sha",
        "sha1",
        "sha224",
        "sha256",
        "sha384",
        "sha512",
        "ssha",
        "bcrypt",
        "argon2",
        "pbkdf2",
        "pbkdf2_sha256",
        "scrypt",
        "crypt",
        "scram-sha-1",
        "scram-sha-256",
    ];
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let (kind, rest) = match value.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
        Some(parts) => parts,
        None => value.split_once([':', '$']).unwrap_or(("", value)),
    };
    let is_kind = KINDS.iter().any(|known| kind.eq_ignore_ascii_case(known)) && !rest.is_empty();
    let is_digest = [32, 40, 64, 96, 128].contains(&value.len()) && is_hex(value);
    let is_mysql = value.strip_prefix('*').is_some_and(|rest| rest.len() == 40 && is_hex(rest));
    is_kind || is_digest || is_mysql
}

#[cfg(test)]
mod tests {
    use super::*;

    const BCRYPT: &str = "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

    #[test]
    fn a_password_that_is_probably_none_is_doubted_without_its_text() {
        let quoted = format!("\"{BCRYPT}\"");
        for (value, words) in [
            ("\"sesame\"", "quotes"),
            ("“sesame”", "quotes"),
            (quoted.as_str(), "a hash in quotes"),
            ("sesame # bob's", "comment"),
            (&BCRYPT[1..], "without its first $"),
            ("sha256:abcdef", "looks like a hash"),
            ("{SHA}abcdef", "looks like a hash"),
            ("5f4dcc3b5aa765d61d8327deb882cf99", "looks like a hash"),
        ] {
            let Mistake { reason, fix, part } = doubt(value).unwrap_or_else(|| panic!("{value}"));
            let told = format!("{reason}; {}", fix.unwrap_or_default());
            assert!(told.contains(words) && !told.contains("sesame") && part.is_none(), "{value}: {told}");
        }
        for value in ["sesame", "ses#ame", "a;b", "two words", "\"", "päss: #;=", "$ecret", "2b or not", "x #1"] {
            assert_eq!(doubt(value), None, "{value}");
        }
    }

    #[test]
    fn a_hash_that_was_cut_off_is_told() {
        for value in [&BCRYPT[..40], "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ", "$5$salt$short", "$6$salt$short"] {
            assert!(explained(value).is_some_and(|mistake| mistake.reason.contains("cut off")), "{value}");
        }
        assert_eq!(explained(BCRYPT), None);
    }
}
