//! Arguments of commands: bytes in, typed values or the 501 and 504 replies out. Used by the table in [`super::verbs`].

use crate::protocol::address::{self, BadAddress, decimal};
use crate::protocol::command::Command::{self, File};
use crate::protocol::command::{
    Algorithm, Epsv, FactChange, FileCommand, ListFormat, Opts, Password, ProtectionLevel, Representation, Switches,
};
use crate::protocol::path::Name;
use crate::protocol::reply::Reply;
use crate::protocol::timestamp;

/// The first word, and what stands behind the one blank after it.
pub(super) fn split_word(text: &[u8]) -> (&[u8], &[u8]) {
    match text.iter().position(|&byte| byte == b' ') {
        Some(space) => (&text[..space], &text[space + 1..]),
        None => (text, b""),
    }
}

/// The same among words alone: what stands behind all blanks after the first one.
fn split_words(text: &[u8]) -> (&[u8], &[u8]) {
    let (word, rest) = split_word(text);
    (word, rest.trim_ascii_start())
}

pub(super) fn first_word(text: &[u8]) -> &[u8] {
    split_word(text).0
}

pub(super) fn syntax(text: &'static str) -> Reply {
    Reply::new(501, text)
}

pub(super) fn name(arg: &[u8]) -> Result<Name, Reply> {
    Name::new(arg).ok_or_else(|| syntax("A name is missing."))
}

pub(super) fn optional(arg: &[u8]) -> Result<Option<Name>, Reply> {
    Ok(Name::new(arg))
}

pub(super) fn size(arg: &[u8]) -> Result<u64, Reply> {
    decimal(arg)
        .filter(|&bytes: &u64| i64::try_from(bytes).is_ok())
        .ok_or_else(|| syntax("A number of bytes is expected."))
}

pub(super) fn pass(arg: &[u8]) -> Result<Command, Reply> {
    Ok(Command::Pass(Password(arg.to_vec())))
}

/// Two of the mechanisms imply PROT P (draft-murray-auth-ftp-ssl-07), which RFC 4217 has no more; their clients count on it.
pub(super) fn auth(arg: &[u8]) -> Result<Command, Reply> {
    match arg.to_ascii_uppercase().as_slice() {
        b"" => Err(syntax("AUTH takes TLS.")),
        b"TLS" | b"TLS-C" => Ok(Command::Auth(ProtectionLevel::Clear)),
        b"SSL" | b"TLS-P" => Ok(Command::Auth(ProtectionLevel::Private)),
        _ => Err(Reply::new(504, "AUTH takes TLS.")),
    }
}

pub(super) fn prot(arg: &[u8]) -> Result<Command, Reply> {
    match arg.to_ascii_uppercase().as_slice() {
        b"" => Err(syntax("PROT takes P or C.")),
        b"C" => Ok(Command::Prot(ProtectionLevel::Clear)),
        b"P" => Ok(Command::Prot(ProtectionLevel::Private)),
        b"S" | b"E" => Err(Reply::new(536, "With TLS there is PROT P and PROT C.")),
        _ => Err(Reply::new(504, "PROT takes P or C.")),
    }
}

pub(super) fn list(format: ListFormat, arg: &[u8]) -> Result<Command, Reply> {
    let (switches, path) = switches(arg);
    optional(path).map(|path| File(FileCommand::List(format, switches, path)))
}

pub(super) fn stat(arg: &[u8]) -> Result<Command, Reply> {
    if arg.is_empty() {
        return Ok(Command::Stat);
    }
    let (switches, path) = switches(arg);
    optional(path).map(|path| File(FileCommand::StatPath(switches, path)))
}

/// Takes `-la` and the like off the path behind them, as if the server were ls; `--` ends them. Words such as `--sort`
/// change nothing.
fn switches(mut arg: &[u8]) -> (Switches, &[u8]) {
    let mut switches = Switches::default();
    while arg.first() == Some(&b'-') {
        let (word, rest) = split_word(arg);
        arg = rest;
        if word == b"--" {
            break;
        }
        if !word.starts_with(b"--") {
            word.iter().for_each(|&letter| switches.add(letter));
        }
    }
    (switches, arg)
}

/// `RANG 1 0` takes a range back.
pub(super) fn rang(arg: &[u8]) -> Result<Command, Reply> {
    let (first, last) = split_words(arg);
    let (first, last) = (size(first)?, size(last)?);
    match (first, last) {
        (1, 0) => Ok(File(FileCommand::Rang(None))),
        _ if first <= last => Ok(File(FileCommand::Rang(Some((first, last))))),
        _ => Err(syntax("RANG takes the first and the last byte.")),
    }
}

pub(super) fn port(arg: &[u8]) -> Result<Command, Reply> {
    let address = address::parse_port(arg).ok_or_else(|| syntax("PORT takes six numbers up to 255, and no port 0."))?;
    Ok(File(FileCommand::Port(address.into())))
}

pub(super) fn eprt(arg: &[u8]) -> Result<Command, Reply> {
    match address::parse_eprt(arg) {
        Ok(address) => Ok(File(FileCommand::Port(address))),
        Err(BadAddress::Syntax) => Err(syntax("EPRT takes |1|address|port| or |2|address|port|.")),
        Err(BadAddress::Family) => Err(Reply::new(522, "Network protocol not supported, use (1,2)")),
    }
}

pub(super) fn epsv(arg: &[u8]) -> Result<Command, Reply> {
    let kind = match arg.to_ascii_uppercase().as_slice() {
        b"" => Epsv::Same,
        b"1" => Epsv::V4,
        b"2" => Epsv::V6,
        b"ALL" => Epsv::All,
        number if decimal::<u32>(number).is_some() => {
            return Err(Reply::new(522, "Network protocol not supported, use (1,2)"));
        }
        _ => return Err(syntax("EPSV takes 1, 2, ALL, or nothing.")),
    };
    Ok(File(FileCommand::Epsv(kind)))
}

pub(super) fn representation(arg: &[u8]) -> Result<Command, Reply> {
    let upper = arg.to_ascii_uppercase();
    let representation = match split_words(&upper) {
        (b"A", b"" | b"N" | b"T") => Representation::Ascii,
        (b"I" | b"L8", b"") | (b"L", b"8") => Representation::Image,
        (b"", _) => return Err(syntax("TYPE takes A, I or L 8.")),
        _ => return Err(Reply::new(504, "Types A, I and L 8 are all there is.")),
    };
    Ok(File(FileCommand::Type(representation)))
}

/// STRU R is none: the marks of its records would land in the file as data.
pub(super) fn structure(arg: &[u8], known: u8) -> Result<Command, Reply> {
    match arg {
        [] => Err(syntax("A letter is missing.")),
        [letter] if letter.eq_ignore_ascii_case(&known) => Ok(File(FileCommand::Structure)),
        _ => Err(Reply::new(504, "STRU F and MODE S are all there is.")),
    }
}

pub(super) fn opts(arg: &[u8]) -> Result<Command, Reply> {
    let (option, value) = split_words(arg);
    match option.to_ascii_uppercase().as_slice() {
        b"" => Err(syntax("OPTS takes UTF8, MLST or HASH.")),
        b"UTF8" | b"UTF-8" if value.is_empty() || value.eq_ignore_ascii_case(b"ON") => Ok(Command::Opts(Opts::Utf8)),
        b"UTF8" | b"UTF-8" => Err(Reply::new(504, "UTF-8 can't be turned off: names are bytes.")),
        b"MLST" => Ok(Command::Opts(Opts::Mlst(value.to_vec()))),
        b"HASH" if value.is_empty() => Ok(Command::Opts(Opts::Hash(None))),
        b"HASH" => match Algorithm::parse(value) {
            Some(algorithm) => Ok(Command::Opts(Opts::Hash(Some(algorithm)))),
            None => Err(Reply::new(504, "HASH knows SHA-256, SHA-512, SHA-1, MD5 and CRC32.")),
        },
        _ => Err(Reply::new(504, "OPTS takes UTF8, MLST or HASH.")),
    }
}

pub(super) fn lang(arg: &[u8]) -> Result<Command, Reply> {
    let tag = arg.to_ascii_lowercase();
    match tag.as_slice() {
        b"" | b"en" => Ok(Command::Lang),
        tag if tag.starts_with(b"en-") => Ok(Command::Lang),
        _ => Err(Reply::new(504, "Replies are in English.")),
    }
}

pub(super) fn set_facts(change: FactChange, path: &[u8]) -> Result<Command, Reply> {
    Ok(File(FileCommand::SetFacts(change, name(path)?)))
}

pub(super) fn set_time(arg: &[u8], verb: &'static str) -> Result<Command, Reply> {
    let (time, path) = split_word(arg.trim_ascii_start());
    let modify = timestamp::parse(time).ok_or_else(|| syntax("The time is not of the form YYYYMMDDhhmmss."))?;
    let echo = format!("Modify={}; ", String::from_utf8_lossy(time));
    set_facts(FactChange { verb, modify: Some(modify), mode: None, echo, code: 213 }, path)
}

/// Clients without MFMT set times with MDTM.
pub(super) fn mdtm(arg: &[u8]) -> Result<Command, Reply> {
    let whole = name(arg)?;
    Ok(match set_time(arg, "MDTM") {
        Ok(File(FileCommand::SetFacts(change, name))) => File(FileCommand::MdtmOrSet(whole, change, name)),
        _ => File(FileCommand::Mdtm(whole)),
    })
}

pub(super) fn mff(arg: &[u8]) -> Result<Command, Reply> {
    let (facts, path) = split_word(arg.trim_ascii_start());
    let facts =
        facts.strip_suffix(b";").ok_or_else(|| syntax("MFF takes fact=value; and so on, a blank, and a name."))?;
    let mut change = FactChange { verb: "MFF", code: 213, ..FactChange::default() };
    for fact in facts.split(|&byte| byte == b';') {
        let equals =
            fact.iter().position(|&byte| byte == b'=').ok_or_else(|| syntax("A fact is given as fact=value."))?;
        let (fact, value) = (&fact[..equals], &fact[equals + 1..]);
        let (slot_free, set) = match fact.to_ascii_lowercase().as_slice() {
            b"modify" => {
                let time = timestamp::parse(value).ok_or_else(|| syntax("modify is a time YYYYMMDDhhmmss."))?;
                (change.modify.replace(time).is_none(), String::from_utf8_lossy(value).into_owned())
            }
            b"unix.mode" => {
                let mode = mode(value)?;
                (change.mode.replace(mode).is_none(), format!("{mode:04o}"))
            }
            _ => return Err(Reply::new(504, "MFF sets modify and UNIX.mode.")),
        };
        if !slot_free {
            return Err(syntax("A fact is given twice."));
        }
        change.echo += &format!("{}={set};", String::from_utf8_lossy(fact));
    }
    change.echo.push(' ');
    set_facts(change, path)
}

pub(super) fn site(arg: &[u8]) -> Result<Command, Reply> {
    let (word, rest) = split_word(arg.trim_ascii_start());
    match word.to_ascii_uppercase().as_slice() {
        b"HELP" => Ok(File(FileCommand::SiteHelp)),
        b"CHMOD" => {
            let (digits, path) = split_word(rest.trim_ascii_start());
            let change = FactChange {
                verb: "SITE CHMOD",
                modify: None,
                mode: Some(mode(digits)?),
                echo: "Mode set: ".to_owned(),
                code: 200,
            };
            set_facts(change, path)
        }
        b"UTIME" => site_utime(rest),
        b"" => Err(syntax("SITE takes CHMOD, UTIME or HELP.")),
        _ => Err(Reply::new(504, "SITE takes CHMOD, UTIME or HELP.")),
    }
}

/// Two forms are in use: `SITE UTIME <time> <name>` and `SITE UTIME <name> <atime> <mtime> <ctime> UTC`.
pub(super) fn site_utime(arg: &[u8]) -> Result<Command, Reply> {
    let long_form = || {
        let words: Vec<&[u8]> = arg.trim_ascii_end().rsplitn(5, |&byte| byte == b' ').collect();
        let [b"UTC", changed, modify, accessed, path] = words[..] else { return None };
        // A name that looks like a time begins no short form.
        site_time(changed).and(site_time(accessed))?;
        Some((site_time(modify)?, path))
    };
    let short_form = || {
        let (time, path) = split_word(arg.trim_ascii_start());
        site_time(time).filter(|_| !path.is_empty()).map(|modify| (modify, path))
    };
    let (modify, path) =
        long_form().or_else(short_form).ok_or_else(|| syntax("SITE UTIME takes YYYYMMDDhhmmss and a name."))?;
    let (verb, echo) = ("SITE UTIME", "Time set: ".to_owned());
    set_facts(FactChange { verb, modify: Some(modify), mode: None, echo, code: 200 }, path)
}

/// SITE UTIME's times may lack the seconds.
pub(super) fn site_time(text: &[u8]) -> Option<i64> {
    match text.len() {
        12 => timestamp::parse(&[text, b"00"].concat()),
        14 => timestamp::parse(text),
        _ => None,
    }
}

/// The nine permission bits of three octal digits, or of four or five that name setuid, setgid and sticky as well: those
/// are never set, but a refusal would make a client take all modes for refused.
pub(super) fn mode(digits: &[u8]) -> Result<u16, Reply> {
    let octal = (3..=5).contains(&digits.len()) && digits.iter().all(|digit| (b'0'..=b'7').contains(digit));
    let value = || digits.iter().fold(0, |value, digit| value * 8 + u16::from(digit - b'0'));
    let mode = octal.then(value).filter(|&mode| mode <= 0o7777);
    mode.map(|mode| mode & 0o777).ok_or_else(|| syntax("A mode is three or four octal digits."))
}
