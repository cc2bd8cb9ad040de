//! An FTP client that costs less than any server: downloads are dropped in the kernel, uploads are sendfile from tmpfs.
//! Under TLS downloads are dropped still encrypted, and uploads are encrypted from memory.

use std::fs::File;
use std::io::{Read, Write};
use std::mem;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::io::Errno;

use crate::channel::{Channel, Tls};
use crate::failure::Failure;
use crate::gulp::gulp;

/// A control connection.
pub struct Session {
    control: Channel,
    /// What data connections are secured with, after PROT P.
    protection: Option<Tls>,
    /// Whether the last data connection resumed the TLS session.
    pub has_resumed: bool,
    line: Vec<u8>,
    /// What came and is not yet read, from `read` on.
    input: Vec<u8>,
    read: usize,
}

/// What an upload sends.
#[derive(Clone, Copy)]
pub enum Content<'a> {
    Bytes(&'a [u8]),
    File(&'a File, u64),
    /// The same bytes again and again, up to this length.
    Repeated(&'a [u8], u64),
}

/// A server that has sent all under TLS and is silent for this long waits for our close_notify.
const SILENCE: Duration = Duration::from_millis(20);
/// Frames of TLS records are less than this part of what they carry.
const MOST_OVERHEAD: u64 = 32;

impl Session {
    /// Connects and waits for the greeting.
    pub fn connect(address: SocketAddr) -> Result<Self, Failure> {
        let control = TcpStream::connect(address)?;
        control.set_nodelay(true)?;
        let control = Channel::Clear(control);
        let mut session =
            Self { control, protection: None, has_resumed: false, line: Vec::new(), input: Vec::new(), read: 0 };
        session.expect("the greeting", &[220])?;
        Ok(session)
    }

    /// Connects and logs in.
    pub fn login(address: SocketAddr, account: (&str, &str)) -> Result<Self, Failure> {
        let mut session = Self::connect(address)?;
        session.log_in(account)?;
        Ok(session)
    }

    /// Connects, secures the control connection (AUTH TLS) and logs in.
    pub fn private_login(address: SocketAddr, account: (&str, &str), tls: &Tls) -> Result<Self, Failure> {
        let mut session = Self::connect(address)?;
        session.ask("AUTH TLS", 234)?;
        session.control = session.control.secure(tls)?;
        session.log_in(account)?;
        Ok(session)
    }

    /// PBSZ and PROT P: from now on data connections are under TLS, too.
    pub fn protect(&mut self, tls: &Tls) -> Result<(), Failure> {
        self.ask("PBSZ 0", 200)?;
        self.ask("PROT P", 200)?;
        self.protection = Some(tls.clone());
        Ok(())
    }

    /// Sends a command and expects this code.
    pub fn ask(&mut self, command: &str, code: u16) -> Result<(), Failure> {
        self.send(command)?;
        self.expect(command, &[code])
    }

    /// PASV and a command that downloads this many bytes.
    pub fn download(&mut self, command: &str, size: u64) -> Result<(), Failure> {
        let mut data = self.open_data(command)?;
        let bytes = drop_all(&mut data, size)?;
        data.finish();
        // Some servers linger until the client has closed as well.
        drop(data);
        self.expect(command, &[226])?;
        let most = if self.protection.is_some() { size + size / MOST_OVERHEAD } else { size };
        if (size..=most).contains(&bytes) {
            return Ok(());
        }
        Err(Failure::broken(format!("{command}: {bytes} bytes came instead of {size}")))
    }

    /// PORT and a command that downloads this many bytes, to this listener.
    pub fn active_download(&mut self, listener: &TcpListener, command: &str, size: u64) -> Result<(), Failure> {
        let [high, low] = listener.local_addr()?.port().to_be_bytes();
        self.ask(&format!("PORT 127,0,0,1,{high},{low}"), 200)?;
        self.send(command)?;
        self.expect(command, &[150, 125])?;
        let bytes = drop_all(&mut Channel::Clear(listener.accept()?.0), size)?;
        self.expect(command, &[226])?;
        if bytes == size {
            Ok(())
        } else {
            Err(Failure::broken(format!("{command}: {bytes} bytes came instead of {size}")))
        }
    }

    /// PASV and a command that downloads; what came.
    pub fn fetch(&mut self, command: &str) -> Result<Vec<u8>, Failure> {
        let (mut bytes, mut data) = (Vec::new(), self.open_data(command)?);
        data.read_to_end(&mut bytes)?;
        data.finish();
        drop(data);
        self.expect(command, &[226])?;
        Ok(bytes)
    }

    /// PASV and a command that uploads.
    pub fn upload(&mut self, command: &str, content: Content) -> Result<(), Failure> {
        let mut data = self.open_data(command)?;
        match content {
            Content::Bytes(bytes) => data.write_all(bytes)?,
            Content::File(file, length) => send_file(data.socket(), file, length)?,
            Content::Repeated(block, length) => send_repeated(&mut data, block, length)?,
        }
        data.close();
        self.expect(command, &[226])
    }

    /// QUIT, its reply, and the end of the connection.
    pub fn quit(mut self) -> Result<(), Failure> {
        self.ask("QUIT", 221)?;
        self.control.finish();
        Ok(())
    }

    fn log_in(&mut self, (user, password): (&str, &str)) -> Result<(), Failure> {
        self.ask(&format!("USER {user}"), 331)?;
        self.ask(&format!("PASS {password}"), 230)
    }

    fn open_data(&mut self, command: &str) -> Result<Channel, Failure> {
        self.send("PASV")?;
        let address = passive_address(self.reply("PASV", &[227])?)?;
        let data = TcpStream::connect(address)?;
        self.send(command)?;
        self.expect(command, &[150, 125])?;
        let Some(tls) = &self.protection else { return Ok(Channel::Clear(data)) };
        let data = Channel::Clear(data).secure(tls)?;
        self.has_resumed = data.is_resumed();
        Ok(data)
    }

    fn send(&mut self, command: &str) -> Result<(), Failure> {
        self.line.clear();
        self.line.extend_from_slice(command.as_bytes());
        self.line.extend_from_slice(b"\r\n");
        Ok(self.control.write_all(&self.line)?)
    }

    fn expect(&mut self, command: &str, codes: &[u16]) -> Result<(), Failure> {
        self.reply(command, codes).map(drop)
    }

    fn reply(&mut self, command: &str, codes: &[u16]) -> Result<&[u8], Failure> {
        let (code, end) = self.final_line(command)?;
        if !codes.contains(&code) {
            return Err(self.unexpected(command, code, end));
        }
        let start = mem::replace(&mut self.read, end);
        Ok(&self.input[start..end])
    }

    fn unexpected(&self, command: &str, code: u16, end: usize) -> Failure {
        let text = String::from_utf8_lossy(&self.input[self.read..end]);
        let what = format!("{command}: {}", text.trim_end());
        if [500, 502, 504].contains(&code) { Failure::Unsupported(what) } else { Failure::Broken(what) }
    }

    /// Reads until a whole reply is there: its code and where it ends.
    fn final_line(&mut self, command: &str) -> Result<(u16, usize), Failure> {
        if self.read == self.input.len() {
            self.input.clear();
            self.read = 0;
        }
        let mut line = self.read;
        loop {
            while let Some(length) = self.input[line..].iter().position(|&byte| byte == b'\n') {
                let end = line + length + 1;
                if let [a @ b'1'..=b'5', b @ b'0'..=b'9', c @ b'0'..=b'9', b' ', ..] = self.input[line..end] {
                    let code = [a, b, c].iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
                    return Ok((code, end));
                }
                line = end;
            }
            let mut block = [0; 1024];
            let count = self.control.read(&mut block)?;
            if count == 0 {
                return Err(Failure::broken(format!("{command}: connection closed instead of a reply")));
            }
            self.input.extend_from_slice(&block[..count]);
        }
    }
}

/// RFC 959 §4.1.2: six numbers somewhere in the reply.
fn passive_address(line: &[u8]) -> Result<SocketAddr, Failure> {
    let text = String::from_utf8_lossy(line);
    let inside = text.split(['(', ')']).nth(1).unwrap_or_default();
    let numbers: Vec<u8> = inside.split(',').filter_map(|number| number.trim().parse().ok()).collect();
    let &[a, b, c, d, high, low] = numbers.as_slice() else {
        return Err(Failure::broken(format!("no address in {text:?}")));
    };
    Ok(SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([high, low])).into())
}

/// Drops this many bytes and the frames of their TLS records, to the end of the stream; how many all of them were.
fn drop_all(data: &mut Channel, size: u64) -> Result<u64, Failure> {
    if let Channel::Private(_) = data {
        data.socket().set_read_timeout(Some(SILENCE))?;
    }
    let mut total = 0;
    loop {
        match gulp(data.socket(), u64::MAX) {
            Ok(0) => return Ok(total),
            Ok(count) => total += count,
            Err(Errno::AGAIN) if total >= size => data.finish(),
            Err(Errno::AGAIN) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Sends a file without looking at it.
pub fn send_file(data: impl AsFd, file: &File, length: u64) -> Result<(), Failure> {
    let mut offset = 0;
    while offset < length {
        let rest = usize::try_from(length - offset).unwrap_or(usize::MAX);
        if rustix::fs::sendfile(&data, file, Some(&mut offset), rest)? == 0 {
            return Err(Failure::broken("the file to send has become shorter"));
        }
    }
    Ok(())
}

fn send_repeated(data: &mut Channel, block: &[u8], length: u64) -> Result<(), Failure> {
    let mut rest = length;
    while rest > 0 {
        let most = usize::try_from(rest).unwrap_or(usize::MAX).min(block.len());
        rest -= u64::try_from(data.write(&block[..most])?).map_err(Failure::broken)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passive_address_stands_between_brackets() {
        let address = passive_address(b"227 Entering Passive Mode (127,0,0,1,130,5).\r\n").unwrap();
        assert_eq!(address, "127.0.0.1:33285".parse().unwrap());
        assert!(passive_address(b"227 (127,0,0,1,130)\r\n").is_err());
    }
}
