//! Arguments of commands: bytes in, typed values or [`Malformed`] out. Used by the table in [`super::verbs`].

use crate::protocol::address::{self, decimal};
use crate::protocol::command::Command::{self, File};
use crate::protocol::command::{
    Algorithm, Epsv, FactChange, FileCommand, ListFormat, Opts, Password, ProtectionLevel, Representation, Switches,
    Window,
};
use crate::protocol::path::Name;
use crate::protocol::request::Malformed::{self, Syntax, Value};
use crate::protocol::timestamp;

type Understood = Result<Command, Malformed>;

/// The first word, and the rest after one blank.
pub(super) fn split_word(text: &[u8]) -> (&[u8], &[u8]) {
    match text.iter().position(|&byte| byte == b' ') {
        Some(space) => (&text[..space], &text[space + 1..]),
        None => (text, b""),
    }
}

/// The first word, and the rest after all the blanks between them.
fn split_words(text: &[u8]) -> (&[u8], &[u8]) {
    let (word, rest) = split_word(text);
    (word, rest.trim_ascii_start())
}

pub(super) fn name(arg: &[u8]) -> Result<Name, Malformed> {
    Name::new(arg).ok_or(Syntax("A name is missing."))
}

fn size(arg: &[u8]) -> Result<u64, Malformed> {
    decimal(arg).filter(|&bytes: &u64| i64::try_from(bytes).is_ok()).ok_or(Syntax("A number of bytes is expected."))
}

pub(super) fn user(arg: &[u8]) -> Understood {
    name(arg).map(Command::User)
}

pub(super) fn pass(arg: &[u8]) -> Understood {
    Ok(Command::Pass(Password(arg.to_vec())))
}

pub(super) fn help(arg: &[u8]) -> Understood {
    Ok(Command::Help(Name::new(arg)))
}

pub(super) fn client(arg: &[u8]) -> Understood {
    name(arg).map(|_| Command::Clnt)
}

pub(super) fn host(arg: &[u8]) -> Understood {
    name(arg).map(|_| Command::Host)
}

pub(super) fn allo(arg: &[u8]) -> Understood {
    size(split_word(arg).0).map(|bytes| File(FileCommand::Allo(bytes)))
}

pub(super) fn restart(arg: &[u8]) -> Understood {
    size(arg).map(|offset| File(FileCommand::Rest(offset)))
}

pub(super) fn buffer_size(arg: &[u8]) -> Understood {
    size(arg).map(|_| Command::Pbsz)
}

/// Two of the mechanisms imply PROT P (draft-murray-auth-ftp-ssl-07), which RFC 4217 has no more; their clients count on it.
pub(super) fn auth(arg: &[u8]) -> Understood {
    match arg.to_ascii_uppercase().as_slice() {
        b"" => Err(Syntax("AUTH takes TLS.")),
        b"TLS" | b"TLS-C" => Ok(Command::Auth(ProtectionLevel::Clear)),
        b"SSL" | b"TLS-P" => Ok(Command::Auth(ProtectionLevel::Private)),
        _ => Err(Value("AUTH takes TLS.")),
    }
}

pub(super) fn prot(arg: &[u8]) -> Understood {
    match arg.to_ascii_uppercase().as_slice() {
        b"" => Err(Syntax("PROT takes P or C.")),
        b"C" => Ok(Command::Prot(ProtectionLevel::Clear)),
        b"P" => Ok(Command::Prot(ProtectionLevel::Private)),
        b"S" | b"E" => Err(Malformed::Level),
        _ => Err(Value("PROT takes P or C.")),
    }
}

pub(super) fn long_list(arg: &[u8]) -> Understood {
    Ok(list(ListFormat::Long, arg))
}

pub(super) fn name_list(arg: &[u8]) -> Understood {
    Ok(list(ListFormat::Names, arg))
}

fn list(format: ListFormat, arg: &[u8]) -> Command {
    let (switches, path) = switches(arg);
    File(FileCommand::List(format, switches, Name::new(path)))
}

pub(super) fn fact_list(path: Option<Name>) -> FileCommand {
    FileCommand::List(ListFormat::Facts, Switches::default(), path)
}

pub(super) fn stat(arg: &[u8]) -> Understood {
    if arg.is_empty() {
        return Ok(Command::Stat);
    }
    let (switches, path) = switches(arg);
    Ok(File(FileCommand::StatPath(switches, Name::new(path))))
}

/// Takes `-la` and the like off the path after them, as if the server were ls; `--` ends them. Words such as `--sort`
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
pub(super) fn rang(arg: &[u8]) -> Understood {
    let (first, last) = split_words(arg);
    let (first, last) = (size(first)?, size(last)?);
    match (first, last) {
        (1, 0) => Ok(File(FileCommand::Rang(None))),
        _ if first <= last => Ok(File(FileCommand::Rang(Some(Window { first, last })))),
        _ => Err(Syntax("RANG takes the first and the last byte.")),
    }
}

pub(super) fn port(arg: &[u8]) -> Understood {
    let address = address::parse_port(arg).ok_or(Syntax("PORT takes six numbers up to 255, and no port 0."))?;
    Ok(File(FileCommand::Port(address.into())))
}

pub(super) fn eprt(arg: &[u8]) -> Understood {
    Ok(File(FileCommand::Port(address::parse_eprt(arg)?)))
}

pub(super) fn epsv(arg: &[u8]) -> Understood {
    let kind = match arg.to_ascii_uppercase().as_slice() {
        b"" => Epsv::Same,
        b"1" => Epsv::V4,
        b"2" => Epsv::V6,
        b"ALL" => Epsv::All,
        number if decimal::<u32>(number).is_some() => return Err(Malformed::Family),
        _ => return Err(Syntax("EPSV takes 1, 2, ALL, or nothing.")),
    };
    Ok(File(FileCommand::Epsv(kind)))
}

pub(super) fn representation(arg: &[u8]) -> Understood {
    let upper = arg.to_ascii_uppercase();
    let representation = match split_words(&upper) {
        (b"A", b"" | b"N" | b"T") => Representation::Ascii,
        (b"I" | b"L8", b"") | (b"L", b"8") => Representation::Image,
        (b"", _) => return Err(Syntax("TYPE takes A, I or L 8.")),
        _ => return Err(Value("Types A, I and L 8 are all there is.")),
    };
    Ok(File(FileCommand::Type(representation)))
}

pub(super) fn mode_of_transfer(arg: &[u8]) -> Understood {
    structure(arg, b'S')
}

/// STRU R is refused: the marks of its records would land in the file as data.
pub(super) fn file_structure(arg: &[u8]) -> Understood {
    structure(arg, b'F')
}

fn structure(arg: &[u8], known: u8) -> Understood {
    match arg {
        [] => Err(Syntax("A letter is missing.")),
        [letter] if letter.eq_ignore_ascii_case(&known) => Ok(File(FileCommand::Structure)),
        _ => Err(Value("STRU F and MODE S are all there is.")),
    }
}

pub(super) fn opts(arg: &[u8]) -> Understood {
    let (option, value) = split_words(arg);
    match option.to_ascii_uppercase().as_slice() {
        b"" => Err(Syntax("OPTS takes UTF8, MLST or HASH.")),
        b"UTF8" | b"UTF-8" => match value.to_ascii_uppercase().as_slice() {
            b"" | b"ON" => Ok(Command::Opts(Opts::Utf8)),
            b"OFF" => Ok(Command::Opts(Opts::NoUtf8)),
            _ => Err(Value("OPTS UTF8 takes ON or OFF.")),
        },
        b"MLST" => Ok(Command::Opts(Opts::Mlst(value.to_vec()))),
        b"HASH" if value.is_empty() => Ok(Command::Opts(Opts::Hash(None))),
        b"HASH" => match Algorithm::parse(value) {
            Some(algorithm) => Ok(Command::Opts(Opts::Hash(Some(algorithm)))),
            None => Err(Value("HASH knows SHA-256, SHA-512, SHA-1, MD5 and CRC32.")),
        },
        _ => Err(Value("OPTS takes UTF8, MLST or HASH.")),
    }
}

pub(super) fn lang(arg: &[u8]) -> Understood {
    let tag = arg.to_ascii_lowercase();
    match tag.as_slice() {
        b"" | b"en" => Ok(Command::Lang),
        tag if tag.starts_with(b"en-") => Ok(Command::Lang),
        _ => Err(Value("Replies are in English.")),
    }
}

fn set_facts(change: FactChange, path: &[u8]) -> Understood {
    Ok(File(FileCommand::SetFacts(change, name(path)?)))
}

fn set_time(arg: &[u8], verb: &'static str) -> Understood {
    let (time, path) = split_word(arg.trim_ascii_start());
    let modify = timestamp::parse(time).ok_or(Syntax("The time is not of the form YYYYMMDDhhmmss."))?;
    let echo = format!("Modify={}; ", String::from_utf8_lossy(time));
    set_facts(FactChange { verb, modify: Some(modify), mode: None, echo, code: 213 }, path)
}

pub(super) fn mfmt(arg: &[u8]) -> Understood {
    set_time(arg, "MFMT")
}

/// Clients without MFMT set times with MDTM.
pub(super) fn mdtm(arg: &[u8]) -> Understood {
    let whole = name(arg)?;
    Ok(match set_time(arg, "MDTM") {
        Ok(File(FileCommand::SetFacts(change, name))) => File(FileCommand::MdtmOrSet(whole, change, name)),
        _ => File(FileCommand::Mdtm(whole)),
    })
}

pub(super) fn mff(arg: &[u8]) -> Understood {
    let (facts, path) = split_word(arg.trim_ascii_start());
    let facts = facts.strip_suffix(b";").ok_or(Syntax("MFF takes fact=value; and so on, a blank, and a name."))?;
    let mut change = FactChange { verb: "MFF", code: 213, ..FactChange::default() };
    for fact in facts.split(|&byte| byte == b';') {
        let equals = fact.iter().position(|&byte| byte == b'=').ok_or(Syntax("A fact is given as fact=value."))?;
        let (fact, value) = (&fact[..equals], &fact[equals + 1..]);
        let (slot_free, set) = match fact.to_ascii_lowercase().as_slice() {
            b"modify" => {
                let time = timestamp::parse(value).ok_or(Syntax("modify is a time YYYYMMDDhhmmss."))?;
                (change.modify.replace(time).is_none(), String::from_utf8_lossy(value).into_owned())
            }
            b"unix.mode" => {
                let mode = mode(value)?;
                (change.mode.replace(mode).is_none(), format!("{mode:04o}"))
            }
            _ => return Err(Value("MFF sets modify and UNIX.mode.")),
        };
        if !slot_free {
            return Err(Syntax("A fact is given twice."));
        }
        change.echo += &format!("{}={set};", String::from_utf8_lossy(fact));
    }
    change.echo.push(' ');
    set_facts(change, path)
}

pub(super) fn site(arg: &[u8]) -> Understood {
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
        b"" => Err(Syntax("SITE takes CHMOD, UTIME or HELP.")),
        _ => Err(Value("SITE takes CHMOD, UTIME or HELP.")),
    }
}

/// Two forms are in use: `SITE UTIME <time> <name>` and `SITE UTIME <name> <atime> <mtime> <ctime> UTC`.
fn site_utime(arg: &[u8]) -> Understood {
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
        long_form().or_else(short_form).ok_or(Syntax("SITE UTIME takes YYYYMMDDhhmmss and a name."))?;
    let (verb, echo) = ("SITE UTIME", "Time set: ".to_owned());
    set_facts(FactChange { verb, modify: Some(modify), mode: None, echo, code: 200 }, path)
}

/// SITE UTIME's times may lack the seconds.
fn site_time(text: &[u8]) -> Option<i64> {
    match text.len() {
        12 => timestamp::parse(&[text, b"00"].concat()),
        14 => timestamp::parse(text),
        _ => None,
    }
}

/// The nine permission bits of three octal digits, or of four or five that name setuid, setgid and sticky as well: those
/// are never set, but a refusal would make a client take all modes for refused.
fn mode(digits: &[u8]) -> Result<u16, Malformed> {
    let octal = (3..=5).contains(&digits.len()) && digits.iter().all(|digit| (b'0'..=b'7').contains(digit));
    let value = || digits.iter().fold(0, |value, digit| value * 8 + u16::from(digit - b'0'));
    let mode = octal.then(value).filter(|&mode| mode <= 0o7777);
    mode.map(|mode| mode & 0o777).ok_or(Syntax("A mode is three or four octal digits."))
}

pub(super) fn xcrc(name: Name) -> FileCommand {
    FileCommand::Checksum(Algorithm::Crc32, name)
}

pub(super) fn xmd5(name: Name) -> FileCommand {
    FileCommand::Checksum(Algorithm::Md5, name)
}

pub(super) fn xsha1(name: Name) -> FileCommand {
    FileCommand::Checksum(Algorithm::Sha1, name)
}

pub(super) fn xsha256(name: Name) -> FileCommand {
    FileCommand::Checksum(Algorithm::Sha256, name)
}

pub(super) fn xsha512(name: Name) -> FileCommand {
    FileCommand::Checksum(Algorithm::Sha512, name)
}
