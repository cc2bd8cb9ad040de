//! Real clients over TLS, explicit and implicit, in each version that they can be told to speak.
//!
//! A missing client is skipped loudly; `FTPD_REQUIRE_CLIENTS=1` makes that a failure. `make test-clients` installs all of
//! them; what comes from PyPI and npm lies in `clients`, beside the folder of the binary under test.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use crate::server::{BOB, Server, eventually, finish};

const ACCEPT: &str = "";
const REQUIRE: &str = "tls_session_reuse = require\n";
/// Of the file that goes both ways.
const LENGTH: usize = 700_000;
/// A cut and a resumption happen here.
const PART: usize = 300_000;
/// In a tree.
const FILES: usize = 12;

/// How a client is told to speak TLS.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Way {
    mode: &'static str,
    version: &'static str,
}

const WAYS: [Way; 4] = [
    Way { mode: "explicit", version: "1.2" },
    Way { mode: "explicit", version: "1.3" },
    Way { mode: "implicit", version: "1.2" },
    Way { mode: "implicit", version: "1.3" },
];

/// One server for clients of one way, and the folder in which they run: `source.bin` and `tree` are in it.
struct Stage {
    server: Server,
    local: PathBuf,
    way: Way,
    demands_reuse: bool,
}

impl Stage {
    /// With these keys in `[tls]`. No data connection in clear is served.
    fn new(way: Way, keys: &str) -> Stage {
        let tls = format!("[tls]\ntls = on\nimplicit_tls_port = 0\ntls_data_required = on\n{keys}");
        let server = Server::start(&format!("{tls}[log]\nlog_level = debug\n"), BOB);
        let local = server.tree().path("local");
        fs::create_dir_all(local.join("tree/sub folder")).unwrap();
        fs::write(local.join("source.bin"), content()).unwrap();
        fs::write(local.join("tree/empty"), "").unwrap();
        for index in 0..FILES {
            fs::write(local.join(format!("tree/file{index}")), &content()[index * 100..index * 1000]).unwrap();
        }
        Stage { server, local, way, demands_reuse: keys == REQUIRE }
    }

    /// A stage for each way, one after the other.
    fn each(keys: &str) -> impl Iterator<Item = Stage> {
        WAYS.into_iter().map(move |way| Stage::new(way, keys))
    }

    /// For clients that resume: it is demanded in every way and, as that is less, merely accepted in two of them.
    fn each_resuming() -> impl Iterator<Item = Stage> {
        [WAYS[0], WAYS[3]].into_iter().map(|way| Stage::new(way, ACCEPT)).chain(Stage::each(REQUIRE))
    }

    fn port(&self) -> String {
        let address = if self.is_implicit() { self.server.implicit_address() } else { self.server.address() };
        address.port().to_string()
    }

    fn is_implicit(&self) -> bool {
        self.way.mode == "implicit"
    }

    /// `ftps` is a word for the implicit kind.
    fn url(&self, path: &str) -> String {
        let scheme = if self.is_implicit() { "ftps" } else { "ftp" };
        format!("{scheme}://127.0.0.1:{}/{path}", self.port())
    }

    /// The one that the server made for itself.
    fn certificate(&self) -> PathBuf {
        self.server.tree().path("ftpd-certificate.pem")
    }

    fn prepare<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.current_dir(&self.local).env("HOME", &self.local).env("LC_ALL", "C.UTF-8");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped())
    }

    #[track_caller]
    fn output(&self, command: &mut Command) -> Output {
        finish(self.prepare(command).spawn().expect("the client runs"))
    }

    /// Runs a client that must succeed; what it said on stdout.
    #[track_caller]
    fn run(&self, command: &mut Command) -> String {
        let output = self.output(command);
        let said = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{:?}: {command:?} failed:\n{said}", self.way);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs a client's script with this stage as its arguments.
    #[track_caller]
    fn run_script(&self, mut interpreter: Command, script: &str, more: &[&str]) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(script);
        interpreter
            .arg(script)
            .args([&self.port(), self.way.mode, self.way.version])
            .arg(self.certificate())
            .args(more);
        self.run(&mut interpreter);
    }

    #[track_caller]
    fn expect_stored(&self, name: &str) {
        assert!(self.server.read(name) == content(), "{:?}: {name} on the server is another file", self.way);
    }

    #[track_caller]
    fn expect_local(&self, name: &str) {
        assert!(fs::read(self.local.join(name)).unwrap() == content(), "{:?}: {name} came back different", self.way);
    }

    /// All transfers were complete, ended with close_notify, and the version was the one asked for.
    #[track_caller]
    fn expect_good_log(&self) {
        let sessions = |event: &str| self.server.log_lines(&format!("FTP session {event}")).len();
        eventually("the log tells of the end of every session", || {
            let closed = sessions("closed");
            closed > 0 && closed == sessions("opened")
        });
        for trouble in ["completed=0", "close_notify", "TLS handshake failed"] {
            assert_eq!(self.server.log_lines(trouble), Vec::<String>::new(), "{:?}", self.way);
        }
        let version = format!("Control connection: TLSv{},", self.way.version.replace('.', "_"));
        let all = self.server.log_lines("Control connection: ").len();
        assert!(all > 0 && self.server.log_lines(&version).len() == all, "{version} {:?}", self.way);
    }
}

/// A content that no cut or conversion leaves as it was.
fn content() -> Vec<u8> {
    (0..LENGTH).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

/// Both folders hold the same files.
#[track_caller]
fn expect_same(one: &Path, other: &Path) {
    let names = |folder: &Path| {
        let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names(one), names(other), "{}", one.display());
    for name in names(one) {
        let (one, other) = (one.join(&name), other.join(&name));
        match one.is_dir() {
            true => expect_same(&one, &other),
            false => assert!(fs::read(&one).unwrap() == fs::read(&other).unwrap(), "{}", one.display()),
        }
    }
}

/// Runs `program` with arguments that succeed if the client and all that it needs is there.
pub fn is_installed(program: impl AsRef<Path>, probe: &[&str]) -> bool {
    let program = program.as_ref();
    let mut command = Command::new(program);
    command.args(probe).env("NODE_PATH", node_modules()).stdin(Stdio::null());
    if command.output().is_ok_and(|output| output.status.success()) {
        return true;
    }
    let told = format!("{} {} fails: make test-clients", program.display(), probe.join(" "));
    assert!(env::var("FTPD_REQUIRE_CLIENTS").as_deref() != Ok("1"), "{told}");
    eprintln!("SKIPPED: {told}");
    false
}

/// Where `make test-clients` puts those of PyPI and npm.
pub fn installed_clients() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_ftpd")).ancestors().nth(2).expect("target/debug/ftpd").join("clients")
}

fn node_modules() -> PathBuf {
    installed_clients().join("node/node_modules")
}

// curl

const CURL: &[&str] = &["--silent", "--show-error", "--user", "bob:secret", "--max-time", "60", "--ssl-reqd"];

fn has_curl() -> bool {
    is_installed("curl", &["--version"])
}

/// curl that trusts the server's own certificate, and nobody else's.
fn curl(stage: &Stage) -> Command {
    let mut command = Command::new("curl");
    command.args(CURL).args([&format!("--tlsv{}", stage.way.version), "--tls-max", stage.way.version]);
    command.arg("--cacert").arg(stage.certificate());
    command
}

/// Passive only: curl 7.87 and 7.88 leave an active data connection in clear.
#[test]
fn curl_fetches_stores_resumes_and_lists_under_tls() {
    if !has_curl() {
        return;
    }
    for stage in Stage::each_resuming() {
        let run = |arguments: &[&str]| stage.run(curl(&stage).args(arguments));
        run(&["-T", "source.bin", "--ftp-create-dirs", &stage.url("new/stored.bin")]);
        stage.expect_stored("new/stored.bin");
        run(&["-o", "got.bin", "--disable-epsv", &stage.url("new/stored.bin")]);
        stage.expect_local("got.bin");
        fs::write(stage.local.join("got.bin"), &content()[..PART]).unwrap();
        run(&["-C", "-", "-o", "got.bin", &stage.url("new/stored.bin")]);
        stage.expect_local("got.bin");
        stage.server.write("new/stored.bin", &content()[..PART]);
        run(&["-C", "-", "-T", "source.bin", &stage.url("new/stored.bin")]);
        stage.expect_stored("new/stored.bin");
        assert!(run(&[&stage.url("new/")]).contains(" stored.bin"));
        assert_eq!(run(&["--list-only", &stage.url("new/")]).trim(), "stored.bin");
        stage.expect_good_log();
    }
}

#[test]
fn curl_moves_many_files_in_one_session() {
    if !has_curl() {
        return;
    }
    for way in WAYS {
        // Under TLS 1.3 it uses a ticket once and keeps only the last of those that it gets.
        let stage = Stage::new(way, if way.version == "1.2" { REQUIRE } else { ACCEPT });
        let [sent, back] = ["sent", "back"].map(|name| stage.local.join(name));
        fs::create_dir(&sent).unwrap();
        // Now and then curl 7.88 looks for its data connection a second too late: some will do.
        for index in 0..6 {
            fs::write(sent.join(format!("file{index}")), &content()[..index * 10_000]).unwrap();
        }
        stage.run(curl(&stage).args(["--ftp-create-dirs", "-T", "sent/file[0-5]", &stage.url("many/")]));
        stage.run(curl(&stage).args(["--create-dirs", "-o", "back/file#1", &stage.url("many/file[0-5]")]));
        expect_same(&sent, &stage.server.home().join("many"));
        expect_same(&sent, &back);
        stage.expect_good_log();
        stage.server.expect_log("FTP session opened", 2);
    }
}

#[test]
fn curl_believes_the_servers_own_certificate_by_address_and_by_name() {
    if !has_curl() {
        return;
    }
    for stage in Stage::each(ACCEPT) {
        let by_name = |name: &str| stage.url("").replace("127.0.0.1", name);
        stage.run(curl(&stage).arg(stage.url("")));
        stage.run(curl(&stage).args(["--ipv4", &by_name("localhost")]));
        stage.expect_good_log();
        let stranger = format!("ftp.example.com:{}:127.0.0.1", stage.port());
        let wrong = stage.output(curl(&stage).args(["--resolve", &stranger, &by_name("ftp.example.com")]));
        assert_eq!(wrong.status.code(), Some(60), "not by a name that is not in it");
        let unknown = stage.output(Command::new("curl").args(CURL).arg(stage.url("")));
        assert_eq!(unknown.status.code(), Some(60), "not without having been told");
        stage.server.wait_log("TLS handshake failed: the client does not trust the server's certificate");
        stage.run(Command::new("curl").args(CURL).args(["--insecure", &stage.url("")]));
    }
}

#[test]
fn curl_clears_the_command_channel() {
    if !has_curl() {
        return;
    }
    for stage in Stage::each(ACCEPT) {
        for (mode, times) in [("passive", 2), ("active", 4)] {
            let ccc = ["--ftp-ssl-ccc", "--ftp-ssl-ccc-mode", mode];
            stage.run(curl(&stage).args(ccc).args(["-T", "source.bin", &stage.url("stored.bin")]));
            stage.expect_stored("stored.bin");
            stage.run(curl(&stage).args(ccc).args(["-o", "got.bin", &stage.url("stored.bin")]));
            stage.expect_local("got.bin");
            stage.server.wait_log_times("<- CCC", times);
        }
        stage.expect_good_log();
    }
}

/// A killed client's system closes both connections in order: only the missing close_notify and the control connection
/// tell. Each round waits for another part of the file.
#[track_caller]
fn curl_is_killed_in_mid_upload(rounds: usize) {
    if !has_curl() {
        return;
    }
    let old = vec![b'o'; 100_000];
    let settings = [ACCEPT, "tls_strict_eof = on\n"];
    let stages = settings.len() * WAYS.len();
    for (index, stage) in settings.into_iter().flat_map(Stage::each).enumerate() {
        for round in 0..rounds.div_ceil(stages) {
            stage.server.write("file.bin", &old);
            let mut command = curl(&stage);
            command.args(["--limit-rate", "2M", "-T", "source.bin", &stage.url("file.bin")]);
            let mut killed = stage.prepare(&mut command).spawn().unwrap();
            let least = (stages * round + index) * 7919 % PART;
            eventually("curl is in the middle of it", || stage.server.arrived("").len() > least);
            killed.kill().unwrap();
            killed.wait().unwrap();
            stage.server.wait_log_times("STOR */file.bin completed=", round + 1);
            assert!(stage.server.read("file.bin") == old, "round {round}, {:?}: the old file is gone", stage.way);
            for partial in stage.server.partials() {
                let kept = fs::read(&partial).unwrap();
                assert!(content().starts_with(&kept), "round {round}, {:?}: no prefix", stage.way);
                fs::remove_file(partial).unwrap();
            }
        }
        assert_eq!(stage.server.log_lines("completed=1"), Vec::<String>::new());
    }
}

#[test]
fn curl_killed_in_mid_upload_leaves_the_old_file() {
    curl_is_killed_in_mid_upload(16);
}

#[test]
#[ignore = "make soak"]
fn curl_killed_in_mid_upload_three_hundred_times_leaves_the_old_file() {
    curl_is_killed_in_mid_upload(300);
}

// lftp (GnuTLS)

fn has_lftp() -> bool {
    is_installed("lftp", &["--version"])
}

/// The words of GnuTLS for one version alone.
fn priority(way: Way) -> String {
    format!("NORMAL:-VERS-ALL:+VERS-TLS{}", way.version)
}

fn lftp(stage: &Stage, settings: &str, script: &str) -> Command {
    let settings = format!(
        "set net:max-retries 1; set net:timeout 20; set cmd:fail-exit yes; set ftp:ssl-force yes; \
         set ftp:ssl-protect-data yes; set ftp:ssl-protect-list yes; set ssl:verify-certificate yes; \
         set ssl:check-hostname yes; set ssl:priority {}; {settings}",
        priority(stage.way)
    );
    let mut command = Command::new("lftp");
    command.args(["-c", &format!("{settings} open -u bob,secret {}; {script}", stage.url(""))]);
    command
}

#[test]
fn lftp_mirrors_and_resumes_under_tls_in_every_mode() {
    if !has_lftp() {
        return;
    }
    for stage in Stage::each_resuming() {
        for passive in ["yes", "no"] {
            let settings =
                format!("set ftp:passive-mode {passive}; set ssl:ca-file {};", stage.certificate().display());
            let (remote, back) = (format!("remote-{passive}"), format!("back-{passive}"));
            let mirror = format!("mirror -R --parallel=3 tree {remote}; mirror --parallel=3 {remote} {back}; cls -l;");
            stage.server.write("part.bin", &content()[..PART]);
            fs::write(stage.local.join("got.bin"), &content()[..PART]).unwrap();
            let resume = "put -c source.bin -o part.bin; get -c part.bin -o got.bin";
            stage.run(&mut lftp(&stage, &settings, &format!("{mirror} {resume}")));
            expect_same(&stage.local.join("tree"), &stage.server.home().join(remote));
            expect_same(&stage.local.join("tree"), &stage.local.join(back));
            stage.expect_stored("part.bin");
            stage.expect_local("got.bin");
        }
        stage.expect_good_log();
    }
}

#[test]
fn lftp_clears_the_command_channel() {
    if !has_lftp() {
        return;
    }
    for stage in Stage::each(ACCEPT) {
        let settings = format!("set ftp:ssl-use-ccc yes; set ssl:ca-file {};", stage.certificate().display());
        stage.run(&mut lftp(&stage, &settings, "put source.bin -o stored.bin; get stored.bin -o got.bin"));
        stage.expect_stored("stored.bin");
        stage.expect_local("got.bin");
        stage.server.wait_log("<- CCC");
        stage.expect_good_log();
    }
}

#[test]
fn lftp_refuses_a_certificate_that_it_was_not_told_of() {
    if !has_lftp() {
        return;
    }
    for stage in Stage::each(ACCEPT) {
        let output = stage.output(&mut lftp(&stage, "", "cls"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("Certificate verification"), "{said}");
        assert_eq!(stage.server.log_lines("logged in"), Vec::<String>::new());
    }
}

// wget (GnuTLS)

#[test]
fn wget_fetches_trees_and_resumes_under_tls_in_both_modes() {
    if !is_installed("wget", &["--version"]) {
        return;
    }
    for stage in Stage::each_resuming() {
        let wget = |arguments: &[&str]| {
            let mut command = Command::new("wget");
            command.args(["--no-config", "--quiet", "--tries=1", "--timeout=20", "--user=bob", "--password=secret"]);
            command.arg(format!("--ciphers={}", priority(stage.way))).args(arguments);
            command.arg(format!("--ca-certificate={}", stage.certificate().display()));
            if stage.is_implicit() {
                command.arg("--ftps-implicit");
            }
            stage.run(&mut command);
        };
        let url = |path: &str| format!("ftps://127.0.0.1:{}/{path}", stage.port());
        for name in ["top/file.bin", "top/sub folder/deep/file.bin", "a.bin"] {
            stage.server.write(name, content());
        }
        for mode in ["--passive-ftp", "--no-passive-ftp"] {
            wget(&[mode, "-r", "-nH", &url("top/")]);
            expect_same(&stage.server.home().join("top"), &stage.local.join("top"));
            fs::remove_dir_all(stage.local.join("top")).unwrap();
            fs::write(stage.local.join("a.bin"), &content()[..PART]).unwrap();
            wget(&[mode, "-c", &url("a.bin")]);
            stage.expect_local("a.bin");
        }
        stage.expect_good_log();
    }
}

// Libraries of Python, Node.js, Perl and PHP

#[test]
fn ftplib_does_everything_it_can_under_tls() {
    if !is_installed("python3", &["-c", "import ftplib, ssl"]) {
        return;
    }
    for (keys, handshakes) in [(ACCEPT, "full"), (REQUIRE, "resume")] {
        for stage in Stage::each(keys) {
            stage.run_script(Command::new("python3"), "ftplib_tls.py", &[handshakes, "0"]);
            stage.expect_good_log();
        }
    }
}

/// Uploads and downloads by turns, all of random sizes, each over a data connection that resumes the one session.
#[track_caller]
fn ftplib_resumes_one_session(connections: &str) {
    if !is_installed("python3", &["-c", "import ftplib, ssl"]) {
        return;
    }
    for way in WAYS.into_iter().filter(|way| way.mode == "explicit") {
        let stage = Stage::new(way, REQUIRE);
        stage.run_script(Command::new("python3"), "ftplib_tls.py", &["resume", connections]);
        stage.expect_good_log();
    }
}

#[test]
fn sixty_data_connections_resume_one_session_and_lose_nothing() {
    ftplib_resumes_one_session("60");
}

#[test]
#[ignore = "make soak"]
fn a_thousand_data_connections_resume_one_session_and_lose_nothing() {
    ftplib_resumes_one_session("1000");
}

#[test]
fn aioftp_which_shakes_hands_before_the_command_does_everything_it_can() {
    let python = installed_clients().join("python/bin/python");
    if !is_installed(&python, &["-c", "import aioftp"]) {
        return;
    }
    for stage in Stage::each_resuming() {
        stage.run_script(Command::new(&python), "aioftp_tls.py", &[]);
        expect_same(&stage.local.join("tree"), &stage.local.join("back"));
        stage.expect_good_log();
    }
}

#[test]
fn basic_ftp_does_everything_it_can() {
    if !is_installed("node", &["-e", "require('basic-ftp')"]) {
        return;
    }
    for stage in Stage::each_resuming() {
        // It may end the upload of an empty file in the handshake or right behind it. That proves nothing: where something
        // has to be proven it is 522, and rightly so, and elsewhere it is stored, with a warning.
        if stage.demands_reuse {
            for empty in ["tree/empty", "tree/file0"] {
                fs::remove_file(stage.local.join(empty)).unwrap();
            }
        }
        let mut node = Command::new("node");
        node.env("NODE_PATH", node_modules());
        stage.run_script(node, "basic_ftp.cjs", &[]);
        expect_same(&stage.local.join("tree"), &stage.local.join("back"));
        if stage.demands_reuse {
            stage.expect_good_log();
        }
    }
}

/// Its data connections resume nothing.
#[test]
fn perls_net_ftp_does_everything_it_can() {
    if !is_installed("perl", &["-MNet::FTP", "-MIO::Socket::SSL", "-e", "1"]) {
        return;
    }
    for stage in Stage::each(ACCEPT) {
        stage.run_script(Command::new("perl"), "net_ftp.pl", &[]);
        stage.expect_good_log();
    }
}

/// Under TLS 1.3 it uses a ticket once and takes only the last of those that it gets: one transfer resumes, the next
/// shakes hands in full.
#[test]
fn php_does_everything_it_can_without_a_warning() {
    if !is_installed("php", &["-r", "exit(function_exists('ftp_ssl_connect') ? 0 : 1);"]) {
        return;
    }
    let stage = Stage::new(Way { mode: "explicit", version: "1.3" }, ACCEPT);
    stage.run_script(Command::new("php"), "ftp_ssl.php", &[]);
    stage.expect_good_log();
}

// rclone (Go)

#[test]
fn rclone_copies_trees_both_ways() {
    if !is_installed("rclone", &["version"]) {
        return;
    }
    // Its connections share one cache of sessions: with several, a data connection may resume the session of another one.
    let alone = ["--transfers", "1", "--checkers", "1", "--ftp-concurrency", "1"];
    for (keys, connections) in [(ACCEPT, &[][..]), (REQUIRE, &alone)] {
        for stage in Stage::each(keys) {
            let password = stage.run(Command::new("rclone").args(["obscure", "secret"]));
            let copy = |from: &str, to: &str| {
                let mut command = Command::new("rclone");
                command.args(["--retries", "1", "--low-level-retries", "1", "--ftp-no-check-certificate"]);
                command.args(connections);
                command.args(["--ftp-host", "127.0.0.1", "--ftp-port", &stage.port(), "--ftp-user", "bob"]);
                command.args(["--ftp-pass", password.trim()]);
                command.arg(if stage.is_implicit() { "--ftp-tls" } else { "--ftp-explicit-tls" });
                if stage.way.version == "1.2" {
                    command.arg("--ftp-disable-tls13");
                }
                stage.run(command.args(["copy", "--create-empty-src-dirs", from, to]));
            };
            copy("tree", ":ftp:remote");
            expect_same(&stage.local.join("tree"), &stage.server.home().join("remote"));
            copy(":ftp:remote", "back");
            expect_same(&stage.local.join("tree"), &stage.local.join("back"));
            stage.expect_good_log();
        }
    }
}

// The tools of the TLS libraries

/// What a tool that gets `QUIT` to send says, after its handshake.
#[track_caller]
fn quit_with(stage: &Stage, tool: &str) -> String {
    let output = stage.output(Command::new("sh").args(["-c", &format!("printf 'QUIT\\r\\n' | {tool} 2>&1")]));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn s_client(stage: &Stage, protocol: &str) -> String {
    let starttls = if stage.is_implicit() { "" } else { "-starttls ftp" };
    let (port, version) = (stage.port(), stage.way.version.replace('.', "_"));
    let verify = format!("-CAfile '{}' -verify_return_error -verify_ip 127.0.0.1", stage.certificate().display());
    format!("openssl s_client -connect 127.0.0.1:{port} {starttls} -tls{version} -ign_eof {verify} -alpn {protocol}")
}

#[test]
fn s_client_gets_tickets_and_a_clean_end() {
    if !is_installed("openssl", &["version"]) {
        return;
    }
    for stage in Stage::each(ACCEPT) {
        let said = quit_with(&stage, &s_client(&stage, "ftp"));
        for word in ["Verification: OK", "ALPN protocol: ftp", "221 ", "\nclosed"] {
            assert!(said.contains(word), "{word:?} in {said}");
        }
        assert!(!said.contains("unexpected eof"), "{said}");
        let tickets = said.matches(match stage.way.version {
            "1.2" => "TLS session ticket:",
            _ => "Post-Handshake New Session Ticket arrived:",
        });
        assert!(tickets.count() > 0, "{said}");
        stage.expect_good_log();
    }
}

#[test]
fn s_client_that_speaks_another_protocol_is_refused() {
    if !is_installed("openssl", &["version"]) {
        return;
    }
    for stage in Stage::each(ACCEPT) {
        let said = quit_with(&stage, &s_client(&stage, "http/1.1"));
        assert!(said.contains("no application protocol") && !said.contains("221 "), "{said}");
        stage.server.wait_log("TLS handshake failed: the client wants another protocol than is spoken here (ALPN)");
    }
}

#[test]
fn gnutls_cli_gets_a_clean_end() {
    if !is_installed("gnutls-cli", &["--version"]) {
        return;
    }
    for stage in Stage::each(ACCEPT) {
        let starttls = if stage.is_implicit() { "" } else { "--starttls-proto=ftp" };
        let (priority, port, ca) = (priority(stage.way), stage.port(), stage.certificate());
        let ca = ca.display();
        let said = quit_with(
            &stage,
            &format!("gnutls-cli --priority={priority} --x509cafile='{ca}' {starttls} -p {port} 127.0.0.1"),
        );
        for word in ["The certificate is trusted", "221 ", "Peer has closed the GnuTLS connection"] {
            assert!(said.contains(word), "{word:?} in {said}");
        }
        stage.expect_good_log();
    }
}
