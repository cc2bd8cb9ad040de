//! What an answer says, compared with what the model allows.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::{
    commands::{Act, Asked, Hole},
    disk::{Entry, Kind, name_of},
    model::{Spot, Whose},
    walk::{Answer, Walk},
};

impl Walk<'_> {
    /// Nothing that comes back names the server's folders, or anything outside.
    pub fn no_leak(&self, asked: &Asked, answer: &Answer) -> Result<(), String> {
        let told = [&answer.reply.lines.join(&b'\n')[..], &answer.data[..]].join(&b'\n');
        let told = String::from_utf8_lossy(&told).into_owned();
        let is_new = |text: &str| told.contains(text) && !asked.line.contains(text);
        if is_new(self.ground.folder.to_str().unwrap()) {
            return Err("a real path is told".to_owned());
        }
        if is_new("secret of outside") {
            return Err("bytes from outside".to_owned());
        }
        // A client may have given the same name to something of its own.
        let outside = self.ground.folder.join("outside");
        let (outer, inner): (Vec<&Path>, Vec<&Path>) =
            self.disk.0.keys().map(PathBuf::as_path).partition(|place| place.starts_with(&outside));
        let inner: BTreeSet<&str> = inner.into_iter().map(name_of).collect();
        let mut names = outer.into_iter().map(name_of).filter(|name| !inner.contains(name));
        match names.find(|name| is_new(name) && words(&told).any(|word| word == *name)) {
            Some(name) => Err(format!("the name {name} from outside")),
            None => Ok(()),
        }
    }

    /// The command before, which says what is moved or where to go on.
    pub fn check_first(&self, asked: &Asked, is_done: bool) -> Result<(), String> {
        let Some(from) = &asked.from else { return Ok(()) };
        let spot = self.model.follow(from, false, &self.disk);
        let spot = spot.filter(|spot| self.model.may_at(spot, "f", Whose::Own, &self.disk));
        let is_certain = |spot: &Spot| {
            let is_file = self.disk.at(&spot.place).is_some_and(|entry| entry.kind == Kind::File);
            is_file && self.model.is_plain(spot, &self.disk) && !self.model.is_fixed(&spot.place)
        };
        match (spot, is_done) {
            (None, true) => Err("no f there".to_owned()),
            (Some(spot), false) if is_certain(&spot) => Err("the letters allow it".to_owned()),
            _ => Ok(()),
        }
    }

    /// What the answer says is allowed, and what is allowed without a doubt is done.
    pub fn check(&self, asked: &Asked, answer: &Answer) -> Result<(), String> {
        let spot = self.spot(asked);
        let may = |letters: &str, whose| {
            spot.as_ref().is_some_and(|spot| self.model.may_at(spot, letters, whose, &self.disk))
        };
        let is_done = answer.is_positive();
        match &asked.act {
            Act::Receive | Act::Digest(_) if is_done => self.check_content(asked, answer, may("r", Whose::Own))?,
            Act::Names(pattern) if is_done => self.check_names(asked, *pattern, answer)?,
            Act::Size | Act::When | Act::Room if is_done && !may("l", Whose::Own) => {
                return Err("no l there".to_owned());
            }
            Act::Size if is_done => self.check_fact(&|entry| entry.content.len().to_string(), answer)?,
            Act::Facts if is_done => {
                if !may("l", Whose::Own) {
                    return Err("no l there".to_owned());
                }
                let line = String::from_utf8_lossy(&answer.reply.lines[1]).into_owned();
                self.check_unique(&line)?;
                self.check_facts(&line, &asked.path)?;
            }
            Act::Enter if is_done && !may("e", Whose::Own) => return Err("no e there".to_owned()),
            Act::Planted(Hole::Read) if is_done => {
                let place = std::fs::canonicalize(asked.line.strip_prefix("SITE READ ").unwrap()).unwrap();
                if self.disk.at(&place).is_none() || !self.model.jailed(&place).contains(['r', 'M', 'T']) {
                    return Err(format!("the jail does not hold {}", place.display()));
                }
            }
            _ => {}
        }
        let must = spot.as_ref().is_some_and(|spot| self.is_certain(asked, spot));
        if must && !is_done { Err("the letters allow it".to_owned()) } else { Ok(()) }
    }

    /// The bytes, or their digest, are those of a file that may be read.
    fn check_content(&self, asked: &Asked, answer: &Answer, may: bool) -> Result<(), String> {
        let is_it = |content: &[u8]| match &asked.act {
            Act::Digest(digest) => digest.is_of(content, &answer.reply.text()),
            _ => content == answer.data,
        };
        let places = self.disk.places(|_, entry| entry.kind == Kind::File && is_it(&entry.content));
        if !may {
            return Err(format!("no r there; the bytes are those of {places:?}"));
        }
        let reads = |place: &PathBuf| self.model.may(place, "r", Whose::Own, &self.disk);
        if places.iter().any(reads) { Ok(()) } else { Err(format!("not to be read: {places:?}")) }
    }

    /// A fact is that of something that may be seen.
    fn check_fact(&self, fact: &dyn Fn(&Entry) -> String, answer: &Answer) -> Result<(), String> {
        let text = answer.reply.text();
        let places =
            self.disk.places(|_, entry| entry.kind != Kind::Link && text.ends_with(&format!(" {}", fact(entry))));
        let sees = |place: &PathBuf| self.model.may(place, "l", Whose::Own, &self.disk);
        if places.iter().any(sees) { Ok(()) } else { Err(format!("not to be seen: {places:?}")) }
    }

    /// Facts of MLST and MLSD: the entry may be used as it says.
    fn check_facts(&self, line: &str, path: &[String]) -> Result<(), String> {
        let fact = |name: &str| {
            let found = line.trim().split(';').find_map(|fact| fact.strip_prefix(name)?.strip_prefix('='));
            found.unwrap_or_default().to_owned()
        };
        let (here, behind) = (self.model.follow(path, false, &self.disk), self.model.follow(path, true, &self.disk));
        let may = |spot: &Option<Spot>, letter: char, whose| {
            spot.as_ref().is_some_and(|spot| self.model.may_at(spot, &letter.to_string(), whose, &self.disk))
        };
        let is_file = fact("type") == "file";
        for letter in fact("perm").chars() {
            let is_true = match letter {
                'c' => may(&behind, 'w', Whose::Own),
                'p' => may(&behind, 'd', Whose::Own),
                'd' | 'f' => {
                    let is_fixed = |spot: &Spot| self.disk.is_folder(&spot.place) && self.model.is_fixed(&spot.place);
                    may(&here, letter, Whose::Around) && !here.as_ref().is_some_and(is_fixed)
                }
                'a' | 'w' | 'r' => is_file && may(&behind, letter, Whose::Own),
                _ => !is_file && may(&behind, letter, Whose::Own),
            };
            if !is_true {
                return Err(format!("perm={letter} for /{}: {line}", path.join("/")));
            }
        }
        Ok(())
    }

    /// What MLST shows is something that may be seen.
    fn check_unique(&self, line: &str) -> Result<(), String> {
        let named = |id: (u64, u64)| line.contains(&format!("unique={:x}g{:x};", id.0, id.1));
        let places = self.disk.places(|_, entry| named(entry.id));
        let sees = |place: &PathBuf| self.model.may(place, "l", Whose::Own, &self.disk);
        // A folder that is on no disk, and only holds mounts.
        let is_bare = line.contains("type=dir;") && !line.contains("unique=");
        if is_bare || places.iter().any(sees) { Ok(()) } else { Err(format!("not to be seen: {places:?}")) }
    }

    /// The names are those that the folder shows.
    fn check_names(&self, asked: &Asked, pattern: bool, answer: &Answer) -> Result<(), String> {
        let mut names = Vec::new();
        for line in answer.lines() {
            if line.starts_with("21") || ["type=cdir", "type=pdir"].iter().any(|kind| line.contains(kind)) {
                continue;
            }
            let name = line.split(" -> ").next().unwrap().rsplit(' ').next().unwrap().rsplit('/').next().unwrap();
            if !matches!(name, "." | ".." | "") {
                names.push(name.to_owned());
            }
        }
        // With a pattern, the folder above is what is listed.
        let path = &asked.path[..asked.path.len() - usize::from(pattern)];
        let spot = self.model.follow(path, true, &self.disk).ok_or("a listing of nothing")?;
        if !self.model.may_at(&spot, "l", Whose::Own, &self.disk) {
            return Err("no l there".to_owned());
        }
        let is_bare = self.model.is_bare(&spot.seen, &self.disk);
        if !is_bare && !self.disk.is_folder(&spot.place) || asked.line.contains("-d") {
            let own = path.last().cloned().unwrap_or_default();
            return if names.iter().all(|name| *name == own || spot.seen.last() == Some(name)) {
                Ok(())
            } else {
                Err(format!("not {own}: {names:?}"))
            };
        }
        let expected = self.model.names(&spot, &self.disk);
        if let Some(name) = names.iter().find(|name| !expected.contains(name)) {
            return Err(format!("{name} is not one of {expected:?}"));
        }
        if !pattern && self.model.is_plain(&spot, &self.disk) && names.len() < expected.len() {
            return Err(format!("only {names:?} of {expected:?}"));
        }
        let lines = answer.lines();
        let entries = lines.iter().filter(|line| asked.verb() == "MLSD" && !line.contains("type=pdir"));
        for line in entries {
            let name = line.rsplit(' ').next().filter(|name| *name != ".").map(str::to_owned);
            self.check_facts(line, &spot.seen.iter().cloned().chain(name).collect::<Vec<_>>())?;
        }
        Ok(())
    }

    /// Whether a command must be done: nothing about its path is in doubt, and all letters are there.
    fn is_certain(&self, asked: &Asked, spot: &Spot) -> bool {
        let (model, disk, place) = (&self.model, &self.disk, &spot.place);
        let entry = disk.at(place);
        let is = |kind| entry.is_some_and(|entry| entry.kind == kind);
        let may = |letters: &str, whose| model.may_at(spot, letters, whose, disk);
        let parent = place.parent().is_some_and(|parent| disk.is_folder(parent));
        let is_free = entry.is_none() && parent && !model.refuses(place, disk) && !model.is_fixed(place);
        let is_loose = !model.is_fixed(place);
        let goes_on = asked.first.is_some() && asked.from.is_none();
        if goes_on || model.is_bare(&spot.seen, disk) || !model.is_plain(spot, disk) {
            return false;
        }
        match &asked.act {
            Act::Receive | Act::Digest(_) => is(Kind::File) && may("r", Whose::Around),
            Act::Names(pattern) => !pattern && is(Kind::Folder) && may("l", Whose::Own),
            Act::Size => is(Kind::File) && may("l", Whose::Around),
            Act::When | Act::Facts | Act::Room => (is(Kind::File) || is(Kind::Folder)) && may("l", Whose::Own),
            Act::Enter => is(Kind::Folder) && may("e", Whose::Own),
            Act::Make => is_free && may("m", Whose::Around),
            Act::Send(_) if asked.verb() == "APPE" => {
                is(Kind::File) && may("a", Whose::Around) && !model.refuses(place, disk)
            }
            Act::Send(_) => (is_free || is(Kind::File)) && may("w", Whose::Around) && !model.refuses(place, disk),
            Act::Remove if asked.verb() == "RMD" => {
                is(Kind::Folder) && disk.names(place).is_empty() && is_loose && may("d", Whose::Around)
            }
            Act::Remove => is(Kind::File) && is_loose && may("d", Whose::Around),
            Act::Change(letters) => (is(Kind::File) || is(Kind::Folder)) && may(letters, Whose::Own),
            Act::Move => {
                let from = asked.from.as_ref().unwrap();
                let old = model.follow(from, false, disk);
                is_free
                    && may("f", Whose::Around)
                    && old.is_some_and(|old| {
                        let is_file = disk.at(&old.place).is_some_and(|entry| entry.kind == Kind::File);
                        is_file && model.is_plain(&old, disk) && old.place.parent() == place.parent()
                    })
            }
            Act::Planted(_) => false,
        }
    }
}

/// What may be a name in a text.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '.')
}
