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

pub(super) fn mlsd(arg: &[u8]) -> Result<Command, Reply> {
    optional(arg).map(|path| File(FileCommand::List(ListFormat::Facts, Switches::default(), path)))
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

pub(super) fn checksum(algorithm: Algorithm, arg: &[u8]) -> Result<Command, Reply> {
    name(arg).map(|name| File(FileCommand::Checksum(algorithm, name)))
}

/// `RANG 1 0` takes a range back.
pub(super) fn rang(arg: &[u8]) -> Result<Command, Reply> {
    let (first, last) = split_word(arg);
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
    let representation = match arg.to_ascii_uppercase().as_slice() {
        b"A" | b"A N" | b"A T" => Representation::Ascii,
        b"I" | b"L 8" | b"L8" => Representation::Image,
        b"" => return Err(syntax("TYPE takes A, I or L 8.")),
        _ => return Err(Reply::new(504, "Types A, I and L 8 are all there is.")),
    };
    Ok(File(FileCommand::Type(representation)))
}

pub(super) fn structure(arg: &[u8], known: &[u8]) -> Result<Command, Reply> {
    match arg {
        [] => Err(syntax("A letter is missing.")),
        [letter] if known.contains(&letter.to_ascii_uppercase()) => Ok(File(FileCommand::Structure)),
        _ => Err(Reply::new(504, "STRU F, STRU R and MODE S are all there is.")),
    }
}

pub(super) fn opts(arg: &[u8]) -> Result<Command, Reply> {
    let (option, value) = split_word(arg);
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
    let (time, path) = split_word(arg);
    let modify = timestamp::parse(time).ok_or_else(|| syntax("The time is not of the form YYYYMMDDhhmmss."))?;
    let echo = format!("Modify={}; ", String::from_utf8_lossy(time));
    set_facts(FactChange { verb, modify: Some(modify), mode: None, echo, code: 213 }, path)
}

pub(super) fn mdtm(arg: &[u8]) -> Result<Command, Reply> {
    let (time, path) = split_word(arg);
    // Clients without MFMT set times so; a name that begins with 14 digits and a blank has to be given with its folder.
    if timestamp::parse(time).is_some() && !path.is_empty() {
        return set_time(arg, "MDTM");
    }
    name(arg).map(|name| File(FileCommand::Mdtm(name)))
}

pub(super) fn mff(arg: &[u8]) -> Result<Command, Reply> {
    let (facts, path) = split_word(arg);
    let facts =
        facts.strip_suffix(b";").ok_or_else(|| syntax("MFF takes fact=value; and so on, a blank, and a name."))?;
    let mut change = FactChange { verb: "MFF", code: 213, ..FactChange::default() };
    for fact in facts.split(|&byte| byte == b';') {
        let equals =
            fact.iter().position(|&byte| byte == b'=').ok_or_else(|| syntax("A fact is given as fact=value."))?;
        let (fact, value) = (fact[..equals].to_ascii_lowercase(), &fact[equals + 1..]);
        let slot_free = match fact.as_slice() {
            b"modify" => change
                .modify
                .replace(timestamp::parse(value).ok_or_else(|| syntax("modify is a time YYYYMMDDhhmmss."))?)
                .is_none(),
            b"unix.mode" => change.mode.replace(mode(value)?).is_none(),
            _ => return Err(Reply::new(504, "MFF sets modify and UNIX.mode.")),
        };
        if !slot_free {
            return Err(syntax("A fact is given twice."));
        }
    }
    change.echo = format!("{}; ", String::from_utf8_lossy(facts));
    set_facts(change, path)
}

pub(super) fn site(arg: &[u8]) -> Result<Command, Reply> {
    let (word, rest) = split_word(arg);
    match word.to_ascii_uppercase().as_slice() {
        b"HELP" => Ok(File(FileCommand::SiteHelp)),
        b"CHMOD" => {
            let (digits, path) = split_word(rest);
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
    let (first, rest) = split_word(arg);
    let long_form = |arg: &[u8]| {
        let words: Vec<&[u8]> = arg.rsplitn(5, |&byte| byte == b' ').collect();
        let [b"UTC", _, modify, _, path] = words[..] else { return None };
        Some((site_time(modify)?, path.to_vec()))
    };
    let (modify, path) = match site_time(first) {
        Some(modify) if !rest.is_empty() => (modify, rest.to_vec()),
        _ => long_form(arg).ok_or_else(|| syntax("SITE UTIME takes YYYYMMDDhhmmss and a name."))?,
    };
    set_facts(
        FactChange { verb: "SITE UTIME", modify: Some(modify), mode: None, echo: "Time set: ".to_owned(), code: 200 },
        &path,
    )
}

/// SITE UTIME's times may lack the seconds.
pub(super) fn site_time(text: &[u8]) -> Option<i64> {
    match text.len() {
        12 => timestamp::parse(&[text, b"00"].concat()),
        14 => timestamp::parse(text),
        _ => None,
    }
}

/// Permission bits: three octal digits, a fourth before them only if it is 0 (no setuid, setgid, sticky).
pub(super) fn mode(digits: &[u8]) -> Result<u16, Reply> {
    let octal = (3..=4).contains(&digits.len()) && digits.iter().all(|digit| (b'0'..=b'7').contains(digit));
    let value = || digits.iter().fold(0, |value, digit| value * 8 + u16::from(digit - b'0'));
    if let Some(mode) = octal.then(value).filter(|&mode| mode <= 0o777) {
        Ok(mode)
    } else {
        Err(syntax("A mode is three octal digits, without setuid, setgid or sticky."))
    }
}
