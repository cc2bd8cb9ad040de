//! `*` in the patterns of tests, over bytes; every other byte stands for itself.

/// Does the whole of `text` fit `pattern`?
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p, t));
                p += 1;
            }
            Some(&byte) if byte == text[t] => (p, t) = (p + 1, t + 1),
            _ => {
                let Some((star, from)) = retry else { return false };
                retry = Some((star, from + 1));
                (p, t) = (star + 1, from + 1);
            }
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

#[test]
fn a_pattern_fits_whole_texts_only() {
    for (pattern, text, fits) in [
        ("", "", true),
        ("a*c", "abbc", true),
        ("a*c", "abcd", false),
        ("*ab*", "aab", true),
        ("a?", "ab", false),
        ("a?", "a?", true),
        ("**", "x", true),
    ] {
        assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), fits, "{pattern} {text}");
    }
}
