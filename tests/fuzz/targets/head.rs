//! A head is the same however it arrives, has no line end but CR LF, and nothing that is read from it panics.
#![no_main]

use ftpd::protocol::http::{
    accept::{Accept, language},
    cookies::cookies,
    credentials::UserPass,
    destination::destination,
    etag::{EntityTag, FileState},
    framing::{Body, Framing},
    head::{Head, HeadReader, MAX_FIELDS, MAX_HEAD},
    preconditions::{Precondition, Validators, range_holds},
    target::RequestTarget,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, sent) = input;
    let at_once = HeadReader::default().read(sent);
    assert_eq!(in_pieces(sent, usize::from(piece).max(1)), at_once);
    match at_once {
        Err(error) => assert!((400..600).contains(&error.status) && !error.text.is_empty()),
        Ok(None) => assert!(sent.len() <= MAX_HEAD + 2, "no limit"),
        Ok(Some((head, length))) => {
            expect_sound(&head, &sent[..length]);
            read_all(&head);
        }
    }
});

fn in_pieces(sent: &[u8], piece: usize) -> Result<Option<(Head, usize)>, ftpd::protocol::http::error::HttpError> {
    let mut reader = HeadReader::default();
    for end in (piece..sent.len()).step_by(piece).chain([sent.len()]) {
        if let Some(found) = reader.read(&sent[..end])? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// What no two readers can read differently.
fn expect_sound(head: &Head, bytes: &[u8]) {
    let text = bytes.strip_prefix(b"\r\n").unwrap_or(bytes);
    assert!(text.len() <= MAX_HEAD);
    let lines = text.strip_suffix(b"\r\n\r\n").expect("an empty line ends a head");
    let mut lines: Vec<&[u8]> = lines.split(|&byte| byte == b'\n').collect();
    let last = lines.pop().expect("a line");
    let lines: Vec<&[u8]> = lines.iter().map(|line| line.strip_suffix(b"\r").expect("CR")).chain([last]).collect();
    assert!(lines.iter().flat_map(|line| line.iter()).all(|&byte| byte == b'\t' || !byte.is_ascii_control()));
    assert!(lines.iter().all(|line| !matches!(line, [] | [b' ' | b'\t', ..])));
    assert_eq!(head.fields().count(), lines.len() - 1);
    assert!(lines.len() - 1 <= MAX_FIELDS);
    for ((name, value), line) in head.fields().zip(&lines[1..]) {
        let (found, rest) = line.split_at(name.len());
        assert_eq!((found, rest.first()), (name, Some(&b':')));
        assert_eq!(rest[1..].trim_ascii(), value.trim_ascii());
    }
    let again = RequestTarget::parse(head.target.href().as_bytes()).expect("a link");
    assert_eq!(
        (&again.path, again.is_folder, &again.query),
        (&head.target.path, head.target.is_folder, &head.target.query)
    );
}

fn read_all(head: &Head) {
    if let Ok(framing) = Framing::of(head) {
        let lengths = head.all("content-length").count();
        let codings = head.all("transfer-encoding").count();
        let expected = match framing.body {
            Body::None => (0, 0),
            Body::Length(_) => (1, 0),
            Body::Chunked => (0, 1),
        };
        assert_eq!((lengths, codings), expected);
    }
    let authority = head.authority();
    if let Ok(target) = destination(head, authority.ok().flatten().as_ref()) {
        assert!(target.query.is_empty());
    }
    let _ = (Accept::of(head), language(head, &["en", "zh"]), cookies(head, "a").count());
    let _ = head.first("authorization").map(UserPass::basic);
    let state = FileState { device: 1, inode: 2, size: 3, seconds: 784_111_777, nanoseconds: 0 };
    let file = Validators { tag: EntityTag::from(&state), modified: state.seconds };
    let _ = (Precondition::of(head, Some(file)), Precondition::of(head, None), range_holds(head, file));
}
