//! Any text gives sections or problems, each of one line, never a panic.
#![no_main]

use std::path::Path;

use ftpd::ini::{File, Key};
use libfuzzer_sys::fuzz_target;

const KEYS: [Key; 1] = [Key::new("max_cons", "number", "0", "")];

fuzz_target!(|text: &str| {
    let mut file = File::parse("fuzz.ini", Path::new("/"), text);
    for name in file.names() {
        file.read(&name, &KEYS, |section| section.take::<u32>("max_cons"));
    }
    for problem in file.finish() {
        assert!(!problem.to_string().contains('\n'), "a problem is one line: {problem}");
    }
});
