//! Real clients, as people use them. A missing one is skipped loudly; `FTPD_REQUIRE_CLIENTS=1` makes that a failure.

use std::{
    collections::BTreeMap,
    env, fs,
    net::{Ipv6Addr, TcpListener},
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, SystemTime},
};

use crate::{
    channel::{Mode, leave_out},
    data::reset,
    server::{BOB, Server, eventually, finish},
};

const BOTH_FAMILIES: &str = "[server]\nip = 127.0.0.1, ::1\nmax_cons_per_ip = 0\n";

/// A program that is there, or nothing (and a loud word).
pub fn program(name: &str) -> Option<Command> {
    let path = env::var_os("PATH").unwrap_or_default();
    if env::split_paths(&path).any(|folder| folder.join(name).is_file()) {
        return Some(Command::new(name));
    }
    assert!(env::var("FTPD_REQUIRE_CLIENTS").as_deref() != Ok("1"), "{name} is not installed");
    eprintln!("SKIPPED: {name} is not installed");
    None
}

/// The same for a client that knows no TLS: nothing in a run over TLS.
fn program_without_tls(name: &str) -> Option<Command> {
    if Mode::of_this_run() != Mode::Plain {
        eprintln!("LEFT OUT over TLS: {name} knows no TLS");
        return None;
    }
    program(name)
}

/// One server for a client test, and the places it works with.
struct Stage {
    server: Server,
    /// The client's own folder.
    local: PathBuf,
    hosts: Vec<String>,
}

impl Stage {
    fn new() -> Stage {
        Stage::with(BOB)
    }

    /// One with these accounts.
    fn with(users: &str) -> Stage {
        let has_ipv6 = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
        let server = Server::start(if has_ipv6 { BOTH_FAMILIES } else { "" }, users);
        let local = server.tree().path("local");
        fs::create_dir(&local).unwrap();
        let hosts =
            ["127.0.0.1", "[::1]"][..if has_ipv6 { 2 } else { 1 }].iter().map(|&host| host.to_owned()).collect();
        Stage { server, local, hosts }
    }

    fn port(&self) -> u16 {
        self.server.door().port()
    }

    /// `ftp://host:port/path` (`ftps:` if the port starts with TLS), for each address family.
    fn urls<'a>(&'a self, path: &'a str) -> impl Iterator<Item = String> + 'a {
        self.hosts.iter().map(move |host| format!("{}://{host}:{}/{path}", scheme(), self.port()))
    }

    #[track_caller]
    fn run(&self, command: &mut Command) -> String {
        let output = self.output(command);
        let said = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{command:?} failed:\n{said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    #[track_caller]
    fn output(&self, command: &mut Command) -> Output {
        command.current_dir(&self.local).env("HOME", &self.local).env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
        finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the client runs"))
    }
}

fn scheme() -> &'static str {
    if Mode::of_this_run() == Mode::Implicit { "ftps" } else { "ftp" }
}

/// Some 300 files in deep folders, with names that a shell, a URL or a list would trip over.
fn make_tree(root: &Path) {
    let odd = [
        "two words",
        "br[ack]ets",
        "gr\u{fc}\u{df}e",
        "\u{65e5}\u{672c}\u{8a9e}",
        "-dash",
        "per%cent",
        "semi;colon",
        "quo'te",
        "a+b&c",
        ".hidden",
    ];
    for folder in 0..10 {
        let deep = root.join(format!("folder {folder}")).join("a/b/c");
        fs::create_dir_all(&deep).unwrap();
        for file in 0..20 {
            fs::write(deep.join(format!("file{file}.txt")), vec![file; 100 * usize::from(file) + 1]).unwrap();
        }
        for (index, name) in odd.iter().enumerate() {
            fs::write(deep.join("..").join(name), format!("{folder} {index}")).unwrap();
        }
    }
    fs::create_dir_all(root.join("-folder/[x]")).unwrap();
    fs::write(root.join("-folder/[x]/empty"), "").unwrap();
}

/// Names and contents of all files below a folder.
fn files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fn collect(root: &Path, folder: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => collect(root, &path, found),
                false => drop(found.insert(path.strip_prefix(root).unwrap().to_owned(), fs::read(&path).unwrap())),
            }
        }
    }
    let mut found = BTreeMap::new();
    collect(root, root, &mut found);
    found
}

#[track_caller]
fn expect_same_files(one: &Path, other: &Path) {
    let (one, other) = (files(one), files(other));
    let names = |files: &BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&one), names(&other));
    assert!(one == other, "some contents differ");
}

fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// A content that no cut or conversion leaves as it was.
fn content() -> Vec<u8> {
    (0..700_000_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

// curl

fn curl() -> Option<Command> {
    let mut command = program("curl")?;
    command.args(["--silent", "--show-error", "--globoff", "--user", "bob:secret", "--max-time", "60"]);
    if Mode::of_this_run() != Mode::Plain {
        command.args(["--ssl-reqd", "--insecure"]);
    }
    Some(command)
}

/// Passive (EPSV, PASV) and active (EPRT, PORT).
const CURL_MODES: &[&[&str]] =
    &[&[], &["--disable-epsv"], &["--ftp-port", "-"], &["--ftp-port", "-", "--disable-eprt"]];

/// Before 8.0 curl's active mode ends in an error of its own as soon as TLS is on.
fn curl_shakes_hands_in_active_mode() -> bool {
    let output = Command::new("curl").arg("--version").output().unwrap();
    Mode::of_this_run() == Mode::Plain || !output.stdout.starts_with(b"curl 7.")
}

#[test]
fn curl_fetches_stores_and_lists_in_every_mode() {
    let stage = Stage::new();
    let Some(_) = curl() else { return };
    stage.server.write("file.bin", content());
    for mode in CURL_MODES {
        if mode.contains(&"--ftp-port") && !curl_shakes_hands_in_active_mode() {
            eprintln!("SKIPPED: this curl can't do {mode:?} over TLS");
            continue;
        }
        for host in stage.urls("") {
            if host.contains("[::1]") && (mode.contains(&"--disable-epsv") || mode.contains(&"--disable-eprt")) {
                continue;
            }
            let run = |arguments: &[&str]| stage.run(curl().unwrap().args(*mode).args(arguments));
            run(&["--output", "got", &format!("{host}file.bin")]);
            assert!(fs::read(stage.local.join("got")).unwrap() == content(), "{mode:?} {host}");
            run(&["--upload-file", "got", &format!("{host}new/dir/stored.bin"), "--ftp-create-dirs"]);
            assert!(stage.server.read("new/dir/stored.bin") == content());
            let listing = run(&[&format!("{host}new/dir/")]);
            assert!(listing.contains("stored.bin"), "{listing}");
            assert_eq!(run(&["--list-only", &format!("{host}new/dir/")]).trim(), "stored.bin");
            fs::remove_dir_all(stage.server.home().join("new")).unwrap();
        }
    }
}

#[test]
fn curl_resumes_both_ways() {
    let stage = Stage::new();
    let Some(_) = curl() else { return };
    let whole = content();
    stage.server.write("file.bin", &whole);
    let url = stage.urls("").next().unwrap();
    fs::write(stage.local.join("got"), &whole[..300_000]).unwrap();
    stage.run(curl().unwrap().args(["--continue-at", "-", "--output", "got"]).arg(format!("{url}file.bin")));
    assert!(fs::read(stage.local.join("got")).unwrap() == whole);
    stage.server.write("part.bin", &whole[..300_000]);
    stage.run(curl().unwrap().args(["--continue-at", "-", "--upload-file", "got"]).arg(format!("{url}part.bin")));
    assert!(stage.server.read("part.bin") == whole);
    stage.run(curl().unwrap().args(["--append", "--upload-file", "got"]).arg(format!("{url}part.bin")));
    assert!(stage.server.read("part.bin") == [&whole[..], &whole].concat());
    let range = stage.output(curl().unwrap().args(["--range", "100-199"]).arg(format!("{url}file.bin")));
    assert_eq!(range.stdout, &whole[100..200]);
}

#[test]
fn curl_sends_quoted_commands_times_and_names_of_every_kind() {
    let stage = Stage::new();
    let Some(_) = curl() else { return };
    let url = stage.urls("").next().unwrap();
    stage.server.write("two words [x] %.txt", "odd name");
    let got = stage.run(curl().unwrap().arg(format!("{url}two%20words%20%5Bx%5D%20%25.txt")));
    assert_eq!(got, "odd name");
    let head = stage.run(curl().unwrap().args(["--head"]).arg(format!("{url}two%20words%20%5Bx%5D%20%25.txt")));
    assert!(head.contains("Content-Length: 8") && head.contains("Last-Modified:"), "{head}");
    stage.run(curl().unwrap().args(["-Q", "MKD made", "-Q", "RNFR made", "-Q", "RNTO renamed"]).arg(&url));
    assert!(stage.server.home().join("renamed").is_dir());
    let mode = |bits: &str| format!("-SITE CHMOD {bits} renamed");
    stage.run(curl().unwrap().args(["-Q", "SITE CHMOD 0700 renamed", "-Q", &mode("2750")]).arg(&url));
    assert_eq!(mode_of(&stage.server.home().join("renamed")), 0o750);
    let refused = stage.output(curl().unwrap().arg(format!("{url}missing")));
    assert_eq!(refused.status.code(), Some(78), "curl knows that the file is not there");
    let wrong = stage.output(curl().unwrap().args(["--user", "bob:wrong"]).arg(&url));
    assert_eq!(wrong.status.code(), Some(67), "curl knows that the login was denied");
}

#[test]
fn curl_learns_the_size_in_ascii_and_converts_what_comes() {
    let stage = Stage::new();
    let Some(_) = curl() else { return };
    let url = stage.urls("").next().unwrap();
    stage.server.write("text", "one\ntwo\n");
    let head = stage.run(curl().unwrap().args(["--use-ascii", "--head"]).arg(format!("{url}text")));
    assert!(head.contains("Content-Length: 8"), "{head}");
    assert_eq!(stage.run(curl().unwrap().args(["--use-ascii", &format!("{url}text")])), "one\ntwo\n");
}

// lftp

fn lftp(stage: &Stage, host: &str, settings: &str, script: &str) -> Option<Command> {
    let mut command = program("lftp")?;
    let basics = "set net:max-retries 1; set net:reconnect-interval-base 1; set net:timeout 20; set cmd:fail-exit yes;";
    let security = match Mode::of_this_run() {
        Mode::Plain => "set ftp:ssl-allow no;",
        _ => "set ftp:ssl-force yes; set ftp:ssl-protect-data yes; set ssl:verify-certificate no;",
    };
    let open = format!("open -u bob,secret {}://{host}:{};", scheme(), stage.port());
    command.arg("-c").arg(format!("{basics}{security}{settings}{open}{script}"));
    Some(command)
}

#[test]
fn lftp_mirrors_a_tree_both_ways() {
    let stage = Stage::new();
    make_tree(&stage.local.join("tree"));
    for (index, host) in stage.hosts.iter().enumerate() {
        for (mode, passive) in [("passive", "yes"), ("active", "no")] {
            // lftp sends EPRT with `::` as its address, which names nobody.
            if mode == "active" && host == "[::1]" {
                continue;
            }
            let settings = format!("set ftp:passive-mode {passive};");
            let (remote, back) = (format!("{mode}{index}"), format!("back-{mode}{index}"));
            let script = format!("mirror -R tree {remote}; mirror {remote} {back}");
            let Some(mut command) = lftp(&stage, host, &settings, &script) else { return };
            stage.run(&mut command);
            expect_same_files(&stage.local.join("tree"), &stage.server.home().join(&remote));
            expect_same_files(&stage.local.join("tree"), &stage.local.join(&back));
        }
    }
}

#[test]
fn lftp_mirrors_in_parallel_and_finds_nothing_to_do_the_second_time() {
    let stage = Stage::new();
    make_tree(&stage.local.join("tree"));
    let host = &stage.hosts[0];
    let script = "mirror -R --parallel=5 tree remote; mirror -R --verbose=1 --only-newer tree remote; mirror --parallel=5 remote back";
    let Some(mut command) = lftp(&stage, host, "", script) else { return };
    stage.run(&mut command);
    expect_same_files(&stage.local.join("tree"), &stage.server.home().join("remote"));
    expect_same_files(&stage.local.join("tree"), &stage.local.join("back"));
}

#[test]
fn lftp_mirrors_names_in_the_charset_of_the_account() {
    for (charset, names) in
        [("gbk", ["目录", "乗亅乚.txt"]), ("shift_jis", ["表ポ", "能力ソ.txt"]), ("koi8-r", ["Ъ", "привет"])]
    {
        let stage = Stage::with(&format!("{BOB}charset = {charset}\n"));
        let tree = stage.local.join("tree").join(names[0]);
        fs::create_dir_all(&tree).unwrap();
        for name in names {
            fs::write(tree.join(name), name).unwrap();
        }
        let settings = format!("set ftp:use-feat no; set ftp:charset {charset}; set file:charset utf-8;");
        for mlsd in ["yes", "no"] {
            let settings = format!("{settings}set ftp:use-mlsd {mlsd};");
            let script = format!("mirror -R tree remote-{mlsd}; mirror remote-{mlsd} back-{mlsd}");
            let Some(mut command) = lftp(&stage, &stage.hosts[0], &settings, &script) else { return };
            stage.run(&mut command);
            expect_same_files(&stage.local.join("tree"), &stage.server.home().join(format!("remote-{mlsd}")));
            expect_same_files(&stage.local.join("tree"), &stage.local.join(format!("back-{mlsd}")));
        }
        // Left to itself, it says OPTS UTF8 ON, as FEAT offers it.
        stage.server.write("smile/😀/😁", "smile");
        let script = "mirror smile in-utf8; set ftp:use-utf8 no; close; mirror smile spelled; rm -r smile";
        stage.run(&mut lftp(&stage, &stage.hosts[0], "", script).expect("lftp"));
        assert_eq!(fs::read(stage.local.join("in-utf8/😀/😁")).unwrap(), b"smile");
        assert_eq!(fs::read(stage.local.join("spelled/?1F600?/?1F601?")).unwrap(), b"smile");
        assert!(!stage.server.home().join("smile").exists());
    }
}

#[test]
fn lftp_resumes_renames_and_removes() {
    let stage = Stage::new();
    let whole = content();
    stage.server.write("file.bin", &whole);
    fs::write(stage.local.join("got.bin"), &whole[..123_456]).unwrap();
    let script = "get -c file.bin -o got.bin; put got.bin -o up.bin; mv up.bin moved.bin; mkdir -p a/b/c; rm -r a; \
                  chmod 600 moved.bin; cls -l moved.bin; put -c got.bin -o part.bin";
    stage.server.write("part.bin", &whole[..99_999]);
    let Some(mut command) = lftp(&stage, &stage.hosts[0], "", script) else { return };
    let listing = stage.run(&mut command);
    assert!(listing.contains("moved.bin"), "{listing}");
    assert!(fs::read(stage.local.join("got.bin")).unwrap() == whole);
    for name in ["moved.bin", "part.bin"] {
        assert!(stage.server.read(name) == whole, "{name}");
    }
    assert!(!stage.server.home().join("a").exists());
}

/// A tree with links that are dead or lead outside, and the file outside.
fn make_tree_with_closed_links(stage: &Stage) -> PathBuf {
    let outside = stage.server.tree().path("outside");
    fs::create_dir_all(&outside).unwrap();
    fs::write(outside.join("kept"), "x").unwrap();
    let tree = stage.server.home().join("tree");
    for folder in [tree.clone(), tree.join("sub")] {
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("file"), "content").unwrap();
        for (target, name) in [(Path::new("nowhere"), "dead"), (&outside, "out"), (Path::new("ring"), "ring")] {
            symlink(target, folder.join(name)).unwrap();
        }
    }
    outside.join("kept")
}

#[test]
fn lftp_goes_past_links_that_lead_nowhere_or_out_and_removes_them() {
    for mlsd in ["yes", "no"] {
        let stage = Stage::new();
        let outside = make_tree_with_closed_links(&stage);
        let settings = format!("set ftp:use-mlsd {mlsd};");
        let Some(mut command) = lftp(&stage, &stage.hosts[0], &settings, "mirror tree back; rm -r tree") else {
            return;
        };
        stage.run(&mut command);
        for file in ["back/file", "back/sub/file"] {
            assert_eq!(fs::read(stage.local.join(file)).unwrap(), b"content", "mlsd {mlsd}");
        }
        assert!(!stage.server.home().join("tree").exists(), "mlsd {mlsd}");
        assert!(outside.exists());
    }
}

#[test]
fn rclone_purges_links_that_lead_nowhere_or_out() {
    let Some(mut obscure) = program_without_tls("rclone") else { return };
    let stage = Stage::new();
    let outside = make_tree_with_closed_links(&stage);
    let password = stage.run(obscure.args(["obscure", "secret"]));
    let mut purge = Command::new("rclone");
    purge.args(["--retries", "1", "--low-level-retries", "1", "--ftp-user", "bob", "--ftp-pass", password.trim()]);
    purge.args(["--ftp-host", "127.0.0.1", "--ftp-port", &stage.port().to_string(), "purge", ":ftp:tree"]);
    stage.run(&mut purge);
    assert!(!stage.server.home().join("tree").exists());
    assert!(outside.exists());
}

#[test]
fn php_lists_are_sorted_by_switches() {
    let Some(mut php) = program_without_tls("php") else { return };
    let stage = Stage::new();
    for (name, seconds) in [("b", 3), ("a", 2), ("c", 1)] {
        stage.server.write(name, "");
        let file = fs::File::options().write(true).open(stage.server.home().join(name)).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
    }
    let script = format!(
        "$f = ftp_connect('127.0.0.1', {}); ftp_login($f, 'bob', 'secret'); ftp_pasv($f, true);
         $last = fn($line) => substr($line, -1);
         echo implode(ftp_nlist($f, '-t .')), ' ', implode(array_map($last, ftp_rawlist($f, '-tr .')));",
        stage.port()
    );
    assert_eq!(stage.run(php.arg("-r").arg(script)), "bac cab");
}

/// A refused mode would make lftp set none any more.
#[test]
fn lftp_sets_all_modes_of_a_tree_with_setuid_and_setgid_in_it() {
    let stage = Stage::new();
    let modes =
        [("a", 0o4755), ("b", 0o600), ("c", 0o755), ("d", 0o2710), ("e", 0o640), ("f/g", 0o1604), ("f/h", 0o604)];
    for (name, mode) in modes {
        let path = stage.local.join("tree").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, name).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    fs::set_permissions(stage.local.join("tree/f"), fs::Permissions::from_mode(0o2750)).unwrap();
    let Some(mut command) = lftp(&stage, &stage.hosts[0], "", "mirror -R -s tree remote") else { return };
    stage.run(&mut command);
    let remote = stage.server.home().join("remote");
    let found = modes.map(|(name, _)| (name, mode_of(&remote.join(name))));
    assert_eq!(found, modes.map(|(name, mode)| (name, mode & 0o777)));
    assert_eq!(mode_of(&remote.join("f")), 0o750);
}

#[test]
fn lftp_works_without_mlsd() {
    let stage = Stage::new();
    make_tree(&stage.server.home().join("tree"));
    let settings = "set ftp:use-mlsd no; set ftp:use-feat no;";
    let Some(mut command) = lftp(&stage, &stage.hosts[0], settings, "mirror tree back") else { return };
    stage.run(&mut command);
    expect_same_files(&stage.server.home().join("tree"), &stage.local.join("back"));
}

// wget

fn wget() -> Option<Command> {
    let mut command = program("wget")?;
    command.args(["--quiet", "--tries=1", "--timeout=20", "--user=bob", "--password=secret"]);
    match Mode::of_this_run() {
        Mode::Plain => {}
        Mode::Explicit => drop(command.arg("--no-check-certificate")),
        Mode::Implicit => drop(command.args(["--no-check-certificate", "--ftps-implicit"])),
    }
    Some(command)
}

/// wget calls both kinds of FTP over TLS so.
fn wget_url(url: &str) -> String {
    if Mode::of_this_run() == Mode::Plain { url.to_owned() } else { url.replace("ftp:", "ftps:") }
}

#[test]
fn wget_fetches_files_and_trees_in_both_modes() {
    let stage = Stage::new();
    stage.server.write("top/file.bin", content());
    stage.server.write("top/sub folder/deep/x.txt", "deep");
    for mode in ["--passive-ftp", "--no-passive-ftp"] {
        for url in stage.urls("top/") {
            let Some(mut command) = wget() else { return };
            let _ = fs::remove_dir_all(stage.local.join("top"));
            command.args([mode, "-r", "-nH", &wget_url(&url)]);
            stage.run(&mut command);
            expect_same_files(&stage.server.home().join("top"), &stage.local.join("top"));
        }
    }
}

#[test]
fn wget_resumes_globs_and_keeps_times() {
    let stage = Stage::new();
    let whole = content();
    for name in ["a.bin", "b.bin", "c.txt"] {
        stage.server.write(name, &whole);
    }
    let url = wget_url(&stage.urls("").next().unwrap());
    let Some(mut resume) = wget() else { return };
    fs::write(stage.local.join("a.bin"), &whole[..1000]).unwrap();
    stage.run(resume.arg("-c").arg(format!("{url}a.bin")));
    assert!(fs::read(stage.local.join("a.bin")).unwrap() == whole);
    let Some(mut glob) = wget() else { return };
    stage.run(glob.arg("-N").arg(format!("{url}*.bin")));
    assert!(fs::read(stage.local.join("b.bin")).unwrap() == whole);
    assert!(!stage.local.join("c.txt").exists());
    let modified = |path: PathBuf| {
        fs::metadata(path).unwrap().modified().unwrap().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
    };
    let (here, there) = (modified(stage.local.join("b.bin")), modified(stage.server.home().join("b.bin")));
    assert!(here.abs_diff(there) <= 60, "{here} and {there}: a listing tells minutes");
}

// ncftp

#[test]
fn ncftp_puts_gets_and_lists() {
    leave_out!(Explicit | Implicit: "ncftp knows no TLS");
    let stage = Stage::new();
    make_tree(&stage.local.join("tree"));
    for (mode, flag) in [("passive", "-F"), ("active", "-E")] {
        let ncftp = |name: &str| {
            let mut command = program(name)?;
            command.args([flag, "-u", "bob", "-p", "secret", "-P", &stage.port().to_string(), "-t", "20", "-r", "0"]);
            Some(command)
        };
        let Some(mut put) = ncftp("ncftpput") else { return };
        stage.run(put.args(["-R", "-m", "127.0.0.1", mode, "tree"]));
        expect_same_files(&stage.local.join("tree"), &stage.server.home().join(mode).join("tree"));
        let Some(mut get) = ncftp("ncftpget") else { return };
        let back = stage.local.join(format!("back-{mode}"));
        fs::create_dir(&back).unwrap();
        stage.run(get.args(["-R", "127.0.0.1"]).arg(&back).arg(format!("/{mode}/tree")));
        expect_same_files(&stage.local.join("tree"), &back.join("tree"));
        let Some(mut list) = ncftp("ncftpls") else { return };
        let url = format!("ftp://127.0.0.1/{mode}/");
        assert!(stage.run(list.arg(url)).contains("tree"));
    }
}

#[test]
fn ncftp_resumes() {
    leave_out!(Explicit | Implicit: "ncftp knows no TLS");
    let stage = Stage::new();
    let whole = content();
    stage.server.write("file.bin", &whole);
    fs::write(stage.local.join("file.bin"), &whole[..5000]).unwrap();
    let Some(mut get) = program("ncftpget") else { return };
    get.args(["-z", "-u", "bob", "-p", "secret", "-P", &stage.port().to_string(), "127.0.0.1", ".", "file.bin"]);
    stage.run(&mut get);
    assert!(fs::read(stage.local.join("file.bin")).unwrap() == whole);
}

// tnftp

#[test]
fn tnftp_fetches_and_stores() {
    leave_out!(Explicit | Implicit: "tnftp knows no FTP over TLS");
    let stage = Stage::new();
    stage.server.write("file.bin", content());
    for (mode, flag) in [("passive", "-p"), ("active", "-A")] {
        for host in &stage.hosts {
            let Some(mut get) = program("tnftp") else { return };
            let url = format!("ftp://bob:secret@{host}:{}/file.bin", stage.port());
            stage.run(get.args([flag, "-V", "-o", "got"]).arg(url));
            assert!(fs::read(stage.local.join("got")).unwrap() == content(), "{mode} {host}");
            let Some(mut put) = program("tnftp") else { return };
            let url = format!("ftp://bob:secret@{host}:{}/stored.bin", stage.port());
            stage.run(put.args([flag, "-V", "-u"]).arg(url).arg("got"));
            assert!(stage.server.read("stored.bin") == content(), "{mode} {host}");
        }
    }
}

// Resuming what a broken upload left under a new name

/// Leaves `length` bytes of [`content`] under a new name, as a broken upload does; `local.bin` is the whole.
#[track_caller]
fn cut_upload(stage: &Stage, name: &str, length: usize) {
    let whole = content();
    fs::write(stage.local.join("local.bin"), &whole).unwrap();
    let mut client = stage.server.login();
    let data = client.stalled_upload(&format!("STOR {name}"), &whole[..length]);
    eventually("what was sent arrived", || stage.server.arrived(name).len() == length);
    reset(data);
    client.read_reply().expect(426);
    assert!(stage.server.read(name) == whole[..length]);
}

#[test]
fn every_client_resumes_a_cut_upload_of_a_new_name() {
    let stage = Stage::new();
    let url = stage.urls("").next().unwrap();
    let port = stage.port().to_string();
    for length in [1, 123_457, 699_999] {
        if let Some(mut command) = curl() {
            cut_upload(&stage, "curl.bin", length);
            stage.run(command.args(["--continue-at", "-", "--upload-file", "local.bin"]).arg(format!("{url}curl.bin")));
            assert!(stage.server.read("curl.bin") == content(), "curl from {length}");
        }
        if program("lftp").is_some() {
            cut_upload(&stage, "lftp.bin", length);
            stage.run(&mut lftp(&stage, &stage.hosts[0], "", "put -c local.bin -o lftp.bin").unwrap());
            assert!(stage.server.read("lftp.bin") == content(), "lftp from {length}");
        }
        if let Some(mut command) = program_without_tls("ncftpput") {
            cut_upload(&stage, "local.bin", length);
            // With sendfile (its default) this client sends REST n and then the whole file: no server can fix that.
            let login = ["-z", "-s", "-u", "bob", "-p", "secret", "-P", &port, "-t", "20", "-r", "0"];
            stage.run(command.args(login).args(["127.0.0.1", "/", "local.bin"]));
            assert!(stage.server.read("local.bin") == content(), "ncftpput from {length}");
        }
        cut_upload(&stage, "ftplib.bin", length);
        let script = "
ftp.voidcmd('TYPE I')
size = ftp.size('ftplib.bin')
with open('local.bin', 'rb') as file:
    file.seek(size)
    ftp.storbinary('STOR ftplib.bin', file, rest=size)
ftp.quit()
";
        if program("python3").is_some() {
            python(&stage, &stage.hosts[0], script);
            assert!(stage.server.read("ftplib.bin") == content(), "ftplib from {length}");
        }
        for name in ["curl.bin", "lftp.bin", "local.bin", "ftplib.bin"] {
            let _ = fs::remove_file(stage.server.home().join(name));
        }
    }
}

#[test]
fn no_client_that_resumes_a_broken_overwrite_in_its_usual_way_makes_a_mixture() {
    let stage = Stage::new();
    let url = stage.urls("").next().unwrap();
    let whole = content();
    fs::write(stage.local.join("local.bin"), &whole).unwrap();
    let old = vec![b'o'; 200_000];
    let port = stage.port().to_string();
    let clients: [(&str, Option<Command>); 3] = [
        (
            "curl",
            curl().map(|mut command| {
                command.args(["--continue-at", "-", "--upload-file", "local.bin"]).arg(format!("{url}local.bin"));
                command
            }),
        ),
        ("lftp", lftp(&stage, &stage.hosts[0], "set xfer:clobber yes;", "put -c local.bin -o local.bin")),
        (
            "ncftpput",
            program_without_tls("ncftpput").map(|mut command| {
                command.args(["-z", "-u", "bob", "-p", "secret", "-P", &port, "-t", "20", "-r", "0"]);
                command.args(["127.0.0.1", "/", "local.bin"]);
                command
            }),
        ),
    ];
    for (name, command) in clients {
        let Some(mut command) = command else { continue };
        stage.server.write("local.bin", &old);
        let mut client = stage.server.login();
        let data = client.stalled_upload("STOR local.bin", &whole[..300_000]);
        eventually("what was sent arrived", || stage.server.arrived("local.bin").len() == 300_000);
        reset(data);
        client.read_reply().expect(426);
        let output = stage.output(&mut command);
        let found = stage.server.read("local.bin");
        assert!(found == whole || found == old, "{name}: {} bytes of a mixture", found.len());
        assert!(found == whole || !output.status.success(), "{name} thinks that it is done");
        client.stor("local.bin", &whole);
        assert!(stage.server.read("local.bin") == whole && stage.server.partials().is_empty());
    }
}

#[test]
fn curl_that_was_killed_in_mid_upload_resumes() {
    let stage = Stage::new();
    let Some(mut killed) = curl() else { return };
    fs::write(stage.local.join("local.bin"), content()).unwrap();
    let url = stage.urls("new.bin").next().unwrap();
    killed.current_dir(&stage.local).args(["--limit-rate", "100K", "--upload-file", "local.bin"]).arg(&url);
    let mut child = killed.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    eventually("curl is in the middle of it", || !stage.server.arrived("new.bin").is_empty());
    child.kill().unwrap();
    child.wait().unwrap();
    // The system closes a killed program's data connection, in order, a moment before its control connection: a server
    // that looks in between takes that for the end. The name was new: a prefix is there both ways.
    stage.server.wait_log("STOR */new.bin completed=");
    let cut = stage.server.read("new.bin");
    assert!(!cut.is_empty() && cut.len() < content().len() && content().starts_with(&cut));
    stage.run(curl().unwrap().args(["--continue-at", "-", "--upload-file", "local.bin"]).arg(&url));
    assert!(stage.server.read("new.bin") == content());
}

// Python's ftplib

/// Who is `ftp` in [`python`], and what makes its data connections secure.
const FTPLIB_IN_CLEAR: [&str; 2] = ["ftplib.FTP(timeout=20)", ""];
const FTPLIB_UNDER_TLS: [&str; 2] = ["ftplib.FTP_TLS(context=context, timeout=20)", "ftp.prot_p()"];
const FTPLIB_FROM_THE_START: [&str; 2] = ["FromTheStart(context=context, timeout=20)", "ftp.prot_p()"];
const PYTHON_TLS: &str = "
import ftplib, io, ssl
context = ssl._create_unverified_context()
class FromTheStart(ftplib.FTP_TLS):
    @property
    def sock(self):
        return self.secured
    @sock.setter
    def sock(self, sock):
        plain = sock is not None and not isinstance(sock, ssl.SSLSocket)
        self.secured = self.context.wrap_socket(sock) if plain else sock
";

/// Runs a script that finds a logged-in `ftp` and the helpers below.
#[track_caller]
fn python(stage: &Stage, host: &str, script: &str) {
    let Some(mut command) = program("python3") else { return };
    let [ftp, secure] = match Mode::of_this_run() {
        Mode::Plain => FTPLIB_IN_CLEAR,
        Mode::Explicit => FTPLIB_UNDER_TLS,
        Mode::Implicit => FTPLIB_FROM_THE_START,
    };
    let prelude = format!(
        "{PYTHON_TLS}\
         def fetch(name, **more):\n    got = io.BytesIO(); ftp.retrbinary('RETR ' + name, got.write, **more); return got.getvalue()\n\
         ftp = {ftp}\nftp.connect('{}', {})\nftp.login('bob', 'secret')\n{secure}\n",
        host.trim_matches(['[', ']']),
        stage.port()
    );
    stage.run(command.arg("-c").arg(prelude + script));
}

#[test]
fn ftplib_does_everything_it_can() {
    let stage = Stage::new();
    let script = "
for passive in (True, False):
    ftp.set_pasv(passive)
    data = bytes(range(256)) * 1000
    assert ftp.storbinary('STOR a.bin', io.BytesIO(data)).startswith('226')
    assert fetch('a.bin') == data
    assert fetch('a.bin', rest=1000) == data[1000:]
    ftp.storbinary('STOR a.bin', io.BytesIO(data[200000:]), rest=200000)
    assert fetch('a.bin') == data
    ftp.voidcmd('TYPE I')
    assert ftp.size('a.bin') == len(data)
    assert ftp.storlines('STOR a.txt', io.BytesIO(b'one\\ntwo\\n')).startswith('226')
    lines = []; ftp.retrlines('RETR a.txt', lines.append)
    assert lines == ['one', 'two'], lines
    assert ftp.mkd('a dir') == '/a dir'
    assert ftp.cwd('a dir').startswith('250')
    assert ftp.pwd() == '/a dir'
    ftp.cwd('..')
    assert sorted(ftp.nlst()) == ['a dir', 'a.bin', 'a.txt'], ftp.nlst()
    facts = dict(ftp.mlsd(facts=['type', 'size']))
    assert facts['a.bin'] == {'type': 'file', 'size': str(len(data))}, facts
    assert facts['a dir']['type'] == 'dir'
    shown = []; ftp.dir(shown.append)
    assert any(line.endswith(' a.bin') for line in shown), shown
    ftp.rename('a.bin', 'a dir/b.bin')
    ftp.delete('a dir/b.bin'); ftp.delete('a.txt'); ftp.rmd('a dir')
    assert ftp.nlst() == []
    try:
        ftp.delete('missing')
        raise SystemExit('a missing file was deleted')
    except ftplib.error_perm as error:
        assert str(error).startswith('550')
ftp.quit()
";
    for host in &stage.hosts {
        python(&stage, host, script);
    }
}

#[test]
fn ftplib_aborts_a_download_and_goes_on() {
    let stage = Stage::new();
    stage.server.write_sparse("big", 64 << 20);
    stage.server.write("small", "content");
    let script = "
ftp.voidcmd('TYPE I')
conn = ftp.transfercmd('RETR big')
conn.recv(10)
assert ftp.abort().startswith('426')
conn.close()
assert ftp.getresp().startswith('226')
ftp.voidcmd('NOOP')
assert fetch('small') == b'content'
ftp.quit()
";
    python(&stage, &stage.hosts[0], script);
}

#[test]
fn phps_ftp_chmod_succeeds_with_special_bits() {
    let stage = Stage::new();
    let Some(mut command) = program_without_tls("php") else { return };
    stage.server.write("folder/file", "x");
    let script = format!(
        "$ftp = ftp_connect('127.0.0.1', {}); ftp_login($ftp, 'bob', 'secret');
         if (ftp_chmod($ftp, 02775, 'folder') === false || ftp_chmod($ftp, 0600, 'folder/file') === false) exit(1);",
        stage.port()
    );
    stage.run(command.arg("-r").arg(script));
    assert_eq!(mode_of(&stage.server.home().join("folder")), 0o775);
    assert_eq!(mode_of(&stage.server.home().join("folder/file")), 0o600);
}

#[test]
fn netcat_by_hand_works() {
    let stage = Stage::new();
    stage.server.write("file", "content");
    let mut client = stage.server.client();
    client.send_raw("USER bob\nPASS secret\nPWD\nLIST\nQUIT\n");
    for code in [331, 230, 257, 425, 221] {
        client.read_reply().expect(code);
    }
    client.expect_closed();
}

// Server to server

/// lftp has one server send a file to another; true if it arrived.
fn copies_between_servers(foreign: &str) -> Option<(bool, Server, Server)> {
    let mut lftp = program("lftp")?;
    let conf = |ip: &str| {
        format!(
            "[server]\nip = {ip}\n[active]\npermit_foreign_addresses = {foreign}\n[transfer]\nconnect_timeout = 1\n"
        )
    };
    let from = Server::start(&conf("127.0.0.1"), BOB);
    let to = Server::start(&conf("127.0.0.2"), BOB);
    from.write("file.bin", content());
    let url = |server: &Server, name: &str| format!("ftp://bob:secret@{}/{name}", server.address());
    let script = format!(
        "set ftp:use-fxp yes; set ftp:fxp-force yes; set ftp:ssl-allow no; set net:max-retries 1; set net:reconnect-interval-base 1; set cmd:fail-exit yes; \
         get {} -o {}",
        url(&from, "file.bin"),
        url(&to, "copy.bin")
    );
    let home = from.tree().path("lftp");
    fs::create_dir(&home).unwrap();
    lftp.arg("-c").arg(script).env("HOME", &home).env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    let output = finish(lftp.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("lftp runs"));
    let arrived = to.home().join("copy.bin").exists() && to.read("copy.bin") == content();
    eprintln!("{}", String::from_utf8_lossy(&[output.stdout, output.stderr].concat()));
    Some((arrived && output.status.success(), from, to))
}

#[test]
fn lftp_copies_from_server_to_server_where_foreign_addresses_are_permitted() {
    let Some((copied, from, to)) = copies_between_servers("on") else { return };
    assert!(copied);
    // Whichever of the two connected, one of them met an address that is not its client's.
    let foreign = |server: &Server| {
        !server.log_lines("data connection to port * from 127.0.0.").is_empty()
            || !server.log_lines("data connection to the foreign address 127.0.0.").is_empty()
    };
    assert!(foreign(&from) || foreign(&to));
}

#[test]
fn lftp_copies_nothing_from_server_to_server_where_they_are_not() {
    let Some((copied, from, to)) = copies_between_servers("off") else { return };
    assert!(!copied);
    let refused = |server: &Server| !server.log_lines("refused: ").is_empty();
    assert!(refused(&from) || refused(&to));
}
