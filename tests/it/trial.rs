//! Trials of the two files: `ftpd check` and the start say the same about each mistake, and what they say is useful.
//!
//! A [`Case`] is the two files and what is expected; [`run_all`] runs `ftpd check`, `ftpd check --strict`, `ftpd check
//! --json` and the start on each, and asserts what holds for all: the exit codes agree with how bad it is, both name the
//! same places, a line is shown with a caret, no system's error number, no control byte and no password is said, and a
//! mistake is told once.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader, Read},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use crate::{
    privileges::{SOMEBODY, ids},
    server::{Ended, Tree, run_to_its_end},
};

/// Who starts the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The user of the tests.
    Same,
    /// nobody, if the tests are root's; else the case is left out.
    Nobody,
}

/// How a case ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Check and start fail.
    Refused,
    /// Both serve and say something; `--strict` fails.
    Doubted,
    /// Both serve and say something; `--strict` may fail.
    Mentioned,
    /// Nothing is said.
    Silent,
}

pub use Verdict::{Doubted, Mentioned, Refused, Silent};

/// A mistake, and what is expected to be said about it.
#[derive(Clone)]
pub struct Case {
    pub name: &'static str,
    pub conf: Vec<u8>,
    pub users: Vec<u8>,
    pub arguments: Vec<&'static str>,
    pub who: Who,
    pub verdict: Verdict,
    /// The file and line that is named, as `user.ini:3`; empty for none in particular.
    pub place: &'static str,
    /// The key that is named.
    pub key: &'static str,
    /// All of these are said.
    pub words: Vec<&'static str>,
    /// What must never be said: passwords.
    pub secrets: Vec<&'static str>,
    /// Number of findings, if it isn't one.
    pub findings: usize,
    /// Prepares the folder that the files lie in.
    pub prepare: fn(&Path),
}

/// A sound account; `home` is a folder beside the files.
pub const ALEX: &str = "[alex]\npassword = long-and-secret\nperm = elr\nhome = home\n";
/// Settings that are sound everywhere: any free port of this machine.
pub const CONF: &str = "[server]\nip = 127.0.0.1\nport = 0\n";

impl Case {
    fn new(name: &'static str, verdict: Verdict) -> Case {
        Case {
            name,
            conf: CONF.into(),
            users: ALEX.into(),
            arguments: Vec::new(),
            who: Who::Same,
            verdict,
            place: "",
            key: "",
            words: Vec::new(),
            secrets: vec!["long-and-secret"],
            findings: 1,
            prepare: |_| {},
        }
    }

    /// A line of an account is written in another way: the line that begins with its key is replaced, or it is added.
    pub fn user(line: &'static str, verdict: Verdict) -> Case {
        Case { users: with_line(ALEX, line).into(), ..Case::new(line, verdict) }
    }

    /// Lines are added to the settings; one of `ip` or `port` replaces the usual one.
    pub fn conf(lines: &'static str, verdict: Verdict) -> Case {
        Case { conf: with_line(CONF, lines).into(), ..Case::new(lines, verdict) }
    }

    /// All of user.ini.
    pub fn users(text: impl Into<Vec<u8>>, name: &'static str, verdict: Verdict) -> Case {
        Case { users: text.into(), ..Case::new(name, verdict) }
    }

    /// All of ftpd.conf.
    pub fn settings(text: impl Into<Vec<u8>>, name: &'static str, verdict: Verdict) -> Case {
        Case { conf: text.into(), ..Case::new(name, verdict) }
    }

    /// The same with other settings.
    pub fn in_settings(self, text: impl Into<Vec<u8>>) -> Case {
        Case { conf: text.into(), ..self }
    }

    /// The same with other accounts.
    pub fn in_users(self, text: impl Into<Vec<u8>>) -> Case {
        Case { users: text.into(), ..self }
    }

    pub fn at(self, place: &'static str, key: &'static str) -> Case {
        Case { place, key, ..self }
    }

    pub fn says(self, words: &[&'static str]) -> Case {
        Case { words: words.to_vec(), ..self }
    }

    pub fn hides(mut self, secret: &'static str) -> Case {
        self.secrets.push(secret);
        self
    }

    pub fn finds(self, findings: usize) -> Case {
        Case { findings, ..self }
    }

    pub fn with(self, arguments: &[&'static str]) -> Case {
        Case { arguments: arguments.to_vec(), ..self }
    }

    pub fn by_nobody(self) -> Case {
        Case { who: Who::Nobody, ..self }
    }

    pub fn prepared(self, prepare: fn(&Path)) -> Case {
        Case { prepare, ..self }
    }
}

/// `text` with `line` in place of the line of its key, or at the end.
fn with_line(text: &str, line: &str) -> String {
    let key = line.split(['=', ':']).next().unwrap().trim();
    let is_same = |old: &str| old.split('=').next().unwrap().trim().eq_ignore_ascii_case(key);
    if text.lines().any(is_same) {
        return text.lines().map(|old| if is_same(old) { format!("{line}\n") } else { format!("{old}\n") }).collect();
    }
    format!("{text}{line}\n")
}

/// Runs several cases at once; all that fail are told.
#[track_caller]
pub fn run_all(cases: Vec<Case>) {
    let binary = binary_for_all();
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(failure) = Trial::new(case, &binary.path).and_then(|trial| trial.judge()) {
                        failures.lock().unwrap().push(format!("## {}: {failure}\n", case.name));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} of {} cases:\n{}", failures.len(), cases.len(), failures.concat());
}

/// A copy of the binary where nobody can run it, too.
struct Binary {
    path: PathBuf,
    _tree: Tree,
}

fn binary_for_all() -> Binary {
    let tree = Tree::new("", "");
    let path = tree.path("ftpd");
    // In another process: a thread that forks while this one writes would keep the copy from being run.
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_ftpd")).arg(&path).status().unwrap();
    assert!(copied.success());
    for path in [&path, &tree.path("")] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    Binary { path, _tree: tree }
}

/// What was said about a case.
struct Trial<'a> {
    case: &'a Case,
    check: Ended,
    strict: Ended,
    json: Ended,
    start: Ended,
}

impl Trial<'_> {
    fn new<'a>(case: &'a Case, binary: &Path) -> Result<Trial<'a>, String> {
        let tree = Tree::new("", "");
        fs::write(tree.path("ftpd.conf"), &case.conf).unwrap();
        fs::write(tree.path("user.ini"), &case.users).unwrap();
        for (file, mode) in [("", 0o755), ("home", 0o755), ("user.ini", 0o600)] {
            fs::set_permissions(tree.path(file), fs::Permissions::from_mode(mode)).unwrap();
        }
        if case.who == Who::Nobody {
            let (user, group) = ids(SOMEBODY);
            for file in ["", "home", "user.ini", "ftpd.conf"] {
                std::os::unix::fs::chown(tree.path(file), Some(user), Some(group)).unwrap();
            }
        }
        (case.prepare)(&tree.path(""));
        let command = |words: &[&str]| {
            let mut command = Command::new(binary);
            command.current_dir(tree.path("")).args(words).args(&case.arguments).env_remove("RUST_LOG");
            if case.who == Who::Nobody {
                let (user, group) = ids(SOMEBODY);
                command.uid(user).gid(group);
            }
            command
        };
        let root = tree.path("").display().to_string();
        let plain = |text: Ended| Ended { output: text.output.replace(&root, ""), ..text };
        Ok(Trial {
            case,
            check: plain(run_to_its_end(command(&["check"]))),
            strict: plain(run_to_its_end(command(&["check", "--strict"]))),
            json: plain(run_to_its_end(command(&["check", "--json"]))),
            start: plain(started(command(&[]))),
        })
    }

    fn judge(&self) -> Result<(), String> {
        let failures = [self.codes(), self.places(), self.words(), self.caret(), self.once(), self.nothing_odd()];
        let told: Vec<String> = failures.into_iter().filter_map(Result::err).collect();
        if told.is_empty() {
            return Ok(());
        }
        let said = format!(
            "check ({:?}):\n{}start ({:?}):\n{}",
            self.check.code, self.check.output, self.start.code, self.start.output
        );
        Err(format!("{}\n{said}", told.join("; ")))
    }

    fn codes(&self) -> Result<(), String> {
        let (check, strict) = match self.case.verdict {
            Refused => (1, Some(1)),
            Doubted => (0, Some(1)),
            Mentioned => (0, None),
            Silent => (0, Some(0)),
        };
        let expected = [Some(check), Some(strict.unwrap_or(self.strict.code.unwrap_or(-1))), Some(check), Some(check)];
        let codes = [self.check.code, self.strict.code, self.json.code, self.start.code];
        expect(codes == expected, || format!("codes of check, --strict, --json, start: {codes:?}, not {expected:?}"))
    }

    /// Both name the place that is expected, and the same ones.
    fn places(&self) -> Result<(), String> {
        let Case { place, .. } = self.case;
        for ended in [&self.check, &self.start] {
            expect(ended.output.contains(place), || format!("{place} is not named"))?;
        }
        let [check, start] = [&self.check, &self.start].map(|ended| places_in(&ended.output));
        expect(check == start, || format!("check names {check:?}, start {start:?}"))
    }

    fn words(&self) -> Result<(), String> {
        let Case { key, words, verdict, .. } = self.case;
        for (output, word) in [&self.check, &self.start]
            .iter()
            .flat_map(|ended| words.iter().chain([key]).map(|word| (&ended.output, word)))
        {
            expect(output.contains(word), || format!("{word:?} is not said"))?;
        }
        let warned = self.start.output.lines().any(|line| line.contains("[W ") || line.contains("[E "));
        // That root's server stays root is no warning.
        let all_right = self.check.output.lines().all(|line| line.starts_with("ok: ") || line.starts_with("note: "));
        expect(*verdict != Silent || (!warned && all_right), || "it is not silent".to_owned())
    }

    fn caret(&self) -> Result<(), String> {
        let has_line = !self.case.place.is_empty();
        let caret = self.check.output.lines().any(|line| line.trim_start().starts_with('^'));
        expect(!has_line || caret, || "no caret".to_owned())
    }

    fn once(&self) -> Result<(), String> {
        let findings: serde_json::Value =
            serde_json::from_str(&self.json.output).map_err(|error| format!("{error}: {}", self.json.output))?;
        let told =
            findings.as_array().ok_or("no array")?.iter().filter(|finding| finding["severity"] != "note").count();
        let expected = if self.case.verdict == Silent { 0 } else { self.case.findings };
        expect(told == expected || (self.case.verdict == Mentioned && told == 0), || {
            format!("{told} findings: {findings}")
        })
    }

    fn nothing_odd(&self) -> Result<(), String> {
        for ended in [&self.check, &self.json, &self.start] {
            let odd = |c: char| c.is_control() && c != '\n';
            expect(!ended.output.contains("(os error"), || "(os error)".to_owned())?;
            expect(!ended.output.contains(odd), || format!("a control byte: {:?}", ended.output))?;
            for secret in &self.case.secrets {
                expect(!ended.output.contains(secret), || format!("the secret {secret:?} is said"))?;
            }
        }
        Ok(())
    }
}

fn expect(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

/// All `user.ini:3` and `ftpd.conf:4` in a text.
fn places_in(text: &str) -> BTreeSet<String> {
    let of_file = |file: &'static str| {
        text.match_indices(file).filter_map(move |(at, _)| {
            let digits: String = text[at + file.len()..].chars().take_while(char::is_ascii_digit).collect();
            (!digits.is_empty()).then(|| format!("{file}{digits}"))
        })
    };
    of_file("user.ini:").chain(of_file("ftpd.conf:")).collect()
}

/// Starts a server, stops it as soon as it serves, and returns all it said; the code is 0 if it served.
fn started(mut command: Command) -> Ended {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child: Child = command.spawn().expect("the binary runs");
    let mut output = String::new();
    let mut reader = BufReader::new(child.stderr.take().unwrap());
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        let text = String::from_utf8_lossy(&line).into_owned();
        output.push_str(&text);
        line.clear();
        if text.contains(">>> starting FTP server on ") {
            // What is said right after the start line is heard, too.
            let _ =
                rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::TERM);
            let mut rest = Vec::new();
            let _ = reader.read_to_end(&mut rest);
            output.push_str(&String::from_utf8_lossy(&rest));
        }
    }
    let status = child.wait().unwrap();
    Ended { code: status.code(), output }
}
