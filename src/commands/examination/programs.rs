//! Programs that user.ini names: whether they are there and can be run, and who else could change them.

use std::fs;
use std::io::ErrorKind;

use super::{ServerUser, Setup};
use crate::auth::programs::Calling;
use crate::auth::user::User;
use crate::ini::{Finding, shell_word, without_number};
use crate::sys::access;

/// What is wrong with the programs of all accounts.
pub fn findings(subject: &Setup, server: &ServerUser) -> Vec<Finding> {
    let accounts = subject.users.accounts();
    let unfit = accounts.programs().filter_map(|calling| server.run_for(calling.user, || unfit(&calling)).ok()?);
    unfit.chain(accounts.unsafe_programs(server.number)).collect()
}

/// The same for one account, as whose sessions the calling thread is to the file system.
pub fn about(user: &User, server: u32) -> Vec<Finding> {
    let unsafe_ones = user.programs().flat_map(|calling| calling.dangers(server));
    user.programs().filter_map(|calling| unfit(&calling)).chain(unsafe_ones).collect()
}

/// Why this thread could not run a program. As with a home that is missing, the server starts all the same.
fn unfit(calling: &Calling) -> Option<Finding> {
    let (path, shown) = (&calling.program.path, calling.program.path.display());
    let warning = |reason: String| Some(Finding::warning(&calling.source, reason));
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => warning(format!("{shown} is a folder, and a program is expected")),
        Ok(found) if !found.is_file() => warning(format!("{shown} is no file that can be run")),
        Ok(_) if access::may_run(path) => None,
        Ok(_) => Some(warning(format!("{shown} can't be run"))?.fix(format!("chmod a+x {}", shell_word(path)))),
        Err(missing) if missing.kind() == ErrorKind::NotFound => warning(format!("there is no program {shown}")),
        Err(other) => warning(format!("{shown} can't be run: {}", without_number(&other))),
    }
}
