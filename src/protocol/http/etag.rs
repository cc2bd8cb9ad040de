//! Entity tags (RFC 9110 §8.8.3): which state of a file a client has.

use std::fmt;

use sha2::{Digest, Sha256};

/// A strong tag of a file's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntityTag(u128);

/// What tells one state of a file from another.
#[derive(Debug, Clone, Copy)]
pub struct FileState {
    /// The number of its disk.
    pub device: u64,
    /// Its number on that disk.
    pub inode: u64,
    /// Its size in bytes.
    pub size: u64,
    /// When it was changed: Unix seconds.
    pub seconds: i64,
    /// The nanoseconds of that time.
    pub nanoseconds: u32,
}

impl From<&FileState> for EntityTag {
    /// Hashed, since the numbers themselves are nobody's business.
    fn from(state: &FileState) -> Self {
        let mut hasher = Sha256::new();
        [state.device, state.inode, state.size].iter().for_each(|number| hasher.update(number.to_le_bytes()));
        hasher.update(state.seconds.to_le_bytes());
        hasher.update(state.nanoseconds.to_le_bytes());
        let hash = hasher.finalize();
        Self(hash.iter().take(16).fold(0, |tag, &byte| tag << 8 | u128::from(byte)))
    }
}

/// With its quotes, as the field `ETag` has it.
impl fmt::Display for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{:032x}\"", self.0)
    }
}

/// A tag that a client sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SentTag<'a> {
    /// What is between its quotes.
    opaque: &'a [u8],
    is_weak: bool,
}

impl<'a> SentTag<'a> {
    /// Reads a tag at the front; with it comes what follows.
    pub fn split(text: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (is_weak, quoted) = match text.strip_prefix(b"W/") {
            Some(quoted) => (true, quoted),
            None => (false, text),
        };
        let inner = quoted.strip_prefix(b"\"")?;
        let end = inner.iter().position(|&byte| byte == b'"')?;
        // No blank and no control byte is in a tag.
        let opaque = inner[..end].iter().all(|&byte| byte > b' ' && byte != 0x7f).then_some(&inner[..end])?;
        Some((Self { opaque, is_weak }, &inner[end + 1..]))
    }

    /// Whether it is the same, byte for byte (§8.8.3.2: strong comparison).
    pub fn is_strongly(self, tag: EntityTag) -> bool {
        !self.is_weak && self.is_weakly(tag)
    }

    /// Whether it is the same or as good as that (weak comparison).
    pub fn is_weakly(self, tag: EntityTag) -> bool {
        let text = tag.to_string();
        text.as_bytes()[1..text.len() - 1] == *self.opaque
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATE: FileState = FileState { device: 1, inode: 2, size: 3, seconds: 4, nanoseconds: 5 };

    #[test]
    fn every_change_of_a_file_is_another_tag() {
        let others = [
            FileState { device: 2, ..STATE },
            FileState { inode: 1, ..STATE },
            FileState { size: 4, ..STATE },
            FileState { seconds: -4, ..STATE },
            FileState { nanoseconds: 6, ..STATE },
        ];
        let tag = EntityTag::from(&STATE);
        assert_eq!(tag, EntityTag::from(&STATE));
        assert!(others.iter().all(|other| EntityTag::from(other) != tag));
        let text = tag.to_string();
        assert_eq!((text.len(), &text[..1], &text[33..]), (34, "\"", "\""));
    }

    #[test]
    fn sent_tags_are_quoted_and_may_be_weak() {
        let tag = EntityTag::from(&STATE);
        let strong = tag.to_string();
        let weak = format!("W/{strong}, x");
        let (sent, rest) = SentTag::split(strong.as_bytes()).unwrap();
        assert!(sent.is_strongly(tag) && sent.is_weakly(tag) && rest.is_empty());
        let (sent, rest) = SentTag::split(weak.as_bytes()).unwrap();
        assert!(!sent.is_strongly(tag) && sent.is_weakly(tag) && rest == b", x");
        let (sent, _) = SentTag::split(b"\"\"").unwrap();
        assert!(!sent.is_weakly(tag));
        for text in ["", "x", "\"", "\"a", "w/\"a\"", "W/ \"a\"", "\"a b\"", "'a'"] {
            assert_eq!(SentTag::split(text.as_bytes()), None, "{text}");
        }
    }
}
