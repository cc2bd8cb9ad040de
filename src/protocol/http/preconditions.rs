//! Conditional requests (RFC 9110 §13): whether to go on, by what the client knows of the file.

use crate::protocol::http::{
    date,
    etag::{EntityTag, SentTag},
    head::Head,
    list::trim,
    method::Method,
};

/// What a condition is held against: the state of the file that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validators {
    /// Its `ETag`.
    pub tag: EntityTag,
    /// Its `Last-Modified`, in Unix seconds.
    pub modified: i64,
}

/// How the conditions of a request turned out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precondition {
    /// All hold: go on.
    Go,
    /// 304: the client has this state.
    NotModified,
    /// 412.
    Failed,
}

/// The fields of conditions that hold for changes.
const CONDITIONS: [&str; 3] = ["if-match", "if-none-match", "if-unmodified-since"];

impl Precondition {
    /// Whether a change is asked for on a condition.
    pub fn is_asked(head: &Head) -> bool {
        CONDITIONS.into_iter().any(|name| head.first(name).is_some())
    }

    /// Evaluates the conditions of a head in their order (§13.2.2); `None` if there is no such file.
    ///
    /// A date that is none is ignored, and so is a list of tags that is none, unless it would let a change through.
    pub fn of(head: &Head, current: Option<Validators>) -> Self {
        let is_read = matches!(head.method, Method::Get | Method::Head);
        let matched = |found| match found {
            TagsFound::Unreadable => is_read,
            found => found == TagsFound::Matched,
        };
        let holds = match tags(head, "if-match", current, |sent, tag| sent.is_strongly(tag)) {
            Some(found) => matched(found),
            None => {
                date(head, "if-unmodified-since").is_none_or(|date| current.is_none_or(|file| file.modified <= date))
            }
        };
        if !holds {
            return Self::Failed;
        }
        match tags(head, "if-none-match", current, |sent, tag| sent.is_weakly(tag)) {
            Some(TagsFound::Matched) if is_read => Self::NotModified,
            Some(TagsFound::Matched) => Self::Failed,
            // A list that can't be read may have meant this very file.
            Some(TagsFound::Unreadable) if !is_read => Self::Failed,
            Some(_) => Self::Go,
            None if !is_read => Self::Go,
            None => {
                let is_older = |date| current.is_some_and(|file| file.modified <= date);
                if date(head, "if-modified-since").is_some_and(is_older) { Self::NotModified } else { Self::Go }
            }
        }
    }
}

/// Whether `Range` still means this file (§13.1.5): without `If-Range`, or if it names exactly this state.
pub fn range_holds(head: &Head, current: Validators) -> bool {
    let mut values = head.all("if-range");
    match (values.next(), values.next()) {
        (None, _) => true,
        (Some(_), Some(_)) => false,
        (Some(value), None) => match SentTag::split(value) {
            Some((sent, rest)) => rest.is_empty() && sent.is_strongly(current.tag),
            None => date::parse(value) == Some(current.modified),
        },
    }
}

/// What a list of tags says of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TagsFound {
    /// It holds the file's tag, or is `*` and there is a file.
    Matched,
    /// It does not.
    Unmatched,
    /// It is no list of tags.
    Unreadable,
}

/// `None` if the field is missing.
fn tags(
    head: &Head,
    name: &str,
    current: Option<Validators>,
    is_same: fn(SentTag, EntityTag) -> bool,
) -> Option<TagsFound> {
    let mut found = None;
    for value in head.all(name) {
        found = match (found, list(value, current, is_same)) {
            (Some(TagsFound::Unreadable), _) | (_, TagsFound::Unreadable) => Some(TagsFound::Unreadable),
            (Some(TagsFound::Matched), _) | (_, TagsFound::Matched) => Some(TagsFound::Matched),
            (_, TagsFound::Unmatched) => Some(TagsFound::Unmatched),
        };
    }
    found
}

fn list(value: &[u8], current: Option<Validators>, is_same: fn(SentTag, EntityTag) -> bool) -> TagsFound {
    if value == b"*" {
        return if current.is_some() { TagsFound::Matched } else { TagsFound::Unmatched };
    }
    let (mut found, mut rest) = (TagsFound::Unmatched, value);
    loop {
        let Some((sent, after)) = SentTag::split(rest) else { return TagsFound::Unreadable };
        if current.is_some_and(|current| is_same(sent, current.tag)) {
            found = TagsFound::Matched;
        }
        rest = match trim(after) {
            [] => return found,
            [b',', rest @ ..] => trim(rest),
            _ => return TagsFound::Unreadable,
        };
    }
}

/// The date of a field that is there once and is one.
fn date(head: &Head, name: &str) -> Option<i64> {
    head.only(name).ok().flatten().and_then(date::parse)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::http::{etag::FileState, head::HeadReader};

    /// Sun, 06 Nov 1994 08:49:37 GMT.
    const MODIFIED: i64 = 784_111_777;
    const AT: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    fn file() -> Validators {
        let state = FileState { device: 1, inode: 2, size: 3, seconds: MODIFIED, nanoseconds: 5 };
        Validators { tag: EntityTag::from(&state), modified: MODIFIED }
    }

    /// `T` is the file's tag.
    fn head(method: &str, fields: &str) -> Head {
        let fields = fields.replace('T', &file().tag.to_string()).replace("@at", AT);
        let fields = fields.replace("@before", BEFORE).replace("@after", AFTER).replace('\n', "\r\n");
        let text = format!("{method} /a HTTP/1.1\r\n{fields}\r\n");
        HeadReader::default().read(text.as_bytes()).unwrap().unwrap().0
    }

    #[test]
    fn conditions_are_evaluated_in_their_order() {
        use Precondition::*;
        // Fields; then GET, PUT of this file, and PUT of a new one.
        let cases: &[(&str, [Precondition; 3])] = &[
            ("", [Go, Go, Go]),
            ("if-none-match: T\n", [NotModified, Failed, Go]),
            ("if-none-match: W/T\n", [NotModified, Failed, Go]),
            ("if-none-match: \"x\" , W/\"y,z\",T\n", [NotModified, Failed, Go]),
            ("if-none-match: \"x\"\nif-none-match: T\n", [NotModified, Failed, Go]),
            ("if-none-match: T\nif-none-match: \"x\"\n", [NotModified, Failed, Go]),
            ("if-match: x\nif-match: T\n", [Go, Failed, Failed]),
            ("if-none-match: \"x\"\n", [Go, Go, Go]),
            ("if-none-match: *\n", [NotModified, Failed, Go]),
            ("if-none-match: x\n", [Go, Failed, Failed]),
            ("if-none-match: T x\n", [Go, Failed, Failed]),
            ("if-match: T\n", [Go, Go, Failed]),
            ("if-match: \"x\", T\n", [Go, Go, Failed]),
            ("if-match: *\n", [Go, Go, Failed]),
            ("if-match: W/T\n", [Failed, Failed, Failed]),
            ("if-match: \"x\"\n", [Failed, Failed, Failed]),
            ("if-match: x\n", [Go, Failed, Failed]),
            ("if-match: T\nif-none-match: T\n", [NotModified, Failed, Failed]),
            ("if-match: T\nif-unmodified-since: @before\n", [Go, Go, Failed]),
            ("if-unmodified-since: @before\n", [Failed, Failed, Go]),
            ("if-unmodified-since: @at\n", [Go, Go, Go]),
            ("if-unmodified-since: yesterday\n", [Go, Go, Go]),
            ("if-modified-since: @before\n", [Go, Go, Go]),
            ("if-modified-since: @at\n", [NotModified, Go, Go]),
            ("if-modified-since: @after\n", [NotModified, Go, Go]),
            ("if-modified-since: @at\nif-modified-since: @at\n", [Go, Go, Go]),
            ("if-modified-since: 784111777\n", [Go, Go, Go]),
            ("if-none-match: \"x\"\nif-modified-since: @at\n", [Go, Go, Go]),
            ("if-none-match: T\nif-modified-since: @before\n", [NotModified, Failed, Go]),
        ];
        for (fields, expected) in cases {
            let get = Precondition::of(&head("GET", fields), Some(file()));
            assert_eq!(Precondition::of(&head("HEAD", fields), Some(file())), get, "HEAD {fields}");
            let put = Precondition::of(&head("PUT", fields), Some(file()));
            assert_eq!([get, put, Precondition::of(&head("PUT", fields), None)], *expected, "{fields}");
        }
    }

    #[test]
    fn a_range_holds_for_exactly_the_state_that_if_range_names() {
        let cases: &[(&str, bool)] = &[
            ("", true),
            ("if-range: T\n", true),
            ("if-range: W/T\n", false),
            ("if-range: \"x\"\n", false),
            ("if-range: T, T\n", false),
            ("if-range: T\nif-range: T\n", false),
            ("if-range: @at\n", true),
            ("if-range: @before\n", false),
            ("if-range: @after\n", false),
            ("if-range: *\n", false),
            ("if-range: \n", false),
        ];
        for (fields, expected) in cases {
            assert_eq!(range_holds(&head("GET", fields), file()), *expected, "{fields}");
        }
    }
}
