//! The floor: a toy that answers with fixed words and looks at nothing. What it costs is the system's price.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Write};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rustix::buffer::spare_capacity;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, StatxFlags, openat, sendfile, statx};
use rustix::net::sockopt::set_tcp_cork;
use rustix::net::{RecvFlags, recv};
use rustix::pipe::{SpliceFlags, fcntl_setpipe_size, pipe, splice};

use crate::workloads::Protocol;

mod web;

/// One connection: a thread, a socket and a line buffer; the rest comes with the first transfer.
struct Visit {
    control: TcpStream,
    home: PathBuf,
    /// The one in use is at the front.
    passive: VecDeque<TcpListener>,
    pipe: Option<(OwnedFd, OwnedFd)>,
}

const STACK: usize = 128 * 1024;
const LISTENERS: usize = 8;
const LINE: usize = 512;
const SMALL: usize = 16 * 1024;
const PIPE: usize = 1 << 20;
const BLOCK: usize = 64 * 1024;
const BIG: u64 = 1 << 20;

/// Serves until killed. Each thread accepts for itself, so no visit is ever handed over.
pub fn serve(protocol: Protocol, port: u16, home: &Path) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    rustix::net::listen(&listener, 4096)?;
    let door = Arc::new(Door { protocol, listener, home: home.to_owned(), waiting: AtomicUsize::new(0) });
    door.accept_all();
    Ok(())
}

struct Door {
    protocol: Protocol,
    listener: TcpListener,
    home: PathBuf,
    /// Threads in accept.
    waiting: AtomicUsize,
}

impl Door {
    fn accept_all(self: &Arc<Self>) {
        loop {
            self.waiting.fetch_add(1, Ordering::Relaxed);
            let Ok((control, _)) = self.listener.accept() else { return };
            if self.waiting.fetch_sub(1, Ordering::Relaxed) == 1 {
                let door = Arc::clone(self);
                let _ = thread::Builder::new().stack_size(STACK).spawn(move || door.accept_all());
            }
            let mut visit = Visit { control, home: self.home.clone(), passive: VecDeque::new(), pipe: None };
            // A broken connection is the end of the visit and nobody else's business.
            let _ = match self.protocol {
                Protocol::Ftp => visit.answer_all(),
                Protocol::Http => visit.answer_web(),
            };
        }
    }
}

impl Visit {
    fn answer_all(&mut self) -> io::Result<()> {
        self.control.set_nodelay(true)?;
        self.say(b"220 floor\r\n")?;
        let mut line = vec![0; LINE];
        loop {
            let count = self.control.read(&mut line)?;
            if count == 0 {
                return Ok(());
            }
            let command = line[..count].trim_ascii_end();
            match command.first_chunk() {
                Some(b"USER") => self.say(b"331 ok\r\n")?,
                Some(b"PASS") => self.say(b"230 ok\r\n")?,
                Some(b"SIZE") => self.say(b"213 1024\r\n")?,
                // Three letters: PWD.
                None => self.say(b"257 \"/\"\r\n")?,
                Some(b"DELE") => self.delete(&command[5..])?,
                Some(b"PASV") => self.listen()?,
                Some(b"RETR") => self.send(&command[5..])?,
                Some(b"STOR") => self.receive(&command[5..])?,
                Some(b"MLSD") => self.list(&command[5..], mlsd_line)?,
                Some(b"LIST") => self.list(&command[5..], list_line)?,
                Some(b"QUIT") => return self.say(b"221 ok\r\n"),
                Some(_) => self.say(b"200 ok\r\n")?,
            }
        }
    }

    fn say(&mut self, reply: &[u8]) -> io::Result<()> {
        self.control.write_all(reply)
    }

    fn delete(&mut self, name: &[u8]) -> io::Result<()> {
        std::fs::remove_file(self.path(name))?;
        self.say(b"250 ok\r\n")
    }

    /// Listeners stay for the whole visit, and take turns: a client that closes first has but 14 000 ports for each.
    fn listen(&mut self) -> io::Result<()> {
        if self.passive.len() < LISTENERS {
            self.passive.push_front(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?);
        } else {
            self.passive.rotate_left(1);
        }
        let port =
            self.passive.front().map_or(Ok(0), |listener| listener.local_addr().map(|address| address.port()))?;
        let [high, low] = port.to_be_bytes();
        self.say(format!("227 (127,0,0,1,{high},{low})\r\n").as_bytes())
    }

    fn send(&mut self, name: &[u8]) -> io::Result<()> {
        let file = File::open(self.path(name))?;
        let size = file.metadata()?.len();
        let data = self.accept()?;
        if size > BIG {
            // Full segments only: a tenth faster. The close sends what is left.
            set_tcp_cork(&data, true)?;
        }
        send_file(&data, &file, size)?;
        drop(data);
        self.say(b"226 ok\r\n")
    }

    fn receive(&mut self, name: &[u8]) -> io::Result<()> {
        let mut file = File::create(self.path(name))?;
        let data = self.accept()?;
        // A small file: plain copies are cheaper than two splices. Not on the stack, where it would stay.
        let mut block = Vec::with_capacity(SMALL);
        recv(&data, spare_capacity(&mut block), RecvFlags::empty())?;
        file.write_all(&block)?;
        self.splice(&data, &file, usize::MAX)?;
        drop((data, file));
        self.say(b"226 ok\r\n")
    }

    /// Moves this many bytes, or all up to the end.
    fn splice(&mut self, data: &TcpStream, file: &File, mut rest: usize) -> io::Result<()> {
        if self.pipe.is_none() {
            let ends = pipe()?;
            fcntl_setpipe_size(&ends.1, PIPE)?;
            self.pipe = Some(ends);
        }
        let Some((read, write)) = &self.pipe else { return Ok(()) };
        while rest > 0 {
            let mut count = splice(data, None, write, None, rest.min(PIPE), SpliceFlags::MOVE)?;
            if count == 0 {
                break;
            }
            rest -= count;
            while count > 0 {
                count -= splice(read, None, file, None, count, SpliceFlags::MOVE)?;
            }
        }
        Ok(())
    }

    fn list(&mut self, name: &[u8], line: fn(&mut Vec<u8>, &[u8], u64)) -> io::Result<()> {
        let folder = open_folder(&self.path(name))?;
        let mut data = self.accept()?;
        list_in_blocks(&folder, line, |block| data.write_all(block))?;
        drop(data);
        self.say(b"226 ok\r\n")
    }

    fn accept(&mut self) -> io::Result<TcpStream> {
        let Some(listener) = self.passive.front() else { return Err(io::ErrorKind::NotConnected.into()) };
        let (data, _): (_, SocketAddr) = listener.accept()?;
        self.say(b"150 ok\r\n")?;
        Ok(data)
    }

    fn path(&self, name: &[u8]) -> PathBuf {
        self.home.join(String::from_utf8_lossy(name).as_ref())
    }
}

fn send_file(data: &TcpStream, file: &File, size: u64) -> io::Result<()> {
    let mut rest = usize::try_from(size).unwrap_or(usize::MAX);
    while rest > 0 {
        match sendfile(data, file, None, rest)? {
            0 => break,
            sent => rest -= sent,
        }
    }
    Ok(())
}

fn open_folder(path: &Path) -> io::Result<OwnedFd> {
    Ok(openat(CWD, path, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())?)
}

/// The files of a folder, a line for each.
fn list_in_blocks(
    folder: &OwnedFd,
    line: fn(&mut Vec<u8>, &[u8], u64),
    mut send: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut buffer = vec![MaybeUninit::uninit(); BLOCK];
    let mut entries = RawDir::new(folder, &mut buffer);
    let mut block = Vec::with_capacity(2 * BLOCK);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        if entry.file_type() == FileType::Directory {
            continue;
        }
        let fields = StatxFlags::SIZE | StatxFlags::MTIME | StatxFlags::MODE;
        let meta = statx(folder, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW, fields)?;
        line(&mut block, entry.file_name().to_bytes(), meta.stx_size);
        if block.len() >= BLOCK {
            send(&block)?;
            block.clear();
        }
    }
    send(&block)
}

fn mlsd_line(block: &mut Vec<u8>, name: &[u8], size: u64) {
    block.extend_from_slice(b"type=file;modify=20260101120000;perm=adfrw;unique=1g2345;size=");
    finish_line(block, name, size, b"; ");
}

fn list_line(block: &mut Vec<u8>, name: &[u8], size: u64) {
    block.extend_from_slice(b"-rw-r--r--   1 nobody   nobody   ");
    finish_line(block, name, size, b" Jan 01 12:00 ");
}

fn finish_line(block: &mut Vec<u8>, name: &[u8], size: u64, between: &[u8]) {
    let mut digits = [0; 20];
    let (mut start, mut rest) = (digits.len(), size);
    loop {
        start -= 1;
        digits[start] = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    for part in [&digits[start..], between, name, b"\r\n"] {
        block.extend_from_slice(part);
    }
}
