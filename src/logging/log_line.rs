//! A log record on its way to the thread that writes it.

use env_logger::Logger;
use jiff::Timestamp;
use log::kv::{self, Key, Source, VisitSource};
use log::{Level, Log as _, Record};

/// A record that owns what it holds, and when it was made.
pub(super) struct LogLine {
    time: Timestamp,
    level: Level,
    target: String,
    message: String,
    fields: Vec<(String, String)>,
}

/// The key-value that holds the time, in microseconds since 1970.
const TIME: &str = "time";

impl LogLine {
    pub(super) fn of(record: &Record, time: Timestamp) -> LogLine {
        let (target, message) = (record.target().to_owned(), record.args().to_string());
        let mut line = LogLine { time, level: record.level(), target, message, fields: Vec::new() };
        // Collecting never fails: `visit_pair` takes everything.
        let _ = record.key_values().visit(&mut line);
        line
    }

    pub(super) fn write(&self, logger: &Logger) {
        let mut record = Record::builder();
        record.level(self.level).target(&self.target).key_values(self);
        logger.log(&record.args(format_args!("{}", self.message)).build());
    }
}

impl<'kvs> VisitSource<'kvs> for LogLine {
    fn visit_pair(&mut self, key: Key<'kvs>, value: kv::Value<'kvs>) -> Result<(), kv::Error> {
        self.fields.push((key.to_string(), value.to_string()));
        Ok(())
    }
}

impl Source for LogLine {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn VisitSource<'kvs>) -> Result<(), kv::Error> {
        visitor.visit_pair(Key::from_str(TIME), self.time.as_microsecond().into())?;
        self.fields.iter().try_for_each(|(key, value)| visitor.visit_pair(Key::from_str(key), value.as_str().into()))
    }
}

/// When the event of this record was made.
pub(super) fn time_of(record: &Record) -> Timestamp {
    let time = record.key_values().get(Key::from_str(TIME)).and_then(|time| time.to_i64());
    time.and_then(|time| Timestamp::from_microsecond(time).ok()).unwrap_or_default()
}
