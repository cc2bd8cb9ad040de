// The server under test: the real binary in a temporary tree.

import { spawn } from "node:child_process";
import { mkdtempSync, mkdirSync, rmSync, writeFileSync, readFileSync, readdirSync, existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PROGRAM = process.env.FTPD ?? "target/debug/ftpd";

const SETTINGS = `[server]
ip = 127.0.0.1
port = 0
auth_failed_delay = 0

[anonymous]
enable_anonymous = on
anonymous_path = share

[web]
web_port = 0
`;

const ACCOUNTS = `[bob]
password = secret
perm = elradfmwMT
home = share

[eve]
password = secret
perm = elrw
home = share
`;

export class Server {
  /** With bob and eve; or `ftpd DIR`, which anonymous alone reads. */
  static async start({ isFolderAlone = false } = {}) {
    const server = new Server();
    server.folder = mkdtempSync(join(tmpdir(), "ftpd-web-"));
    server.log = "";
    mkdirSync(server.path(""));
    writeFileSync(join(server.folder, "ftpd.conf"), SETTINGS);
    writeFileSync(join(server.folder, "user.ini"), ACCOUNTS, { mode: 0o600 });
    const files = ["-c", join(server.folder, "ftpd.conf"), "-u", join(server.folder, "user.ini")];
    const alone = [server.path(""), "--port", "0", "--web=0", "--ip", "127.0.0.1"];
    server.process = spawn(PROGRAM, isFolderAlone ? alone : files, { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, XDG_RUNTIME_DIR: server.folder } });
    server.port = await new Promise((resolve, reject) => {
      server.process.on("error", reject);
      server.process.on("exit", () => reject(new Error(`the server ended: ${server.log}`)));
      server.process.stderr.on("data", (text) => {
        server.log += text;
        const started = /starting FTP server on .*http:\/\/127\.0\.0\.1:(\d+)/.exec(server.log);
        if (started) resolve(Number(started[1]));
      });
    });
    return server;
  }

  /** A path on the disk: below the home of all accounts. */
  path(name) { return join(this.folder, "share", name); }
  write(name, content) { writeFileSync(this.path(name), content); }
  read(name) { return readFileSync(this.path(name)); }
  has(name) { return existsSync(this.path(name)); }
  make(name) { mkdirSync(this.path(name), { recursive: true }); }
  /** The names in a folder, without those of unfinished uploads. */
  names(folder) { return readdirSync(this.path(folder)).filter((name) => !name.startsWith(".")).sort(); }

  async stop() {
    if (this.process.exitCode === null) {
      const ended = new Promise((resolve) => this.process.once("exit", resolve));
      this.process.kill("SIGTERM");
      await ended;
    }
    rmSync(this.folder, { recursive: true });
  }
}
