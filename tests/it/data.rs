//! A data connection, in clear or protected: under PROT P the client is the TLS client whichever side dialled.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    time::Duration,
};

use rustls::ClientConfig;
use socket2::SockRef;

use crate::{
    channel::Channel,
    client::{PATIENCE, be_patient},
};

/// The client's end of a data connection. Under TLS the first read or write does the handshake, so after the 150, as
/// most clients do it; dropping it ends it in order, with close_notify.
pub struct Data {
    channel: Channel,
    /// Is its end that of a client in good health?
    orderly: bool,
}

impl Data {
    /// Protected if the client's PROT P says so.
    pub fn over(stream: TcpStream, protection: Option<&Arc<ClientConfig>>) -> Data {
        be_patient(&stream);
        let mut channel = Channel::clear(stream);
        if let Some(config) = protection {
            channel.plan(config);
        }
        Data { channel, orderly: true }
    }

    /// Shakes hands now; in clear there is nothing to do.
    #[track_caller]
    pub fn handshake(&mut self) {
        self.try_handshake().expect("the server shakes hands on the data connection");
    }

    pub fn try_handshake(&mut self) -> io::Result<()> {
        self.channel.handshake()
    }

    pub fn has_resumed(&self) -> bool {
        self.channel.has_resumed()
    }

    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    pub fn set_nonblocking(&self, nonblocking: bool) {
        self.channel.socket().set_nonblocking(nonblocking).unwrap();
    }

    /// Ends the sending half in order.
    pub fn finish(&mut self) {
        self.channel.close_notify();
        self.channel.socket().shutdown(Shutdown::Write).unwrap();
    }

    /// Closes as the system does it for a program that was killed: without a word of TLS.
    pub fn cut(mut self) {
        self.orderly = false;
    }

    /// Ends both directions, for every holder of the connection.
    pub fn shut_down(&self) {
        let _ = self.channel.socket().shutdown(Shutdown::Both);
    }

    /// The same connection for another thread that only sends, and does not mind when it breaks.
    pub fn sender(&self) -> impl FnMut(&[u8]) + Send + use<> {
        let mut channel = self.channel.clone();
        move |bytes| drop(channel.write_all(bytes))
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        if self.orderly {
            self.channel.close_notify();
        }
    }
}

impl Read for Data {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.channel.read(buffer)
    }
}

impl Write for Data {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.channel.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads a data connection to its end.
#[track_caller]
pub fn read_all(mut data: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    data.read_to_end(&mut bytes).expect("the data connection ends in order");
    bytes
}

/// Reads until the end, be it orderly or a reset.
pub fn read_until_broken(mut data: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    match data.read_to_end(&mut bytes) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("the data connection stays open"),
        _ => bytes,
    }
}

/// Closes with a reset instead of an orderly end.
pub fn reset(data: Data) {
    SockRef::from(data.channel.socket()).set_linger(Some(Duration::ZERO)).unwrap();
    data.cut();
}

/// Where the client waits for the server's data connection.
pub struct Listener {
    listener: TcpListener,
    protection: Option<Arc<ClientConfig>>,
}

impl Listener {
    /// Listens at any port of an address, with its scope.
    pub fn bind(mut address: SocketAddr, protection: Option<&Arc<ClientConfig>>) -> Listener {
        address.set_port(0);
        let listener = TcpListener::bind(address).unwrap();
        SockRef::from(&listener).set_read_timeout(Some(PATIENCE)).unwrap();
        Listener { listener, protection: protection.cloned() }
    }

    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    /// Accepts the connection that the server was asked to make.
    #[track_caller]
    pub fn accept(&self) -> Data {
        let (stream, _) = self.listener.accept().expect("the server connects");
        Data::over(stream, self.protection.as_ref())
    }
}
