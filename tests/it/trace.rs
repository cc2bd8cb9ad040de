//! strace, attached to a server: which calls it makes, and what it does when one of them fails.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, ChildStderr, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{
    client::Client,
    server::{Server, eventually},
};

/// Attached until it is dropped.
pub struct Trace {
    child: Child,
    /// It says more when threads come: nobody may close that.
    _said: BufReader<ChildStderr>,
    output: PathBuf,
}

impl Trace {
    /// Writes down these calls, as `-e trace=` takes them.
    pub fn of(server: &Server, calls: &str) -> Option<Trace> {
        Trace::attach(server, vec![format!("trace={calls}")])
    }

    /// Has calls fail, each as `-e inject=` takes it: `openat2:error=ENOSYS`.
    pub fn failing(server: &Server, faults: &[&str]) -> Option<Trace> {
        Trace::attach(server, faults.iter().map(|fault| format!("inject={fault}")).collect())
    }

    fn attach(server: &Server, expressions: Vec<String>) -> Option<Trace> {
        let output = server.tree().path("trace");
        let mut command = Command::new("strace");
        command.args(["-f", "-s", "8", "-o"]).arg(&output).args(["-p", &server.id().to_string()]);
        command.args(expressions.iter().flat_map(|expression| ["-e", expression]));
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let Ok(mut child) = spawned else {
            assert!(env::var("FTPD_REQUIRE_CLIENTS").as_deref() != Ok("1"), "strace is not installed");
            eprintln!("SKIPPED: strace is not installed");
            return None;
        };
        let mut said = String::new();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let _ = stderr.read_line(&mut said);
        if !said.contains("attached") {
            assert!(env::var("FTPD_REQUIRE_CLIENTS").as_deref() != Ok("1"), "strace can't attach: {said}");
            eprintln!("SKIPPED: strace can't attach: {said}");
            let _ = child.wait();
            return None;
        }
        Some(Trace { child, _said: stderr, output })
    }

    /// Waits until a call was made that holds `text`.
    #[track_caller]
    pub fn wait(&self, text: &str) {
        eventually(text, || fs::read_to_string(&self.output).is_ok_and(|calls| calls.contains(text)));
    }

    /// The calls so far; strace has let go then. The NOOP's answer shows that it has seen the end of all before.
    pub fn lines(mut self, client: &mut Client) -> Vec<String> {
        client.expect("NOOP", 200);
        self.let_go();
        fs::read_to_string(&self.output).unwrap().lines().map(str::to_owned).collect()
    }

    fn let_go(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::INT);
        let _ = self.child.wait();
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.let_go();
        }
    }
}
