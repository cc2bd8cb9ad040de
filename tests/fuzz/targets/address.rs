//! PORT and EPRT: what is accepted can be written down again, and means the same.
#![no_main]

use ftpd::protocol::address::{extended_passive_text, parse_eprt, parse_port, passive_text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|argument: &[u8]| {
    if let Some(address) = parse_port(argument) {
        assert_ne!(address.port(), 0);
        let text = passive_text(address);
        let inner = text.strip_prefix("Entering Passive Mode (").and_then(|text| text.strip_suffix(").")).unwrap();
        assert_eq!(parse_port(inner.as_bytes()), Some(address));
    }
    if let Ok(address) = parse_eprt(argument) {
        assert_ne!(address.port(), 0);
        let family = if address.is_ipv4() { 1 } else { 2 };
        let again = format!("|{family}|{}|{}|", address.ip(), address.port());
        assert_eq!(parse_eprt(again.as_bytes()).ok(), Some(address));
        assert!(extended_passive_text(address.port()).ends_with(&format!("(|||{}|)", address.port())));
    }
});
