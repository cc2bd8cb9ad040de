//! What `ftpd generate` writes: man pages and completions. They hold all there is, and shells and groff take them.

use std::{fs, io::Write as _, path::Path, process::Command, process::Stdio};

use tempfile::TempDir;

use crate::{
    clients::program,
    server::{bare_command, finish},
    terminal::Terminal,
};

const PAGES: [&str; 3] = ["ftpd.1", "ftpd.conf.5", "user.ini.5"];

fn generated(kind: &str) -> String {
    said(bare_command().args(["generate", kind]))
}

fn said(command: &mut Command) -> String {
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The words of a page, without orders of roff.
fn words(page: &str) -> String {
    let escapes =
        [("\\fB", ""), ("\\fI", ""), ("\\fR", ""), ("\\-", "-"), ("\\(aq", "'"), ("\\(ti", "~"), ("\\(dq", "\"")];
    escapes.iter().fold(generated(page), |text, (escape, meaning)| text.replace(escape, meaning))
}

fn sample(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The options that a `--help` shows.
fn options(help: &str) -> Vec<&str> {
    let lines = help.lines().map(str::trim).filter(|line| line.starts_with('-'));
    lines
        .flat_map(|line| line.split([' ', ',', '=', '[', '.']).filter(|word| word.len() > 1 && word.starts_with('-')))
        .collect()
}

/// The commands that `ftpd --help` shows.
fn commands(help: &str) -> Vec<&str> {
    let list = help.split("Commands:\n").nth(1).expect("a list of commands").split("\n\n").next().unwrap();
    let names = list.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    names.filter(|name| !name.is_empty() && *name != "help").collect()
}

#[test]
fn pages_render_without_a_warning() {
    let Some(mut groff) = program("groff") else { return };
    groff.args(["-man", "-Tutf8", "-ww", "-z"]);
    for page in PAGES {
        let mut child = groff.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(generated(page).as_bytes()).unwrap();
        let output = finish(child);
        assert!(output.status.success() && output.stderr.is_empty(), "{page}: {output:?}");
    }
}

#[test]
fn the_page_of_the_program_has_what_the_help_shows() {
    let (page, help) = (words("ftpd.1"), said(bare_command().arg("--help")));
    for heading in
        ["NAME", "SYNOPSIS", "OPTIONS", "COMMANDS", "EXAMPLES", "FILES", "SIGNALS", "EXIT STATUS", "ENVIRONMENT"]
    {
        assert!(page.contains(&format!(".SH \"{heading}\"\n")), "{heading}");
    }
    let parts: Vec<&str> = page.split(".SS \"ftpd ").collect();
    let has = |part: &str, help: &str| {
        for option in options(help) {
            let shown = [' ', ',', '\n', '=', '[', '.'].iter().any(|end| part.contains(&format!("{option}{end}")));
            assert!(shown || ["-h", "--help"].contains(&option), "{option}\n{part}");
        }
    };
    has(parts[0], &help);
    let commands = commands(&help);
    assert!(commands.len() > 7, "{commands:?}");
    for (name, part) in commands.iter().zip(&parts[1..]) {
        assert!(part.starts_with(name), "{name}\n{part}");
        has(part, &said(bare_command().args([name, "--help"])));
    }
}

#[test]
fn the_pages_of_the_files_hold_every_key() {
    let settings = sample("ftpd.conf");
    let keys = settings.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(" = "));
    let accounts = sample("user.ini");
    let of_accounts = accounts.lines().filter_map(|line| line.strip_prefix("#   ")?.split_once("  "));
    let of_accounts = of_accounts.map(|(name, _)| name).filter(|name| !name.is_empty() && !name.contains(' '));
    for (page, keys) in
        [("ftpd.conf.5", keys.map(|(name, _)| name).collect()), ("user.ini.5", of_accounts.collect::<Vec<_>>())]
    {
        let text = words(page);
        assert!(keys.len() > 12, "{keys:?}");
        for key in keys {
            assert!(text.contains(&format!(".TP\n{key} = ")), "{page}: {key}");
        }
        assert!(!text.contains("\\(ga") && !text.contains("]("), "Markdown is left in {page}");
    }
}

#[test]
fn what_is_hidden_is_offered_nowhere() {
    for kind in ["bash", "zsh", "fish"] {
        assert!(!generated(kind).contains("generate"), "{kind}");
    }
    assert!(!generated("ftpd.1").contains(".SS \"ftpd generate"));
    assert!(!said(bare_command().arg("--help")).contains("generate"));
    let bash = generated("bash");
    let of_who = bash.split("ftpd__subcmd__who)\n").nth(1).and_then(|rest| rest.lines().next()).unwrap();
    assert!(of_who.contains("--json") && !of_who.contains("--set"), "{of_who}");
}

#[test]
fn scripts_are_sound() {
    for shell in ["bash", "zsh", "fish"] {
        // The last two are no clients that CI needs.
        if shell != "bash" && Command::new(shell).arg("-c").arg("exit").output().is_err() {
            eprintln!("SKIPPED: {shell} is not installed");
            continue;
        }
        let folder = TempDir::new().unwrap();
        let script = folder.path().join("script");
        fs::write(&script, generated(shell)).unwrap();
        assert_eq!(said(Command::new(shell).arg("-n").arg(&script)), "");
    }
}

#[test]
fn bash_completes_commands_options_and_folders() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("script"), generated("bash")).unwrap();
    fs::create_dir(folder.path().join("photos of ann")).unwrap();
    fs::write(folder.path().join("photos.txt"), "").unwrap();
    fs::write(folder.path().join("my.conf"), "").unwrap();
    let mut bash = Command::new("bash");
    bash.args(["--norc", "--noprofile", "-i"]).current_dir(&folder).env("PS1", "> ").env("INPUTRC", "/dev/null");
    let mut terminal = Terminal::run(&bash, 100, 30);
    terminal.wait_for("> ");
    // The next keys are for the line editor, so it has to be back.
    terminal.press("source ./script; PS1='$? ready '\r");
    terminal.wait_for("0 ready ");
    let cases = [
        ("ftpd ch", "ftpd check "),
        ("ftpd who --j", "ftpd who --json "),
        ("ftpd pho", "ftpd photos\\ of\\ ann/"),
        ("ftpd -v pho", "ftpd -v photos\\ of\\ ann/"),
        ("ftpd photos --verb", "ftpd photos --verbose "),
        ("ftpd -c my", "ftpd -c my.conf "),
        ("ftpd check --config my", "ftpd check --config my.conf "),
    ];
    for (typed, completed) in cases {
        terminal.press(&format!("{typed}\t|"));
        terminal.wait_for(&format!("0 ready {completed}|"));
        // Ctrl-U takes the line away.
        terminal.press("\x15");
    }
}
