//! No line makes the parser panic; every refusal is a whole reply, and no password is shown.
#![no_main]

use ftpd::protocol::command::Command;
use ftpd::protocol::reply::Reply;
use ftpd::protocol::request::Request;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|line: &[u8]| {
    let request = Request::parse(line);
    let _ = (request.foreign(), request.loggable(false));
    match request.command {
        Ok(command) => {
            let shown = format!("{command:?}");
            assert!(!matches!(command, Command::Pass(_)) || shown == "Pass(***)", "{shown}");
        }
        Err(malformed) => {
            let reply = Reply::from(malformed);
            assert!((400..600).contains(&reply.code()));
            let mut wire = Vec::new();
            reply.write_to(&mut wire);
            assert!(wire.ends_with(b"\r\n"));
        }
    }
});
