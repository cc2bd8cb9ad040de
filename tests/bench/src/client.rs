//! An FTP client that costs less than any server: downloads are dropped in the kernel, uploads are sendfile from tmpfs.

use std::fs::File;
use std::io::{Read, Write};
use std::mem;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::os::fd::AsFd;

use rustix::net::{RecvFlags, recv};

use crate::failure::Failure;

/// A control connection.
pub struct Session {
    control: TcpStream,
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
}

/// MSG_TRUNC drops so many bytes in one call; the memory itself is never touched.
const GULP: usize = 4 << 20;

impl Session {
    /// Connects and waits for the greeting.
    pub fn connect(address: SocketAddr) -> Result<Self, Failure> {
        let control = TcpStream::connect(address)?;
        control.set_nodelay(true)?;
        let mut session = Self { control, line: Vec::new(), input: Vec::new(), read: 0 };
        session.expect("the greeting", &[220])?;
        Ok(session)
    }

    /// Connects and logs in.
    pub fn login(address: SocketAddr, (user, password): (&str, &str)) -> Result<Self, Failure> {
        let mut session = Self::connect(address)?;
        session.ask(&format!("USER {user}"), 331)?;
        session.ask(&format!("PASS {password}"), 230)?;
        Ok(session)
    }

    /// Sends a command and expects this code.
    pub fn ask(&mut self, command: &str, code: u16) -> Result<(), Failure> {
        self.send(command)?;
        self.expect(command, &[code])
    }

    /// PASV and a command that downloads; how many bytes came.
    pub fn download(&mut self, command: &str) -> Result<u64, Failure> {
        let data = self.open_data(command)?;
        let bytes = drop_all(&data)?;
        // Some servers linger until the client has closed as well.
        drop(data);
        self.expect(command, &[226])?;
        Ok(bytes)
    }

    /// PASV and a command that downloads; what came.
    pub fn fetch(&mut self, command: &str) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        self.open_data(command)?.read_to_end(&mut bytes)?;
        self.expect(command, &[226])?;
        Ok(bytes)
    }

    /// PASV and a command that uploads.
    pub fn upload(&mut self, command: &str, content: Content) -> Result<(), Failure> {
        let mut data = self.open_data(command)?;
        match content {
            Content::Bytes(bytes) => data.write_all(bytes)?,
            Content::File(file, length) => send_file(&data, file, length)?,
        }
        drop(data);
        self.expect(command, &[226])
    }

    /// QUIT, its reply, and the end of the connection.
    pub fn quit(mut self) -> Result<(), Failure> {
        self.ask("QUIT", 221)
    }

    fn open_data(&mut self, command: &str) -> Result<TcpStream, Failure> {
        self.send("PASV")?;
        let address = passive_address(self.reply("PASV", &[227])?)?;
        let data = TcpStream::connect(address)?;
        self.send(command)?;
        self.expect(command, &[150, 125])?;
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

fn drop_all(data: &TcpStream) -> Result<u64, Failure> {
    thread_local!(static GULP_BUFFER: std::cell::RefCell<Vec<u8>> = std::cell::RefCell::new(vec![0; GULP]));
    GULP_BUFFER.with_borrow_mut(|buffer| {
        let mut total = 0;
        loop {
            let (_, count) = recv(data, &mut buffer[..], RecvFlags::TRUNC)?;
            if count == 0 {
                return u64::try_from(total).map_err(Failure::broken);
            }
            total += count;
        }
    })
}

fn send_file(data: impl AsFd, file: &File, length: u64) -> Result<(), Failure> {
    let mut offset = 0;
    while offset < length {
        let rest = usize::try_from(length - offset).unwrap_or(usize::MAX);
        if rustix::fs::sendfile(&data, file, Some(&mut offset), rest)? == 0 {
            return Err(Failure::broken("the file to send has become shorter"));
        }
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
