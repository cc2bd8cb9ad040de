//! Names of partials: the hidden files that hold an upload until it is whole.
//!
//! A partial is called `.ftpd-<16 hex>.part`. The digits are a hash of the account and the target's name, so an account
//! finds its own again after a broken connection or a restart, and no name grows too long.

use sha2::{Digest, Sha256};

const PREFIX: &[u8] = b".ftpd-";
const SUFFIX: &[u8] = b".part";
const DIGITS: usize = 16;

/// What an account's partial of a target is called; both are in the same folder.
pub fn name(account: &str, target: &[u8]) -> Vec<u8> {
    let hash = Sha256::new().chain_update(account).chain_update([0]).chain_update(target).finalize();
    let hex = hash.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| b"0123456789abcdef"[usize::from(digit)]);
    PREFIX.iter().copied().chain(hex.take(DIGITS)).chain(SUFFIX.iter().copied()).collect()
}

/// Whether this is the name of a partial, also as a disk that folds case would spell it.
pub fn is_partial(name: &[u8]) -> bool {
    let Some((prefix, rest)) = name.split_at_checked(PREFIX.len()) else { return false };
    let Some((digits, suffix)) = rest.split_at_checked(DIGITS) else { return false };
    prefix.eq_ignore_ascii_case(PREFIX)
        && suffix.eq_ignore_ascii_case(SUFFIX)
        && digits.iter().all(u8::is_ascii_hexdigit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_is_known_by_its_name_and_differs_by_account_and_target() {
        let one = name("bob", b"film.mp4");
        assert!(is_partial(&one) && is_partial(&one.to_ascii_uppercase()));
        assert_eq!(one, name("bob", b"film.mp4"));
        assert_ne!(one, name("eve", b"film.mp4"));
        assert_ne!(one, name("bob", b"film.mp5"));
        assert_ne!(name("a", b"b"), name("ab", b""));
        assert_eq!(one.len(), 27);
        for other in [&b".ftpd-0123456789abcdef.par"[..], b".ftpd-0123456789abcdeg.part", b".ftpd-.part", b"x", b""] {
            assert!(!is_partial(other));
        }
    }
}
