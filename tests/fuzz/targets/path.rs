//! No chain of names climbs above the root, and every path keeps the promise of its type.
#![no_main]

use ftpd::protocol::path::{VirtualPath, quoted};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|names: Vec<&[u8]>| {
    let mut path = VirtualPath::root();
    for name in names {
        path = path.join(name);
        expect_sound(&path);
        let mut above = path.clone();
        while let Some(parent) = above.parent() {
            assert!(parent.as_bytes().len() < above.as_bytes().len());
            expect_sound(&parent);
            above = parent;
        }
        assert!(above.is_root());
        let shown = quoted(path.as_bytes());
        let quotes = path.as_bytes().iter().filter(|&&byte| byte == b'"').count();
        assert_eq!(shown.len(), path.as_bytes().len() + quotes + 2);
    }
});

/// Absolute; no component is empty, `.` or `..`.
fn expect_sound(path: &VirtualPath) {
    assert_eq!(path.as_bytes().first(), Some(&b'/'));
    let is_sound = |component: &[u8]| !component.is_empty() && component != b"." && component != b"..";
    assert!(path.is_root() || path.relative().split(|&byte| byte == b'/').all(is_sound), "{path:?}");
}
