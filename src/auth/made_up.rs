//! Passwords that the server makes up for a person, shown once.

/// Characters that nobody takes for another one: no `0` and `o`, no `1`, `i` and `l`, no capital letters.
const EASY: &[u8; 31] = b"abcdefghjkmnpqrstuvwxyz23456789";

/// Characters of a password: with 31 to choose from, 59 bits.
const LENGTH: usize = 12;

/// Makes up a password of 12 characters that are easy to read and to type; fails only if the system has no randomness.
pub fn made_up() -> Result<String, String> {
    loop {
        let mut random = [0; 8 * LENGTH];
        getrandom::fill(&mut random).map_err(|error| format!("the system has no random numbers: {error}"))?;
        if let Some(password) = from_random(&random) {
            return Ok(password);
        }
    }
}

/// The password that these random bytes make, each one as likely as any other; `None` if they are too few. Bytes above the
/// largest multiple of 31 are left out, as they would make some characters likelier.
fn from_random(random: &[u8]) -> Option<String> {
    let fair = random.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < 256 - 256 % EASY.len());
    let password: String = fair.take(LENGTH).map(|byte| char::from(EASY[byte % EASY.len()])).collect();
    (password.len() == LENGTH).then_some(password)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn each_character_is_as_likely_as_any_other() {
        let mut seen: BTreeMap<char, usize> = BTreeMap::new();
        for byte in 0..=u8::MAX {
            let password = from_random(&[byte; LENGTH]);
            password.iter().flat_map(|text| text.chars()).for_each(|c| *seen.entry(c).or_default() += 1);
        }
        assert_eq!(seen.len(), EASY.len());
        assert!(seen.values().all(|count| *count == 8 * LENGTH), "{seen:?}");
    }

    #[test]
    fn bytes_that_are_unfair_are_left_out_and_too_few_make_none() {
        let mut random = [0; LENGTH + 1];
        random[3] = 248;
        random[4] = 247;
        assert_eq!(from_random(&random).as_deref(), Some("aaa9aaaaaaaa"));
        assert_eq!(from_random(&random[1..]), None);
    }

    #[test]
    fn no_two_are_the_same_and_none_is_mistyped() {
        let (one, other) = (made_up().unwrap(), made_up().unwrap());
        assert!(one.len() == 12 && one != other, "{one} {other}");
        assert!(!format!("{one}{other}").contains(|c: char| "0o1il".contains(c) || c.is_uppercase()), "{one} {other}");
    }
}
