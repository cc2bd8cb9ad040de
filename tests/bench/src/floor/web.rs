//! The floor over HTTP: GET of files and folders, PUT, on a kept connection.

use std::fs::File;
use std::io::{self, Read, Write};

use rustix::net::{SendFlags, send};

use super::{SMALL, Visit, finish_line, list_in_blocks, open_folder, send_file};

/// The longest head that is understood.
const HEAD: usize = 1024;
const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

impl Visit {
    /// A head comes in one piece, perhaps with a part of its body.
    pub(super) fn answer_web(&mut self) -> io::Result<()> {
        self.control.set_nodelay(true)?;
        let mut input = vec![0; HEAD];
        loop {
            let count = self.control.read(&mut input)?;
            let Some(end) = input[..count].windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return Ok(()) };
            let (head, body) = input[..count].split_at(end + 4);
            let mut words = head.split(|&byte| byte == b' ');
            match (words.next(), words.next()) {
                (Some(b"PUT"), Some([b'/', name @ ..])) => self.put(name, length_of(head), body)?,
                (_, Some([b'/', name @ .., b'/'])) => self.give_folder(name)?,
                (_, Some([b'/', name @ ..])) => self.give(name)?,
                _ => return Ok(()),
            }
        }
    }

    fn give(&mut self, name: &[u8]) -> io::Result<()> {
        let file = File::open(self.path(name))?;
        let size = file.metadata()?.len();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n");
        // The head waits for the first bytes of the file.
        send(&self.control, head.as_bytes(), SendFlags::MORE)?;
        send_file(&self.control, &file, size)
    }

    fn give_folder(&mut self, name: &[u8]) -> io::Result<()> {
        let folder = open_folder(&self.path(name))?;
        let mut out = &self.control;
        out.write_all(CHUNKED)?;
        list_in_blocks(&folder, json_line, |block| {
            out.write_all(format!("{:x}\r\n", block.len()).as_bytes())?;
            out.write_all(block)?;
            out.write_all(b"\r\n")
        })?;
        out.write_all(b"0\r\n\r\n")
    }

    fn put(&mut self, name: &[u8], length: usize, body: &[u8]) -> io::Result<()> {
        let mut file = File::create(self.path(name))?;
        file.write_all(body)?;
        let (data, mut rest) = (self.control.try_clone()?, length - body.len());
        if rest <= SMALL {
            let mut block = vec![0; rest];
            (&data).read_exact(&mut block)?;
            file.write_all(&block)?;
            rest = 0;
        }
        self.splice(&data, &file, rest)?;
        self.say(b"HTTP/1.1 204 OK\r\n\r\n")
    }
}

fn length_of(head: &[u8]) -> usize {
    let text = str::from_utf8(head).unwrap_or_default();
    let value = text.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    value.and_then(|value| value.parse().ok()).unwrap_or_default()
}

fn json_line(block: &mut Vec<u8>, name: &[u8], size: u64) {
    block.extend_from_slice(b"{\"type\":\"file\",\"modified\":\"2026-01-01T12:00:00Z\",\"size\":");
    finish_line(block, name, size, b",\"name\":\"");
    block.truncate(block.len() - 2);
    block.extend_from_slice(b"\"},");
}
