//! Random folders, files and links, and an account that sees some of them.

use std::{
    fs::{self, File},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use super::{
    disk::Disk,
    model::{Key, Section, Seen},
};
use crate::{
    dice::Dice,
    server::{Server, Tree},
};

/// The folders beside ftpd.conf: those that an account may get, and one that it never gets.
const ROOTS: [&str; 4] = ["home", "m0", "m1", "outside"];
const LETTERS: &str = "elradfmwMT";

/// What a walk begins with.
pub struct Ground {
    pub server: Server,
    /// All that is looked at lies in it.
    pub folder: PathBuf,
    pub sections: Vec<Section>,
    pub users: String,
}

/// A tree that is being made. Each name holds a number of its own, so a name tells its place, as do sizes, times and bytes.
struct Making<'d> {
    dice: &'d mut Dice,
    folder: PathBuf,
    number: usize,
    folders: Vec<PathBuf>,
    files: Vec<PathBuf>,
}

impl Ground {
    pub fn new(dice: &mut Dice, conf: &str) -> Ground {
        let tree = Tree::new(conf, "");
        let folder = fs::canonicalize(tree.path("")).unwrap();
        let mut making = Making { dice, folder: folder.clone(), number: 0, folders: Vec::new(), files: Vec::new() };
        making.entries();
        making.links();
        let sections = making.sections();
        making.times();
        let users = making.users(&sections);
        tree.write_users(&users);
        Ground { server: tree.start(), folder, sections, users }
    }

    pub fn disk(&self) -> Disk {
        Disk::read(&self.folder)
    }
}

impl Making<'_> {
    fn name(&mut self, letter: char) -> String {
        self.number += 1;
        let number = self.number;
        match self.dice.below(12) {
            0 | 1 => format!("h{letter}{number}"),
            2 => format!("H{letter}{number}"),
            3 => format!("{letter}{number}.exe"),
            _ => format!("{letter}{number}"),
        }
    }

    fn entries(&mut self) {
        for root in ROOTS {
            let mut own = vec![self.folder.join(root)];
            fs::create_dir_all(&own[0]).unwrap();
            for _ in 0..6 + self.dice.below(7) {
                let parent = self.dice.one_of(&own).clone();
                if self.dice.chance(45) {
                    let place = parent.join(self.name('d'));
                    fs::create_dir(&place).unwrap();
                    own.push(place);
                } else {
                    let place = parent.join(self.name('f'));
                    let text = format!("secret of {}", place.strip_prefix(&self.folder).unwrap().display());
                    fs::write(&place, format!("{text:.<width$}", width = 80 + self.number)).unwrap();
                    self.files.push(place);
                }
            }
            self.folders.append(&mut own);
        }
    }

    fn links(&mut self) {
        for _ in 0..6 + self.dice.below(12) {
            let parent = self.dice.one_of(&self.folders).clone();
            let target = self.target(&parent);
            symlink(target, parent.join(self.name('l'))).unwrap();
        }
        let outside = self.folder.join("outside");
        for _ in 0..self.dice.below(3) {
            let (file, parent) = (self.dice.one_of(&self.files).clone(), self.dice.one_of(&self.folders).clone());
            if !file.starts_with(&outside) && !parent.starts_with(&outside) {
                let name = self.name('f');
                fs::hard_link(file, parent.join(name)).unwrap();
            }
        }
    }

    fn target(&mut self, parent: &Path) -> PathBuf {
        let known = if self.dice.chance(60) { &self.folders } else { &self.files };
        let is_near = |place: &&PathBuf| root_of(place, &self.folder) == root_of(parent, &self.folder);
        let near: Vec<PathBuf> = known.iter().filter(is_near).cloned().collect();
        let any = self.dice.one_of(known).clone();
        let near = if near.is_empty() { any.clone() } else { self.dice.one_of(&near).clone() };
        let odd = ["p1", "../p2", "p1/..", "/p1", "nowhere", "q1/p3", "/etc/passwd", "/proc/self/root"];
        match self.dice.below(10) {
            0..5 => relative(parent, &near),
            5 => near,
            6 => relative(parent, &any),
            7 => any,
            8 => self.dice.one_of(&["..", "../..", ".", "../../.."]).into(),
            _ => self.dice.one_of(&odd).into(),
        }
    }

    /// Each file and folder has a time of its own.
    fn times(&self) {
        for (number, place) in self.files.iter().chain(&self.folders).enumerate() {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_500_000_000 + number as u64 * 1000);
            File::open(place).unwrap().set_modified(time).unwrap();
        }
    }

    fn sections(&mut self) -> Vec<Section> {
        // Now and then a home that may lie in a mount.
        let within: Vec<PathBuf> =
            self.folders.iter().filter(|folder| folder.starts_with(self.folder.join("m0"))).cloned().collect();
        let home = if self.dice.chance(75) { self.folder.join("home") } else { self.dice.one_of(&within).clone() };
        let mut sections = vec![Section { perm: Some(self.perm()), home: Some(home), ..self.keys() }];
        for number in 1..=1 + self.dice.below(3) {
            let path = self.path_of_mount(&sections, number);
            let folder = self.folder_of_mount(&sections);
            self.add(&mut sections, path, Some(folder));
        }
        for _ in 0..1 + self.dice.below(4) {
            let path = self.path_of_rule(&sections);
            self.add(&mut sections, path, None);
        }
        sections
    }

    fn add(&mut self, sections: &mut Vec<Section>, path: Seen, home: Option<PathBuf>) {
        if !path.is_empty() && sections.iter().all(|section| section.path != path) {
            let perm = if self.dice.chance(80) { Some(self.perm()) } else { None };
            let for_all = self.dice.chance(20);
            sections.push(Section { path, home, perm, for_all, ..self.keys() });
        }
    }

    fn keys(&mut self) -> Section {
        let mut key = || match self.dice.below(10) {
            0..6 => Key::Inherited,
            6 => Key::Off,
            _ => Key::On,
        };
        Section { hide: key(), refuse: key(), ..Section::default() }
    }

    fn perm(&mut self) -> String {
        if self.dice.chance(20) {
            return LETTERS.to_owned();
        }
        let percent = *self.dice.one_of(&[40, 60, 80]);
        let letters =
            LETTERS.chars().filter(|letter| self.dice.chance(if "el".contains(*letter) { 85 } else { percent }));
        let letters: String = letters.collect();
        if letters.is_empty() { "e".to_owned() } else { letters }
    }

    fn path_of_mount(&mut self, sections: &[Section], number: usize) -> Seen {
        let mut path = self.dice.one_of(sections).path.clone();
        match self.dice.below(6) {
            // Over something that is there.
            0 => {
                let known = if self.dice.chance(70) { &self.folders } else { &self.files };
                let place = self.dice.one_of(known);
                return seen(place, sections);
            }
            1 => path = seen(self.dice.one_of(&self.folders).as_path(), sections),
            2 => path.push(format!("q{number}")),
            3 => path.extend([format!("q{number}"), format!("r{number}")]),
            _ => {}
        }
        path.push(format!("p{number}"));
        path
    }

    fn folder_of_mount(&mut self, sections: &[Section]) -> PathBuf {
        let outside = self.folder.join("outside");
        let inside: Vec<PathBuf> =
            self.folders.iter().filter(|folder| !folder.starts_with(&outside)).cloned().collect();
        match self.dice.below(10) {
            0..4 => self.folder.join(self.dice.one_of(&["m0", "m1"])),
            4 => self.dice.one_of(sections).home.clone().unwrap(),
            5 => self.folder.join("gone"),
            _ => self.dice.one_of(&inside).clone(),
        }
    }

    fn path_of_rule(&mut self, sections: &[Section]) -> Seen {
        let known = if self.dice.chance(92) { &self.folders } else { &self.files };
        let mut path = seen(self.dice.one_of(known).as_path(), sections);
        if self.dice.chance(15) {
            path.push(["n1", "n2", "p1"][self.dice.below(3)].to_owned());
        }
        path
    }

    fn users(&mut self, sections: &[Section]) -> String {
        let mut texts: Vec<String> = sections.iter().map(|section| self.section(section)).collect();
        let swapped = self.dice.below(texts.len());
        texts.swap(0, swapped);
        texts.concat()
    }

    fn section(&self, section: &Section) -> String {
        let mut text = match (&section.path[..], section.for_all) {
            ([], _) => "[bob]\npassword = secret\n".to_owned(),
            (path, false) => format!("[bob /{}]\n", path.join("/")),
            (path, true) => format!("[* /{}]\n", path.join("/")),
        };
        let home = section.home.as_ref().map(|home| home.strip_prefix(&self.folder).unwrap().display().to_string());
        let key = |key, value: &str| match key {
            Key::Inherited => None,
            Key::Off => Some("off".to_owned()),
            Key::On => Some(value.to_owned()),
        };
        let keys = [
            ("home", home),
            ("perm", section.perm.clone()),
            ("hide", key(section.hide, "h*")),
            ("refuse", key(section.refuse, "*.exe")),
        ];
        for (key, value) in keys {
            text.extend(value.map(|value| format!("{key} = {value}\n")));
        }
        text
    }
}

fn root_of<'p>(place: &'p Path, folder: &Path) -> Option<&'p std::ffi::OsStr> {
    place.strip_prefix(folder).ok()?.iter().next()
}

/// The way from a folder to a place, by `..` and names.
fn relative(from: &Path, to: &Path) -> PathBuf {
    let common = from.ancestors().find(|above| to.starts_with(above)).unwrap();
    let up = from.strip_prefix(common).unwrap().iter().map(|_| Path::new(".."));
    let way: PathBuf = up.chain([to.strip_prefix(common).unwrap()]).collect();
    if way.as_os_str().is_empty() { ".".into() } else { way }
}

/// Where a mount shows a real place, or the root.
fn seen(place: &Path, sections: &[Section]) -> Seen {
    let way = |section: &Section| {
        let inside = place.strip_prefix(section.home.as_ref()?).ok()?;
        Some(section.path.iter().cloned().chain(inside.iter().map(|name| name.to_str().unwrap().to_owned())).collect())
    };
    sections.iter().rev().find_map(way).unwrap_or_default()
}
