//! How files are given to browsers: what they may show, and what they only save. A file of a user never runs here.

/// What a browser is told of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Media {
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// Whether a browser may show it.
    pub is_shown: bool,
}

/// What browsers show without running anything of it, by the end of its name.
const SHOWN: &[(&str, &str)] = &[
    ("avif", "image/avif"),
    ("bmp", "image/bmp"),
    ("gif", "image/gif"),
    ("ico", "image/x-icon"),
    ("jfif", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("png", "image/png"),
    ("webp", "image/webp"),
    ("m4v", "video/mp4"),
    ("mp4", "video/mp4"),
    ("mov", "video/quicktime"),
    ("ogv", "video/ogg"),
    ("webm", "video/webm"),
    ("aac", "audio/aac"),
    ("flac", "audio/flac"),
    ("m4a", "audio/mp4"),
    ("mp3", "audio/mpeg"),
    ("oga", "audio/ogg"),
    ("ogg", "audio/ogg"),
    ("opus", "audio/ogg"),
    ("wav", "audio/wav"),
    ("weba", "audio/webm"),
];

/// What is text to people: shown as that, whatever a browser could do with it.
#[rustfmt::skip]
const TEXT: &[&str] = &[
    "asc", "c", "cc", "cfg", "conf", "cpp", "cs", "css", "csv", "diff", "go", "h", "hpp", "htm", "html", "ini", "java",
    "js", "json", "log", "lua", "md", "mjs", "nfo", "patch", "php", "pl", "properties", "py", "rb", "rs", "rst", "sh",
    "sql", "srt", "svg", "tex", "toml", "ts", "tsv", "txt", "vtt", "xhtml", "xml", "yaml", "yml",
];

const PLAIN: Media = Media { content_type: "text/plain; charset=utf-8", is_shown: true };
const BYTES: Media = Media { content_type: "application/octet-stream", is_shown: false };

impl Media {
    /// What a file of this name is.
    pub fn of(name: &[u8]) -> Self {
        match extension(name) {
            Some(extension) if TEXT.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(extension)) => PLAIN,
            extension => match extension.and_then(shown) {
                Some(content_type) => Self { content_type, is_shown: true },
                None => BYTES,
            },
        }
    }

    /// `image`, `video` or `audio` for what a browser shows as that.
    pub fn kind(name: &[u8]) -> Option<&'static str> {
        Some(shown(extension(name)?)?.split_once('/')?.0)
    }
}

fn extension(name: &[u8]) -> Option<&[u8]> {
    let dot = name.iter().rposition(|&byte| byte == b'.')?;
    Some(&name[dot + 1..])
}

fn shown(extension: &[u8]) -> Option<&'static str> {
    let known = |(known, _): &&(&str, &str)| known.as_bytes().eq_ignore_ascii_case(extension);
    SHOWN.iter().find(known).map(|(_, content_type)| *content_type)
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
