//! Random commands of one session, each compared with what the model allows.

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use super::{
    commands::{Act, Asked, command},
    disk::{Change, Disk, Kind},
    ground::Ground,
    model::{Model, Seen, Spot, Whose},
};
use crate::{
    client::{Client, Reply},
    data::read_all,
    dice::Dice,
};

pub struct Walk<'g> {
    pub dice: &'g mut Dice,
    pub ground: &'g Ground,
    pub model: Model,
    pub disk: Disk,
    /// The current folder.
    pub cwd: Seen,
    /// Numbers of the names that were made so far.
    pub made: usize,
    /// How many of a hundred commands go past all but the jail.
    pub holes: usize,
    client: Client,
    /// What was sent and answered.
    told: Vec<String>,
    /// Positive answers, by verb.
    pub done: BTreeMap<String, usize>,
}

/// What came back.
pub struct Answer {
    pub reply: Reply,
    /// What came over the data connection.
    pub data: Vec<u8>,
}

impl Answer {
    pub fn is_positive(&self) -> bool {
        (200..400).contains(&self.reply.code)
    }

    /// The lines of a listing, on whichever connection.
    pub fn lines(&self) -> Vec<String> {
        let lines = if self.reply.code < 220 { self.reply.lines.join(&b'\n') } else { self.data.clone() };
        String::from_utf8(lines).unwrap().lines().map(|line| line.trim_end().to_owned()).collect()
    }
}

impl<'g> Walk<'g> {
    pub fn new(dice: &'g mut Dice, ground: &'g Ground, holes: usize) -> Walk<'g> {
        let disk = ground.disk();
        let model = Model::new(&ground.sections, &disk);
        let mut client = ground.server.login();
        client.expect("OPTS MLST type;size;modify;perm;unique;UNIX.mode;", 200);
        let (cwd, told, done) = (Seen::new(), Vec::new(), BTreeMap::new());
        Walk { dice, ground, model, disk, cwd, made: 0, holes, client, told, done }
    }

    /// Sends that many commands.
    ///
    /// # Errors
    /// What is out of bounds, and how it came to that.
    pub fn go(&mut self, commands: usize) -> Result<(), String> {
        for _ in 0..commands {
            let asked = command(self);
            self.step(&asked).map_err(|wrong| self.report(&asked, &wrong))?;
        }
        Ok(())
    }

    fn step(&mut self, asked: &Asked) -> Result<(), String> {
        if let Some(first) = &asked.first {
            let reply = self.client.cmd(first);
            self.told.push(format!("{first} -> {reply:?}"));
            self.check_first(asked, reply.code == 350)?;
            if reply.code != 350 {
                return self.compare_disk(asked, false);
            }
        }
        let answer = match &asked.act {
            Act::Send(content) => self.send(&asked.line, content)?,
            Act::Receive | Act::Names(_) if asked.verb() != "STAT" => self.receive(&asked.line)?,
            _ => Answer { reply: self.client.cmd(&asked.line), data: Vec::new() },
        };
        self.told.push(format!("{} -> {:?} {}", asked.line, answer.reply, answer.data.escape_ascii()));
        if answer.reply.code == 421 {
            return Err("the session ended".to_owned());
        }
        let verb = asked.verb();
        if answer.is_positive() {
            *self.done.entry(verb.to_owned()).or_default() += 1;
        }
        self.no_leak(asked, &answer)?;
        self.check(asked, &answer)?;
        self.compare_disk(asked, answer.is_positive())?;
        if answer.is_positive() && matches!(asked.act, Act::Enter) {
            self.cwd.clone_from(&asked.path);
        }
        Ok(())
    }

    fn receive(&mut self, line: &str) -> Result<Answer, String> {
        let data = self.client.passive();
        let reply = self.client.cmd(line);
        if reply.code != 150 {
            return Ok(Answer { reply, data: Vec::new() });
        }
        let data = read_all(data);
        Ok(Answer { reply: self.client.read_reply(), data })
    }

    fn send(&mut self, line: &str, content: &str) -> Result<Answer, String> {
        use std::io::Write;
        let mut data = self.client.passive();
        let reply = self.client.cmd(line);
        if reply.code != 150 {
            return Ok(Answer { reply, data: Vec::new() });
        }
        data.write_all(content.as_bytes()).map_err(|error| error.to_string())?;
        data.finish();
        drop(data);
        Ok(Answer { reply: self.client.read_reply(), data: Vec::new() })
    }

    /// Whatever is not as it was may have been changed so; after a refusal, all is as it was.
    fn compare_disk(&mut self, asked: &Asked, is_done: bool) -> Result<(), String> {
        let after = self.ground.disk();
        let changes = self.disk.changes(&after);
        for (place, change) in &changes {
            // A file with more names has changed at all of them.
            let id = after.at(place).or(self.disk.at(place)).map(|entry| entry.id);
            let others = self.disk.places(|_, entry| Some(entry.id) == id && entry.kind == Kind::File);
            let is_allowed = (is_done || matches!(asked.act, Act::Planted(_)))
                && (self.allows(asked, place, *change, &after)
                    || !matches!(change, Change::Made | Change::Removed)
                        && others.iter().any(|other| self.allows(asked, other, *change, &after)));
            if !is_allowed {
                return Err(format!("{change:?} at {}, and all changes are {changes:?}", place.display()));
            }
        }
        self.disk = after;
        Ok(())
    }

    fn allows(&self, asked: &Asked, place: &Path, change: Change, after: &Disk) -> bool {
        let (model, disk) = (&self.model, &self.disk);
        let may = |letters: &str, whose| model.may(place, letters, whose, disk);
        let is_new_name = !model.refuses(place, disk);
        match (&asked.act, change) {
            (Act::Send(_), Change::Made) if asked.verb() == "APPE" => may("wa", Whose::Around) && is_new_name,
            (Act::Send(_), Change::Made) => may("w", Whose::Around) && is_new_name,
            (Act::Send(_), Change::Content) if asked.verb() == "APPE" => may("a", Whose::Around),
            (Act::Send(_), Change::Content | Change::Time) => {
                asked.verb() != "STOU" && may("w", Whose::Around) && is_new_name
            }
            (Act::Make, Change::Made) => may("m", Whose::Around) && is_new_name && after.is_folder(place),
            (Act::Remove, Change::Removed) => {
                let is_folder = disk.is_folder(place);
                may("d", Whose::Around) && is_folder == (asked.verb() == "RMD") && !(is_folder && model.is_fixed(place))
            }
            (Act::Move, Change::Removed) => {
                let is_kept = disk.at(place).is_some_and(|old| after.0.values().any(|new| new.id == old.id));
                is_kept && may("f", Whose::Around) && !(disk.is_folder(place) && model.is_fixed(place))
            }
            (Act::Move, Change::Made | Change::Content) => {
                let moved = after.at(place).map(|entry| entry.id);
                let old = disk.places(|_, entry| Some(entry.id) == moved);
                let letters = if change == Change::Made { "f" } else { "fwd" };
                let gains = old.iter().all(|old| model.gains(old, place, disk));
                may(letters, Whose::Around) && is_new_name && !gains
            }
            (Act::Change(letters), Change::Mode) => letters.contains('M') && may("M", Whose::Own),
            (Act::Change(letters), Change::Time) => letters.contains('T') && may("T", Whose::Own),
            // To make a file and to write to it are two rights of the kernel's.
            (Act::Planted(_), Change::Made) => model.jailed(place.parent().unwrap()).contains(['w', 'f']),
            (Act::Planted(_), Change::Content | Change::Time) => {
                model.jailed(place.parent().unwrap()).contains(['w', 'a'])
            }
            _ => false,
        }
    }

    pub fn spot(&self, asked: &Asked) -> Option<Spot> {
        self.model.follow(&asked.path, asked.act.follows(), &self.disk)
    }

    fn report(&self, asked: &Asked, wrong: &str) -> String {
        let mut text = format!("{wrong}\n");
        let log = self.told.iter().rev().take(12).rev();
        let spot = self.spot(asked).map(|spot| spot.place);
        let _ = writeln!(
            text,
            "--- command {} in /{}: {} (meant: /{} at {spot:?})",
            self.told.len(),
            self.cwd.join("/"),
            asked.line,
            asked.path.join("/")
        );
        text.extend(log.map(|line| format!("{line}\n")));
        let _ = writeln!(text, "--- user.ini\n{}--- disk", self.ground.users);
        for (place, entry) in &self.disk.0 {
            let place = place.strip_prefix(&self.ground.folder).unwrap().display();
            let target = if entry.kind == Kind::Link { String::from_utf8_lossy(&entry.content) } else { "".into() };
            let _ = writeln!(text, "{:?} {place} {target}", entry.kind);
        }
        text
    }
}
