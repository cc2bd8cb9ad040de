//! The files of the page itself: style sheet, script, icon.
//!
//! Their paths have a hash of their content, so that a browser may keep them for good and still has the right one after
//! an update.

/// A file of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asset {
    /// Its content.
    pub bytes: &'static [u8],
    /// The value of `Content-Type`.
    pub content_type: &'static str,
}

/// A file: name before the hash, extension, content type, content, hash.
type AssetRow = (&'static str, &'static str, &'static str, &'static [u8], u64);

/// The script: its files, one after the other.
pub(super) const SCRIPT: &str = concat!(
    include_str!("script/basics.js"),
    include_str!("script/dialogs.js"),
    include_str!("script/requests.js"),
    include_str!("script/list.js"),
    include_str!("script/changes.js"),
    include_str!("script/uploads.js"),
    include_str!("script/queue.js"),
    include_str!("script/files.js"),
    include_str!("script/viewer.js"),
    include_str!("script/events.js"),
);

#[rustfmt::skip]
const ASSETS: [AssetRow; 3] = [
    asset("app",   "js",  "text/javascript; charset=utf-8", &SENT_SCRIPT),
    asset("icon",  "svg", "image/svg+xml",                  include_bytes!("icon.svg")),
    asset("style", "css", "text/css; charset=utf-8",        include_bytes!("style.css")),
];

/// The file at a path below `/~ftpd/`; a path with the hash of another version has none.
pub fn find(path: &str) -> Option<Asset> {
    let row = ASSETS.iter().find(|row| path_of(row) == path)?;
    Some(Asset { bytes: row.3, content_type: row.2 })
}

/// The path of the file with this name, such as `app.js`; a name that is none leads nowhere.
pub fn href(name: &str) -> String {
    let row = ASSETS.iter().find(|(stem, extension, ..)| {
        name.strip_prefix(stem).and_then(|rest| rest.strip_prefix('.')) == Some(extension)
    });
    row.map_or(String::new(), path_of)
}

fn path_of((stem, extension, _, _, hash): &AssetRow) -> String {
    format!("/~ftpd/{stem}.{hash:016x}.{extension}")
}

const fn asset(
    stem: &'static str,
    extension: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
) -> AssetRow {
    (stem, extension, content_type, bytes, fnv(bytes))
}

/// The script as browsers get it: without the blanks that its lines begin with.
static SENT_SCRIPT: [u8; without_indent(SCRIPT.as_bytes(), &mut [])] = {
    let mut out = [0; without_indent(SCRIPT.as_bytes(), &mut [])];
    without_indent(SCRIPT.as_bytes(), &mut out);
    out
};

/// Writes a text without the blanks that its lines begin with, as far as there is room, and returns how long that is.
const fn without_indent(text: &[u8], out: &mut [u8]) -> usize {
    let (mut at, mut length, mut is_indent) = (0, 0, true);
    while at < text.len() {
        is_indent = is_indent && text[at] == b' ';
        if !is_indent {
            if length < out.len() {
                out[length] = text[at];
            }
            length += 1;
            is_indent = text[at] == b'\n';
        }
        at += 1;
    }
    length
}

/// FNV-1a: tells versions apart, and is computed by the compiler.
const fn fnv(bytes: &[u8]) -> u64 {
    let (mut hash, mut at) = (0xcbf2_9ce4_8422_2325_u64, 0);
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_by_its_path_alone() {
        for name in ["app.js", "icon.svg", "style.css"] {
            let path = href(name);
            assert!(find(&path).is_some(), "{path}");
            for wrong in [
                name.to_owned(),
                format!("/~ftpd/{name}"),
                path.to_uppercase(),
                format!("{path}x"),
                path.replace(".", ".."),
            ] {
                assert_eq!(find(&wrong), None, "{wrong}");
            }
        }
        assert_eq!(href("app.css"), "");
        let sent = find(&href("app.js")).map(|asset| String::from_utf8_lossy(asset.bytes));
        assert_eq!(
            sent.as_deref(),
            Some(&*SCRIPT.lines().map(|line| format!("{}\n", line.trim_start())).collect::<String>())
        );
        assert_eq!(fnv(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
