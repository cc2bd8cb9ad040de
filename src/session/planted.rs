//! Not a feature: a hole as a careless handler would leave one, so that a test can show what the jail is worth.
//!
//! `SITE READ <path>` and `SITE WRITE <path>` take any path of the machine past the directory handle, and `SITE PANIC` is a
//! mistake in the program. Only builds with the feature `planted-bug` have them, and those can't be release builds.

use std::fs;
use std::path::Path;

use crate::protocol::reply::Reply;

#[cfg(not(debug_assertions))]
compile_error!("planted-bug is a hole for tests: it must never be in a release");

/// The answer to a planted command; `None` for any other line.
pub fn answer(line: &str) -> Option<Reply> {
    assert!(line != "SITE PANIC", "a planted panic");
    let done = if let Some(path) = line.strip_prefix("SITE READ ") {
        fs::read(path).map(|content| content.escape_ascii().to_string())
    } else {
        let path = Path::new(line.strip_prefix("SITE WRITE ")?);
        fs::write(path, "planted").map(|()| "written".to_owned())
    };
    Some(done.map_or_else(|error| Reply::new(550, format!("{:?}", error.kind())), |text| Reply::new(200, text)))
}
