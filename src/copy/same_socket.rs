//! The door of a client that says nothing while its bytes move, as they come and go by the connection it came with.

use std::io;
use std::net::TcpStream;

use rustix::event::PollFlags;
use rustix::fd::{AsFd, BorrowedFd};

use crate::copy::watch::{Doorway, Progress};
use crate::net::ending::{Ending, Notice};
use crate::net::who::Who;

/// A connection that is door and data in one: only its loss is seen at the door.
pub struct SameSocket<'a> {
    /// The client.
    pub who: &'a Who,
    /// How its session is asked to end.
    pub ending: &'a Ending,
    /// The connection.
    pub socket: &'a TcpStream,
}

impl Doorway for SameSocket<'_> {
    fn who(&self) -> &Who {
        self.who
    }

    fn notice(&self) -> Option<Notice> {
        self.ending.notice()
    }

    fn is_shut(&self) -> bool {
        self.ending.is_shut()
    }

    fn readiness(&self) -> (BorrowedFd<'_>, PollFlags) {
        // A client that has closed its side only may wait for its answer, so nothing but a loss is waited for.
        (self.socket.as_fd(), PollFlags::empty())
    }

    fn holds_bytes(&mut self) -> bool {
        false
    }

    fn hear(&mut self) -> io::Result<bool> {
        Ok(true)
    }

    fn aborts(&self) -> bool {
        false
    }

    fn leaves(&self) -> bool {
        false
    }

    fn announce(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn answer(&mut self, _: Progress) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{ErrorKind, Read, Seek, Write};
    use std::net::{Shutdown, TcpListener};
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;
    use std::thread::{self, JoinHandle};
    use std::time::{Duration, Instant};

    use rustix::net::sockopt;
    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::crypto::aws_lc_rs;
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};

    use super::*;
    use crate::copy::ascii::{Incoming, LineEnds};
    use crate::copy::extent::{Exactly, Extent};
    use crate::copy::in_chunks::InChunks;
    use crate::copy::pace::Throttle;
    use crate::copy::sink::Sink;
    use crate::copy::transfer::Transfer;
    use crate::copy::watch::{Patience, Watch};
    use crate::copy::{Error, connection};
    use crate::net::ending::Farewell;
    use crate::net::stream::Stream;
    use crate::net::tls::{Tickets, Tls, TlsSettings};

    const KICKED: Farewell = Farewell { text: "Kicked", reason: "kicked" };
    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n";
    const NEXT: &[u8] = b"GET /next HTTP/1.1\r\n\r\n";
    /// Much longer than any of these tests takes, and more than the sockets of a connection hold.
    const LONG: Duration = Duration::from_secs(60);
    const MUCH: u64 = 64 << 20;

    /// The server's side of a connection.
    struct Scene {
        socket: Arc<TcpStream>,
        stream: Stream,
        ending: Arc<Ending>,
        throttle: Throttle,
        stall: Duration,
        moved: AtomicU64,
    }

    impl Scene {
        /// A connection, and its client's side.
        fn new() -> (Scene, TcpStream) {
            let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
            let client = TcpStream::connect(listener.local_addr().expect("bound")).expect("connected");
            let socket = Arc::new(listener.accept().expect("accepted").0);
            let stream = Stream::shared(Arc::clone(&socket)).expect("a socket");
            let ending = Arc::new(Ending::new(Arc::clone(&socket), Arc::default()));
            let (throttle, moved) = (Throttle::default(), AtomicU64::new(0));
            (Scene { socket, stream, ending, throttle, stall: LONG, moved }, client)
        }

        fn transfer<T>(&mut self, work: impl FnOnce(&mut Transfer) -> T) -> T {
            let who = Who::new(self.socket.local_addr().expect("connected"));
            let mut door = SameSocket { who: &who, ending: &self.ending, socket: &self.socket };
            let patience = Patience { connect: LONG, stall: self.stall };
            let mut watch = Watch::new(&mut door, patience, &self.moved);
            work(&mut Transfer::new(&mut self.stream, &mut watch, &mut self.throttle))
        }

        fn send_much(&mut self) -> Result<(), Error> {
            self.transfer(|transfer| transfer.send_with_head(HEAD.to_vec(), &large_file(), 0..MUCH))
        }

        /// Receives this much, of which `received` is here already; gives what was written, too.
        fn receive(&mut self, length: u64, received: &mut Vec<u8>, appends: bool) -> (Result<(), Error>, Vec<u8>) {
            self.receive_as(&mut Exactly::new(length, received), appends)
        }

        fn receive_as(&mut self, extent: &mut dyn Extent, appends: bool) -> (Result<(), Error>, Vec<u8>) {
            let mut file = tempfile::tempfile().expect("a file");
            let mut sink = Sink::new(&mut file, false, appends);
            let mut incoming = Incoming::new(LineEnds::Kept);
            let result = self.transfer(|transfer| transfer.receive(extent, &mut sink, &mut incoming));
            (result, content(&mut file))
        }

        /// As much as the next request has, of which `received` is here already.
        fn rest(&mut self, mut received: Vec<u8>) -> Vec<u8> {
            received.reserve(NEXT.len());
            while received.len() < NEXT.len() {
                match self.stream.receive(&mut received) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => thread::yield_now(),
                    came => assert!(came.expect("received") > 0),
                }
            }
            received
        }

        /// Goes on under TLS.
        fn secure(&mut self) -> Result<(), Error> {
            let settings =
                TlsSettings { pair: None, tell: |_| (), client_ca: None, must_resume: true, strict_eof: false };
            let tls = Arc::new(Tls::new(settings, &Tickets::new().expect("randomness")).expect("a pair"));
            let plain = Stream::shared(Arc::clone(&self.socket)).expect("a socket");
            self.stream = plain.protect(&tls.accept_web()).expect("settings");
            self.transfer(|transfer| connection::shake_hands(transfer.stream, transfer.watch))
        }
    }

    /// Does this while the transfer waits, most times.
    fn later<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        thread::spawn(|| {
            thread::sleep(Duration::from_millis(100));
            work()
        })
    }

    fn under_tls(client: TcpStream, offered: &[&str]) -> StreamOwned<ClientConnection, TcpStream> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.expect("versions").dangerous().with_custom_certificate_verifier(Arc::new(Trusting));
        let mut config = builder.with_no_client_auth();
        config.alpn_protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
        let name = "localhost".try_into().expect("a name");
        StreamOwned::new(ClientConnection::new(Arc::new(config), name).expect("settings"), client)
    }

    /// Trusts every server.
    #[derive(Debug)]
    struct Trusting;

    impl ServerCertVerifier for Trusting {
        fn verify_server_cert(
            &self,
            _: &CertificateDer,
            _: &[CertificateDer],
            _: &ServerName,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, rustls::Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
        }
    }

    fn content(file: &mut File) -> Vec<u8> {
        let mut content = Vec::new();
        file.rewind().and_then(|()| file.read_to_end(&mut content)).expect("read");
        content
    }

    fn file_of(content: &[u8]) -> File {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(content).expect("written");
        file
    }

    fn large_file() -> File {
        let file = tempfile::tempfile().expect("a file");
        file.set_len(MUCH).expect("large");
        file
    }

    fn bytes(length: usize) -> Vec<u8> {
        (0..length).map(|index| (index % 251) as u8).collect()
    }

    #[test]
    fn a_head_comes_before_its_content_however_long_that_is() {
        for length in [0, 1000, 16 << 10, (16 << 10) + 1, 2 << 20] {
            let (mut scene, mut client) = Scene::new();
            let whole = bytes(length + 7);
            let reader = thread::spawn(move || {
                let mut came = vec![0; HEAD.len() + length];
                client.read_exact(&mut came).map(|()| came)
            });
            let range = 7..7 + length as u64;
            let sent = scene.transfer(|transfer| transfer.send_with_head(HEAD.to_vec(), &file_of(&whole), range));
            assert!(sent.is_ok(), "{length}: {sent:?}");
            let came = reader.join().expect("no panic").expect("read");
            assert!(came == [HEAD, &whole[7..]].concat(), "{length}");
            assert_eq!(scene.moved.into_inner(), length as u64, "the head does not count");
            assert!(!sockopt::tcp_cork(&scene.socket).expect("an option"), "{length}: what comes next is held back");
        }
    }

    #[test]
    fn a_head_that_content_follows_waits_for_it() {
        let (mut scene, mut client) = Scene::new();
        client.set_nonblocking(true).expect("a socket");
        scene.stream.send_before_more(HEAD).expect("sent");
        let come = client.read(&mut [0; 100]).map_err(|error| error.kind());
        assert_eq!(come, Err(ErrorKind::WouldBlock));
        scene.stream.send(b"content").expect("sent");
        assert_eq!(client.read(&mut [0; 100]).expect("both"), HEAD.len() + 7);
    }

    #[test]
    fn a_file_that_became_shorter_breaks_the_answer() {
        for length in [1000, 100_000] {
            let (mut scene, _client) = Scene::new();
            let file = file_of(&bytes(length - 1));
            let sent = scene.transfer(|transfer| transfer.send_with_head(HEAD.to_vec(), &file, 0..length as u64));
            assert!(sent.is_err_and(|error| error.of_file().is_some()), "{length}");
        }
    }

    #[test]
    fn an_upload_takes_as_much_as_it_says_and_no_byte_of_the_next_request() {
        // Through the pipe; by a buffer, as the file is opened to append; at a rate.
        for (appends, rate) in [(false, None), (true, None), (false, Some(1 << 30))] {
            for length in [0, 5, 16 << 10, (16 << 10) + 5, 300_000, 3 << 20] {
                for early in [0, 3, length, length + 4] {
                    let story = format!("{length} bytes, {early} of them early, {appends} {rate:?}");
                    let whole = [&bytes(length), NEXT].concat();
                    let (mut scene, mut client) = Scene::new();
                    scene.throttle = Throttle::new(rate, None);
                    let mut received = whole[..early.min(whole.len())].to_vec();
                    let rest = whole[received.len()..].to_vec();
                    let writer = thread::spawn(move || client.write_all(&rest).map(|()| client));
                    let (result, written) = scene.receive(length as u64, &mut received, appends);
                    assert!(result.is_ok(), "{story}: {result:?}");
                    let _client = writer.join().expect("no panic").expect("sent");
                    assert!(written == whole[..length], "{story}");
                    assert_eq!(scene.rest(received), NEXT, "{story}");
                }
            }
        }
    }

    #[test]
    fn an_upload_in_chunks_ends_with_the_last_one() {
        let whole = bytes(300_000);
        let chunks = whole.chunks(100_000).flat_map(|chunk| {
            let line = format!("{:x}\r\n", chunk.len());
            [line.as_bytes(), chunk, b"\r\n"].concat()
        });
        let sent: Vec<u8> = chunks.chain(*b"0\r\n\r\n").chain(NEXT.iter().copied()).collect();
        for (early, is_cut) in [(0, false), (2, false), (150_000, false), (sent.len(), false), (2, true)] {
            let (mut scene, mut client) = Scene::new();
            let mut received = sent[..early].to_vec();
            let rest = sent[early..sent.len() - if is_cut { NEXT.len() + 1 } else { 0 }].to_vec();
            let writer = thread::spawn(move || {
                client.write_all(&rest)?;
                if is_cut { client.shutdown(Shutdown::Write).map(|()| client) } else { Ok(client) }
            });
            let (result, written) = scene.receive_as(&mut InChunks::new(&mut received), false);
            let _client = writer.join().expect("no panic").expect("sent");
            assert!(written == whole, "{early}");
            assert_eq!(result.is_ok(), !is_cut, "{early}: {result:?}");
            if !is_cut {
                assert_eq!(scene.rest(received), NEXT, "{early}");
            }
        }
    }

    #[test]
    fn a_malformed_chunk_breaks_the_upload() {
        let (mut scene, _client) = Scene::new();
        let (result, _) = scene.receive_as(&mut InChunks::new(&mut b"2\r\nabc".to_vec()), false);
        assert!(matches!(&result, Err(Error::Data(error)) if error.kind() == ErrorKind::InvalidData), "{result:?}");
    }

    #[test]
    fn an_upload_under_tls_is_whole_or_broken_whatever_its_stream_says() {
        for (sent, says_so) in [(6, true), (5, true), (5, false)] {
            let (mut scene, client) = Scene::new();
            let writer = thread::spawn(move || {
                let mut client = under_tls(client, &["http/1.1"]);
                client.write_all(&[&b"upload"[..sent], if sent == 6 { NEXT } else { b"" }].concat())?;
                if says_so {
                    client.conn.send_close_notify();
                }
                client.flush()?;
                client.sock.shutdown(Shutdown::Write)?;
                // So that it gets its tickets, and does not reset the connection.
                drop(client.read_to_end(&mut Vec::new()));
                io::Result::Ok(())
            });
            scene.secure().expect("shaken");
            let mut received = Vec::new();
            let (result, written) = scene.receive(6, &mut received, false);
            assert_eq!(written, b"upload"[..sent]);
            match sent {
                6 => assert_eq!((result.is_ok(), scene.rest(received)), (true, NEXT.to_vec()), "{result:?}"),
                _ => assert!(
                    matches!(&result, Err(Error::Data(error)) if error.kind() == ErrorKind::UnexpectedEof),
                    "{says_so}: {result:?}"
                ),
            }
            drop(scene);
            writer.join().expect("no panic").expect("sent");
        }
    }

    #[test]
    fn an_answer_under_tls_ends_with_close_notify() {
        let (mut scene, client) = Scene::new();
        let reader = thread::spawn(move || {
            let mut came = Vec::new();
            under_tls(client, &[]).read_to_end(&mut came).map(|_| came)
        });
        scene.secure().expect("shaken");
        let content = bytes(100_000);
        let sent = scene.transfer(|transfer| {
            transfer.send_with_head(HEAD.to_vec(), &file_of(&content[..1000]), 0..1000)?;
            transfer.send_with_head(HEAD.to_vec(), &file_of(&content), 0..100_000)?;
            transfer.finish()
        });
        assert!(sent.is_ok(), "{sent:?}");
        let came = reader.join().expect("no panic").expect("ended by close_notify");
        assert!(came == [HEAD, &content[..1000], HEAD, &content].concat());
        assert_eq!(scene.moved.into_inner(), 101_000);
    }

    #[test]
    fn a_client_that_speaks_other_protocols_only_is_refused() {
        for (offered, is_met) in [(&["h2", "http/1.1"][..], true), (&["h2"], false), (&["ftp"], false)] {
            let (mut scene, client) = Scene::new();
            let client = thread::spawn(move || under_tls(client, offered).read(&mut [0]).map(drop));
            let shaken = scene.secure();
            assert_eq!(shaken.is_ok(), is_met, "{offered:?}: {shaken:?}");
            drop(scene);
            assert!(client.join().expect("no panic").is_err());
        }
    }

    #[test]
    fn an_upload_whose_stream_ends_before_is_broken() {
        for length in [3, 100_000] {
            let (mut scene, mut client) = Scene::new();
            let writer = thread::spawn(move || {
                client.write_all(&bytes(length - 1)).and_then(|()| client.shutdown(Shutdown::Write)).map(|()| client)
            });
            let (result, written) = scene.receive(length as u64, &mut Vec::new(), false);
            let _client = writer.join().expect("no panic").expect("sent");
            assert!(
                matches!(&result, Err(Error::Data(error)) if error.kind() == ErrorKind::UnexpectedEof),
                "{result:?}"
            );
            assert_eq!(written.len(), length - 1);
        }
    }

    #[test]
    fn a_client_that_has_closed_its_side_only_gets_its_file() {
        let (mut scene, client) = Scene::new();
        client.shutdown(Shutdown::Write).expect("shut");
        let reader = later(|| io::copy(&mut client.take(MUCH + HEAD.len() as u64), &mut io::sink()));
        let sent = scene.send_much();
        assert!(sent.is_ok(), "{sent:?}");
        assert_eq!(reader.join().expect("no panic").expect("read"), MUCH + HEAD.len() as u64);
    }

    #[test]
    fn a_client_that_resets_ends_its_transfer_at_once() {
        for uploads in [false, true] {
            let (mut scene, client) = Scene::new();
            sockopt::set_socket_linger(&client, Some(Duration::ZERO)).expect("an option");
            let began = Instant::now();
            let killer = later(|| drop(client));
            let moved = if uploads { scene.receive(3, &mut Vec::new(), false).0 } else { scene.send_much() };
            assert!(matches!(moved, Err(Error::Vanished | Error::Data(_))), "{moved:?}");
            assert!(began.elapsed() < LONG / 2);
            killer.join().expect("no panic");
        }
    }

    #[test]
    fn a_transfer_that_does_not_move_ends_in_both_directions() {
        for uploads in [false, true] {
            let (mut scene, _client) = Scene::new();
            scene.stall = Duration::from_millis(100);
            let moved = if uploads { scene.receive(3, &mut Vec::new(), false).0 } else { scene.send_much() };
            assert!(matches!(moved, Err(Error::Stalled)), "{moved:?}");
        }
    }

    #[test]
    fn a_session_that_is_asked_to_end_at_once_ends_its_transfer_soon() {
        for uploads in [false, true] {
            let (mut scene, _client) = Scene::new();
            let (began, ending) = (Instant::now(), Arc::clone(&scene.ending));
            let asker = later(move || ending.ask(KICKED));
            let moved = if uploads { scene.receive(3, &mut Vec::new(), false).0 } else { scene.send_much() };
            assert!(matches!(moved, Err(Error::Ended(KICKED))), "{moved:?}");
            assert!(began.elapsed() < LONG / 2);
            asker.join().expect("no panic");
        }
    }

    #[test]
    fn a_session_that_is_asked_to_end_after_its_transfer_ends_it_in_good_order() {
        let (mut scene, client) = Scene::new();
        scene.ending.ask_after_transfer(KICKED);
        let mut received = b"ab".to_vec();
        let writer = later(move || (&client).write_all(b"c").map(|()| client));
        let (received, written) = scene.receive(3, &mut received, false);
        assert!(received.is_ok(), "{received:?}");
        assert_eq!(written, b"abc");
        // Even with its reading side shut, which an upload does not survive.
        scene.ending.wake();
        let client = writer.join().expect("no panic").expect("sent");
        let reader =
            later(move || io::copy(&mut (&client).take(MUCH + HEAD.len() as u64), &mut io::sink()).map(|_| client));
        let sent = scene.send_much();
        assert!(sent.is_ok(), "{sent:?}");
        let _client = reader.join().expect("no panic").expect("read");
        let (received, _) = scene.receive(3, &mut Vec::new(), false);
        assert!(matches!(received, Err(Error::Ended(KICKED))), "{received:?}");
    }
}
