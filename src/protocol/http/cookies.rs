//! The field `Cookie` (RFC 6265 §4.2).

use crate::protocol::http::{head::Head, list::trim, query::split};

/// The values of all cookies of that name, the more specific ones first, without quotes around them.
pub fn cookies<'a>(head: &'a Head, name: &str) -> impl Iterator<Item = &'a [u8]> {
    let pairs = head.all("cookie").flat_map(|value| value.split(|&byte| byte == b';'));
    pairs.filter_map(move |pair| {
        let (found, value) = split(trim(pair));
        let value = trim(value.filter(|_| trim(found) == name.as_bytes())?);
        Some(value.strip_prefix(b"\"").and_then(|inner| inner.strip_suffix(b"\"")).unwrap_or(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::http::head::HeadReader;

    #[test]
    fn cookies_are_found_by_their_exact_name() {
        let text = "GET / HTTP/1.1\r\nCookie: a=1; b=\"2\";c = 3 ; a=4=5;=x; d\r\ncookie: a=\"6\r\nX: a=7\r\n\r\n";
        let (head, _) = HeadReader::default().read(text.as_bytes()).unwrap().unwrap();
        let cases: &[(&str, &[&str])] =
            &[("a", &["1", "4=5", "\"6"]), ("b", &["2"]), ("c", &["3"]), ("", &["x"]), ("d", &[]), ("A", &[])];
        for (name, expected) in cases {
            let expected: Vec<&[u8]> = expected.iter().map(|text| text.as_bytes()).collect();
            assert_eq!(cookies(&head, name).collect::<Vec<_>>(), expected, "{name}");
        }
    }
}
