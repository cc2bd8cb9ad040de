//! No line makes the parser panic; every refusal is a whole reply, and no password is shown.
#![no_main]

use ftpd::protocol::command::Command;
use ftpd::protocol::verbs;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|line: &[u8]| {
    let _ = verbs::is_foreign(line);
    match verbs::parse(line) {
        Ok(command) => {
            let shown = format!("{command:?}");
            assert!(!matches!(command, Command::Pass(_)) || shown == "Pass(***)", "{shown}");
        }
        Err(reply) => {
            assert!((400..600).contains(&reply.code()));
            let mut wire = Vec::new();
            reply.write_to(&mut wire);
            assert!(wire.ends_with(b"\r\n"));
        }
    }
});
