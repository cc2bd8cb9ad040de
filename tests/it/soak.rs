//! A crowd of clients that do what is right, what is wrong and what nobody should do, as chance has it, while some are cut
//! off: afterwards the server is as it was, and what was answered with 226 has the right bytes.
//!
//! `FTPD_SEED=n` repeats what each client does.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs,
    io::{Read, Write},
    net::{IpAddr, Shutdown, TcpStream},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use crate::{
    channel::leave_out,
    client::{Client, Reply, address_of_227, port_command},
    data::{Data, reset},
    data_connections::free_ports,
    dice::Dice,
    server::{BOB, Server, Tree, eventually},
};

const PLACES: usize = 48;
const PORTS: u16 = 8;
/// The longest upload.
const LONGEST: usize = 1 << 19;
/// What resident memory may differ by between two moments of rest, in KiB: the heap keeps a little of what it had.
const MEMORY: u64 = 3000;

/// What all clients share.
struct Crowd<'a> {
    server: &'a Server,
    /// Control connections that somebody may cut.
    connections: Mutex<HashMap<usize, TcpStream>>,
    sessions: AtomicUsize,
    uploads: AtomicUsize,
    downloads: AtomicUsize,
    cut: AtomicUsize,
}

/// One client: a folder of its own, and what it knows to be there.
struct Member<'a> {
    crowd: &'a Crowd<'a>,
    number: usize,
    dice: Dice,
    /// Files that were answered with 226, and nothing uncertain has happened to since.
    files: BTreeMap<String, Vec<u8>>,
    /// Those of which an overwrite broke: REST may go on with that instead of the file.
    broken: HashSet<String>,
    names: usize,
}

impl Crowd<'_> {
    /// Each has this many sessions; then all are gone. Returns what each knows of its files.
    fn gather(&self, dice: &mut Dice, members: usize, sessions: usize) -> Vec<BTreeMap<String, Vec<u8>>> {
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let mut luck = dice.another();
            scope.spawn(|| self.cut_off(&done, move |bound| luck.below(bound)));
            let members: Vec<_> = (0..members)
                .map(|number| {
                    let dice = dice.another();
                    let mut member =
                        Member { crowd: self, number, dice, files: BTreeMap::new(), broken: HashSet::new(), names: 0 };
                    fs::create_dir_all(self.server.home().join(format!("member{number}"))).unwrap();
                    scope.spawn(move || {
                        (0..sessions).for_each(|_| member.visit());
                        member.files
                    })
                })
                .collect();
            let files: Vec<_> = members.into_iter().map(|member| member.join()).collect();
            done.store(true, Ordering::Relaxed);
            files.into_iter().map(|files| files.expect("a client whose expectations were met")).collect()
        })
    }

    /// Cuts one connection after the other, whatever its client is doing.
    fn cut_off(&self, done: &AtomicBool, mut below: impl FnMut(usize) -> usize) {
        while !done.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(10));
            let connections = self.connections.lock().unwrap();
            let victim = (!connections.is_empty()).then(|| below(connections.len()));
            if let Some(victim) = victim.and_then(|victim| connections.values().nth(victim)) {
                let _ = victim.shutdown(Shutdown::Both);
                self.cut.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl Member<'_> {
    /// One connection, from the greeting to some end. `None` inside means that it was cut.
    fn visit(&mut self) {
        let mut client = self.find_room();
        self.crowd.connections.lock().unwrap().insert(self.number, client.handle());
        self.crowd.sessions.fetch_add(1, Ordering::Relaxed);
        let outcome = self.have_a_session(&mut client);
        self.crowd.connections.lock().unwrap().remove(&self.number);
        match self.dice.below(3) {
            0 => client.reset(),
            1 if outcome.is_some() => {
                client.ask("QUIT").map(|reply| reply.expect(221));
            }
            _ => drop(client),
        }
    }

    /// Its own: a client that was cut off between PASV and its connection would take the port of the next one otherwise,
    /// which nobody can tell from that.
    fn address(&self) -> IpAddr {
        let [.., high, low] = (self.number + 1).to_be_bytes();
        IpAddr::from([127, 1, high, low])
    }

    /// The server has fewer places than there are clients.
    fn find_room(&mut self) -> Client {
        loop {
            let mut client = Client::connect_from(self.address(), self.crowd.server.door());
            match client.try_read_reply() {
                Some(reply) if reply.code == 220 => return client,
                Some(reply) => drop(reply.expect(421)),
                None => {}
            }
            thread::sleep(Duration::from_millis(5 + self.dice.below(30) as u64));
        }
    }

    fn have_a_session(&mut self, client: &mut Client) -> Option<()> {
        if self.dice.below(10) == 0 {
            client.ask("USER bob")?.expect(331);
            client.ask("PASS wrong")?.expect(530);
            client.ask("LIST")?.expect(530);
        }
        client.ask("USER bob")?.expect(331);
        client.ask("PASS secret")?.expect(230);
        client.ask("TYPE I")?.expect(200);
        client.ask(format!("CWD /member{}", self.number))?.expect(250);
        for _ in 0..self.dice.below(8) {
            self.act(client)?;
        }
        Some(())
    }

    fn act(&mut self, client: &mut Client) -> Option<()> {
        match self.dice.below(16) {
            0..=2 => self.upload(client),
            3 | 4 => self.download(client),
            5 => self.append(client),
            6 => self.resume(client),
            7 | 8 => self.break_an_upload(client),
            9 => self.break_a_download(client),
            10 => self.rename(client),
            11 => self.delete(client),
            12 => self.list(client),
            13 => self.pipeline(client),
            14 => self.talk_nonsense(client),
            _ => self.share(client),
        }
    }

    fn fresh_name(&mut self) -> String {
        self.names += 1;
        format!("file{}", self.names)
    }

    fn some_name(&mut self) -> Option<String> {
        let names: Vec<&String> = self.files.keys().collect();
        (!names.is_empty()).then(|| (*self.dice.one_of(&names)).clone())
    }

    fn content(&mut self) -> Vec<u8> {
        let length = self.dice.length(LONGEST);
        self.dice.bytes(length)
    }

    /// STOR of a new name or over an old file.
    fn upload(&mut self, client: &mut Client) -> Option<()> {
        let old = self.some_name().filter(|_| self.dice.below(2) == 0);
        let name = old.unwrap_or_else(|| self.fresh_name());
        let content = self.content();
        // Until the reply is there, nobody knows.
        let before = self.files.remove(&name);
        let after = match self.send(client, &format!("STOR {name}"), &content)? {
            226 => {
                self.broken.remove(&name);
                Some(content)
            }
            _ => {
                self.broken.insert(name.clone());
                before
            }
        };
        self.files.extend(after.map(|content| (name, content)));
        Some(())
    }

    fn append(&mut self, client: &mut Client) -> Option<()> {
        let Some(name) = self.some_name() else { return Some(()) };
        let (mut content, more) = (self.files.remove(&name)?, self.content());
        match self.send(client, &format!("APPE {name}"), &more)? {
            226 => content.extend(more),
            // Written in place: it may hold some of it.
            426 => return Some(()),
            _ => {}
        }
        self.files.insert(name, content);
        Some(())
    }

    fn resume(&mut self, client: &mut Client) -> Option<()> {
        let Some(name) = self.some_name().filter(|name| !self.broken.contains(name)) else { return Some(()) };
        let (mut content, more) = (self.files.remove(&name)?, self.content());
        let offset = self.dice.below(content.len() + 1);
        client.ask(format!("REST {offset}"))?.expect(350);
        match self.send(client, &format!("STOR {name}"), &more)? {
            226 if offset == 0 => content = more,
            226 => {
                let end = content.len().min(offset + more.len());
                content.splice(offset..end, more);
            }
            426 => return Some(()),
            _ => {}
        }
        self.files.insert(name, content);
        Some(())
    }

    /// A whole upload; the code of its end.
    fn send(&mut self, client: &mut Client, command: &str, content: &[u8]) -> Option<u16> {
        let mut data = match self.begin(client, command)? {
            Ok(data) => data,
            Err(refusal) => return Some(refusal.expect([425, 450, 554]).code),
        };
        let sent = data.write_all(content);
        drop(data);
        let code = client.try_read_reply()?.expect([226, 426]).code;
        assert!(code == 426 || sent.is_ok(), "{command}: 226, and {sent:?}");
        self.crowd.uploads.fetch_add(usize::from(code == 226), Ordering::Relaxed);
        Some(code)
    }

    fn download(&mut self, client: &mut Client) -> Option<()> {
        let Some(name) = self.some_name() else { return Some(()) };
        let content = self.files[&name].clone();
        let offset = self.dice.below(2) * self.dice.below(content.len() + 1);
        client.ask(format!("REST {offset}"))?.expect(350);
        let mut data = match self.begin(client, &format!("RETR {name}"))? {
            Ok(data) => data,
            Err(refusal) => {
                refusal.expect(425);
                return Some(());
            }
        };
        let mut bytes = Vec::new();
        let read = data.read_to_end(&mut bytes);
        if client.try_read_reply()?.expect([226, 426]).code == 226 {
            assert!(read.is_ok() && bytes == content[offset..], "RETR {name} of member{} differs", self.number);
            self.crowd.downloads.fetch_add(1, Ordering::Relaxed);
        }
        Some(())
    }

    /// A client that has a whole file keeps it, whatever happens to another.
    fn break_an_upload(&mut self, client: &mut Client) -> Option<()> {
        let old = self.some_name().filter(|_| self.dice.below(2) == 0);
        let name = old.unwrap_or_else(|| self.fresh_name());
        self.broken.insert(name.clone());
        let Ok(mut data) = self.begin(client, &format!("STOR {name}"))? else { return Some(()) };
        let _ = data.write_all(&self.content());
        match self.dice.below(4) {
            0 => self.abort(client),
            // Nothing more is sent, and the server gives up.
            1 if self.dice.below(8) == 0 => client.try_read_reply().map(|reply| drop(reply.expect(426))),
            2 => {
                reset(data);
                None
            }
            _ => {
                reset(data);
                client.try_read_reply().map(|reply| drop(reply.expect(426)))
            }
        }
    }

    fn break_a_download(&mut self, client: &mut Client) -> Option<()> {
        let Ok(mut data) = self.begin(client, "RETR /big")? else { return Some(()) };
        let _ = data.read(&mut [0; 1000]);
        match self.dice.below(3) {
            0 => self.abort(client),
            1 => None,
            _ => {
                reset(data);
                client.try_read_reply().map(|reply| drop(reply.expect(426)))
            }
        }
    }

    fn abort(&self, client: &mut Client) -> Option<()> {
        client.ask("ABOR")?.expect([426, 226]);
        client.try_read_reply()?.expect([226, 225]);
        Some(())
    }

    fn rename(&mut self, client: &mut Client) -> Option<()> {
        let Some(name) = self.some_name() else { return Some(()) };
        let (content, new) = (self.files.remove(&name)?, self.fresh_name());
        client.ask(format!("RNFR {name}"))?.expect(350);
        client.ask(format!("RNTO {new}"))?.expect(250);
        self.files.insert(new, content);
        Some(())
    }

    fn delete(&mut self, client: &mut Client) -> Option<()> {
        let Some(name) = self.some_name() else { return Some(()) };
        self.files.remove(&name)?;
        // Another session of this client may still be writing it, if that was cut a moment ago.
        client.ask(format!("DELE {name}"))?.expect([250, 450]);
        Some(())
    }

    fn list(&mut self, client: &mut Client) -> Option<()> {
        let command = *self.dice.one_of(&["LIST", "NLST", "MLSD", "LIST *1*", "NLST /", "MLSD /", "LIST -la /shared"]);
        let Ok(mut data) = self.begin(client, command)? else { return Some(()) };
        if self.dice.below(3) == 0 {
            drop(data);
        } else {
            let _ = data.read_to_end(&mut Vec::new());
        }
        client.try_read_reply()?.expect([226, 426]);
        Some(())
    }

    /// Many commands at once: one reply for each, in order.
    fn pipeline(&mut self, client: &mut Client) -> Option<()> {
        const COMMANDS: [(&str, u16); 10] = [
            ("NOOP", 200),
            ("PWD", 257),
            ("SYST", 215),
            ("SIZE missing", 550),
            ("REST 5", 350),
            ("RNFR missing", 550),
            ("RNTO x", 503),
            ("SITE HELP", 214),
            ("STAT", 211),
            ("NONSENSE", 500),
        ];
        let chosen: Vec<(&str, u16)> = (0..self.dice.below(50)).map(|_| *self.dice.one_of(&COMMANDS)).collect();
        client.try_send_raw(chosen.iter().map(|(command, _)| format!("{command}\r\n")).collect::<String>());
        for (command, code) in chosen {
            let reply = client.try_read_reply()?;
            assert_eq!(reply.code, code, "{command}: {reply:?}");
        }
        client.ask("REST 0")?.expect(350);
        Some(())
    }

    /// Bytes that are no command, half a line, a line that is too long, a port nobody connects to.
    fn talk_nonsense(&mut self, client: &mut Client) -> Option<()> {
        let length = 1 + self.dice.below(6000);
        let mut line = self.dice.bytes(length);
        line.iter_mut().filter(|byte| matches!(byte, b'\n' | 0xff)).for_each(|byte| *byte = b'?');
        match self.dice.below(4) {
            0 => drop(client.ask(line)?.expect([500, 501])),
            1 => {
                client.try_send_raw("NO");
                client.ask("OP")?.expect(200);
            }
            2 => drop(client.ask("PASV")?.expect([227, 425])),
            _ => {
                client.try_send_raw(line);
                return None;
            }
        }
        Some(())
    }

    /// All write the same file, each something of its own.
    fn share(&mut self, client: &mut Client) -> Option<()> {
        let command = if self.dice.below(5) == 0 { "STOU /shared/unique" } else { "STOR /shared/file" };
        self.send(client, command, &shared_content(self.number)).map(drop)
    }

    /// A data connection for this command, of either kind; or why not.
    fn begin(&mut self, client: &mut Client, command: &str) -> Option<Result<Data, Reply>> {
        if self.dice.below(3) > 0 {
            let reply = client.ask("PASV")?.expect([227, 425]);
            if reply.code == 227 {
                let data = client.connect_data(address_of_227(&reply));
                let reply = client.ask(command)?;
                return Some(if reply.code == 150 { Ok(data) } else { Err(reply) });
            }
        }
        let listener = client.listen();
        // 501 where chance gave it the number of the server's own port.
        let reply = client.ask(port_command(listener.address()))?.expect([200, 501]);
        if reply.code == 501 {
            return Some(Err(client.ask("RETR /big")?.expect(425)));
        }
        let reply = client.ask(command)?;
        Some(if reply.code == 150 { Ok(listener.accept()) } else { Err(reply) })
    }
}

/// What one client writes to the common file: tells who wrote it, and whether that is all.
fn shared_content(number: usize) -> Vec<u8> {
    let word = u32::try_from(number).unwrap().to_be_bytes();
    word.repeat(2000 + number)
}

#[track_caller]
fn expect_whole(content: &[u8]) {
    let number = usize::try_from(u32::from_be_bytes(content[..4].try_into().unwrap())).unwrap();
    assert!(content == shared_content(number), "the common file is a mixture");
}

/// What the server holds at rest.
#[derive(Debug)]
struct Rest {
    threads: usize,
    descriptors: usize,
    memory: u64,
}

impl Rest {
    #[track_caller]
    fn of(server: &Server, threads: usize) -> Rest {
        eventually("all sessions' threads have ended", || server.threads() <= threads);
        Rest { threads: server.threads(), descriptors: server.descriptors(), memory: server.memory() }
    }

    #[track_caller]
    fn expect_again(&self, server: &Server) {
        eventually("all sessions' threads have ended", || server.threads() <= self.threads);
        eventually("all descriptors are closed", || server.descriptors() <= self.descriptors);
        let most = self.memory + MEMORY;
        eprintln!("at rest: {self:?}, then {} KiB", server.memory());
        eventually("the memory is given back", || server.memory() <= most);
    }
}

/// Every place can be taken, and no more.
#[track_caller]
fn expect_all_places(server: &Server) -> Vec<Client> {
    let clients: Vec<Client> = (0..PLACES).map(|_| server.client()).collect();
    crate::limits::expect_full(server);
    clients
}

/// Every passive port can be leased at once, and no more.
#[track_caller]
fn expect_all_ports(clients: &mut [Client]) {
    let (some, rest) = clients.split_at_mut(usize::from(PORTS));
    for client in some {
        client.login("bob", "secret");
        client.pasv();
    }
    rest[0].login("bob", "secret");
    rest[0].expect("PASV", 425);
}

#[track_caller]
fn soak(members: usize, sessions: usize) {
    let mut dice = Dice::of_this_run();
    let ports = free_ports(PORTS);
    let conf = format!(
        "[server]\nmax_cons = {PLACES}\nmax_cons_per_ip = 0\nauth_failed_delay = 0\nban_after = 0\n\
         [transfer]\nconnect_timeout = 2\ndata_timeout = 2\n\
         [passive]\npassive_ports = {}-{}\n",
        ports.start,
        ports.end - 1
    );
    let tree = Tree::new(&conf, BOB);
    let mut command = tree.command();
    // One heap for all threads: what grows then is what is kept, not what lies idle in some other thread's heap.
    command.env("MALLOC_ARENA_MAX", "1");
    let mut server = tree.start_as(command);
    fs::create_dir(server.home().join("shared")).unwrap();
    server.write_sparse("big", 1 << 30);
    let threads = server.threads();
    let new_crowd = || Crowd {
        server: &server,
        connections: Mutex::default(),
        sessions: AtomicUsize::new(0),
        uploads: AtomicUsize::new(0),
        downloads: AtomicUsize::new(0),
        cut: AtomicUsize::new(0),
    };
    // The first crowd warms the server up: its ports are bound then, its heap has seen as many sessions as there can be.
    let mut clients = expect_all_places(&server);
    expect_all_ports(&mut clients);
    drop(clients);
    new_crowd().gather(&mut dice, members, 1);
    let before = Rest::of(&server, threads);
    (0..members).for_each(|number| fs::remove_dir_all(server.home().join(format!("member{number}"))).unwrap());

    let crowd = new_crowd();
    let files = crowd.gather(&mut dice, members, sessions);
    let counts =
        [&crowd.sessions, &crowd.uploads, &crowd.downloads, &crowd.cut].map(|count| count.load(Ordering::Relaxed));
    eprintln!("sessions, uploads, downloads, connections cut: {counts:?}");
    assert!(counts.iter().all(|&count| count > 0), "something was never tried: {counts:?}");
    for (number, files) in files.iter().enumerate() {
        for (name, content) in files {
            let found = server.read(format!("member{number}/{name}"));
            let lengths = (found.len(), content.len());
            assert!(found == *content, "{name} of member{number} differs: {lengths:?} bytes");
        }
    }
    expect_whole(&server.read("shared/file"));
    before.expect_again(&server);
    let mut clients = expect_all_places(&server);
    expect_all_ports(&mut clients);
    drop(clients);
    assert!(server.is_running());
}

#[test]
fn a_rough_crowd_leaves_the_server_as_it_was() {
    leave_out!(Explicit | Implicit: "its connections are cut at any moment, and its clients know no TLS");
    soak(60, 3);
}

#[test]
#[ignore = "make soak"]
fn hundreds_of_rough_clients_leave_the_server_as_it_was() {
    leave_out!(Explicit | Implicit: "its connections are cut at any moment, and its clients know no TLS");
    soak(300, 25);
}
