//! Stored passwords: plain text, or a hash that another tool or `ftpd hash-password` has made.
//!
//! A damaged hash is found when it is read; checking a candidate then never fails and never panics. How long a check takes
//! is estimated, so that `users` can make an unknown name take as long as a known one.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use argon2::{Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier};
use bcrypt::HashParts;
use parking_lot::{Condvar, Mutex};
use sha_crypt::{PasswordHashRef, ShaCrypt};
use subtle::{Choice, ConstantTimeEq};

use crate::ini::{Mistake, Value};

/// A password as user.ini holds it; prints as `***`. Two are equal if they are written the same.
#[derive(PartialEq)]
pub struct StoredPassword {
    scheme: Scheme,
    cost: Duration,
}

#[derive(PartialEq)]
enum Scheme {
    Plain(String),
    Argon2(Box<PasswordHash>),
    Bcrypt(String),
    ShaCrypt(String),
}

/// Reads a hash of one scheme, or says what is wrong with it.
type Reader = fn(&str) -> Result<StoredPassword, Mistake>;

/// The schemes that a hash may have: its `id`, and what reads it.
const SCHEMES: [(&str, Reader); 6] =
    [("argon2id", argon2id), ("2a", bcrypt), ("2b", bcrypt), ("2y", bcrypt), ("5", sha256_crypt), ("6", sha512_crypt)];

/// Schemes of other programs.
const OTHERS: [&str; 12] = ["1", "y", "gy", "7", "apr1", "2", "2x", "3", "md5", "sha1", "argon2i", "argon2d"];

/// Bytes of argon2id values below 32; a value of another length was cut off.
const USUAL_LENGTHS: [usize; 3] = [16, 20, 24];

/// A hash whose check would take longer is refused: it would block the thread of a session.
const MOST_TIME: Duration = Duration::from_secs(10);

/// Maximum memory of one check in KiB: 1 GiB.
const MOST_MEMORY: u32 = 1 << 20;

impl StoredPassword {
    /// Reads a password: `$id$…` is a hash and must be valid and of a known scheme, anything else is the password itself.
    /// The error never contains the password.
    pub fn parse(text: &str) -> Result<StoredPassword, Mistake> {
        if text.is_empty() {
            return Err(Mistake::new("an empty password is not allowed"));
        }
        let Some(id) = scheme_id(text) else {
            return Ok(StoredPassword { scheme: Scheme::Plain(text.to_owned()), cost: Duration::from_nanos(100) });
        };
        let Some((_, read)) = SCHEMES.iter().find(|(known, _)| *known == id) else {
            let known = SCHEMES.map(|(id, _)| format!("${id}$")).join(" ");
            // Of a password that only looks like a hash nothing is repeated.
            let id = if OTHERS.contains(&id) { format!("${id}$ ") } else { String::new() };
            return Err(format!("unknown kind of hash {id}(known: {known}; `ftpd hash-password` makes one)").into());
        };
        let password = read(text)?;
        if password.cost > MOST_TIME {
            return Err(format!("a check of this hash would take about {} seconds", password.cost.as_secs()).into());
        }
        Ok(password)
    }

    /// Whether `candidate` is the password. All wrong ones of the same length take the same time. As in every
    /// implementation, bcrypt uses the first 72 bytes only.
    pub fn verify(&self, candidate: &[u8]) -> bool {
        let same = match self.plain() {
            Some(secret) => same_bytes(secret.as_bytes(), candidate),
            None => self.verify_hash(candidate),
        };
        // A C string ends at a NUL, so anything could follow it.
        same && !candidate.contains(&0)
    }

    #[inline(never)]
    fn verify_hash(&self, candidate: &[u8]) -> bool {
        match &self.scheme {
            Scheme::Plain(_) => false,
            Scheme::Argon2(hash) => Argon2::default().verify_password(candidate, hash.as_ref()).is_ok(),
            Scheme::Bcrypt(hash) => bcrypt::verify(candidate, hash).unwrap_or(false),
            Scheme::ShaCrypt(hash) => ShaCrypt::default().verify_password(candidate, hash.as_str()).is_ok(),
        }
    }

    /// Roughly how long one check takes: good enough to find the most expensive one of a file.
    pub fn cost(&self) -> Duration {
        self.cost
    }

    /// The password itself, `None` for a hash.
    pub fn plain(&self) -> Option<&str> {
        match &self.scheme {
            Scheme::Plain(secret) => Some(secret),
            Scheme::Argon2(_) | Scheme::Bcrypt(_) | Scheme::ShaCrypt(_) => None,
        }
    }
}

impl Value for StoredPassword {
    fn parse(text: &str, _: &Path) -> Result<StoredPassword, Mistake> {
        StoredPassword::parse(text)
    }
}

impl fmt::Debug for StoredPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Checks of hashed passwords. Their number at once is limited, because each takes a processor and a lot of memory.
pub struct Checks {
    free: Mutex<usize>,
    returned: Condvar,
    started: AtomicUsize,
}

impl Checks {
    /// Allows `at_once` checks of hashes at the same time.
    pub fn new(at_once: usize) -> Checks {
        Checks { free: Mutex::new(at_once), returned: Condvar::new(), started: AtomicUsize::new(0) }
    }

    /// Whether `candidate` is the password. The check of a hash waits for its turn; `None` means that it had to wait until
    /// `deadline`.
    pub fn run(&self, stored: &StoredPassword, candidate: &[u8], deadline: Instant) -> Option<bool> {
        if stored.plain().is_some() {
            return Some(stored.verify(candidate));
        }
        let _turn = self.turn(deadline)?;
        self.started.fetch_add(1, Ordering::Relaxed);
        Some(stored.verify(candidate))
    }

    /// How many checks of hashes have been started.
    pub fn started(&self) -> usize {
        self.started.load(Ordering::Relaxed)
    }

    fn turn(&self, deadline: Instant) -> Option<Permit<'_>> {
        let mut free = self.free.lock();
        self.returned.wait_while_until(&mut free, |free| *free == 0, deadline);
        *free = free.checked_sub(1)?;
        Some(Permit(self))
    }
}

/// The right to check one password, given back on drop.
struct Permit<'a>(&'a Checks);

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        *self.0.free.lock() += 1;
        self.0.returned.notify_one();
    }
}

/// Makes an argon2id hash of `password` with a new salt, in PHC form; fails only if the system has no randomness.
pub fn hash(password: &str) -> Result<String, String> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| error.to_string())
}

/// The `id` of `$id$…`.
fn scheme_id(text: &str) -> Option<&str> {
    let (id, _) = text.strip_prefix('$')?.split_once('$')?;
    let plausible = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    plausible.then_some(id)
}

fn argon2id(text: &str) -> Result<StoredPassword, Mistake> {
    let damaged = |error: &dyn fmt::Display| Mistake::new(format!("the argon2id hash is damaged: {error}"));
    let hash = PasswordHash::new(text).map_err(|error| damaged(&error))?;
    let params = Params::try_from(&hash).map_err(|error| damaged(&error))?;
    if hash.salt.as_ref().is_none_or(|salt| salt.len() < argon2::MIN_SALT_LEN) || hash.hash.is_none() {
        return Err(damaged(&"its salt or its value is missing"));
    } else if hash.hash.as_ref().is_some_and(|value| value.len() < 32 && !USUAL_LENGTHS.contains(&value.len())) {
        return Err(damaged(&"its value is too short; was it cut off?").fix("`ftpd hash-password` makes a new one"));
    } else if !matches!(hash.version, None | Some(16 | 19)) {
        return Err(damaged(&"its version is neither 16 nor 19"));
    } else if params.m_cost() > MOST_MEMORY {
        return Err(format!(
            "the argon2id hash asks for {} KiB of memory, at most {MOST_MEMORY} is allowed",
            params.m_cost()
        )
        .into());
    }
    let blocks = u64::from(params.m_cost()) * u64::from(params.t_cost());
    Ok(StoredPassword {
        scheme: Scheme::Argon2(Box::new(hash)),
        cost: Duration::from_nanos(blocks.saturating_mul(600)),
    })
}

fn bcrypt(text: &str) -> Result<StoredPassword, Mistake> {
    let parts =
        HashParts::from_str(text).map_err(|error| Mistake::new(format!("the bcrypt hash is damaged: {error}")))?;
    let cost = parts.get_cost();
    if !(4..=31).contains(&cost) {
        return Err(format!("the bcrypt hash is damaged: its cost is {cost}, not 4 to 31").into());
    }
    Ok(StoredPassword { scheme: Scheme::Bcrypt(text.to_owned()), cost: Duration::from_micros(55 << cost) })
}

fn sha256_crypt(text: &str) -> Result<StoredPassword, Mistake> {
    // 43 characters are 258 bits, two more than there are: the last one is below 16.
    sha_crypt(text, 43, "./0123456789ABCD")
}

fn sha512_crypt(text: &str) -> Result<StoredPassword, Mistake> {
    // 86 characters are 516 bits, four more than there are: the last one is below 4.
    sha_crypt(text, 86, "./01")
}

fn sha_crypt(text: &str, length: usize, last: &str) -> Result<StoredPassword, Mistake> {
    let damaged = |reason: &str| Mistake::new(format!("the sha-crypt hash is damaged: {reason}"));
    let fields: Vec<&str> = text.split('$').skip(2).collect();
    let (rounds, salt, value) = match fields[..] {
        [salt, value] => (5_000, salt, value),
        [rounds, salt, value] => {
            let rounds = rounds.strip_prefix("rounds=").and_then(|rounds| rounds.parse::<u32>().ok());
            let rounds = rounds.and_then(|rounds| sha_crypt::Params::new(rounds).is_ok().then_some(rounds));
            (rounds.ok_or_else(|| damaged("its rounds are not a number from 1000 to 999999999"))?, salt, value)
        }
        _ => return Err(damaged("it is not of the form $6$salt$value")),
    };
    if salt.is_empty() || PasswordHashRef::new(text).is_err() {
        return Err(damaged("its salt or its value is missing or has a wrong character"));
    } else if value.len() != length || !value.ends_with(|c| last.contains(c)) || value.contains(['+', '=', ',', '-']) {
        return Err(damaged(&format!("its value is not one of {length} characters")));
    }
    Ok(StoredPassword {
        scheme: Scheme::ShaCrypt(text.to_owned()),
        cost: Duration::from_nanos(u64::from(rounds) * 500),
    })
}

/// Compares in a time that depends on the length of `candidate` alone.
fn same_bytes(secret: &[u8], candidate: &[u8]) -> bool {
    let pairs = secret.iter().cycle().zip(candidate);
    let same = pairs.fold(Choice::from(1), |same, (one, other)| same & one.ct_eq(other));
    (same & secret.len().ct_eq(&candidate.len())).into()
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::auth::samples::ARGON2;

    const SHA512: &str =
        "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1";
    const BCRYPT_LONG: &str = "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui";

    fn stored(text: &str) -> StoredPassword {
        StoredPassword::parse(text).unwrap()
    }

    #[test]
    fn published_vectors_of_every_scheme_verify() {
        let cases = [
            ("123", "123"),
            ("päss #;=", "päss #;="),
            ("$ecret", "$ecret"),
            ("$$x", "$$x"),
            (ARGON2, "password"),
            (SHA512, "Hello world!"),
            ("$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "Hello world!"),
            (
                "$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.",
                "Hello world!",
            ),
            ("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"),
            ("$2b$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK", "U*U*"),
            ("$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"),
        ];
        for (text, password) in cases {
            let stored = stored(text);
            assert!(stored.verify(password.as_bytes()), "{text}");
            for wrong in
                ["", "x", &password[1..], &format!("{password}x"), &format!("{password}\0"), &password.repeat(2)]
            {
                assert!(!stored.verify(wrong.as_bytes()), "{text} {wrong:?}");
            }
        }
    }

    #[test]
    fn bcrypt_looks_at_72_bytes() {
        let long = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789chars after 72 are ignored";
        let stored = stored(BCRYPT_LONG);
        assert!(stored.verify(long.as_bytes()) && stored.verify(&long.as_bytes()[..72]));
        assert!(!stored.verify(&long.as_bytes()[..71]));
    }

    /// bcrypt appends a NUL to the password and repeats both, so it can't tell these two apart.
    #[test]
    fn nothing_may_follow_a_nul() {
        let stored = stored("$2b$04$abcdefghijklmnopqrstuusO8G9lOj7vCr.2PyrcIYgmp6wf.YI2W");
        assert!(stored.verify(b"correct horse; #battery"));
        assert!(!stored.verify(b"correct horse; #battery\0correct horse; #battery"));
        assert!(!stored.verify(b"correct horse; #battery\0"));
    }

    #[test]
    fn what_is_not_a_sound_hash_of_a_known_scheme_is_refused() {
        let cases = [
            ("", "empty"),
            ("$1$abc$def", "unknown kind of hash $1$ (known: $argon2id$ $2a$"),
            ("$y$j9T$x$y", "unknown kind of hash $y$"),
            ("$apr1$x$y", "unknown kind of hash $apr1$"),
            ("$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "unknown kind"),
            ("$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR", "unknown kind"),
            ("$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ", "damaged"),
            ("$argon2id$v=19$m=256,t=2,p=1", "damaged"),
            ("$argon2id$", "damaged"),
            ("$argon2id$v=18$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "damaged"),
            ("$argon2id$v=19$m=4,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "damaged"),
            ("$argon2id$v=19$m=1048577,t=1,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "memory"),
            ("$argon2id$v=19$m=1048576,t=4000,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "seconds"),
            ("$2b$", "damaged"),
            ("$2b$03$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "4 to 31"),
            ("$2b$99$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "4 to 31"),
            ("$2b$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "seconds"),
            ("$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe", "damaged"),
            ("$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOé", "damaged"),
            ("$5$", "damaged"),
            ("$5$salt$short", "43 characters"),
            ("$5$$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "salt"),
            ("$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEcz", "43 characters"),
            ("$5$rounds=999$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "rounds"),
            ("$5$rounds=999999999$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "seconds"),
            ("$6$a$b$c$d", "form"),
        ];
        for (text, part) in cases {
            let reason = StoredPassword::parse(text).err().unwrap_or_else(|| panic!("{text} is taken"));
            assert!(reason.reason.contains(part), "{text}: {reason:?}");
        }
    }

    #[test]
    fn a_fresh_hash_verifies_and_is_never_the_same_twice() {
        let (one, other) = (hash("secret").unwrap(), hash("secret").unwrap());
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$") && one != other);
        assert!(stored(&one).verify(b"secret"));
    }

    #[test]
    fn a_password_never_shows_in_debug() {
        for text in ["secret", ARGON2] {
            assert_eq!(format!("{:?}", stored(text)), "***");
        }
    }

    #[test]
    fn only_plain_passwords_have_a_length() {
        assert_eq!(stored("pässword").plain(), Some("pässword"));
        assert_eq!(stored(ARGON2).plain(), None);
    }

    #[test]
    fn slower_schemes_cost_more() {
        let costs = ["x", BCRYPT_LONG, SHA512].map(|text| stored(text).cost());
        assert!(costs[0] < costs[1] && costs[1] < costs[2], "{costs:?}");
    }

    #[test]
    fn hashes_wait_for_their_turn_and_plain_passwords_do_not() {
        let checks = Checks::new(1);
        let turn = checks.turn(Instant::now()).unwrap();
        assert_eq!(checks.run(&stored(BCRYPT_LONG), b"x", Instant::now()), None);
        assert_eq!(checks.run(&stored("x"), b"x", Instant::now()), Some(true));
        thread::scope(|scope| {
            let waiting =
                scope.spawn(|| checks.run(&stored(BCRYPT_LONG), b"x", Instant::now() + Duration::from_secs(60)));
            drop(turn);
            assert_eq!(waiting.join().unwrap(), Some(false));
        });
        assert_eq!((checks.started(), *checks.free.lock()), (1, 1));
    }
}
