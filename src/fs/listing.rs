//! Lines of LIST, NLST, MLSD and MLST: pure, each exactly one line whatever a name on disk holds.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::protocol::reply::printable;
use crate::protocol::timestamp::{self, Civil};
use crate::sys::meta::{FileId, FileKind, Meta};
use crate::sys::owners::Owners;

/// An entry as a listing shows it.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Its name, or the path that was asked for.
    pub name: &'a [u8],
    /// What it is.
    pub meta: &'a Meta,
    /// Where a link inside the home leads.
    pub target: Option<&'a [u8]>,
}

/// What the lines of LIST need to know in addition to the entry.
#[derive(Debug, Clone, Copy)]
pub struct LongFormat<'a> {
    /// Now, in Unix seconds: older or future entries show their year.
    pub now: i64,
    /// The zone of the times; `None` is UTC.
    pub zone: Option<&'a TimeZone>,
    /// Names of owners and groups.
    pub owners: &'a Owners,
}

/// A fact of MLSx (RFC 3659 §7.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// `file`, `dir`, `cdir`, `pdir`
    Type,
    /// Bytes; of files only
    Size,
    /// Modification time
    Modify,
    /// What may be done with it
    Perm,
    /// The same for two names of one file
    Unique,
    /// Permission bits
    UnixMode,
}

/// The facts that a session wants to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts(u8);

/// Every fact, in the order of the lines.
const FACTS: [(Fact, &str); 6] = [
    (Fact::Type, "type"),
    (Fact::Size, "size"),
    (Fact::Modify, "modify"),
    (Fact::Perm, "perm"),
    (Fact::Unique, "unique"),
    (Fact::UnixMode, "UNIX.mode"),
];

impl Facts {
    /// What a session sees until it sends OPTS MLST.
    pub const DEFAULT: Self = Self(0b01_1111);

    /// Reads `type;size;`: unknown facts are left out (RFC 3659 §7.9).
    pub fn parse(list: &[u8]) -> Self {
        let wanted =
            |name: &str| list.split(|&byte| byte == b';').any(|fact| fact.eq_ignore_ascii_case(name.as_bytes()));
        let chosen = FACTS.iter().filter(|(_, name)| wanted(name));
        Self(chosen.fold(0, |bits, (fact, _)| bits | fact.bit()))
    }

    /// Whether a fact is wanted.
    pub fn has(self, fact: Fact) -> bool {
        self.0 & fact.bit() != 0
    }

    /// The chosen facts as OPTS answers: `type;size;`.
    pub fn chosen(self) -> String {
        let chosen = FACTS.iter().filter(|(fact, _)| self.has(*fact));
        chosen.map(|(_, name)| format!("{name};")).collect()
    }

    /// All facts as FEAT shows them, the chosen ones with a star: `type*;size*;UNIX.mode;`.
    pub fn feature(self) -> String {
        let star = |fact| if self.has(fact) { "*" } else { "" };
        FACTS.iter().map(|(fact, name)| format!("{name}{};", star(*fact))).collect()
    }
}

impl Fact {
    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Appends a line as `ls -l` writes it in the C locale.
pub fn long_line(entry: Entry, format: LongFormat, out: &mut Vec<u8>) {
    let meta = entry.meta;
    mode_letters(meta, out);
    out.push(b' ');
    number(meta.links, 3, out);
    out.push(b' ');
    owner(format.owners.user(meta.owner), meta.owner, out);
    owner(format.owners.group(meta.group), meta.group, out);
    number(meta.size, 9, out);
    out.push(b' ');
    long_time(meta.modified, format, out);
    out.push(b' ');
    shown(entry.name, out);
    if let Some(target) = entry.target {
        out.extend_from_slice(b" -> ");
        shown(target, out);
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends a name alone.
pub fn name_line(name: &[u8], out: &mut Vec<u8>) {
    shown(name, out);
    out.extend_from_slice(b"\r\n");
}

/// Appends the facts of an entry and its name, without line end; `kind` is the value of `type`, `perm` that of `perm`.
pub fn facts(entry: Entry, kind: &str, perm: &[u8], facts: Facts, out: &mut Vec<u8>) {
    let meta = entry.meta;
    for (fact, name) in FACTS {
        let is_told = match fact {
            Fact::Size => !matches!(meta.kind, FileKind::Folder | FileKind::Link),
            Fact::Unique => meta.id != FileId::NOWHERE,
            Fact::Type | Fact::Modify | Fact::Perm | Fact::UnixMode => true,
        };
        if !facts.has(fact) || !is_told {
            continue;
        }
        out.extend_from_slice(name.as_bytes());
        out.push(b'=');
        match fact {
            Fact::Type => out.extend_from_slice(kind.as_bytes()),
            Fact::Size => number(meta.size, 0, out),
            Fact::Modify => timestamp::write(meta.modified, out),
            Fact::Perm => out.extend_from_slice(perm),
            Fact::Unique => {
                digits(meta.id.device, 16, 0, out);
                out.push(b'g');
                digits(meta.id.inode, 16, 0, out);
            }
            Fact::UnixMode => {
                out.push(b'0');
                digits(u64::from(meta.mode & 0o7777), 8, 3, out);
            }
        }
        out.push(b';');
    }
    out.push(b' ');
    shown(entry.name, out);
}

fn shown(name: &[u8], out: &mut Vec<u8>) {
    out.extend(name.iter().map(|&byte| printable(byte)));
}

fn mode_letters(meta: &Meta, out: &mut Vec<u8>) {
    out.push(match meta.kind {
        FileKind::File => b'-',
        FileKind::Folder => b'd',
        FileKind::Link => b'l',
        FileKind::Other => b'?',
    });
    let special = [(0o4000, b's', b'S'), (0o2000, b's', b'S'), (0o1000, b't', b'T')];
    for (shift, (bit, with_x, without_x)) in [6, 3, 0].into_iter().zip(special) {
        let bits = meta.mode >> shift;
        let executable = bits & 1 != 0;
        out.push(if bits & 4 != 0 { b'r' } else { b'-' });
        out.push(if bits & 2 != 0 { b'w' } else { b'-' });
        out.push(match meta.mode & bit != 0 {
            true if executable => with_x,
            true => without_x,
            false if executable => b'x',
            false => b'-',
        });
    }
}

/// A name, or the number if it has none, padded to eight bytes and a blank.
fn owner(name: Option<&str>, number_: u32, out: &mut Vec<u8>) {
    let start = out.len();
    match name {
        Some(name) => out.extend_from_slice(name.as_bytes()),
        None => number(u64::from(number_), 0, out),
    }
    let padded = (start + 8).max(out.len()) + 1;
    out.resize(padded, b' ');
}

fn long_time(unix: i64, format: LongFormat, out: &mut Vec<u8>) {
    const HALF_A_YEAR: i64 = 31_556_952 / 2;
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let offset = match (format.zone, Timestamp::from_second(unix)) {
        (Some(zone), Ok(time)) => i64::from(zone.to_offset(time).seconds()),
        _ => 0,
    };
    let civil = Civil::from_unix(unix.saturating_add(offset));
    out.extend_from_slice(MONTHS[usize::from(civil.month.clamp(1, 12)) - 1].as_bytes());
    out.push(b' ');
    number(u64::from(civil.day), 2, out);
    out.push(b' ');
    if unix > format.now || format.now.saturating_sub(unix) > HALF_A_YEAR {
        number(u64::try_from(civil.year).unwrap_or(0), 5, out);
    } else {
        out.extend_from_slice(&[b'0' + civil.hour / 10, b'0' + civil.hour % 10, b':']);
        out.extend_from_slice(&[b'0' + civil.minute / 10, b'0' + civil.minute % 10]);
    }
}

/// A decimal number, right-aligned.
fn number(value: u64, width: usize, out: &mut Vec<u8>) {
    digits(value, 10, width, out);
}

/// A number, right-aligned. Written by hand: the formatting machinery would cost as much as the entry's system calls.
fn digits(mut value: u64, base: u64, width: usize, out: &mut Vec<u8>) {
    let mut digits = [b' '; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b"0123456789abcdef"[usize::try_from(value % base).unwrap_or(0)];
        value /= base;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at.min(digits.len() - width)..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: i64 = 1_732_291_801;

    fn meta(kind: FileKind, mode: u32, size: u64, modified: i64) -> Meta {
        Meta::for_tests(kind, mode, size, modified)
    }

    fn long(entry: Entry) -> String {
        let mut line = Vec::new();
        long_line(entry, LongFormat { now: NOW, zone: None, owners: &Owners::default() }, &mut line);
        String::from_utf8(line).expect("ASCII in these tests")
    }

    #[test]
    fn long_lines_look_like_ls() {
        let cases: &[(Meta, &str, Option<&str>, &str)] = &[
            (
                meta(FileKind::File, 0o644, 19, NOW - 60),
                "name",
                None,
                "-rw-r--r--   1 4000000000 5               19 Nov 22 16:09 name\r\n",
            ),
            (
                meta(FileKind::Folder, 0o1777, 4096, 0),
                "d",
                None,
                "drwxrwxrwt   1 4000000000 5             4096 Jan  1  1970 d\r\n",
            ),
            (
                meta(FileKind::File, 0o4755, 0, NOW + 99_999),
                "s",
                None,
                "-rwsr-xr-x   1 4000000000 5                0 Nov 23  2024 s\r\n",
            ),
            (
                meta(FileKind::Link, 0o777, 3, NOW),
                "l",
                Some("a/b"),
                "lrwxrwxrwx   1 4000000000 5                3 Nov 22 16:10 l -> a/b\r\n",
            ),
        ];
        for (meta, name, target, expected) in cases {
            let entry = Entry { name: name.as_bytes(), meta, target: target.map(str::as_bytes) };
            assert_eq!(long(entry), *expected);
        }
    }

    #[test]
    fn names_of_owners_are_padded_as_ls_does() {
        let mut out = Vec::new();
        owner(Some("owner"), 0, &mut out);
        owner(Some("groupname"), 0, &mut out);
        number(19, 9, &mut out);
        assert_eq!(out, b"owner    groupname        19");
    }

    #[test]
    fn facts_are_chosen_and_written_in_their_order() {
        let file = meta(FileKind::File, 0o640, 12, 1_732_269_600);
        let line = |facts_: Facts| {
            let mut line = Vec::new();
            facts(Entry { name: b"a b", meta: &file, target: None }, "file", b"rw", facts_, &mut line);
            String::from_utf8(line).expect("ASCII")
        };
        assert_eq!(line(Facts::DEFAULT), "type=file;size=12;modify=20241122100000;perm=rw;unique=1gff; a b");
        assert_eq!(line(Facts::parse(b"SIZE;unix.mode;bogus;")), "size=12;UNIX.mode=0640; a b");
        assert_eq!(line(Facts::parse(b"")), " a b");
        assert_eq!(Facts::parse(b"size;type").chosen(), "type;size;");
        assert_eq!(Facts::parse(b"type").feature(), "type*;size;modify;perm;unique;UNIX.mode;");
    }

    proptest! {
        #[test]
        fn every_entry_is_exactly_one_line(
            name in proptest::collection::vec(1u8.., 1..40),
            target in proptest::option::of(proptest::collection::vec(1u8.., 1..40)),
            (modified, size, mode) in (any::<i64>(), any::<u64>(), 0u32..0o10000),
        ) {
            let meta = meta(FileKind::Link, mode, size, modified / 1000);
            let entry = Entry { name: &name, meta: &meta, target: target.as_deref() };
            let mut line = Vec::new();
            long_line(entry, LongFormat { now: NOW, zone: None, owners: &Owners::default() }, &mut line);
            prop_assert_eq!(line.iter().filter(|byte| byte.is_ascii_control()).count(), 2);
            prop_assert!(line.ends_with(b"\r\n"));
            line.clear();
            facts(entry, "file", b"", Facts::DEFAULT, &mut line);
            prop_assert!(!line.iter().any(u8::is_ascii_control));
        }
    }
}
