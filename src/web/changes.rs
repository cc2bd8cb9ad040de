//! DELETE, MKCOL and MOVE.

use std::io::{self, ErrorKind};

use log::Level;

use crate::fs::folder::Order;
use crate::protocol::http::destination::destination;
use crate::protocol::http::preconditions::Precondition;
use crate::protocol::http::target::RequestTarget;
use crate::protocol::legible::Legible;
use crate::protocol::path::VirtualPath;
use crate::share::Share;
use crate::share::denied::Denied;
use crate::web::answering::OWN;
use crate::web::exchange::Exchange;
use crate::web::files::validators;
use crate::web::refusal::WebRefusal;

/// Entries of a folder that are read at once while it is emptied.
const BATCH: usize = 1000;

impl Exchange<'_> {
    /// DELETE of a file or link, of an empty folder, or with `?recursive` of a folder with all that is in it.
    pub fn delete(&mut self) -> Result<(), WebRefusal> {
        let (share, path) = (&self.guest()?.share, self.request.path());
        self.check_condition()?;
        let is_recursive = self.request.head.target.query.has("recursive");
        // With a slash it is a folder, and neither a file nor a link to a folder.
        let removed =
            if self.request.head.target.is_folder { share.remove_folder(path) } else { share.remove_file(path) };
        match removed {
            Ok(()) => {}
            Err(Denied::File(error)) if is_recursive && (is_folder(&error) || is_filled(&error)) => {
                self.delete_tree()?;
            }
            Err(Denied::File(error)) if is_folder(&error) => share.remove_folder(path)?,
            Err(denied) => return Err(denied.into()),
        }
        self.changed(204, path)
    }

    /// What the client knows of the file that it changes must still be so.
    fn check_condition(&self) -> Result<(), WebRefusal> {
        let head = &self.request.head;
        if !Precondition::is_asked(head) {
            return Ok(());
        }
        let current = match self.guest()?.share.meta(self.request.path()) {
            Ok(meta) => Some(validators(&meta)),
            Err(Denied::File(error)) if error.kind() == ErrorKind::NotFound => None,
            Err(denied) => return Err(denied.into()),
        };
        match Precondition::of(head, current) {
            Precondition::Go => Ok(()),
            Precondition::Failed | Precondition::NotModified => {
                Err(WebRefusal::new(412, "The file is another one by now."))
            }
        }
    }

    /// Removes what is in a folder, and then the folder; stops at the first refusal and says where.
    fn delete_tree(&self) -> Result<(), WebRefusal> {
        let share = &self.guest()?.share;
        let mut folders = vec![self.request.path().clone()];
        while let Some(folder) = folders.last().cloned() {
            if self.visitor.link.ending.is_asked() {
                return Err(WebRefusal::new(503, "The server is stopping; not all of the folder is removed.").last());
            }
            let refused = |denied: Denied, path: &VirtualPath| {
                let mut refusal = WebRefusal::from(denied).at(path);
                refusal.text = format!("{}: {}", Legible(path.as_bytes()), refusal.text).into();
                refusal
            };
            match empty_a_bit(share, &folder).map_err(|(denied, path)| refused(denied, &path))? {
                Emptied::Deeper(inner) => folders.push(inner),
                Emptied::More => {}
                Emptied::Whole => {
                    share.remove_folder(&folder).map_err(|denied| refused(denied, &folder))?;
                    folders.pop();
                }
            }
        }
        Ok(())
    }

    /// MKCOL.
    pub fn make_folder(&mut self) -> Result<(), WebRefusal> {
        let (share, path) = (&self.guest()?.share, self.request.path());
        if self.has_body {
            return Err(WebRefusal::new(415, "A folder is made without a body."));
        }
        share.create_folder(path).map_err(|denied| match denied {
            Denied::File(error) if error.kind() == ErrorKind::AlreadyExists => {
                WebRefusal::from(error).but(405).with("Allow", "GET, HEAD, DELETE, MOVE")
            }
            denied => missing_parent(denied),
        })?;
        self.changed(201, path)
    }

    /// MOVE, with the rules of RNFR and RNTO.
    pub fn rename(&mut self) -> Result<(), WebRefusal> {
        let head = &self.request.head;
        let RequestTarget { path: to, is_folder: as_folder, .. } = destination(head, head.authority()?.as_ref())?;
        if to.components().next().is_some_and(|first| first.eq_ignore_ascii_case(OWN)) {
            return Err(WebRefusal::new(403, "Names of that form are the server's own."));
        }
        let replaces = match head.only("overwrite")? {
            None | Some(b"T" | b"t") => true,
            Some(b"F" | b"f") => false,
            Some(_) => return Err(WebRefusal::new(400, "Overwrite is neither T nor F.")),
        };
        self.check_condition()?;
        let share = &self.guest()?.share;
        let from = share.renamable(self.request.path().clone())?;
        // A slash at its end makes a path that of a folder.
        let is_file = (head.target.is_folder || as_folder) && !share.is_folder(&from)?;
        if is_file {
            let refusal = WebRefusal::from(io::Error::from(ErrorKind::NotADirectory));
            return Err(if head.target.is_folder { refusal } else { refusal.but(409) });
        }
        let is_new = !share.has(&to).unwrap_or(true);
        share.rename(&from, &to, replaces).map_err(|denied| missing_parent(denied).at(&to))?;
        self.changed(if is_new { 201 } else { 204 }, &to)
    }

    /// Writes the log line of a change, and answers.
    fn changed(&mut self, status: u16, path: &VirtualPath) -> Result<(), WebRefusal> {
        let share = &self.guest()?.share;
        let (method, real) = (self.request.head.method.as_str(), share.real_path(self.request.path()));
        let real = Legible(real.as_os_str().as_encoded_bytes()).to_string();
        let to = if path == self.request.path() {
            String::new()
        } else {
            format!(" to {}", Legible(share.real_path(path).as_os_str().as_encoded_bytes()))
        };
        self.who().log(Level::Info, format_args!("{method} {real}{to} {status}"));
        self.done(status, &[])
    }
}

/// How far a folder is emptied.
enum Emptied {
    /// This folder in it comes first.
    Deeper(VirtualPath),
    /// There may be more in it.
    More,
    /// Nothing is left.
    Whole,
}

/// Removes some files of a folder, up to the first folder in it.
fn empty_a_bit(share: &Share, path: &VirtualPath) -> Result<Emptied, (Denied, VirtualPath)> {
    let here = |denied: Denied| (denied, path.clone());
    let mut folder = share.list(path, Order::AsStored, None).map_err(here)?;
    let mut names = Vec::new();
    while names.len() < BATCH && folder.advance().map_err(|error| here(error.into()))? {
        names.push(folder.name().to_vec());
    }
    drop(folder);
    let is_whole = names.is_empty();
    for name in names {
        let entry = path.join(&name);
        match share.remove_file(&entry) {
            Ok(()) => {}
            Err(Denied::File(error)) if error.kind() == ErrorKind::NotFound => {}
            Err(Denied::File(error)) if is_folder(&error) => return Ok(Emptied::Deeper(entry)),
            Err(denied) => return Err((denied, entry)),
        }
    }
    Ok(if is_whole { Emptied::Whole } else { Emptied::More })
}

fn is_folder(error: &io::Error) -> bool {
    error.kind() == ErrorKind::IsADirectory
}

fn is_filled(error: &io::Error) -> bool {
    error.kind() == ErrorKind::DirectoryNotEmpty
}

/// What is refused because the folder around it is not there (RFC 4918 §9.3.1).
fn missing_parent(denied: Denied) -> WebRefusal {
    let refusal = WebRefusal::from(denied);
    if refusal.is_missing() { refusal.but(409) } else { refusal }
}
