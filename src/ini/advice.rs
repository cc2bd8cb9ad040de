//! What people write by mistake, recognised: what is wrong with it, and what to write instead.
//!
//! [`of`] is asked about a value that its reader refused, [`doubt`] about one that it took, [`alias`] and [`hint`] about
//! names that don't exist. The kind of a value is the noun of its [`Key`]; each file below knows a few of them.

use super::scan::NO_VALUE;
use super::{Key, Missing, Mistake};

mod addresses;
mod decoration;
mod letters;
mod names;
mod numbers;
mod passwords;
mod paths;
mod patterns;
mod ports;
mod programs;
mod words;

pub(super) use decoration::comment;
pub(super) use letters::are_words as are_words_for_letters;
pub use names::hint;
pub(super) use names::{
    alias, bare, is_word_for_password, may_be_password, meant, place, section_alias, shortened as without_section,
    shown_key,
};
pub use paths::windows as windows_path;

/// The lines of an account, to be pasted.
pub const ACCOUNT: &str = "[alex]\npassword = choose one\nperm = elr\nhome = /srv/share";

/// Longest name of a charset, with a slip.
const LONGEST_CHARSET: usize = 13;

/// Maximum length of a wrong value that is quoted.
const LONGEST_QUOTE: usize = 60;

/// What is wrong with a `value` that its reader refused because of `mistake`; `sound` says whether it takes another one.
pub(super) fn of(row: &Key, value: &str, mistake: Mistake, sound: impl Fn(&str) -> bool) -> Mistake {
    let advised =
        decoration::of(row, value, &sound).or_else(|| explained(row, value)).unwrap_or_else(|| {
            match better(row, value).filter(|better| sound(better)) {
                Some(better) if mistake.fix.is_none() => mistake.clone().fix(format!("write {} = {better}", row.name)),
                _ => mistake.clone(),
            }
        });
    let advised = match (&advised.fix, form(row)) {
        (None, Some(form)) => advised.fix(form),
        _ => advised,
    };
    shortened(value, advised)
}

/// What is wrong with a key without a value.
pub(super) fn empty(row: &Key) -> Mistake {
    let fix = match row.missing {
        Missing::Problem => "write it behind the '=', in the same line",
        Missing::Nothing | Missing::Default(_) => "write it behind the '=', in the same line, or leave the key out",
    };
    Mistake::new(NO_VALUE).fix(fix)
}

/// A line for a needed key that is missing.
pub(super) fn line_for(row: &Key) -> Option<String> {
    let name = row.name;
    match row.value {
        "letters" => Some(format!("write {name} = elr, which reads, or {name} = elradfmwMT, which may do everything")),
        "folder" => Some(format!("write {name} = /srv/share, or another folder")),
        "password" => Some(format!("write {name} = with one behind it, or with what ftpd hash-password prints")),
        _ => None,
    }
}

/// Why a value can't be meant at all, although its reader would take it.
pub(super) fn refused(row: &Key, value: &str) -> Option<Mistake> {
    match row.value {
        "file" | "folder" => paths::refused(row, value),
        "password" => passwords::refused(value),
        _ => None,
    }
}

/// Why a `value` that its reader takes is probably not what was meant.
pub(super) fn doubt(row: &Key, value: &str) -> Option<Mistake> {
    let doubt = match row.value {
        "password" => passwords::doubt(value),
        "folder" | "file" => paths::doubt(row, value),
        "letters" => letters::doubt(row, value),
        "size" => numbers::small_size(row, value),
        "networks" => addresses::nobody(value).or_else(|| addresses::wide(row, value)),
        "octal number" => numbers::closed_umask(value),
        "patterns" => patterns::doubt(row, value),
        "program" => programs::doubt(row, value),
        "text" => decoration::quoted_text(row, value),
        _ => None,
    };
    doubt.map(|doubt| shortened(value, doubt))
}

/// Whether a value names a charset or nearly so, and nothing else.
pub(super) fn is_charset(value: &str) -> bool {
    let is_word =
        value.len() <= LONGEST_CHARSET && value.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    is_word && words::charset(value).is_some()
}

/// The value that was probably meant; `None` if `value` is right, or if nobody knows.
pub(super) fn better(row: &Key, value: &str) -> Option<String> {
    let bare = decoration::removed(value);
    let better = match row.value {
        "size" => numbers::size(bare),
        "time" if row.name == "ban_time" && numbers::is_endless(bare) => Some("3650d".to_owned()),
        "time" => numbers::time(bare),
        "number" => numbers::whole(bare),
        "octal number" => numbers::octal(bare),
        "ports" => ports::range(bare),
        "port" => ports::single(bare).or_else(|| ports::usual(row.name, bare)),
        "addresses" => addresses::to_listen_on(bare),
        "networks" => addresses::networks(bare),
        "letters" => letters::together(bare).or_else(|| letters::small(bare)),
        "on or off" => words::switch(bare),
        "charset" => words::charset(bare),
        list if list.contains(", ") => words::one_of(list, bare),
        _ => None,
    };
    better.filter(|better| better != value).or_else(|| (bare != value).then(|| bare.to_owned()))
}

/// Values whose mistake has a better description than that of their reader.
fn explained(row: &Key, value: &str) -> Option<Mistake> {
    match row.value {
        "letters" => letters::explained(row, value),
        "ports" => ports::any(value),
        "addresses" => addresses::explained(value),
        "networks" => addresses::everybody(row, value),
        "address or name" => addresses::to_give(row, value),
        "password" => passwords::explained(value),
        "size" => numbers::no_limit(row, value),
        _ => None,
    }
}

/// What a value of this kind looks like, for those whose readers don't say it.
fn form(row: &Key) -> Option<&'static str> {
    match row.value {
        "ports" => Some("write a range such as 8300-8500, or off"),
        "charset" => Some("write one such as gb18030, big5, shift_jis, euc-kr, koi8-r or windows-1251"),
        "addresses" => Some("write addresses such as 127.0.0.1, or 0.0.0.0, :: for every network"),
        _ => None,
    }
}

fn shortened(value: &str, mistake: Mistake) -> Mistake {
    if value.chars().count() <= LONGEST_QUOTE {
        return mistake;
    }
    let short: String = value.chars().take(LONGEST_QUOTE).chain(['…']).collect();
    Mistake {
        reason: mistake.reason.replace(value, &short),
        fix: mistake.fix.map(|fix| fix.replace(value, &short)),
        ..mistake
    }
}
