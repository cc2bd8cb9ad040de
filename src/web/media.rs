//! How files are given to browsers: what they may show, and what they only save. A file of a user never runs here.

/// What a browser is told of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Media {
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// Whether a browser may show it.
    pub is_shown: bool,
}

/// What browsers show without running anything of it.
const SHOWN: &[(&str, &str)] = &[
    ("avif", "image/avif"),
    ("bmp", "image/bmp"),
    ("gif", "image/gif"),
    ("ico", "image/x-icon"),
    ("jfif jpeg jpg", "image/jpeg"),
    ("png", "image/png"),
    ("webp", "image/webp"),
    ("m4v mp4", "video/mp4"),
    ("mov", "video/quicktime"),
    ("ogv", "video/ogg"),
    ("webm", "video/webm"),
    ("aac", "audio/aac"),
    ("flac", "audio/flac"),
    ("m4a", "audio/mp4"),
    ("mp3", "audio/mpeg"),
    ("oga ogg opus", "audio/ogg"),
    ("wav", "audio/wav"),
    ("weba", "audio/webm"),
];

/// What is text to people: shown as that, whatever a browser could do with it.
const TEXT: &str = "asc c cc cfg conf cpp cs css csv diff go h hpp htm html ini java js json log lua md mjs nfo patch php pl \
    properties py rb rs rst sh sql srt svg tex toml ts tsv txt vtt xhtml xml yaml yml";

const PLAIN: Media = Media { content_type: "text/plain; charset=utf-8", is_shown: true };
const BYTES: Media = Media { content_type: "application/octet-stream", is_shown: false };

impl Media {
    /// What a file of this name is.
    pub fn of(name: &[u8]) -> Self {
        let Some(dot) = name.iter().rposition(|&byte| byte == b'.') else { return BYTES };
        let Ok(extension) = std::str::from_utf8(&name[dot + 1..]) else { return BYTES };
        let is_among = |list: &str| list.split_ascii_whitespace().any(|known| known.eq_ignore_ascii_case(extension));
        match SHOWN.iter().find(|(extensions, _)| is_among(extensions)) {
            Some(&(_, content_type)) => Self { content_type, is_shown: true },
            None if is_among(TEXT) => PLAIN,
            None => BYTES,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_run_is_text_or_is_saved() {
        for name in ["a.html", "A.HTML", "a.svg", "a.xml", "a.xhtml", "a.js", "x.tar.txt"] {
            assert_eq!(Media::of(name.as_bytes()), PLAIN, "{name}");
        }
        for name in ["a.pdf", "a.swf", "none", "html", "a.", ".", "a.html ", "a.wasm", "a.mht", "a.jpg\u{7f}"] {
            assert_eq!(Media::of(name.as_bytes()), BYTES, "{name}");
        }
        assert_eq!(Media::of(b"a.b.JPG").content_type, "image/jpeg");
    }
}
