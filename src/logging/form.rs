//! A log record as one line, as text or as JSON.
//!
//! Control characters are escaped here, in every record, so that nothing a client sends can forge a line or reach a
//! terminal.

use jiff::Zoned;
use log::Record;
use log::kv::{self, Key, VisitSource};
use serde_json::{Map, Value};

/// Maximum length of a message in characters; the rest is cut.
const LONGEST_MESSAGE: usize = 8192;

/// `[I 2024-11-22 10:00:01] 192.168.1.20:51542-[bob] message`.
pub(super) fn text(record: &Record, now: &Zoned) -> String {
    let letter = record.level().as_str().chars().next().unwrap_or(' ');
    let line = format!("[{letter} {}] ", now.strftime("%Y-%m-%d %H:%M:%S"));
    let field = |name: &str| record.key_values().get(Key::from_str(name)).map(|value| value.to_string());
    let prefix = field("peer").map(|peer| format!("{peer}-[{}] ", field("user").unwrap_or_default()));
    let message = prefix.unwrap_or_default() + &cut(record);
    line + &escape(&message, |c| match c {
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        c => format!("\\x{:02x}", u32::from(c)),
    })
}

/// `{"time":"2024-11-22T10:00:01.000+01:00","level":"info","message":"…","peer":"…",…}`.
pub(super) fn json(record: &Record, now: &Zoned) -> String {
    let level = record.level().as_str().to_ascii_lowercase();
    let time = now.strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string();
    let mut fields = Fields(Map::new());
    // Collecting never fails: `visit_pair` takes everything.
    let _ = record.key_values().visit(&mut fields);
    for (key, value) in [("time", time), ("level", level), ("message", cut(record))] {
        fields.0.insert(key.to_owned(), Value::from(value));
    }
    // JSON escapes what is below 0x20, but neither DEL nor the C1 controls.
    escape(&Value::Object(fields.0).to_string(), |c| format!("\\u{:04x}", u32::from(c)))
}

fn cut(record: &Record) -> String {
    record.args().to_string().chars().take(LONGEST_MESSAGE).collect()
}

fn escape(text: &str, escaped: fn(char) -> String) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if is_control(c) { line.push_str(&escaped(c)) } else { line.push(c) }
    }
    line
}

/// Characters that could end a line or control a terminal: C0, DEL, C1, and Unicode's own line ends.
fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// The key-values of a record, as a JSON object has them.
struct Fields(Map<String, Value>);

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: Key<'kvs>, value: kv::Value<'kvs>) -> Result<(), kv::Error> {
        self.0.insert(key.to_string(), Value::from(value.to_string()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use jiff::tz::{Offset, TimeZone};
    use log::Level;

    use super::*;

    const PEER: [(&str, &str); 2] = [("peer", "192.168.1.20:51542"), ("user", "bob")];

    fn line(form: fn(&Record, &Zoned) -> String, level: Level, pairs: &[(&str, &str)], message: &str) -> String {
        let hour = TimeZone::fixed(Offset::constant(1));
        let now = "2024-11-22T09:00:01.25Z".parse::<Timestamp>().unwrap().to_zoned(hour);
        form(&Record::builder().level(level).key_values(&pairs).args(format_args!("{message}")).build(), &now)
    }

    #[test]
    fn a_text_line_has_level_time_and_peer_in_front() {
        let cases = [
            (Level::Info, &PEER[..], "x", "[I 2024-11-22 10:00:01] 192.168.1.20:51542-[bob] x"),
            (Level::Error, &PEER[..1], "x", "[E 2024-11-22 10:00:01] 192.168.1.20:51542-[] x"),
            (Level::Warn, &[], "x", "[W 2024-11-22 10:00:01] x"),
            (Level::Debug, &[], "", "[D 2024-11-22 10:00:01] "),
        ];
        for (level, pairs, message, expected) in cases {
            assert_eq!(line(text, level, pairs, message), expected);
        }
    }

    #[test]
    fn a_json_line_is_an_object_with_the_pairs() {
        let line = line(json, Level::Info, &PEER, "a \"b\"\n");
        let expected = serde_json::json!({
            "time": "2024-11-22T10:00:01.250+01:00", "level": "info", "message": "a \"b\"\n",
            "peer": "192.168.1.20:51542", "user": "bob",
        });
        assert_eq!(line.parse::<Value>().unwrap(), expected);
    }

    #[test]
    fn no_control_character_reaches_the_log() {
        let evil = "a\r\n[I forged]\tb\0\u{1b}[2J\u{7f}\u{9b}c\u{2028}é✓";
        let pairs = [("peer", "1.2.3.4:5\n"), ("user", "\u{1b}")];
        let text = line(text, Level::Info, &pairs, evil);
        let (_, message) = text.split_once("] ").unwrap();
        assert_eq!(message, r"1.2.3.4:5\n-[\x1b] a\r\n[I forged]\tb\x00\x1b[2J\x7f\x9bc\x2028é✓");
        let json = line(json, Level::Info, &pairs, evil);
        assert!(!json.contains(is_control), "{json}");
        assert_eq!(json.parse::<Value>().unwrap()["message"], evil);
    }

    #[test]
    fn a_long_message_is_cut() {
        let text = line(text, Level::Info, &[], &"é".repeat(LONGEST_MESSAGE + 5));
        assert_eq!(text.chars().filter(|c| *c == 'é').count(), LONGEST_MESSAGE);
    }
}
