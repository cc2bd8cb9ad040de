//! Comparing files without moving them: HASH, RANG, XCRC and its like, AVBL.

use std::fs::File;
use std::ops::Range;
use std::time::Instant;

use crate::copy::watch::Watch;
use crate::copy::{Error, digest};
use crate::net::control::Control;
use crate::protocol::address::decimal;
use crate::protocol::command::{Algorithm, Window};
use crate::protocol::path::{Name, VirtualPath};
use crate::protocol::reply::Reply;
use crate::reception::activity::{Activity, Moves};
use crate::reception::outcome::reason;
use crate::reception::transfer_log::Door;
use crate::session::attention::{Attention, Says};
use crate::session::end::End;
use crate::session::heartbeat::Heartbeat;
use crate::session::login::Login;
use crate::session::refusal::{Refusal, Why};
use crate::session::step::{Answer, Step, refuse, reply};
use crate::sys::meta::Meta;

/// A part of a file, and which command asks for its checksum.
struct Excerpt<'a> {
    verb: &'static str,
    path: &'a VirtualPath,
    file: File,
    meta: Meta,
    range: Range<u64>,
}

impl Login {
    /// draft-bryan-ftpext-hash §3.2: the answer names the algorithm, the range, the checksum and the file.
    pub(super) fn hash(
        &mut self,
        verb: &'static str,
        name: &Name,
        window: Option<Window>,
        control: &mut Control,
    ) -> Answer {
        let path = self.path(name);
        let (file, meta) = self.share.open_file(&path)?;
        let range = match window {
            Some(window) if window.first < meta.size => window.within(meta.size),
            Some(_) => return refuse(550, "RANG begins after the end of the file."),
            None => 0..meta.size,
        };
        let (algorithm, first, last) = (self.agreed.preferences.algorithm, range.start, range.end.saturating_sub(1));
        let excerpt = Excerpt { verb, path: &path, file, meta, range };
        let digest = self.digest(excerpt, algorithm, 213, control)?;
        let head = format!("{} {first}-{last} {digest} ", algorithm.name());
        Ok(Reply::raw(213, [head.as_bytes(), &self.told(name.as_bytes())].concat()).into())
    }

    /// XCRC and its like: a name, in quotes or not, and where the checksum begins and (exclusively) ends.
    pub(super) fn checksum(
        &mut self,
        verb: &'static str,
        algorithm: Algorithm,
        argument: &Name,
        control: &mut Control,
    ) -> Answer {
        let (path, range) = self.find_with_range(argument.as_bytes())?;
        let (file, meta) = self.share.open_file(&path)?;
        let excerpt = Excerpt { verb, path: &path, file, meta, range };
        let digest = self.digest(excerpt, algorithm, 250, control)?;
        reply(250, digest.to_ascii_uppercase())
    }

    /// Bytes that may still be written here.
    pub(super) fn avbl(&self, name: Option<&Name>) -> Answer {
        let path = self.path_or_cwd(name);
        self.share.meta(&path)?;
        reply(213, self.share.free_space(&path)?.to_string())
    }

    /// The checksum of a part of a file; its answer, which will have this code, keeps the client patient meanwhile.
    fn digest(
        &mut self,
        excerpt: Excerpt,
        algorithm: Algorithm,
        code: u16,
        control: &mut Control,
    ) -> Result<String, Box<Refusal>> {
        let Excerpt { verb, path, file, meta, range } = excerpt;
        let total = range.end - range.start;
        let busy = Activity::begin(&self.activity, verb, path, Moves::Nowhere, Some(total));
        let _download = self.share.download(&meta);
        let mut answer = Heartbeat::new(code, "Reading the file.", Instant::now());
        let mut attention = Attention { control, says: Says::Lines(&mut answer) };
        let mut watch = Watch::new(&mut attention, self.patience(), busy.counter());
        digest::of_file(file, range, algorithm, &mut watch).map_err(|error| {
            self.aborted |= matches!(error, Error::Aborted);
            let step = if answer.has_spoken() { Step::Cut(End::HalfReply) } else { self.explain(&error).into() };
            Refusal::new(step, Why::Reason(reason(&error, Door::Ftp)))
        })
    }

    /// The whole argument is the name, unless no such file is there and it ends in one or two numbers.
    fn find_with_range(&self, argument: &[u8]) -> Result<(VirtualPath, Range<u64>), Box<Refusal>> {
        let found = |name: &[u8]| -> Result<(u64, VirtualPath), Box<Refusal>> {
            let name = Name::new(name).ok_or_else(|| Reply::new(550, "No such file or folder."))?;
            let path = self.path(&self.meant(name));
            Ok((self.share.readable_size(&path)?, path))
        };
        if let Ok((size, path)) = found(argument) {
            return Ok((path, 0..size));
        }
        let (name, numbers) = split_range(argument);
        let (size, path) = found(name)?;
        let (start, end) = (numbers.first().copied().unwrap_or(0), numbers.get(1).copied().unwrap_or(size));
        if start > end || end > size {
            return refuse(550, "The range does not fit the file.");
        }
        Ok((path, start..end))
    }
}

/// `"a name" 0 10` or `a name 0 10`: the name, and up to two numbers after it.
fn split_range(argument: &[u8]) -> (&[u8], Vec<u64>) {
    if let Some(quoted) = argument.trim_ascii_start().strip_prefix(b"\"")
        && let Some(end) = quoted.iter().rposition(|&byte| byte == b'"')
    {
        let numbers = quoted[end + 1..].split(|&byte| byte == b' ').filter_map(decimal).collect();
        return (&quoted[..end], numbers);
    }
    let (mut name, mut numbers) = (argument, Vec::new());
    // Blanks after a number do not count, those after a name do.
    while let Some(words) = Some(name.trim_ascii_end()).filter(|_| numbers.len() < 2)
        && let Some(blank) = words.iter().rposition(|&byte| byte == b' ')
        && let Some(number) = decimal(&words[blank + 1..])
    {
        numbers.insert(0, number);
        name = &words[..blank];
    }
    (name, numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_ranges_are_told_apart() {
        let cases: &[(&str, &str, &[u64])] = &[
            ("a", "a", &[]),
            ("a b", "a b", &[]),
            ("a 5", "a", &[5]),
            ("a b 5 10", "a b", &[5, 10]),
            ("a 1 2 3", "a 1", &[2, 3]),
            ("\"a 1 2\"", "a 1 2", &[]),
            ("\"a \"b\" 1 2", "a \"b", &[1, 2]),
            ("a -1", "a -1", &[]),
            ("a 5 ", "a", &[5]),
            ("a 5  10  ", "a", &[5, 10]),
            ("a  5", "a ", &[5]),
            ("a  ", "a  ", &[]),
            (" \"a\"  5  ", "a", &[5]),
        ];
        for (argument, name, numbers) in cases {
            assert_eq!(split_range(argument.as_bytes()), (name.as_bytes(), numbers.to_vec()), "{argument}");
        }
    }
}
