//! Chunks decode to the same however they arrive, never to more than what came, and what is written is read again.
#![no_main]

use ftpd::protocol::http::{
    chunks::{Chunks, LAST_CHUNK, write},
    error::HttpError,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (piece, part, raw) = input;
    let at_once = decode(raw, raw.len().max(1));
    assert_eq!(decode(raw, usize::from(piece).max(1)), at_once);
    if let Ok((data, rest, is_over)) = at_once {
        assert!(data.len() + rest.len() <= raw.len() && (is_over || rest.is_empty()));
    }

    let mut written = Vec::new();
    raw.chunks(usize::from(part).max(1)).for_each(|part| write(part, &mut written));
    written.extend_from_slice(LAST_CHUNK);
    written.extend_from_slice(raw);
    assert_eq!(decode(&written, usize::from(piece).max(1)), Ok((raw.to_vec(), raw.to_vec(), true)));
});

/// The data, what was not taken, and whether the body is over.
type Outcome = Result<(Vec<u8>, Vec<u8>, bool), HttpError>;

fn decode(raw: &[u8], piece: usize) -> Outcome {
    let (mut chunks, mut data, mut taken) = (Chunks::new(), Vec::new(), 0);
    for piece in raw.chunks(piece) {
        let mut piece = piece.to_vec();
        let decoded = chunks.decode(&mut piece)?;
        assert!(decoded.taken == piece.len() || chunks.is_over());
        data.extend_from_slice(&piece[..decoded.data]);
        taken += decoded.taken;
    }
    Ok((data, raw[taken..].to_vec(), chunks.is_over()))
}
