//! However the bytes are cut into reads, the same lines come out, none of them too long.
#![no_main]

use ftpd::protocol::line::{Line, LineBuffer, MAX_LINE};
use libfuzzer_sys::fuzz_target;

/// The session takes lines as long as there are any after each read, and stops at a flood.
fn lines<'a>(reads: impl Iterator<Item = &'a [u8]>) -> Vec<Line> {
    let mut buffer = LineBuffer::default();
    let mut lines = Vec::new();
    for read in reads {
        buffer.push(read);
        while let Some(line) = buffer.take() {
            let is_flood = line == Line::Flood;
            lines.push(line);
            if is_flood {
                return lines;
            }
        }
    }
    lines
}

fuzz_target!(|input: (usize, &[u8])| {
    let (cut, bytes) = input;
    let at_once = lines(std::iter::once(bytes));
    let byte_by_byte = lines(bytes.chunks(1));
    let in_two = lines([&bytes[..cut % (bytes.len() + 1)], &bytes[cut % (bytes.len() + 1)..]].into_iter());
    for line in &at_once {
        if let Line::Text(text) = line {
            assert!(text.len() <= MAX_LINE && !text.contains(&b'\n'));
        }
    }
    assert_eq!(at_once, byte_by_byte);
    assert_eq!(at_once, in_two);
});
