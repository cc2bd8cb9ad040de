//! Any text gives sections or problems, each of one line, never a panic.
#![no_main]

use std::path::Path;

use ftpd::ini::File;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut file = File::parse("fuzz.ini", Path::new("/"), text);
    for name in file.names() {
        file.read(&name, |section| section.take("max_cons", 0_u32));
    }
    for problem in file.finish() {
        assert!(!problem.to_string().contains('\n'), "a problem is one line: {problem}");
    }
});
