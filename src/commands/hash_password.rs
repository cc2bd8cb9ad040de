//! `ftpd hash-password`: a password in, the hash for user.ini out.

use std::io::{self, BufRead, IsTerminal, Write};
use std::process::ExitCode;

use crate::auth::hash;
use crate::commands::prompt::Prompt;
use crate::ini::without_number;

/// Asks for a password twice without echo, or reads one line if stdin is not a terminal, and prints its hash; the exit
/// code is 1 if there is no password or the two differ.
pub fn run() -> ExitCode {
    let password = if io::stdin().is_terminal() { ask() } else { read_line(&mut io::stdin().lock()) };
    match password.and_then(|password| hash::hash(&password)) {
        Ok(hash) => match writeln!(io::stdout(), "{hash}") {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Err(reason) => {
            let _ = writeln!(io::stderr(), "ftpd hash-password: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn ask() -> Result<String, String> {
    let told = |error: io::Error| without_number(&error);
    let prompt = Prompt::open("ftpd hash-password: stopped").map_err(told)?;
    let ask = |question| prompt.secret(question).map_err(told);
    let password = usable(ask("Password: ")?)?;
    if ask("Once more: ")? == password { Ok(password) } else { Err("the two passwords differ".to_owned()) }
}

fn read_line(input: &mut impl BufRead) -> Result<String, String> {
    let mut line = String::new();
    input.read_line(&mut line).map_err(|error| error.to_string())?;
    let line = line.strip_suffix('\n').unwrap_or(&line);
    usable(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

/// Refuses passwords that no client can send.
pub(super) fn usable(password: String) -> Result<String, String> {
    match password {
        empty if empty.is_empty() => Err("the password is empty".to_owned()),
        broken if broken.contains(['\0', '\r', '\n']) => Err("the password holds a NUL or a line end".to_owned()),
        password => Ok(password),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_gives_one_line_without_its_end() {
        let cases: [(&[u8], Result<&str, ()>); 7] = [
            (b"secret\n", Ok("secret")),
            (b"secret\r\n", Ok("secret")),
            (b"secret", Ok("secret")),
            (b" two words \nsecond line\n", Ok(" two words ")),
            (b"", Err(())),
            (b"\n", Err(())),
            (b"a\0b\n", Err(())),
        ];
        for (mut input, expected) in cases {
            let line = read_line(&mut input).map_err(drop);
            assert_eq!(line, expected.map(str::to_owned));
        }
    }
}
