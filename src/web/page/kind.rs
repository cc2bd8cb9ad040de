//! What an entry is by its name, for its icon and for the viewer.

use super::row::Row;

/// The kind of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Folder,
    Image,
    Video,
    Audio,
    Other,
}

/// Extensions in lower case. Images, video and audio are those that browsers show and the server sends inline.
#[rustfmt::skip]
const EXTENSIONS: &[(Kind, &[&str])] = &[
    (Kind::Image, &["avif", "bmp", "gif", "ico", "jfif", "jpeg", "jpg", "png", "webp"]),
    (Kind::Video, &["m4v", "mov", "mp4", "ogv", "webm"]),
    (Kind::Audio, &["aac", "flac", "m4a", "mp3", "oga", "ogg", "opus", "wav", "weba"]),
];

impl Kind {
    pub(super) fn of(row: &Row) -> Kind {
        if row.is_folder {
            return Kind::Folder;
        }
        let dot = row.name.iter().rposition(|byte| *byte == b'.').filter(|at| *at > 0);
        let extension = dot.map_or(&b""[..], |at| &row.name[at + 1..]);
        let is_one = |known: &&str| known.as_bytes().eq_ignore_ascii_case(extension);
        EXTENSIONS.iter().find(|(_, known)| known.iter().any(is_one)).map_or(Kind::Other, |(kind, _)| *kind)
    }

    /// The word that style sheet and script know it by.
    pub(super) fn word(self) -> &'static str {
        match self {
            Kind::Folder => "folder",
            Kind::Image => "image",
            Kind::Video => "video",
            Kind::Audio => "audio",
            Kind::Other => "other",
        }
    }
}
