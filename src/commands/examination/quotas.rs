//! Quotas that are used up already: the folders are walked through, for as long as a person waits.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::ServerUser;
use crate::auth::user::User;
use crate::ini::{Finding, Source};
use crate::protocol::plural::Plural;
use crate::share::tree::fill::{Fill, FillCount};

/// The time for all walks.
const PATIENCE: Duration = Duration::from_secs(5);

/// The quotas of these accounts that leave no room, or of which that could not be found out in time.
pub fn findings<'u>(users: impl Iterator<Item = &'u User> + Send, server: &ServerUser) -> Vec<Finding> {
    super::tried(server, || about(users))
}

/// The same, as the calling thread sees it.
pub fn about<'u>(users: impl Iterator<Item = &'u User>) -> Vec<Finding> {
    within(PATIENCE, users)
}

fn within<'u>(patience: Duration, users: impl Iterator<Item = &'u User>) -> Vec<Finding> {
    let mut count = FillCount::new(Instant::now() + patience);
    // Accounts may have a section in common.
    let mut found: BTreeMap<String, Finding> = BTreeMap::new();
    for user in users.filter(|user| user.has_sections()) {
        for fill in count.of(user) {
            let source = fill.written.as_ref().map_or_else(|| user.source("quota"), |rule| rule.source("quota"));
            found.extend(judge(&fill, &source).map(|finding| (source.place(), finding)));
        }
    }
    found.into_values().collect()
}

fn judge(fill: &Fill, source: &Source) -> Option<Finding> {
    let (path, bytes) = (fill.path.display(), Plural(fill.bytes, "byte"));
    if fill.bytes >= fill.most {
        let least = if fill.is_whole { "" } else { "at least " };
        let reason = format!("it is used up: {path} holds {least}{bytes}, so that no upload fits");
        return Some(Finding::warning(source, reason).fix("make room there, or write a larger quota"));
    }
    (!fill.is_whole).then(|| {
        let reason = format!(
            "whether it is used up is not known: to count {path} takes longer than {} seconds, {bytes} are found so far",
            PATIENCE.as_secs()
        );
        Finding::note(source, reason)
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::auth::user::Terms;
    use crate::auth::users::Users;

    #[test]
    fn a_quota_that_is_used_up_is_told_of_and_so_is_one_that_takes_too_long_to_count() {
        let top = tempfile::tempdir().unwrap();
        fs::create_dir_all(top.path().join("home/in")).unwrap();
        fs::create_dir(top.path().join("pub")).unwrap();
        fs::write(top.path().join("home/in/a"), [0; 600]).unwrap();
        fs::write(top.path().join("home/b"), [0; 399]).unwrap();
        fs::write(top.path().join("pub/c"), [0; 2000]).unwrap();
        let account = |name: &str| format!("[{name}]\npassword = secret\nperm = elw\nhome = home\nquota = 1000\n");
        let text = format!(
            "{}[bob /in]\nquota = 600\n[bob /none]\nquota = 1\n[* /pub]\nhome = pub\nquota = 2K\n{}",
            account("bob"),
            account("eve")
        );
        let path = top.path().join("user.ini");
        fs::write(&path, text).unwrap();
        let users = Users::load(Some(&path), Terms::default()).unwrap();
        let told = |patience: Duration| -> Vec<String> {
            let accounts = users.accounts();
            let found = within(patience, accounts.all().map(AsRef::as_ref));
            let shown = |finding: &Finding| finding.to_string().replace(&format!("{}/", top.path().display()), "");
            found.iter().map(shown).collect()
        };
        let full = |line: u8| {
            format!(
                "warning: user.ini:{line}: quota: it is used up: home/in holds 600 bytes, so that no upload fits; make room \
                 there, or write a larger quota"
            )
        };
        assert_eq!(told(Duration::from_secs(600)), [full(7)]);
        fs::write(top.path().join("home/b"), [0; 400]).unwrap();
        assert_eq!(told(Duration::from_secs(600)).len(), 3);
        let hasty = told(Duration::ZERO);
        assert!(hasty.iter().any(|line| line.contains("takes longer than 5 seconds")), "{hasty:?}");
    }
}
