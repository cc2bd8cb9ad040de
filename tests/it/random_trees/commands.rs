//! Which commands are sent, and how their paths are spelled.

use std::fs;

use sha2::{Digest as _, Sha256};

use super::{disk::Kind, model::Seen, walk::Walk};

/// What a command does, if it is done.
pub enum Act {
    /// Bytes of a file come.
    Receive,
    /// A checksum of them.
    Digest(Digest),
    /// A listing; of what matches a pattern.
    Names(bool),
    Size,
    When,
    Facts,
    /// Free space.
    Room,
    Enter,
    /// A file with these bytes.
    Send(String),
    /// A folder.
    Make,
    Remove,
    Move,
    /// Changes of times and modes, by their letters.
    Change(&'static str),
    /// A hole of the feature `planted-bug`: what it is for.
    Planted(Hole),
}

#[derive(Clone, Copy, PartialEq)]
pub enum Hole {
    Read,
    Write,
}

/// A checksum in a reply.
#[derive(Clone, Copy)]
pub enum Digest {
    Sha256,
    Crc32,
}

/// A command, and what it means.
pub struct Asked {
    pub line: String,
    pub act: Act,
    /// The path that is meant, before links are followed.
    pub path: Seen,
    /// RNFR or REST, which comes before it.
    pub first: Option<String>,
    /// What RNFR names.
    pub from: Option<Seen>,
}

/// A path, as it is meant and as it is sent.
pub struct Named {
    pub path: Seen,
    pub spelled: String,
}

impl Asked {
    pub fn verb(&self) -> &str {
        self.line.split(' ').next().unwrap()
    }
}

impl Act {
    /// Whether it follows a link at the end of its path.
    pub fn follows(&self) -> bool {
        !matches!(self, Act::Facts | Act::Remove | Act::Move | Act::Make)
    }
}

impl Digest {
    pub fn is_of(self, content: &[u8], reply: &str) -> bool {
        let digest = match self {
            Digest::Sha256 => Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect(),
            Digest::Crc32 => format!("{:08x}", crc32fast::hash(content)),
        };
        reply.to_lowercase().contains(&digest)
    }
}

type Make = fn(&mut Walk, &str) -> Act;

/// Commands with a path, and how often they come.
#[rustfmt::skip]
const COMMANDS: &[(usize, &str, Make)] = &[
    (8, "RETR {}",                       |_, _| Act::Receive),
    (2, "HASH {}",                       |_, _| Act::Digest(Digest::Sha256)),
    (1, "XSHA256 {}",                    |_, _| Act::Digest(Digest::Sha256)),
    (1, "XCRC {}",                       |_, _| Act::Digest(Digest::Crc32)),
    (3, "SIZE {}",                       |_, _| Act::Size),
    (2, "MDTM {}",                       |_, _| Act::When),
    (4, "MLST {}",                       |_, _| Act::Facts),
    (2, "AVBL {}",                       |_, _| Act::Room),
    (5, "MLSD {}",                       |_, _| Act::Names(false)),
    (4, "NLST {}",                       |_, _| Act::Names(false)),
    (3, "LIST {}",                       |_, _| Act::Names(false)),
    (1, "LIST -a {}",                    |_, _| Act::Names(false)),
    (1, "LIST -d {}",                    |_, _| Act::Names(false)),
    (2, "STAT {}",                       |_, _| Act::Names(false)),
    (2, "NLST {}/*",                     |_, _| Act::Names(true)),
    (1, "LIST {}/h*",                    |_, _| Act::Names(true)),
    (8, "CWD {}",                        |_, _| Act::Enter),
    (7, "STOR {}",                       |walk, verb| Act::Send(walk.bytes(verb))),
    (3, "APPE {}",                       |walk, verb| Act::Send(walk.bytes(verb))),
    (2, "STOU {}",                       |walk, verb| Act::Send(walk.bytes(verb))),
    (4, "MKD {}",                        |_, _| Act::Make),
    (4, "DELE {}",                       |_, _| Act::Remove),
    (4, "RMD {}",                        |_, _| Act::Remove),
    (9, "RNTO {}",                       |_, _| Act::Move),
    (2, "MFMT 20210101000000 {}",        |_, _| Act::Change("T")),
    (1, "MDTM 20220101000000 {}",        |_, _| Act::Change("T")),
    (1, "SITE UTIME 20230101000000 {}",  |_, _| Act::Change("T")),
    (1, "MFF modify=20240101000000;UNIX.mode=0750; {}", |_, _| Act::Change("TM")),
    (3, "SITE CHMOD 700 {}",             |_, _| Act::Change("M")),
    (1, "SITE CHMOD 755 {}",             |_, _| Act::Change("M")),
];

/// The next command.
pub fn command(walk: &mut Walk) -> Asked {
    if walk.dice.chance(walk.holes) {
        return planted(walk);
    }
    let all = COMMANDS.iter().map(|(times, ..)| times).sum();
    let mut left = walk.dice.below(all);
    let (_, line, act) =
        COMMANDS.iter().find(|(times, ..)| left.checked_sub(*times).map(|rest| left = rest).is_none()).unwrap();
    let verb = line.split(' ').next().unwrap();
    let act = act(walk, verb);
    let wanted = match act {
        Act::Names(_) | Act::Enter | Act::Room | Act::Make => Kind::Folder,
        _ if verb == "RMD" => Kind::Folder,
        _ => Kind::File,
    };
    let from = matches!(act, Act::Move).then(|| walk.named(wanted));
    let mut named = walk.named(wanted);
    let makes = matches!(act, Act::Make | Act::Move) || matches!(act, Act::Send(_)) && walk.dice.chance(60);
    if makes && walk.dice.chance(85) {
        named = walk.new_name(named);
    }
    if let Some(from) = &from {
        // What is most telling is a move within a folder, and one to where other letters hold.
        let folder = match walk.dice.below(10) {
            0..4 => Some(from.path.split_last().map_or_else(Seen::new, |(_, parent)| parent.to_vec())),
            4..7 => Some(walk.path_of_section()),
            _ => None,
        };
        if let Some(folder) = folder.map(|folder| walk.spelled(folder)) {
            named = walk.new_name(folder);
        }
    }
    let Named { mut path, spelled } = named;
    let first = match (&from, verb) {
        (Some(from), _) => Some(format!("RNFR {}", from.spelled)),
        (None, "STOR") if walk.dice.chance(15) => Some("REST 10".to_owned()),
        (None, _) => None,
    };
    if let Act::Names(true) = act {
        path.push("*".to_owned());
    }
    Asked { line: line.replace("{}", &spelled), act, path, first, from: from.map(|from| from.path) }
}

/// A hole of the program, which the jail alone is left to hold.
fn planted(walk: &mut Walk) -> Asked {
    let places = walk.disk.places(|_, _| true);
    let mut place = walk.dice.one_of(&places).clone();
    let (verb, hole) = *walk.dice.one_of(&[("READ", Hole::Read), ("WRITE", Hole::Write)]);
    if walk.dice.chance(20) {
        place.push(walk.fresh('f'));
    }
    let line = format!("SITE {verb} {}", place.display());
    Asked { line, act: Act::Planted(hole), path: Seen::new(), first: None, from: None }
}

impl Walk<'_> {
    /// A name that was never there.
    pub fn fresh(&mut self, letter: char) -> String {
        self.made += 1;
        let number = self.made;
        match self.dice.below(12) {
            0 => format!("hn{letter}{number}"),
            1 => format!("n{letter}{number}.EXE"),
            2 => ["n1", "n2", "p1"][number % 3].to_owned(),
            _ => format!("n{letter}{number}"),
        }
    }

    /// What no other file holds.
    pub fn bytes(&mut self, verb: &str) -> String {
        self.made += 1;
        let text = format!("{verb} {}", self.made);
        format!("{text:.<width$}", width = 400 + self.made)
    }

    fn new_name(&mut self, folder: Named) -> Named {
        let name = self.fresh('x');
        let spelled = format!("{}/{name}", folder.spelled.trim_end_matches('/'));
        let spelled = if folder.path.is_empty() { format!("/{name}") } else { spelled };
        Named { path: [folder.path, vec![name]].concat(), spelled }
    }

    /// A path, most often of something that is there.
    fn named(&mut self, wanted: Kind) -> Named {
        let path = match self.dice.below(20) {
            0..8 => self.path_of(|kind| kind == wanted),
            8..12 => self.path_of(|_| true),
            12..16 => self.path_by_link(),
            16 | 17 => self.path_of_section(),
            18 => {
                // Out of the home, by names that are nothing inside.
                let outside = self.ground.folder.join("outside");
                let places = self.disk.places(|place, _| place.starts_with(&outside));
                let place = self.dice.one_of(&places).clone();
                let from = if self.dice.chance(50) { &self.ground.folder } else { std::path::Path::new("/") };
                place.strip_prefix(from).unwrap().iter().map(|name| name.to_str().unwrap().to_owned()).collect()
            }
            _ => [self.path_of(|_| true), self.path_of(|_| true)].concat(),
        };
        self.spelled(path)
    }

    /// A path that leads to a place of such a kind, as far as no link, cover or letter is in the way.
    fn path_of(&mut self, is: impl Fn(Kind) -> bool) -> Seen {
        let ways = self.disk.0.iter().filter(|(_, entry)| is(entry.kind)).map(|(place, _)| self.model.ways_to(place));
        let ways: Vec<Vec<Seen>> = ways.filter(|ways| !ways.is_empty()).collect();
        if ways.is_empty() {
            return Seen::new();
        }
        let ways = &ways[self.dice.below(ways.len())];
        ways[self.dice.below(ways.len())].clone()
    }

    /// The path of a section, or the one above.
    fn path_of_section(&mut self) -> Seen {
        let number = self.dice.below(self.model.sections.len());
        let mut path = self.model.sections[number].path.clone();
        if self.dice.chance(40) {
            path.pop();
        }
        path
    }

    /// A path that goes through a link, most often to something that is there.
    fn path_by_link(&mut self) -> Seen {
        let links = self.disk.places(|_, entry| entry.kind == Kind::Link);
        if links.is_empty() {
            return Seen::new();
        }
        let link = self.dice.one_of(&links).clone();
        let ways = self.model.ways_to(&link);
        let mut path = if ways.is_empty() { Seen::new() } else { self.dice.one_of(&ways).clone() };
        let names = fs::canonicalize(&link).map_or_else(|_| Vec::new(), |folder| self.disk.names(&folder));
        if !names.is_empty() && self.dice.chance(75) {
            path.push(self.dice.one_of(&names).clone());
        }
        path
    }

    /// One of the ways to write a path.
    fn spelled(&mut self, path: Seen) -> Named {
        let common = path.iter().zip(&self.cwd).take_while(|(one, other)| one == other).count();
        let up = self.cwd.len() - common;
        let below = |from: usize| path[from..].join("/");
        let spelled = match self.dice.below(10) {
            0 => format!("//{}", path.join("//")),
            1 => format!("/./{}", path.join("/./")),
            2 => format!("/nothing/../{}", path.join("/more/../")),
            3 => format!("/../../{}", below(0)),
            4..7 => format!("{}{}", "../".repeat(up), below(common)),
            _ => format!("/{}", below(0)),
        };
        let spelled = if self.dice.chance(5) && !spelled.is_empty() { format!("{spelled}/") } else { spelled };
        Named { path, spelled: if spelled.is_empty() { ".".to_owned() } else { spelled } }
    }
}
