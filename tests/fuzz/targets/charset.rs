//! Each name is found by what it is shown as, in every charset, and no bytes bring in what no name holds.
#![no_main]

use ftpd::protocol::charset::Charset;
use libfuzzer_sys::fuzz_target;

const LABELS: [&str; 8] = ["gb18030", "gbk", "big5", "shift_jis", "euc-jp", "euc-kr", "koi8-r", "windows-1251"];

fuzz_target!(|input: (u8, &[u8])| {
    let (label, bytes) = input;
    let charset: Charset = LABELS[usize::from(label) % LABELS.len()].parse().unwrap();
    let name: Vec<u8> = bytes.iter().copied().filter(|byte| !matches!(byte, 0 | b'/')).collect();
    let shown = charset.shown(&name);
    assert!(!shown.iter().any(|byte| byte.is_ascii_control() || *byte == b'/'));
    let text = charset.text(&shown).expect("what is shown is text");
    assert_eq!(charset.meant(text.as_bytes()).unwrap_or_else(|| text.as_bytes().to_vec()), name);

    if let Some(text) = charset.text(bytes) {
        let special = |bytes: &[u8]| bytes.iter().filter(|byte| matches!(byte, b'/' | b'\n' | b'\r' | 0)).count();
        assert_eq!(special(text.as_bytes()), special(bytes));
        for component in text.split('/') {
            let meant = charset.meant(component.as_bytes());
            assert!(meant.is_none_or(|meant| !meant.contains(&b'/') && !meant.contains(&0) && meant != b".."));
        }
    }
});
