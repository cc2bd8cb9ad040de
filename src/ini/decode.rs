//! The bytes of a file as text, or what else it is: a folder, UTF-16, another program's file.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use strsim::osa_distance;

use super::secrecy::Secret;
use super::written::NumberedLine;
use super::{Finding, Mistake, Severity, Source, foreign, shell_word};

/// How many bytes are looked at to tell UTF-16.
const SAMPLE: usize = 1000;

/// The text that was `read` from `path`.
pub(super) fn text(path: &Path, read: io::Result<Vec<u8>>) -> Result<String, Finding> {
    let source = Source::file(path.display());
    let bytes = read.map_err(|error| unreadable(path, &source, &error))?;
    if is_utf16(&bytes) {
        return Err(Finding::error(&source, "this is UTF-16, as Notepad's \"Unicode\" is").fix("save it as UTF-8"));
    }
    let text = String::from_utf8(bytes).map_err(|error| no_utf8(&source, &error))?;
    if text.contains('\r') && !text.contains('\n') {
        let fix = "save it with line ends of Unix (LF) or Windows (CR LF)";
        return Err(Finding::error(&source, "its lines end with CR alone, as those of an old Mac").fix(fix));
    }
    match foreign::recognize(&text) {
        Some((line, mistake)) => {
            let source = line.source(&path.display().to_string().into(), "", Secret::AllButFirstWord);
            Err(Finding::of_value(Severity::Error, &source, mistake))
        }
        None => Ok(text),
    }
}

fn unreadable(path: &Path, source: &Source, error: &io::Error) -> Finding {
    let gone = error.kind() == io::ErrorKind::NotFound;
    if let (true, Ok(target)) = (gone, fs::read_link(path)) {
        let target = target.display();
        let finding = Finding::error(source, format!("this is a link to {target}, which does not exist"));
        return finding.fix(format!("make that file, or remove the link: rm {}", shell_word(path)));
    }
    match error.kind() {
        io::ErrorKind::NotFound => {
            let finding = Finding::error(source, "there is no such file");
            match misnamed(path) {
                Some(other) => finding.fix(renamed(&other, path)),
                None => finding,
            }
        }
        io::ErrorKind::IsADirectory => Finding::error(source, "this is a folder; a file is expected"),
        io::ErrorKind::PermissionDenied => Finding::error(source, "this user may not read it"),
        _ => Finding::error(source, without_number(error)),
    }
}

/// A file beside `path` that was probably meant to have its name: `user.ini.txt`, `User.ini`, `users.ini`.
pub fn misnamed(path: &Path) -> Option<PathBuf> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let wanted = path.file_name()?.to_str()?.to_lowercase();
    let is_close = |name: &OsString| {
        if Some(name.as_os_str()) == path.file_name() {
            return false;
        }
        let name = name.to_string_lossy().to_lowercase();
        // Editors call the old state of a file name~, and tftpd.conf is a file of another program.
        let is_mistyped = !name.ends_with('~') && name.get(..1) == wanted.get(..1) && osa_distance(&name, &wanted) == 1;
        let name = name.strip_suffix(".txt").or(name.strip_suffix(".ini")).unwrap_or(&name);
        is_mistyped || name == wanted || format!("{name}.ini") == wanted || format!("{name}.conf") == wanted
    };
    let files = fs::read_dir(folder).ok()?.flatten().filter(|entry| !entry.path().is_dir());
    let mut close: Vec<OsString> = files.map(|entry| entry.file_name()).filter(is_close).collect();
    close.sort();
    close.into_iter().map(|name| path.with_file_name(name)).find(|file| is_text(file))
}

/// Whether a file begins as a text does; the program itself may have nearly the wanted name.
fn is_text(file: &Path) -> bool {
    let mut sample = [0; SAMPLE];
    let read = fs::File::open(file).and_then(|mut file| io::Read::read(&mut file, &mut sample));
    read.is_ok_and(|length| !sample[..length].contains(&0) || is_utf16(&sample[..length]))
}

/// The command that gives a misnamed file its name.
pub fn renamed(other: &Path, path: &Path) -> String {
    format!("there is {}, rename it: mv {} {}", other.display(), shell_word(other), shell_word(path))
}

/// Text in UTF-16 has a NUL in nearly every second byte.
fn is_utf16(bytes: &[u8]) -> bool {
    let sample = &bytes[..bytes.len().min(SAMPLE)];
    let nuls = |first: usize| sample.iter().skip(first).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd) = (nuls(0), nuls(1));
    let is_text = sample.len() >= 4 && even.min(odd) == 0 && even.max(odd) * 8 > sample.len();
    bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") || is_text
}

fn no_utf8(source: &Source, error: &std::string::FromUtf8Error) -> Finding {
    let bytes = error.as_bytes();
    let at = error.utf8_error().valid_up_to();
    let begin = bytes[..at].iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let end = bytes[at..].iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |length| at + length);
    let (number, text) = (1 + bytes[..begin].iter().filter(|&&byte| byte == b'\n').count(), &bytes[begin..end]);
    if bytes.contains(&0) || text.iter().any(|byte| byte.is_ascii_control() && !b"\t\r".contains(byte)) {
        return Finding::error(source, "this is no text in UTF-8").fix("is it a picture, an archive or a program?");
    }
    let line = NumberedLine { number, text: String::from_utf8_lossy(text).trim_end().into() };
    let secret = match line.text.trim_start() {
        text if text.starts_with('[') => Secret::AllButSection,
        text if text.starts_with(['#', ';']) => Secret::All,
        text if text.contains(['=', ':']) => Secret::VALUE,
        _ => Secret::All,
    };
    let Source::File(name) = source else { return Finding::error(source, "this is no text in UTF-8") };
    let source = line.source(name, "", secret);
    let reason = "this line is not UTF-8 text, but in another code page (GBK, Latin-1, …)";
    Finding::of_value(Severity::Error, &source, Mistake::new(reason).fix("save the file as UTF-8"))
}

/// What the system says, without the number that only programmers know.
pub fn without_number(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(bytes: &[u8]) -> String {
        text(Path::new("x.ini"), Ok(bytes.to_vec())).unwrap_or_else(|finding| finding.to_string())
    }

    #[test]
    fn utf16_is_told_with_and_without_a_mark() {
        let text = "[alex]\npassword = 123\n";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [[b"\xff\xfe", &little[..]].concat(), [b"\xfe\xff", &big[..]].concat(), little, big] {
            assert_eq!(told(&bytes), "x.ini: this is UTF-16, as Notepad's \"Unicode\" is; save it as UTF-8");
        }
        assert_eq!(told(b"[a]\nk = \0\n"), "[a]\nk = \0\n");
    }

    #[test]
    fn a_line_in_another_code_page_is_named() {
        let told = told(b"[a]\nhome = caf\xe9\n");
        assert!(told.starts_with("x.ini:2: this line is not UTF-8 text"), "{told}");
        let finding = text(Path::new("x.ini"), Ok(b"pass = caf\xe9\n".to_vec())).unwrap_err();
        assert!(!finding.excerpt().unwrap().to_string().contains("caf"));
    }

    #[test]
    fn what_is_no_text_at_all_is_told() {
        assert!(told(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR").contains("no text in UTF-8"));
    }

    #[test]
    fn a_file_of_nearly_that_name_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("user.ini");
        assert_eq!(misnamed(&path), None);
        for name in ["user.ini.txt", "User.ini", "user.txt", "users.ini", "usr.ini", "uesr.ini"] {
            fs::write(folder.path().join(name), "").unwrap();
            assert_eq!(misnamed(&path), Some(folder.path().join(name)));
            fs::remove_file(folder.path().join(name)).unwrap();
        }
        for name in ["user.ini~", ".user.ini", "luser.ini", "more.ini"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        fs::create_dir(folder.path().join("users.ini")).unwrap();
        assert_eq!(misnamed(&path), None);
    }

    #[test]
    fn the_system_is_quoted_without_a_number() {
        assert_eq!(without_number(&io::Error::from_raw_os_error(5)), "Input/output error");
    }
}
