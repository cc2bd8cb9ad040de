//! Sections of folders: those that are of no use, and what the kernel can't hold of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::auth::account_folders::AccountFolder;
use crate::auth::accounts::Accounts;
use crate::auth::folders::FolderKeys;
use crate::auth::perm::{Perm, Perms};
use crate::auth::user::User;
use crate::ini::{Finding, Source, shell_word};
use crate::protocol::legible::Legible;
use crate::sys::route::Route;

/// Keys that are about what clients send, and the letters of which one lets them.
const ABOUT_UPLOADS: [(&str, &[Perm]); 3] = [
    ("quota", &[Perm::Write, Perm::Append]),
    ("refuse", &[Perm::Write, Perm::MakeDir, Perm::Rename]),
    ("on_upload", &[Perm::Write, Perm::Append]),
];

/// Rights of the kernel's jail only add up downwards.
const HELD: &str = "ftpd holds to them, the kernel's jail can't; nothing to do";

/// Sections that no client ever notices, in whatever account they hold.
pub fn unnoticed(accounts: &Accounts) -> Vec<Finding> {
    // One section may hold for many accounts.
    let mut of_all: BTreeMap<(String, &str), Vec<Option<Finding>>> = BTreeMap::new();
    for user in accounts.all() {
        for (source, key, finding) in judged(user) {
            of_all.entry((source.place(), key)).or_default().push(finding);
        }
    }
    let is_of_no_use = |found: Vec<Option<Finding>>| found.into_iter().collect::<Option<Vec<_>>>()?.into_iter().next();
    of_all.into_values().filter_map(is_of_no_use).collect()
}

/// The same for one account.
pub fn unnoticed_by(user: &User) -> Vec<Finding> {
    judged(user).into_iter().filter_map(|(_, _, finding)| finding).collect()
}

/// Each line of an account's folder sections that could be of no use, and whether it is, for this account.
fn judged(user: &User) -> Vec<(Source, &'static str, Option<Finding>)> {
    let folders = user.all_folders();
    let mut judged = Vec::new();
    for (at, folder) in folders.iter().enumerate() {
        let (Some(section), Some(above)) = (folder.section, folder.above) else { continue };
        judged.push((
            section.begin(),
            "",
            hidden(folder, &folders[above]).or_else(|| mistaken(folder, &folders[above])),
        ));
        for (key, letters) in ABOUT_UPLOADS {
            if folder.rules.iter().any(|(known, source)| *known == key && *source == section.source(key)) {
                let lets = |perms: Perms| letters.iter().any(|perm| perms.has(*perm));
                let is_used = below(&folders, at).any(|folder| lets(folder.perms));
                let reason = "no letter lets clients make a file there";
                let finding =
                    (!is_used).then(|| Finding::warning(&section.source(key), reason).fix("w in perm lets them"));
                judged.push((section.source(key), key, finding));
            }
        }
    }
    judged
}

/// A folder and those that a key of it reaches: in its mount, and below it.
fn below<'f, 'u>(folders: &'f [AccountFolder<'u>], at: usize) -> impl Iterator<Item = &'f AccountFolder<'u>> {
    let is_reached = move |folder: &AccountFolder| {
        let mut folder = folder;
        loop {
            match folder.above {
                Some(above) if above == at && !folder.is_mount() => return true,
                Some(above) if above > at && !folder.is_mount() => folder = &folders[above],
                _ => return false,
            }
        }
    };
    folders[at..]
        .iter()
        .enumerate()
        .filter(move |(number, folder)| *number == 0 || is_reached(folder))
        .map(|(_, folder)| folder)
}

/// A section for a name that does not exist for clients.
fn hidden(folder: &AccountFolder, above: &AccountFolder) -> Option<Finding> {
    let hide = above.hide?;
    let rest = folder.path.below(&above.path)?;
    let name = rest.split(|byte| *byte == b'/').find(|name| hide.hides(name))?;
    let line = above.rules.iter().find(|(key, _)| *key == "hide").map(|(_, source)| source.to_string());
    let reason = format!("clients can't reach it: {} is hidden by {}", Legible(name), line.unwrap_or_default());
    Some(Finding::warning(&folder.section?.begin(), reason))
}

/// A path that is written as it is on the disk, or in another case than that of its folder.
fn mistaken(folder: &AccountFolder, above: &AccountFolder) -> Option<Finding> {
    let section = folder.section.filter(|_| !folder.real.exists() || folder.is_mount())?;
    let warning = |reason: String, path: &str| {
        let title = section.title().replace(&String::from_utf8_lossy(section.path.as_bytes()).into_owned(), path);
        Finding::warning(&section.begin(), reason).fix(format!("write {title}"))
    };
    let path = str::from_utf8(section.path.as_bytes()).ok()?;
    let home = &folder.user.home;
    if let Ok(below) = Path::new(path).strip_prefix(home)
        && home.parent().is_some()
        && !home.join(path.trim_start_matches('/')).exists()
    {
        let meant = format!("/{}", below.display());
        let reason = format!("a path is as clients see it, without the home {}", home.display());
        return Some(match below.as_os_str().is_empty() {
            false => warning(reason, &meant),
            true => {
                Finding::warning(&section.begin(), reason).fix(format!("put its keys below [{}]", folder.user.name))
            }
        });
    }
    let rest = str::from_utf8(section.path.below(&above.path)?).ok().filter(|_| !folder.is_mount())?;
    let other = in_other_case(&above.real, rest)?;
    let meant = format!("{}{other}", path.strip_suffix(rest)?);
    Some(warning(format!("there is no folder {rest}, but {other}: did you mean that?"), &meant))
}

/// A folder below another one whose path differs from this one in the case of letters alone.
fn in_other_case(folder: &Path, path: &str) -> Option<String> {
    let mut real = folder.to_owned();
    for name in path.split('/') {
        let is_same = |entry: &String| entry.to_lowercase() == name.to_lowercase();
        let entries = || fs::read_dir(&real).into_iter().flatten().flatten();
        let others =
            || entries().filter(|entry| entry.path().is_dir()).filter_map(|entry| entry.file_name().into_string().ok());
        let name = if real.join(name).is_dir() { name.to_owned() } else { others().find(is_same)? };
        real.push(name);
    }
    Some(real.strip_prefix(folder).ok()?.to_str()?.to_owned()).filter(|other| other != path)
}

/// What is good to know of folders: letters that only the server's own checks hold, and mounts that lie in others.
pub fn notes<'a>(users: impl Iterator<Item = &'a User>) -> Vec<Finding> {
    let mut notes: BTreeMap<(String, u8), Finding> = BTreeMap::new();
    for user in users {
        let folders = user.all_folders();
        let places: Vec<Option<PathBuf>> = folders.iter().map(place).collect();
        for (at, folder) in folders.iter().enumerate() {
            // Accounts may have a section in common, which is told of once.
            let mut note = |kind: u8, found: Option<Finding>| {
                let found = found.map(|found| ((folder.source().place(), kind), found));
                notes.extend(found);
            };
            if folder.is_mount() {
                note(0, in_mount(folder, &folders));
                note(1, within(at, &folders, &places));
            } else {
                note(1, narrower(folder));
                note(2, not_makable(folder, &folders));
            }
            note(3, not_listed(folder));
        }
    }
    notes.into_values().collect()
}

/// Where the folder of a mount really is.
fn place(folder: &AccountFolder) -> Option<PathBuf> {
    let route = folder.is_mount().then(|| Route::to(&folder.real).ok())??;
    route.end().is_dir().then(|| route.end().to_owned())
}

/// A rule that takes letters away from what holds above it.
fn narrower(folder: &AccountFolder) -> Option<Finding> {
    let section = folder.section.filter(|section| section.perms.is_some())?;
    let taken = taken(folder.letters_above, folder.perms)?;
    let reason = format!("fewer letters than in the folder around it (no '{taken}'): {HELD}");
    Some(Finding::note(&section.source("perm"), reason))
}

/// A rule whose folder is not there, and which no client can make. One that only gives letters says by itself that its folder is
/// to come.
fn not_makable(folder: &AccountFolder, folders: &[AccountFolder]) -> Option<Finding> {
    // One for all accounts is for as many folders.
    let section = folder.section.filter(|section| !section.is_for_all() && !folder.real.exists())?;
    let tells_of_folder = match section.perms {
        Some(perms) => taken(folder.letters_above, perms).is_some(),
        None => section.keys != FolderKeys::default(),
    };
    (tells_of_folder && !folder.may_be_made(folders)).then(|| {
        let reason = format!("{} is not there, and no letter lets clients make it", folder.real.display());
        Finding::note(&section.begin(), reason).fix(format!("mkdir -p {}", shell_word(&folder.real)))
    })
}

/// Letters that are not enough for what most clients do first; of the account's own, its reader warns.
fn not_listed(folder: &AccountFolder) -> Option<Finding> {
    let section = folder.section.filter(|section| section.perms.is_some())?;
    let lacking: String = [Perm::Enter, Perm::List]
        .into_iter()
        .filter(|perm| !folder.perms.has(*perm))
        .map(|perm| format!("'{}'", perm.letter()))
        .collect::<Vec<_>>()
        .join(" and ");
    let fail = match (folder.perms.has(Perm::Enter), folder.perms.has(Perm::List)) {
        (true, true) => return None,
        (false, false) => "change into this folder (CWD) or list it first",
        (false, true) => "change into this folder (CWD) first",
        (true, false) => "list this folder first",
    };
    Some(Finding::note(&section.source("perm"), format!("without {lacking}, clients that {fail} will fail")))
}

/// The letters of `above` that are not in `perms`, if there are any.
fn taken(above: Perms, perms: Perms) -> Option<String> {
    let taken: String = above.granted().filter(|perm| !perms.has(*perm)).map(Perm::letter).collect();
    (!taken.is_empty()).then_some(taken)
}

/// A mount at a place in another one.
fn in_mount(folder: &AccountFolder, folders: &[AccountFolder]) -> Option<Finding> {
    let section = folder.section?;
    let is_around = |other: &&AccountFolder| other.is_mount() && folder.path.below(&other.path).is_some();
    let around = folders.iter().rev().find(is_around).filter(|around| around.section.is_some())?;
    let reason = format!("it is a mount in the mount {}, of which only the letters reach it", around.title());
    Some(Finding::note(&section.source("home"), reason))
}

/// A mount whose folder lies in that of another one, or is the same.
fn within(at: usize, folders: &[AccountFolder], places: &[Option<PathBuf>]) -> Option<Finding> {
    let (folder, place) = (&folders[at], places[at].as_deref()?);
    let section = folder.section?;
    let others = folders.iter().zip(places).enumerate().filter_map(|(number, (other, real))| {
        // Of two that are the same, the second is told of.
        let real = real.as_deref().filter(|real| number < at || (number > at && *real != place))?;
        Some((other, real))
    });
    let around = others.filter(|(_, other)| place.starts_with(other));
    let (around, other) = around.max_by_key(|(_, other)| other.as_os_str().len())?;
    let reason = match other == place {
        true => format!("its folder is that of {}, too", around.title()),
        false => format!("its folder lies in that of {}: what is in it has two paths there", around.title()),
    };
    let reason = match taken(around.letters_above.with(around.perms), folder.perms) {
        Some(taken) => {
            format!("{reason}; fewer letters here than there (no '{taken}'): {HELD}")
        }
        None => reason,
    };
    Some(Finding::note(&section.source("home"), reason))
}
