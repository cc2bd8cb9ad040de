//! Questions to the person at the terminal, which is left as it was, also if a signal ends them.

use std::io::{self, BufRead, ErrorKind, Write};
use std::mem;
use std::process;
use std::sync::Arc;
use std::thread;

use parking_lot::Mutex;

use crate::sys::signals;
use crate::sys::terminal::TerminalSettings;

/// The exit code if a signal ends the questions.
const STOPPED: i32 = 1;

/// A person at the terminal. To be opened once.
#[derive(Debug)]
pub struct Prompt {
    /// Held by what must not be interrupted.
    undisturbed: Arc<Mutex<()>>,
}

impl Prompt {
    /// Takes over Ctrl-C and its like: they end the process, with `farewell` and with the terminal as it is now.
    pub fn open(farewell: &'static str) -> io::Result<Self> {
        let settings = TerminalSettings::now()?;
        let wishes = signals::wishes()?;
        let undisturbed = Arc::new(Mutex::new(()));
        let free = Arc::clone(&undisturbed);
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            if wishes.recv().is_ok() {
                let _free = free.lock();
                settings.restore();
                let _ = writeln!(io::stderr(), "\n{farewell}");
                process::exit(STOPPED);
            }
        })?;
        Ok(Self { undisturbed })
    }

    /// Asks for a line, and gives it without its end; the error is `UnexpectedEof` if there is none.
    pub fn line(&self, question: &str) -> io::Result<Vec<u8>> {
        let mut line = Self::answer(question)?;
        let length = line.trim_ascii_end().len();
        line.truncate(length);
        Ok(line)
    }

    /// Asks, and gives the bytes up to the end of the line, that included.
    fn answer(question: &str) -> io::Result<Vec<u8>> {
        say(question)?;
        let mut line = Vec::new();
        if io::stdin().lock().read_until(b'\n', &mut line)? == 0 { ended() } else { Ok(line) }
    }

    /// Asks for a line that is not shown.
    pub fn secret(&self, question: &str) -> io::Result<String> {
        // Before the question: who answers at once must not see the answer either. A signal that comes now waits, so that
        // what it restores stays restored.
        let undisturbed = self.undisturbed.lock();
        let unechoed = TerminalSettings::now()?.without_echo()?;
        drop(undisturbed);
        let answer = Self::answer(question);
        let undisturbed = self.undisturbed.lock();
        drop(unechoed);
        drop(undisturbed);
        let answer = answer?;
        say("\n")?;
        let secret = answer.strip_suffix(b"\n").unwrap_or(&answer);
        String::from_utf8(secret.to_vec()).map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is no text in UTF-8"))
    }

    /// No more questions: from here on, no signal ends the process.
    pub fn close(self) {
        mem::forget(self.undisturbed.lock());
    }
}

/// Shows a text. Names of files in it can't control the terminal.
pub fn say(text: &str) -> io::Result<()> {
    let text: String = text.chars().map(|c| if c.is_control() && c != '\n' { '?' } else { c }).collect();
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// The end of input, in the middle of a line.
fn ended<T>() -> io::Result<T> {
    say("\n")?;
    Err(ErrorKind::UnexpectedEof.into())
}
