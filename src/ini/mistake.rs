//! What is wrong with a value, before it is known where the value is written.

use std::ops::Range;

/// What is wrong with a value, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// What is wrong, in words.
    pub reason: String,
    /// What to write instead.
    pub fix: Option<String>,
    /// The bytes of the value that are wrong; `None` is all of it.
    pub part: Option<Range<usize>>,
}

impl Mistake {
    /// A mistake that needs no other fix than its reason names.
    pub fn new(reason: impl Into<String>) -> Mistake {
        Mistake { reason: reason.into(), fix: None, part: None }
    }

    /// The same with what to write instead.
    pub fn fix(self, fix: impl Into<String>) -> Mistake {
        Mistake { fix: Some(fix.into()), ..self }
    }

    /// The same with the bytes of the value that are wrong.
    pub fn at(self, part: Range<usize>) -> Mistake {
        Mistake { part: Some(part), ..self }
    }
}

impl From<&str> for Mistake {
    fn from(reason: &str) -> Mistake {
        Mistake::new(reason)
    }
}

impl From<String> for Mistake {
    fn from(reason: String) -> Mistake {
        Mistake::new(reason)
    }
}
