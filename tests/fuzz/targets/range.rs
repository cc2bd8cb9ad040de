//! A part is never empty, never beyond the file, and its Content-Range names it.
#![no_main]

use ftpd::protocol::http::range::Selection;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u64, &[u8])| {
    let (size, value) = input;
    let selection = Selection::of(Some(value), size);
    let text = selection.content_range(size);
    match selection {
        Selection::Whole => assert_eq!(text, None),
        Selection::Unsatisfiable => assert_eq!(text, Some(format!("bytes */{size}"))),
        Selection::Part(part) => {
            assert!(part.start < part.end && part.end <= size);
            let text = text.expect("a part has a Content-Range");
            let inner = text.strip_prefix("bytes ").and_then(|text| text.strip_suffix(&format!("/{size}"))).unwrap();
            // A Content-Range asks for the same part.
            assert_eq!(Selection::of(Some(format!("bytes={inner}").as_bytes()), size), Selection::Part(part));
        }
    }
});
