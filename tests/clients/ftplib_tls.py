"""Python's ftplib over TLS: one session that does everything, then `CONNECTIONS` transfers of random sizes.

Arguments: PORT explicit|implicit 1.2|1.3 CERTIFICATE full|resume CONNECTIONS. FTPD_SEED=n repeats a run.
"""

import ftplib
import io
import os
import random
import ssl
import sys

PORT, MODE, VERSION, CERTIFICATE, HANDSHAKES, CONNECTIONS = sys.argv[1:]


class Client(ftplib.FTP_TLS):
    """What ftplib leaves to its users: resumption, and TLS from the first byte on."""

    connection = None

    @property
    def sock(self):
        return self.connection

    @sock.setter
    def sock(self, sock):
        if MODE == "implicit" and sock is not None and not isinstance(sock, ssl.SSLSocket):
            sock = self.context.wrap_socket(sock, server_hostname=self.host)
        self.connection = sock

    def ntransfercmd(self, cmd, rest=None):
        if HANDSHAKES == "full":
            return super().ntransfercmd(cmd, rest)
        conn, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        conn = self.context.wrap_socket(conn, server_hostname=self.host, session=self.sock.session)
        assert conn.session_reused, f"{cmd} did not resume"
        return conn, size


def connect():
    context = ssl.create_default_context(cafile=CERTIFICATE)
    context.minimum_version = context.maximum_version = ssl.TLSVersion[f"TLSv{VERSION.replace('.', '_')}"]
    ftp = Client(context=context, timeout=30)
    ftp.connect("127.0.0.1", int(PORT))
    ftp.login("bob", "secret")
    assert ftp.sock.version() == f"TLSv{VERSION}"
    ftp.prot_p()
    return ftp


def store(name, content, **more):
    reply = ftp.storbinary(f"STOR {name}", io.BytesIO(content), **more)
    assert reply.startswith("226"), reply


def fetch(name, **more):
    got = io.BytesIO()
    reply = ftp.retrbinary(f"RETR {name}", got.write, **more)
    assert reply.startswith("226"), reply
    return got.getvalue()


def lines(command):
    found = []
    ftp.retrlines(command, found.append)
    return found


def do_everything():
    content = random.randbytes(700_000)
    store("a.bin", content)
    assert fetch("a.bin") == content
    assert fetch("a.bin", rest=1000) == content[1000:]
    store("a.bin", content[300_000:], rest=300_000)
    assert fetch("a.bin") == content
    store("empty", b"")
    assert fetch("empty") == b""
    assert ftp.storlines("STOR a.txt", io.BytesIO(b"one\ntwo\n")).startswith("226")
    assert lines("RETR a.txt") == ["one", "two"]
    assert sorted(ftp.nlst()) == ["a.bin", "a.txt", "empty"]
    assert any(line.endswith(" a.bin") for line in lines("LIST"))
    assert dict(ftp.mlsd(facts=["size"]))["a.bin"] == {"size": "700000"}
    ftp.mkd("folder")
    assert ftp.nlst("folder") == []
    ftp.rmd("folder")
    try:
        fetch("missing")
        raise SystemExit("a missing file was fetched")
    except ftplib.error_perm as error:
        assert str(error).startswith("550"), error
    for name in ("a.bin", "a.txt", "empty"):
        ftp.delete(name)


def alternate(connections):
    """Uploads and downloads by turns: what went up comes down."""
    for connection in range(0, connections, 2):
        ftp.set_pasv(random.random() < 0.8)
        content = random.randbytes(random.choice([0, 1, random.randrange(20_000), random.randrange(300_000)]))
        store("random.bin", content)
        assert fetch("random.bin") == content, f"connections {connection} and the next, {len(content)} bytes"
    if connections:
        ftp.delete("random.bin")


seed = int(os.environ.get("FTPD_SEED", random.randrange(1 << 32)))
print(f"FTPD_SEED={seed}")
random.seed(seed)

ftp = connect()
for passive in (True, False):
    ftp.set_pasv(passive)
    do_everything()
alternate(int(CONNECTIONS))
assert ftp.voidcmd("QUIT").startswith("221")
# Fails where the server closes without its close_notify.
ftp.sock.unwrap().close()
