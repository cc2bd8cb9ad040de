//! README.md does what it says: each command in it is run, on a small machine like the one that it speaks of.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::{Command, Stdio},
};

use crate::{
    channel::leave_out,
    client::Client,
    clients::program,
    machine::{Machine, Who},
    page::{Block, INDENTED, Page},
    server::finish,
    terminal::Terminal,
};

const README: &str = "README.md";
/// The same in other languages.
const TRANSLATIONS: [&str; 1] = ["docs/README.zh-CN.md"];
/// Where README leads to.
const PAGES: [&str; 9] = [
    "docs/encryption.md",
    "docs/ftpd.conf.md",
    "docs/ftpd.md",
    "docs/networks.md",
    "docs/operations.md",
    "docs/performance.md",
    "docs/uploads.md",
    "docs/user.ini.md",
    "docs/web.md",
];

/// Commands that this test can't run, and what runs them.
const ELSEWHERE: [(&str, &str); 3] = [
    ("sudo apt install ./target/ftpd_*.deb", "packaging/test/deb.sh installs the package, in a tree of its own"),
    ("cargo install --path .", "it builds a release; the same build is that of make build"),
    ("sudo systemctl enable --now ftpd", "it needs a machine whose first process is systemd"),
];
/// It begins like a command.
const DEFAULT_GREETING: &str = "ftpd ready.";
/// Words that begin a command.
const PROGRAMS: [&str; 7] = ["ftpd", "sudo", "make", "cargo", "curl", "lftp", "systemctl"];

/// Lines for a shell.
fn is_sh(block: &Block) -> bool {
    let begins_as_command = || PROGRAMS.contains(&block.lines[0].split(' ').next().unwrap());
    block.kind == "sh" || block.kind == INDENTED && begins_as_command()
}

/// Commands of a block of a shell, without what is said about them.
fn commands(block: &Block) -> Vec<&str> {
    block
        .lines
        .iter()
        .map(|line| line.split("  #").next().unwrap().trim_end())
        .filter(|line| !line.is_empty())
        .collect()
}

/// The options in what is said about the commands of a block, with their command.
fn variants(block: &Block) -> Vec<String> {
    let mut variants = Vec::new();
    for line in &block.lines {
        let Some((command, remark)) = line.split_once("  #") else { continue };
        let command = command.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        let options = remark
            .split([',', ';', '(', ')', '，', '；', '（', '）'])
            .map(str::trim)
            .filter(|piece| piece.starts_with("--"));
        variants.extend(options.map(|option| format!("{command} {option}")));
    }
    variants
}

/// The commands in the sentences, and options as those of `ftpd DIR`.
fn commands_in_sentences(page: &Page) -> BTreeSet<String> {
    let command = |code: &str| match code.split(' ').next() {
        Some(word) if PROGRAMS.contains(&word) => Some(code.to_owned()),
        Some(word) if word.starts_with('-') => Some(format!("ftpd DIR {code}")),
        _ => None,
    };
    page.code().into_iter().filter_map(command).collect()
}

/// Runs a command as the machine's owner would, whatever kind it is.
fn run(command: &str) -> Result<(), String> {
    if ELSEWHERE.iter().any(|(elsewhere, _)| *elsewhere == command) {
        return Ok(());
    }
    let command = command.replace("DIR", "~/photos").replace("ADDRESS", "192.0.2.1");
    let (who, command) = match command.strip_prefix("sudo ") {
        Some(command) => (Who::Root, command),
        None => (Who::Ann, command.as_str()),
    };
    let words: Vec<&str> = command.split(' ').collect();
    if words[0] == "make" {
        let mut make = Command::new("make");
        make.arg("-n").args(&words[1..]).current_dir(env!("CARGO_MANIFEST_DIR"));
        return succeeds(make);
    }
    let Some(machine) = Machine::new() else { return Ok(()) };
    match words[..] {
        ["curl" | "lftp", ..] => fetches(&machine, command),
        ["ftpd", "who" | "kick" | "status" | "reload" | "drain", ..] => asks(&machine, command),
        ["ftpd", "top"] => watches(&machine),
        ["ftpd", "init"] => prepares(&machine),
        ["ftpd", "check", "--network"] => {
            let _server = samples(&machine);
            succeeds(machine.shell(who, command))
        }
        ["ftpd", "check", ..] => {
            write_samples(&machine);
            succeeds(machine.shell(who, command))
        }
        ["ftpd", "generate", _] => succeeds(machine.shell(who, command)),
        ["ftpd", "hash-password"] => succeeds(machine.shell(who, "echo paper4ever | ftpd hash-password")),
        ["ftpd", ..] => serves(&machine, who, command),
        _ => Err("no test knows how to run it".to_owned()),
    }
}

fn succeeds(mut command: Command) -> Result<(), String> {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let output = finish(child);
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if output.status.success() { Ok(()) } else { Err(format!("{}:\n{text}", output.status)) }
}

fn write_samples(machine: &Machine) {
    for folder in ["/home/ann", "/etc/ftpd"] {
        machine.write(&format!("{folder}/ftpd.conf"), Page::read("ftpd.conf").text);
        machine.write(&format!("{folder}/user.ini"), Page::read("user.ini").text);
        machine.make_folder(&format!("{folder}/share/alex/inbox"));
        machine.make_folder(&format!("{folder}/share/egon"));
    }
    let made = rcgen::generate_simple_self_signed(vec!["myhost".to_owned()]).unwrap();
    machine.write("/etc/ftpd/fullchain.pem", made.cert.pem());
    machine.write("/etc/ftpd/privkey.pem", made.signing_key.serialize_pem());
}

/// The server of the two samples.
fn samples(machine: &Machine) -> Terminal {
    write_samples(machine);
    let server = Terminal::run(&machine.shell(Who::Ann, "exec ftpd"), 110, 40);
    server.wait_for("starting FTP server");
    server
}

/// A server that is fetched from, and stopped by Ctrl-C.
fn serves(machine: &Machine, who: Who, command: &str) -> Result<(), String> {
    write_samples(machine);
    let mut server = Terminal::run(&machine.shell(who, &format!("exec {command}")), 110, 40);
    let shares_a_folder = command.split(' ').nth(1).is_some_and(|word| word.starts_with(['~', '/']));
    let screen = server.wait_for(if shares_a_folder { "Stop with Ctrl-C" } else { "starting FTP server on " });
    let (address, login) = if shares_a_folder {
        (address_in(&screen).ok_or("no address is shown")?, login(command, &screen))
    } else {
        (
            screen.split("starting FTP server on ").nth(1).unwrap().split([',', ' ', '\n']).next().unwrap(),
            "alex:123".to_owned(),
        )
    };
    let line = format!("curl -sSk --ssl --user {login} ftp://{address}/");
    let near = address.starts_with("127.");
    succeeds(if near { machine.shell(Who::Ann, &line) } else { machine.neighbour(&line) })?;
    server.press("\u{3}");
    match server.ended() {
        Some(0) => Ok(()),
        code => Err(format!("it ends with {code:?}:\n{screen}")),
    }
}

/// The first address that a start shows.
fn address_in(screen: &str) -> Option<&str> {
    screen.split("ftp://").nth(1)?.split('/').next()
}

/// The name and password that a command gives or its start shows; else anonymous's.
fn login(command: &str, screen: &str) -> String {
    let given = command.split_once("--user ").map(|(_, rest)| rest.split(' ').next().unwrap());
    let Some(name) = given else { return "anonymous:x".to_owned() };
    let made_up = screen.split_once(&format!("name {name}, password "));
    made_up.map_or(name.to_owned(), |(_, rest)| format!("{name}:{}", rest.split(' ').next().unwrap()))
}

/// A client, run on another machine of the local network.
fn fetches(machine: &Machine, command: &str) -> Result<(), String> {
    let Some(_) = program(command.split(' ').next().unwrap()) else { return Ok(()) };
    let options = if command.contains("bob") { " --write --user bob:secret" } else { "" };
    let server = Terminal::run(&machine.shell(Who::Ann, &format!("exec ftpd ~/photos{options}")), 110, 40);
    server.wait_for("Stop with Ctrl-C");
    succeeds(machine.neighbour(command))
}

/// A question to a server with seven sessions.
fn asks(machine: &Machine, command: &str) -> Result<(), String> {
    let _server = samples(machine);
    let log_in = || {
        let mut client = Client::greeted("127.0.0.1:2121".parse().unwrap());
        client.login("alex", "123");
        client
    };
    if command.contains("--unban") {
        succeeds(machine.shell(Who::Ann, "ftpd kick --address 192.0.2.1 --ban"))?;
    }
    let _clients: Vec<Client> = machine.visit(|| (0..7).map(|_| log_in()).collect());
    succeeds(machine.shell(Who::Ann, command))
}

fn watches(machine: &Machine) -> Result<(), String> {
    let _server = samples(machine);
    let mut terminal = Terminal::run(&machine.shell(Who::Ann, "exec ftpd top"), 80, 24);
    for (key, answer) in [("p", "PAUSED"), ("p", "p pause")] {
        terminal.press(key);
        terminal.wait_for(answer);
    }
    terminal.press("q");
    if terminal.ended() == Some(0) { Ok(()) } else { Err("q does not end it".to_owned()) }
}

/// It writes two files that are sound.
fn prepares(machine: &Machine) -> Result<(), String> {
    succeeds(machine.shell(Who::Ann, "ftpd init"))?;
    succeeds(machine.shell(Who::Ann, "ls ftpd.conf user.ini && ftpd check"))
}

/// Runs all of them; names each that fails.
#[track_caller]
fn run_all(commands: impl IntoIterator<Item = String>) {
    let failed = |command: String| run(&command).err().map(|error| format!("{command}\n  {error}"));
    let failures: Vec<String> = commands.into_iter().filter_map(failed).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn it_has_at_most_200_lines() {
    for page in [README].iter().chain(&TRANSLATIONS) {
        let lines = Page::read(page).text.lines().count();
        assert!(lines <= 200, "{page} has {lines} lines");
    }
}

#[test]
fn each_command_of_a_block_runs() {
    leave_out!(Explicit | Implicit: "README's servers are its own");
    let blocks = pages().flat_map(|(_, page)| page.blocks()).filter(is_sh);
    let commands = blocks.flat_map(|block| commands(&block).into_iter().map(str::to_owned).collect::<Vec<_>>());
    run_all(commands.collect::<BTreeSet<_>>());
}

#[test]
fn each_option_in_the_remarks_of_a_block_is_one() {
    leave_out!(Explicit | Implicit: "README's servers are its own");
    run_all(Page::read(README).blocks_of("sh").iter().flat_map(variants));
}

#[test]
fn each_command_in_a_sentence_runs() {
    leave_out!(Explicit | Implicit: "README's servers are its own");
    let of_page = |name| commands_in_sentences(&Page::read(name)).into_iter();
    let is_ours = |command: &String| command.trim_start_matches("sudo ").starts_with("ftpd ");
    let is_option = |command: &String| command.starts_with("ftpd DIR -");
    let elsewhere = PAGES.into_iter().flat_map(of_page).filter(|command| is_ours(command) && !is_option(command));
    let elsewhere = elsewhere.filter(|command| command != DEFAULT_GREETING);
    run_all(of_page(README).chain(elsewhere).collect::<BTreeSet<_>>());
}

/// README in all languages, and the pages it leads to.
fn pages() -> impl Iterator<Item = (&'static str, Page)> {
    [README].into_iter().chain(TRANSLATIONS).chain(PAGES).map(|name| (name, Page::read(name)))
}

/// Settings or accounts.
fn is_ini(block: &Block) -> bool {
    block.kind == "ini" || block.kind == INDENTED && block.lines[0].starts_with('[')
}

#[test]
fn each_block_is_tested() {
    for (name, page) in pages() {
        for block in page.blocks() {
            let is_tested = is_sh(&block) || is_ini(&block) || block.kind == "text";
            assert!(is_tested, "{name}:{}: nothing tests a block of this kind", block.line);
        }
    }
}

#[test]
fn translations_have_the_same_commands_and_settings_in_the_same_places() {
    let readme = Page::read(README);
    let with_commands = |page: &Page| {
        let lines = |block: &Block| match is_sh(block) {
            true => commands(block).into_iter().map(str::to_owned).chain(variants(block)).collect(),
            false => block.lines.clone(),
        };
        page.blocks().iter().map(lines).collect::<Vec<Vec<String>>>()
    };
    let shape = |page: &Page| -> Vec<String> {
        let first = |line: &str| line.split([' ', '[']).next().unwrap().to_owned();
        let begins = page.prose().into_iter().map(first);
        begins.filter(|begin| ["#", "##", "|", "1.", "2.", "3.", "-", "!"].contains(&begin.as_str())).collect()
    };
    for name in TRANSLATIONS {
        let page = Page::read(name);
        assert_eq!(with_commands(&page), with_commands(&readme), "{name}");
        let code = |page: &Page| page.code().into_iter().map(str::to_owned).collect::<BTreeSet<_>>();
        assert_eq!(code(&page), code(&readme), "{name}");
        assert_eq!(shape(&page), shape(&readme), "{name}");
    }
}

#[test]
fn settings_and_accounts_are_sound() {
    leave_out!(Explicit | Implicit: "these files are README's own");
    for (name, page) in pages() {
        for block in page.blocks().into_iter().filter(is_ini) {
            let Some(machine) = Machine::new() else { return };
            write_samples(&machine);
            let sections = ["server", "transfer", "passive", "active", "anonymous", "tls", "web", "log"];
            let is_of = |line: &String| sections.iter().any(|section| *line == format!("[{section}]"));
            let file = if block.lines.iter().any(is_of) { "ftpd.conf" } else { "user.ini" };
            machine.write(&format!("/home/ann/{file}"), block.lines.join("\n") + "\n");
            let check = match block.lines.iter().any(|line| line == "user = ftpd") {
                true => machine.shell(Who::Root, "chown -R ftpd . && ftpd check"),
                false => machine.shell(Who::Ann, "ftpd check"),
            };
            succeeds(check).unwrap_or_else(|error| panic!("{name}:{}: {error}", block.line));
        }
    }
}

#[test]
fn what_a_script_of_pyftpdlib_sets_are_settings() {
    leave_out!(Explicit | Implicit: "these files are README's own");
    for name in [README].iter().chain(&TRANSLATIONS) {
        let page = Page::read(name);
        let rows = page.prose().into_iter().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
        let mut sections: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for ours in
            rows.map(|(_, ours)| Page::code_of(ours)).filter(|ours| ours.iter().any(|code| code.contains(" = ")))
        {
            assert!(ours[0].starts_with('['), "{name}: {ours:?}");
            sections.entry(ours[0]).or_default().extend(&ours[1..]);
        }
        assert!(sections.len() > 5, "{name} has the table");
        let lines = sections.iter().map(|(section, lines)| format!("{section}\n{}\n", lines.join("\n")));
        let Some(machine) = Machine::new() else { return };
        write_samples(&machine);
        machine.write("/home/ann/ftpd.conf", lines.collect::<String>());
        succeeds(machine.shell(Who::Ann, "mv /etc/ftpd/fullchain.pem cert.pem && mv /etc/ftpd/privkey.pem key.pem"))
            .unwrap();
        succeeds(machine.shell(Who::Ann, "ftpd check")).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn the_addresses_to_paste_open() {
    leave_out!(Explicit | Implicit: "README's servers are its own");
    let page = Page::read(README);
    let addresses = page.code().into_iter().filter(|code| code.starts_with("ftp://") || code.starts_with("http://"));
    let addresses: BTreeSet<&str> = addresses.collect();
    assert!(addresses.len() > 2, "{addresses:?}");
    let login = |address: &str| if address.contains("bob@") { "--user bob:secret " } else { "" };
    let fetch = |address| format!("curl -sSf {}{address}", login(address));
    run_all(addresses.into_iter().map(fetch));
}

#[test]
fn links_lead_somewhere() {
    for (name, page) in pages() {
        let folder = Path::new(name).parent().unwrap();
        for link in page.links().into_iter().filter(|link| !link.starts_with("https:")) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let path = if path.is_empty() { Path::new(name).to_owned() } else { folder.join(path) };
            assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(&path).exists(), "{name}: {link}");
            let has_anchor = || Page::read(path.to_str().unwrap()).anchors().iter().any(|name| name == anchor);
            assert!(anchor.is_empty() || has_anchor(), "{name}: {link}");
        }
    }
}

#[test]
fn readme_leads_to_each_page() {
    let page = Page::read(README);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    for name in names.filter(|name| name.ends_with(".md")) {
        let link = format!("docs/{name}");
        assert!(page.links().contains(&link.as_str()), "README does not lead to {link}");
        let is_tested = pages().any(|(name, _)| name == link) || !Page::read(&link).blocks().iter().any(is_ini);
        assert!(is_tested, "{link} has settings that nothing tests");
    }
}
