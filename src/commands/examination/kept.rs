//! Files that `keep` would remove if the server looked now.

use std::collections::BTreeMap;
use std::io;
use std::time::SystemTime;

use super::{ServerUser, Setup};
use crate::auth::accounts::Accounts;
use crate::auth::user::User;
use crate::ini::{self, Finding, Source};
use crate::protocol::plural::Plural;
use crate::share::tree::kept::{ExpiryCount, Homes, KeptPlace};

/// How many names are looked at for one line, so that a check takes seconds.
const MAX_NAMES: usize = 200_000;

/// What is known of the folders for which one line holds; in a section for all, each account has one of its own.
#[derive(Default)]
struct KeptLine {
    count: ExpiryCount,
    /// Why one of them can't be looked at.
    failed: Option<io::Error>,
}

/// For each line with `keep`, how many files it would remove now.
pub fn notes(subject: &Setup, server: &ServerUser) -> Vec<Finding> {
    let accounts = subject.users.accounts();
    let sources = accounts.all().flat_map(|user| sources(user));
    noted(subject, server, sources)
}

/// The same for the lines that are about one account.
pub fn about(subject: &Setup, server: &ServerUser, user: &User) -> Vec<Finding> {
    noted(subject, server, sources(user))
}

/// The lines that could have `keep`.
fn sources(user: &User) -> impl Iterator<Item = Source> {
    user.folders.iter().map(|section| section.source("keep")).chain([user.source("keep")])
}

fn noted(subject: &Setup, server: &ServerUser, sources: impl Iterator<Item = Source>) -> Vec<Finding> {
    let sources: BTreeMap<String, Source> = sources.map(|source| (source.to_string(), source)).collect();
    let told = server.run(|| by_line(&subject.users.accounts(), &server.name)).unwrap_or_default();
    told.into_iter().filter_map(|(line, told)| Some(Finding::note(sources.get(&line)?, told))).collect()
}

/// What is to be said of each line.
fn by_line(accounts: &Accounts, who: &str) -> Vec<(String, String)> {
    let (now, homes) = (SystemTime::now(), Homes::default());
    let mut lines: BTreeMap<String, KeptLine> = BTreeMap::new();
    let mut told = Vec::new();
    for place in KeptPlace::all_of(accounts, &homes) {
        let source = &place.folder.line;
        let outdone = |line| (line, format!("{source} is about the same folder, and files stay that long"));
        told.extend(place.outdone.iter().cloned().map(outdone));
        let Some(expiry) = place.expiry(now) else { continue };
        let line = lines.entry(source.clone()).or_default();
        match expiry.count(MAX_NAMES - line.count.names) {
            Ok(count) => line.count += count,
            Err(error) => line.failed = Some(error),
        }
    }
    told.extend(lines.into_iter().map(|(source, line)| (source, line.told(who))));
    told
}

impl KeptLine {
    fn told(&self, who: &str) -> String {
        let ExpiryCount { files, names, unreadable } = self.count;
        let (files, is_whole) = (Plural(files, "file"), names < MAX_NAMES);
        let told = match (self.count.files, is_whole) {
            (0, true) => "no file would be removed now".to_owned(),
            (_, true) => format!("{files} arrived longer ago, and would be removed now"),
            (_, false) => {
                format!(
                    "{files} of the first {names} arrived longer ago, and would be removed now; the rest was not looked at"
                )
            }
        };
        match (&self.failed, unreadable) {
            (Some(error), _) => format!("{told}; the user {who} can't read the folder: {}", ini::without_number(error)),
            (None, 0) => told,
            (None, _) => format!("{told}; the user {who} can't read {} there", Plural(unreadable, "folder")),
        }
    }
}
