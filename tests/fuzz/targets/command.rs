//! No line makes the parser panic; every refusal is a whole reply, and no password is shown.
#![no_main]

use ftpd::protocol::verbs;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|line: &[u8]| {
    let _ = verbs::is_foreign(line);
    match verbs::parse(line) {
        Ok(command) => {
            let shown = format!("{command:?}");
            if let Some(password) = line.get(5..).filter(|_| line[..4].eq_ignore_ascii_case(b"PASS")) {
                let password = String::from_utf8_lossy(password);
                assert!(password.len() < 8 || !shown.contains(&*password), "{shown}");
            }
        }
        Err(reply) => {
            assert!((400..600).contains(&reply.code()));
            let mut wire = Vec::new();
            reply.write_to(&mut wire);
            assert!(wire.ends_with(b"\r\n"));
        }
    }
});
