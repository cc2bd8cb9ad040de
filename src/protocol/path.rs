//! Names as a client sends them, and the paths they become.

/// A file name or path as the client sent it: bytes (it need not be UTF-8), not empty, no NUL; not yet resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(Vec<u8>);

impl Name {
    /// Takes an argument; `None` if it is empty or holds a NUL.
    pub fn new(argument: &[u8]) -> Option<Self> {
        (!argument.is_empty() && !argument.contains(&0)).then(|| Self(argument.to_vec()))
    }

    /// The bytes as sent.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// An absolute path below an account's home, as the client sees it: no component is empty, `.` or `..`, so it cannot climb.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VirtualPath(Vec<u8>);

impl VirtualPath {
    /// The account's home, `/`.
    pub fn root() -> Self {
        Self(b"/".to_vec())
    }

    /// Resolves a client's name from here, by its bytes alone; `..` at the root stays there.
    #[must_use]
    pub fn join(&self, name: &[u8]) -> Self {
        let mut path = if name.first() == Some(&b'/') {
            Vec::with_capacity(name.len())
        } else {
            self.relative_with_slash().to_vec()
        };
        for component in name.split(|&byte| byte == b'/') {
            match component {
                b"" | b"." => {}
                b".." => path.truncate(path.iter().rposition(|&byte| byte == b'/').unwrap_or(0)),
                component => {
                    path.push(b'/');
                    path.extend_from_slice(component);
                }
            }
        }
        if path.is_empty() { Self::root() } else { Self(path) }
    }

    /// The folder that holds this path; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        let slash = self.relative_with_slash().iter().rposition(|&byte| byte == b'/')?;
        Some(if slash == 0 { Self::root() } else { Self(self.0[..slash].to_vec()) })
    }

    /// The last component; `None` for the root.
    pub fn file_name(&self) -> Option<&[u8]> {
        self.relative().rsplit(|&byte| byte == b'/').next().filter(|name| !name.is_empty())
    }

    /// True for the account's home itself.
    pub fn is_root(&self) -> bool {
        self.0 == b"/"
    }

    /// Whether this is true of some component.
    pub fn has_component(&self, is_such: impl Fn(&[u8]) -> bool) -> bool {
        self.relative().split(|&byte| byte == b'/').any(is_such)
    }

    /// What leads here from a folder above, without a `/` at its ends; `None` if that folder is not above.
    pub fn below(&self, folder: &VirtualPath) -> Option<&[u8]> {
        self.0.strip_prefix(folder.relative_with_slash())?.strip_prefix(b"/").filter(|rest| !rest.is_empty())
    }

    /// Whether it is this folder or lies below it.
    pub fn is_within(&self, folder: &Self) -> bool {
        self == folder || self.below(folder).is_some()
    }

    /// The path as it is seen from a folder that it is within: `/b` for `/a/b` in `/a`.
    pub fn seen_from(&self, folder: &Self) -> Option<Self> {
        if self == folder { Some(Self::root()) } else { Some(Self([b"/", self.below(folder)?].concat())) }
    }

    /// Its components, the first one first.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.relative().split(|&byte| byte == b'/').filter(|name| !name.is_empty())
    }

    /// The path with its leading `/`.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The path without its leading `/`; empty for the root.
    pub fn relative(&self) -> &[u8] {
        &self.0[1..]
    }

    fn relative_with_slash(&self) -> &[u8] {
        if self.is_root() { b"" } else { &self.0 }
    }
}

/// Whether a name holds a byte that no client may put into a new name: below 0x20, or 0x7F.
pub fn has_control_bytes(name: &[u8]) -> bool {
    name.iter().any(u8::is_ascii_control)
}

/// A path as the 257 reply shows it: in quotes, those inside doubled (RFC 959 appendix II).
pub fn quoted(path: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(path.len() + 2);
    text.push(b'"');
    for &byte in path {
        text.extend(std::iter::repeat_n(byte, if byte == b'"' { 2 } else { 1 }));
    }
    text.push(b'"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_resolve_from_the_working_directory() {
        let cases: &[(&str, &str, &str)] = &[
            ("/", "a", "/a"),
            ("/a", "b", "/a/b"),
            ("/a", "/b", "/b"),
            ("/a/b", "..", "/a"),
            ("/a", "..", "/"),
            ("/", "..", "/"),
            ("/", "../../etc/passwd", "/etc/passwd"),
            ("/a", "./b//c/", "/a/b/c"),
            ("/a", "/", "/"),
            ("/a", "//", "/"),
            ("/a", "~", "/a/~"),
            ("/a", "%2e%2e/x\\..", "/a/%2e%2e/x\\.."),
            ("/a", "...", "/a/..."),
            ("/", " b ", "/ b "),
        ];
        for (cwd, name, expected) in cases {
            let path = VirtualPath::root().join(cwd.as_bytes()).join(name.as_bytes());
            assert_eq!(path.as_bytes(), expected.as_bytes(), "{name} from {cwd}");
        }
    }

    #[test]
    fn parent_and_file_name_take_a_path_apart() {
        let cases: &[(&str, Option<&str>, Option<&str>)] =
            &[("/", None, None), ("/a", Some("/"), Some("a")), ("/a/b c", Some("/a"), Some("b c"))];
        for (path, parent, name) in cases {
            let path = VirtualPath::root().join(path.as_bytes());
            assert_eq!(path.parent(), parent.map(|parent| VirtualPath::root().join(parent.as_bytes())));
            assert_eq!(path.file_name(), name.map(str::as_bytes));
        }
    }

    #[test]
    fn a_path_is_below_each_folder_on_its_way() {
        let cases: &[(&str, &str, Option<&str>)] = &[
            ("/a/b", "/", Some("a/b")),
            ("/a/b", "/a", Some("b")),
            ("/a/b", "/a/b", None),
            ("/ab", "/a", None),
            ("/a", "/a/b", None),
            ("/", "/", None),
        ];
        for (path, folder, expected) in cases {
            let [path, folder] = [path, folder].map(|path| VirtualPath::root().join(path.as_bytes()));
            assert_eq!(path.below(&folder), expected.map(str::as_bytes));
        }
    }

    #[test]
    fn a_path_is_seen_from_the_folders_that_it_is_within() {
        let cases: &[(&str, &str, Option<&str>)] = &[
            ("/", "/", Some("/")),
            ("/a/b", "/", Some("/a/b")),
            ("/a/b", "/a", Some("/b")),
            ("/a/b", "/a/b", Some("/")),
            ("/ab", "/a", None),
            ("/a", "/a/b", None),
        ];
        for (path, folder, expected) in cases {
            let [path, folder] = [path, folder].map(|text| VirtualPath::root().join(text.as_bytes()));
            assert_eq!(path.is_within(&folder), expected.is_some());
            assert_eq!(path.seen_from(&folder), expected.map(|text| VirtualPath::root().join(text.as_bytes())));
        }
        assert_eq!(VirtualPath::root().join(b"a/b c").components().collect::<Vec<_>>(), [&b"a"[..], b"b c"]);
        assert_eq!(VirtualPath::root().components().count(), 0);
    }

    #[test]
    fn quotes_in_a_path_are_doubled() {
        assert_eq!(quoted(b"/a\"b"), b"\"/a\"\"b\"");
    }

    proptest! {
        #[test]
        fn join_never_climbs(
            cwd in proptest::collection::vec(prop_oneof![Just(b'/'), Just(b'.'), any::<u8>()], 0..30),
            name in proptest::collection::vec(prop_oneof![Just(b'/'), Just(b'.'), any::<u8>()], 0..30),
        ) {
            let path = VirtualPath::root().join(&cwd).join(&name);
            prop_assert_eq!(path.as_bytes()[0], b'/');
            let normal = path.is_root()
                || path.relative().split(|&byte| byte == b'/').all(|part| !matches!(part, b"" | b"." | b".."));
            prop_assert!(normal, "{}", path.as_bytes().escape_ascii());
            let whole = path.parent().map(|parent| parent.join(path.file_name().unwrap_or_default()));
            prop_assert!(whole.is_none_or(|whole| whole == path));
        }
    }
}
