//! The two sample files, as they are and with the answers of a person in them.

use std::path::Path;

/// The sample of ftpd.conf.
pub const SETTINGS: &str = include_str!("../../../ftpd.conf");
/// The sample of user.ini.
pub const ACCOUNTS: &str = include_str!("../../../user.ini");

/// Where the sample listens, as its passwords are known to everybody.
const LOOPBACK: &str = "\nip = 127.0.0.1\n";
const EVERYWHERE: &str = "\nip = 0.0.0.0, ::\n";

/// What the sample says before its accounts.
const KNOWN: &str = "# The passwords below are known to everybody";

/// Letters of an account that may do everything.
pub const LETTERS: &str = "elradfmwMT";

/// The sample of ftpd.conf, listening on every network.
pub fn settings_for_all_networks() -> String {
    SETTINGS.replace(LOOPBACK, EVERYWHERE)
}

/// The sample of user.ini with one account instead of its own.
pub fn accounts_of(name: &str, password: &str, home: &Path) -> String {
    let comments = ACCOUNTS.split(KNOWN).next().unwrap_or_default();
    format!(
        "{comments}# The password is stored as a hash; `ftpd hash-password` makes one of another password.\n\n\
         [{name}]\npassword = {password}\nperm = {LETTERS}\nhome = {}\n",
        home.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_samples_change_in_the_one_place_that_is_meant() {
        let changed: Vec<(&str, String)> = SETTINGS
            .lines()
            .zip(settings_for_all_networks().lines().map(str::to_owned))
            .filter(|(sample, written)| sample != written)
            .collect();
        assert_eq!(changed, [("ip = 127.0.0.1", "ip = 0.0.0.0, ::".to_owned())]);
        let written = accounts_of("ann", "$5$x", Path::new("/srv"));
        assert!(written.starts_with("# Accounts of ftpd") && written.contains("Letters of perm:"), "{written}");
        assert!(written.ends_with("\n\n[ann]\npassword = $5$x\nperm = elradfmwMT\nhome = /srv\n"), "{written}");
        assert!(!written.contains("123") && !written.contains("alex") && !written.contains("known to everybody"));
    }
}
