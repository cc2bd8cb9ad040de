//! The picture of src/lib.rs, checked: which module may use which, what only one file may do, and that types have
//! names of their own and functions are short.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Module, the modules of this crate it may name. Arrows point down: a line names only modules of lines below it.
#[rustfmt::skip]
const ARROWS: &[(&str, &[&str])] = &[
    ("main",     &["cli", "commands", "logging", "config", "ini", "server", "auth"]),
    ("commands", &["cli", "config", "auth", "ini", "logging", "server", "control", "share", "net", "protocol", "firewall", "qr", "sys"]),
    ("server",   &["session", "web", "reception", "share", "config", "auth", "net", "copy", "fs", "protocol", "logging", "ini", "control", "sys"]),
    ("cli",      &["config", "auth", "ini", "control", "sys"]),
    ("logging",  &["config", "ini", "lines"]),
    ("session",  &["reception", "config", "share", "copy", "fs", "auth", "net", "protocol", "sys"]),
    ("web",      &["qr", "reception", "config", "share", "copy", "fs", "auth", "net", "protocol", "sys"]),
    ("reception", &["config", "share", "copy", "fs", "auth", "net", "lines", "protocol", "sys"]),
    ("share",    &["copy", "fs", "auth", "protocol", "sys"]),
    ("config",   &["auth", "ini", "protocol"]),
    ("copy",     &["net", "protocol", "sys"]),
    ("fs",       &["protocol", "sys"]),
    ("auth",     &["ini", "protocol", "seen", "sys"]),
    ("net",      &["protocol", "seen", "sys"]),
    ("protocol", &[]),
    ("ini",      &["sys"]),
    ("control",  &["sys"]),
    ("seen",     &["sys"]),
    ("lines",    &["sys"]),
    ("sys",      &[]),
    ("firewall", &[]),
    ("qr",       &[]),
];

/// The modules that may see `Config`; all others take plain values.
const SEE_CONFIG: &[&str] = &["main", "commands", "server", "cli", "logging", "session", "web", "reception", "config"];

/// What gives a client's name to the kernel, and the only module above that may ask it to.
const TAKES_NAMES: &[&str] = &["sys::beneath", "sys::folder", "sys::place"];
const ASKS_WITH_NAMES: &str = "fs";

/// Calls that give a name to the kernel, and the files below src/ that may make them in the modules that serve clients.
const NAMES_A_PATH: &str = "openat unlinkat renameat mkdirat linkat symlinkat readlinkat mknodat chmodat chownat utimensat \
    statat accessat rustix::fs::open( rustix::fs::stat( fs::read fs::write( fs::remove fs::rename fs::create fs::metadata \
    fs::symlink fs::canonicalize File::open File::create OpenOptions";
const MAY_NAME_A_PATH: &[&str] = &[
    "net/certificate.rs", // certificate and key, named by ftpd.conf
    "session/planted.rs", // any path, on purpose; only with the feature planted-bug
];
const SERVES_CLIENTS: &[&str] = &["fs", "share", "session", "web", "reception", "copy", "net", "protocol"];

/// What exists on one system only, and so is named in src/sys alone.
const ONE_SYSTEM: &str = "std::os:: nix:: landlock:: procfs:: rustix::fs rustix::pipe rustix::process rustix::thread \
    rustix::param /proc eventfd listenfd:: sd_notify:: signal_hook::";
/// Files that reckon with time and never ask for it.
const RECKONS_TIME: &[&str] = &[
    "auth/bans.rs",
    "auth/hash.rs",
    "auth/limits.rs",
    "auth/users.rs",
    "copy/pace.rs",
    "net/turns.rs",
    "protocol/http/date.rs",
    "protocol/timestamp.rs",
    "session/heartbeat.rs",
];

/// The only writer of a reply's line end.
const WRITES_REPLIES: &[&str] = &["protocol/reply.rs"];
/// CR LF in source text; listing lines and HTTP end with it, too, and clients send it.
const MAY_NAME_CRLF: &[&str] = &[
    "protocol/reply.rs",
    "protocol/line.rs",
    "protocol/http/chunks.rs",
    "protocol/http/response.rs",
    "copy/ascii.rs",
    "fs/listing.rs",
    "session/list.rs",
];

struct Source {
    /// Relative to src/, with `/`.
    path: String,
    /// Without comments and without `mod tests`.
    code: String,
}

impl Source {
    /// The module at the top of the crate this file belongs to.
    fn module(&self) -> &str {
        self.path.split('/').next().unwrap().trim_end_matches(".rs")
    }

    fn lines_with(&self, needle: &str) -> impl Iterator<Item = String> {
        let lines = self.code.lines().enumerate().filter(move |(_, line)| line.contains(needle));
        lines.map(|(index, line)| format!("src/{}:{}: {}", self.path, index + 1, line.trim()))
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    paths.sort();
    let source = |path: PathBuf| Source {
        path: path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned(),
        code: without_comments_and_tests(&fs::read_to_string(&path).unwrap()),
    };
    let sources: Vec<Source> = paths.into_iter().map(source).collect();
    assert!(sources.len() > 20, "the sources are found");
    sources
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

/// Keeps the number of lines, so that places can be told.
fn without_comments_and_tests(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let uncommented = |line: &str| match line.find("//") {
        Some(at) if !line[..at].contains('"') => line[..at].to_owned(),
        _ => line.to_owned(),
    };
    code.lines().map(uncommented).collect::<Vec<_>>().join("\n")
}

/// Top modules that a file names by `crate::…`, also in `use crate::{…}` over several lines.
fn named_modules(code: &str) -> BTreeSet<String> {
    let name_at =
        |text: &str| text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => names.extend(members(group).iter().map(|member| name_at(member))),
            None => drop(names.insert(name_at(rest))),
        }
    }
    names.retain(|name| ARROWS.iter().any(|(module, _)| module == name));
    names
}

/// `a::{b, c}, d};…` → `a::{b, c}`, `d`.
fn members(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (at, byte) in group.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 0 => {
                found.push(&group[start..at]);
                break;
            }
            b'}' => depth -= 1,
            b',' if depth == 0 => {
                found.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found
}

#[test]
fn every_arrow_points_down() {
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| source.path != "lib.rs") {
        let module = source.module();
        let Some(allowed) = allowed.get(module) else {
            wrong.push(format!("src/{} belongs to no module of the picture", source.path));
            continue;
        };
        for name in named_modules(&source.code) {
            if name != module && !allowed.contains(&name.as_str()) {
                wrong.push(format!("src/{}: {module} must not use {name}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_itself_points_down() {
    for (index, (module, allowed)) in ARROWS.iter().enumerate() {
        for name in *allowed {
            let at = ARROWS.iter().position(|(other, _)| other == name).expect("a known module");
            assert!(at > index, "{module} → {name}");
        }
    }
}

#[test]
fn only_the_upper_modules_see_config() {
    let sources = sources();
    let low = sources.iter().filter(|source| source.path != "lib.rs" && !SEE_CONFIG.contains(&source.module()));
    let wrong: Vec<String> =
        low.filter(|source| named_modules(&source.code).contains("config")).map(|source| source.path.clone()).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn a_clients_name_meets_the_kernel_by_way_of_one_module() {
    let sources = sources();
    let serving = sources.iter().filter(|source| SERVES_CLIENTS.contains(&source.module()));
    let guarded = serving.filter(|source| !MAY_NAME_A_PATH.contains(&source.path.as_str()));
    let called = guarded.flat_map(|source| NAMES_A_PATH.split_whitespace().flat_map(|call| source.lines_with(call)));
    let others = sources.iter().filter(|source| ![ASKS_WITH_NAMES, "sys"].contains(&source.module()));
    let asked = others.flat_map(|source| TAKES_NAMES.iter().flat_map(|name| source.lines_with(name)));
    let wrong: Vec<String> = called.chain(asked).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_exists_on_one_system_only_is_named_in_sys_alone() {
    let sources = sources();
    let above = sources.iter().filter(|source| source.module() != "sys");
    let wrong: Vec<String> =
        above.flat_map(|source| ONE_SYSTEM.split_whitespace().flat_map(|name| source.lines_with(name))).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_one_file_writes_the_line_end_of_replies() {
    let sources = sources();
    let others =
        sources.iter().filter(|source| SERVES_CLIENTS.contains(&source.module()) || source.module() == "server");
    let guarded = others.filter(|source| !MAY_NAME_CRLF.contains(&source.path.as_str()));
    let wrong: Vec<String> = guarded.flat_map(|source| source.lines_with("\\r\\n")).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let writer = sources.iter().find(|source| source.path == WRITES_REPLIES[0]).expect("the writer of replies");
    assert!(writer.lines_with("\\r\\n").next().is_some());
}

/// Texts that name files as `module::file`.
const GUIDES: &[&str] = &["ARCHITECTURE.md", "src/lib.rs"];

#[test]
fn the_files_that_the_guides_name_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = sources();
    let mut wrong = Vec::new();
    for guide in GUIDES {
        let text = fs::read_to_string(root.join(guide)).unwrap();
        for quoted in text.split(['`', '[', ']']) {
            let mut names = quoted.split("::");
            let (Some(module), Some(file)) = (names.next(), names.next()) else { continue };
            if !ARROWS.iter().any(|(name, _)| *name == module) || !file.chars().all(|c| c.is_lowercase() || c == '_') {
                continue;
            }
            let is_there = |source: &Source| {
                let path = source.path.replacen("sys/linux/", "sys/", 1);
                path == format!("{module}/{file}.rs") || source.code.contains(&format!("fn {file}("))
            };
            if !sources.iter().any(|source| source.module() == module && is_there(source)) {
                wrong.push(format!("{guide}: {quoted}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn unsafe_code_is_forbidden() {
    let sources = sources();
    for root in ["lib.rs", "main.rs"] {
        let source = sources.iter().find(|source| source.path == root).unwrap();
        assert!(source.code.contains("#![forbid(unsafe_code)]"), "src/{root}");
    }
}

#[test]
fn the_clock_of_reckoning_code_is_an_argument() {
    let sources = sources();
    for path in RECKONS_TIME {
        let source = sources.iter().find(|source| source.path == *path).expect("a file of that name");
        let wrong: Vec<String> =
            ["Instant::now", "elapsed(", "SystemTime::now"].iter().flat_map(|call| source.lines_with(call)).collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

#[test]
fn nothing_prints_but_the_commands() {
    let sources = sources();
    let quiet = sources.iter().filter(|source| !["main", "commands", "cli"].contains(&source.module()));
    // println! panics if the terminal is gone.
    let wrong: Vec<String> = quiet
        .flat_map(|source| ["println!(", "eprint!(", " print!("].iter().flat_map(|call| source.lines_with(call)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn groups_of_use_lines_are_understood() {
    let code = "use crate::{\n    auth::{self, users::{A, B}},\n    net,\n};\nfn f() { crate::ini::x(); }";
    let names: Vec<String> = named_modules(code).into_iter().collect();
    assert_eq!(names, ["auth", "ini", "net"]);
}

#[test]
fn no_two_types_have_the_same_name() {
    let mut places: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let sources = sources();
    for source in &sources {
        for name in source.code.lines().filter_map(type_name) {
            places.entry(name).or_default().push(&source.path);
        }
    }
    places.retain(|_, paths| paths.len() > 1);
    assert!(places.is_empty(), "{places:#?}");
}

/// The name of the type that a line declares; not of one that belongs to a trait.
fn type_name(line: &str) -> Option<&str> {
    let declaration = line.strip_prefix("pub ").or_else(|| line.strip_prefix("pub(super) ")).unwrap_or(line);
    let (kind, rest) = declaration.split_once(' ')?;
    let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
    ["struct", "enum", "trait", "type", "union"].contains(&kind).then_some(name)
}

const MAX_LINES_OF_FILE: usize = 350;
const MAX_LINES_OF_FUNCTION: usize = 50;
const MAX_PARAMETERS: usize = 5;

#[test]
fn files_and_functions_are_short() {
    let sources = sources();
    let mut wrong = Vec::new();
    for source in &sources {
        let lines: Vec<&str> = source.code.lines().collect();
        if lines.len() > MAX_LINES_OF_FILE {
            wrong.push(format!("src/{}: {} lines", source.path, lines.len()));
        }
        for (first, line) in lines.iter().enumerate() {
            let Some(name) = function_name(line) else { continue };
            let body = &lines[first..=first + end_of_function(&lines[first..])];
            let parameters = parameters(&body.join("\n"));
            if body.len() > MAX_LINES_OF_FUNCTION || parameters > MAX_PARAMETERS {
                let (path, length) = (&source.path, body.len());
                wrong.push(format!("src/{path}:{}: {name}: {length} lines, {parameters} parameters", first + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The name of the function that begins in a line.
fn function_name(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let is_word = |word: &str| ["pub", "pub(super)", "pub(crate)", "const", "default"].contains(&word);
    before.split_whitespace().all(is_word).then(|| after.split(['(', '<']).next().unwrap_or(after))
}

/// How many lines after its first one a function ends, as rustfmt writes it.
fn end_of_function(lines: &[&str]) -> usize {
    let depth = |line: &str| line.len() - line.trim_start().len();
    let ends = |line: &&str| depth(line) == depth(lines[0]) && (line.ends_with('}') || line.ends_with(';'));
    lines.iter().position(ends).expect("a function has an end")
}

/// The number of parameters of a function, `self` not counted.
fn parameters(function: &str) -> usize {
    let start = function.find("fn ").expect("a function") + 3;
    let mut depth = 0_usize;
    let (mut commas, mut list, mut previous) = (0, String::new(), ' ');
    for c in function[start..].chars() {
        match c {
            '(' | '[' | '<' => depth += 1,
            // Not the end of `->`.
            ')' | ']' => depth -= 1,
            '>' if previous != '-' => depth -= 1,
            ',' if depth == 1 => commas += 1,
            _ => {}
        }
        previous = c;
        if c == ')' && depth == 0 {
            break;
        }
        if c == '>' && depth == 0 {
            // The end of the type parameters.
            (commas, list) = (0, String::new());
            continue;
        }
        list.push(c);
    }
    let inner = list.split_once('(').map_or("", |(_, inner)| inner).trim();
    let is_self = inner.split([',', ':']).next().is_some_and(|first| first.trim_end().ends_with("self"));
    let count = commas + usize::from(!inner.is_empty() && !inner.ends_with(','));
    count - usize::from(is_self)
}

#[test]
fn parameters_are_counted() {
    let cases = [
        ("fn f() {}", 0),
        ("fn f(&self) {}", 0),
        ("fn f<A: Fn(u8, u8) -> u8, B>(a: A, b: (u8, u8)) {}", 2),
        ("fn f(\n    mut self: Box<Self>,\n    a: &[u8],\n    b: HashMap<u8, u8>,\n) {}", 2),
        ("fn f(a: impl Fn(u8, u8) -> u8, b: u8) -> (u8, u8) {}", 2),
    ];
    for (function, expected) in cases {
        assert_eq!(parameters(function), expected, "{function}");
    }
}
