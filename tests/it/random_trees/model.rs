//! What an account may do, as plainly as it can be said: letters belong to real folders, and a place has those of the nearest
//! one. Paths of the client are followed on the disk as it is, name by name.

use std::path::{Path, PathBuf};

use super::disk::{Disk, Kind};

/// A path as the client sees it.
pub type Seen = Vec<String>;

/// A section of user.ini, that of the account included.
#[derive(Clone, Debug, Default)]
pub struct Section {
    pub path: Seen,
    /// The folder of a mount.
    pub home: Option<PathBuf>,
    /// Without it, those of the section above.
    pub perm: Option<String>,
    pub hide: Key,
    pub refuse: Key,
    /// For every account.
    pub for_all: bool,
}

/// A key that may be left out or turned off.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Key {
    #[default]
    Inherited,
    Off,
    /// `h*` are hidden, `*.exe` are refused.
    On,
}

/// What holds for a real folder and all below it.
#[derive(Debug)]
pub struct Held {
    pub path: Seen,
    mount: usize,
    /// The real folder, which need not be there.
    pub folder: PathBuf,
    /// What a mount covers.
    covered: Option<PathBuf>,
    perms: String,
    hides: bool,
    refuses: bool,
    /// It was there at the login.
    pub known: bool,
}

#[derive(Debug)]
struct Mount {
    path: Seen,
    home: PathBuf,
    present: bool,
}

pub struct Model {
    mounts: Vec<Mount>,
    pub sections: Vec<Held>,
}

/// Where a path of the client leads.
pub struct Spot {
    mount: usize,
    pub seen: Seen,
    pub place: PathBuf,
    /// A link was followed.
    pub by_link: bool,
}

/// Whose letters are asked: those of the folder itself, or of the one that the entry lies in.
#[derive(Clone, Copy, PartialEq)]
pub enum Whose {
    Own,
    Around,
}

impl Model {
    /// The account as it is at its login; the first section is its own.
    pub fn new(written: &[Section], disk: &Disk) -> Model {
        let mut model = Model { mounts: Vec::new(), sections: Vec::new() };
        let mut written = written.to_vec();
        written.sort_by_key(|section| section.path.len());
        for section in written {
            let above = model.by_text(&section.path);
            let mut covered = None;
            if let Some(home) = &section.home {
                covered = above.map(|_| model.place(model.mount_of(&section.path), &section.path));
                let present = disk.is_folder(home);
                model.mounts.push(Mount { path: section.path.clone(), home: home.clone(), present });
            }
            let mount = if section.home.is_some() { model.mounts.len() - 1 } else { model.mount_of(&section.path) };
            let folder = model.place(mount, &section.path);
            let around = above.map(|above| &model.sections[above]);
            let inherited = around.filter(|around| around.mount == mount);
            let key = |key: Key, above: Option<bool>| key == Key::On || key == Key::Inherited && above == Some(true);
            let held = Held {
                perms: section.perm.or_else(|| around.map(|around| around.perms.clone())).unwrap_or_default(),
                hides: key(section.hide, inherited.map(|above| above.hides)),
                refuses: key(section.refuse, inherited.map(|above| above.refuses)),
                known: model.mounts[mount].present && disk.is_folder(&folder),
                path: section.path,
                mount,
                folder,
                covered,
            };
            model.sections.push(held);
        }
        model
    }

    /// The section that is nearest by the path's text.
    fn by_text(&self, path: &[String]) -> Option<usize> {
        let above = self.sections.iter().enumerate().filter(|(_, section)| path.starts_with(&section.path));
        above.max_by_key(|(_, section)| section.path.len()).map(|(number, _)| number)
    }

    fn mount_of(&self, path: &[String]) -> usize {
        let above = self.mounts.iter().enumerate().filter(|(_, mount)| path.starts_with(&mount.path));
        above.max_by_key(|(_, mount)| mount.path.len()).map_or(0, |(number, _)| number)
    }

    fn place(&self, mount: usize, path: &[String]) -> PathBuf {
        let Mount { path: outer, home, .. } = &self.mounts[mount];
        path[outer.len()..].iter().fold(home.clone(), |place, name| place.join(name))
    }

    /// A folder that is on no disk, and only holds mounts.
    pub fn is_bare(&self, path: &[String], disk: &Disk) -> bool {
        let number = self.mount_of(path);
        let leads = |mount: &Mount| mount.present && mount.path != path && mount.path.starts_with(path);
        self.mounts[number].present && disk.at(&self.place(number, path)).is_none() && self.mounts.iter().any(leads)
    }

    /// The sections for a real folder, as it is reached in a mount: more than one if the account has it twice.
    fn sections_of(&self, folder: &Path, mount: usize, disk: &Disk) -> Vec<&Held> {
        for above in folder.ancestors() {
            let is_it = |held: &&Held| self.mounts[held.mount].present && held.folder == above && disk.is_folder(above);
            let found: Vec<&Held> = self.sections.iter().filter(is_it).collect();
            if !found.is_empty() {
                let own: Vec<&Held> = found.iter().filter(|held| held.mount == mount).copied().collect();
                return if own.is_empty() { found } else { own };
            }
        }
        Vec::new()
    }

    /// Those that decide about a place.
    fn deciding(&self, place: &Path, mount: usize, whose: Whose, disk: &Disk) -> Vec<&Held> {
        let is_top = place == self.mounts[mount].home;
        let folder =
            if whose == Whose::Own && disk.is_folder(place) || is_top { place } else { place.parent().unwrap() };
        self.sections_of(folder, mount, disk)
    }

    /// Whether a mount shows a place at all: not covered, no name on the way hidden.
    fn shows(&self, mount: usize, place: &Path, disk: &Disk) -> bool {
        let Mount { path, home, present } = &self.mounts[mount];
        let Ok(inside) = place.strip_prefix(home) else { return false };
        let mut seen = path.clone();
        let is_hidden = |name: &str| name.starts_with(['h', 'H']);
        let outer_hides = path.iter().enumerate().any(|(depth, name)| {
            is_hidden(name) && self.by_text(&path[..depth]).is_some_and(|section| self.sections[section].hides)
        });
        let mut folder = home.clone();
        let inner_hides = inside.iter().filter_map(|name| name.to_str()).any(|name| {
            let hides = is_hidden(name) && self.sections_of(&folder, mount, disk).iter().all(|held| held.hides);
            folder.push(name);
            seen.push(name.to_owned());
            hides
        });
        *present && !outer_hides && !inner_hides && self.mount_of(&seen) == mount
    }

    /// Whether an account reaches a place by some way where it has all these letters.
    pub fn may(&self, place: &Path, letters: &str, whose: Whose, disk: &Disk) -> bool {
        (0..self.mounts.len()).any(|mount| {
            self.shows(mount, place, disk)
                && self.deciding(place, mount, whose, disk).iter().any(|held| held.has(letters))
        })
    }

    /// The same by the way that a path takes.
    pub fn may_at(&self, spot: &Spot, letters: &str, whose: Whose, disk: &Disk) -> bool {
        if self.is_bare(&spot.seen, disk) {
            return self.by_text(&spot.seen).is_some_and(|section| self.sections[section].has(letters));
        }
        self.shows(spot.mount, &spot.place, disk)
            && self.deciding(&spot.place, spot.mount, whose, disk).iter().any(|held| held.has(letters))
    }

    /// Whether there is nothing to doubt: one way leads to the place, one section decides at each level, as since the login.
    pub fn is_plain(&self, spot: &Spot, disk: &Disk) -> bool {
        let ways = self.mounts.iter().filter(|mount| mount.present && spot.place.starts_with(&mount.home)).count();
        let one = |folder: &Path| matches!(&self.sections_of(folder, spot.mount, disk)[..], [held] if held.known);
        let inside = |folder: &&Path| folder.starts_with(&self.mounts[spot.mount].home);
        !spot.by_link
            && ways == 1
            && self.shows(spot.mount, &spot.place, disk)
            && spot.place.ancestors().skip(1).take_while(inside).all(one)
            && (!disk.is_folder(&spot.place) || one(&spot.place))
    }

    /// Whether a new name may not be given in a folder.
    pub fn refuses(&self, place: &Path, disk: &Disk) -> bool {
        let is_refused = name_lower(place).trim_end_matches(['.', ' ']).ends_with(".exe");
        let mounts = (0..self.mounts.len()).filter(|mount| self.shows(*mount, place, disk));
        let mut refusing =
            mounts.map(|mount| self.deciding(place, mount, Whose::Around, disk).iter().all(|held| held.refuses));
        is_refused && refusing.all(|refuses| refuses)
    }

    /// Whether a section belongs to a real folder or to something below it, there or not.
    pub fn is_fixed(&self, place: &Path) -> bool {
        let is_below = |folder: &PathBuf| folder.starts_with(place);
        self.sections.iter().any(|held| is_below(&held.folder) || held.covered.as_ref().is_some_and(is_below))
    }

    /// Where a path leads, the last link followed or not; `None` if that is out of bounds.
    pub fn follow(&self, path: &[String], last: bool, disk: &Disk) -> Option<Spot> {
        let mut ahead: Vec<(String, usize)> = path.iter().rev().map(|name| (name.clone(), 0)).collect();
        let (mut seen, mut links) = (Seen::new(), 0);
        while let Some((name, floor)) = ahead.pop() {
            let mount = self.mount_of(&seen);
            if name == ".." {
                let is_there = disk.is_folder(&self.place(mount, &seen)) || self.is_bare(&seen, disk);
                if seen == self.mounts[floor].path || !is_there {
                    return None;
                }
                seen.pop();
                continue;
            }
            seen.push(name);
            let mount = self.mount_of(&seen);
            let found = disk.at(&self.place(mount, &seen)).filter(|entry| entry.kind == Kind::Link);
            let Some(link) = found.filter(|_| last || !ahead.is_empty()) else { continue };
            seen.pop();
            links += 1;
            let target = String::from_utf8(link.content.clone()).unwrap();
            let target = if target.starts_with('/') {
                seen.clone_from(&self.mounts[mount].path);
                Path::new(&target).strip_prefix(&self.mounts[mount].home).ok()?.to_str().unwrap()
            } else {
                &target
            };
            let names = target.split('/').filter(|name| !matches!(*name, "" | "."));
            ahead.extend(names.rev().map(|name| (name.to_owned(), mount)));
            if links > 40 {
                return None;
            }
        }
        let mount = self.mount_of(&seen);
        let place = self.place(mount, &seen);
        self.mounts[mount].present.then_some(Spot { mount, seen, place, by_link: links > 0 })
    }

    /// The names that a folder shows by this way.
    pub fn names(&self, spot: &Spot, disk: &Disk) -> Vec<String> {
        let below = |name: &str| {
            let child: Seen = spot.seen.iter().cloned().chain([name.to_owned()]).collect();
            let mounts = self.mounts.iter().filter(move |mount| mount.path.starts_with(&child));
            let exact = self.mounts.iter().find(|mount| mount.path == [&spot.seen[..], &[name.to_owned()]].concat());
            (exact.map(|mount| mount.present), mounts.filter(|mount| mount.present).count() > 0)
        };
        let own = if self.is_bare(&spot.seen, disk) { Vec::new() } else { disk.names(&spot.place) };
        let depth = spot.seen.len();
        let extra = self.mounts.iter().filter(|mount| mount.path.starts_with(&spot.seen) && mount.path.len() > depth);
        let extra: Vec<String> = extra.map(|mount| mount.path[depth].clone()).collect();
        let mut names: Vec<String> = own.iter().chain(&extra).cloned().collect();
        names.sort();
        names.dedup();
        let hides = if self.is_bare(&spot.seen, disk) {
            self.by_text(&spot.seen).is_some_and(|section| self.sections[section].hides)
        } else {
            self.sections_of(&spot.place, spot.mount, disk).iter().all(|held| held.hides)
        };
        names.retain(|name| {
            let is_shown = match below(name) {
                (Some(present), _) => present,
                (None, leads) => leads || own.contains(name),
            };
            is_shown && !(hides && name.starts_with(['h', 'H']))
        });
        names
    }

    /// A path of the client that leads to a real place, if one does: covered or hidden or not.
    pub fn ways_to(&self, place: &Path) -> Vec<Seen> {
        let way = |mount: &Mount| {
            let inside = place.strip_prefix(&mount.home).ok()?;
            Some(
                mount.path.iter().cloned().chain(inside.iter().map(|name| name.to_str().unwrap().to_owned())).collect(),
            )
        };
        self.mounts.iter().filter_map(way).collect()
    }

    /// Whether more could be done with the bytes of a file there than here, as far as the kernel's jail can tell.
    pub fn gains(&self, here: &Path, there: &Path, disk: &Disk) -> bool {
        let above = self.sections.iter().filter(|held| here.parent().unwrap().starts_with(&held.folder));
        let here: String = above.map(|held| held.perms.as_str()).collect();
        let lacks = |letters: &[char]| !here.contains(letters);
        lacks(&['r', 'M', 'T']) && self.must(there, "r", disk)
            || lacks(&['w', 'a']) && (self.must(there, "w", disk) || self.must(there, "a", disk))
    }

    /// Whether an account has these letters in the folder around a place, whatever the way.
    fn must(&self, place: &Path, letters: &str, disk: &Disk) -> bool {
        (0..self.mounts.len())
            .filter(|mount| self.shows(*mount, place, disk))
            .all(|mount| self.deciding(place, mount, Whose::Around, disk).iter().all(|held| held.has(letters)))
    }

    /// All letters that the kernel's jail grants at a place: those of every section on the way up add up.
    pub fn jailed(&self, place: &Path) -> String {
        let above = self.sections.iter().filter(|held| held.known && place.starts_with(&held.folder));
        above.map(|held| held.perms.as_str()).collect()
    }
}

impl Held {
    fn has(&self, letters: &str) -> bool {
        letters.chars().all(|letter| self.perms.contains(letter))
    }
}

fn name_lower(place: &Path) -> String {
    place.file_name().unwrap_or_default().to_string_lossy().to_lowercase()
}
