//! Findings of the checks that are about no line of a file.

use crate::ini::{Finding, Source};

/// Keeps the server, an account or a client from working.
pub fn wrong(reason: impl Into<String>) -> Finding {
    Finding::error(&Source::file(""), reason)
}

/// Is good to know.
pub fn note(reason: impl Into<String>) -> Finding {
    Finding::note(&Source::file(""), reason)
}
