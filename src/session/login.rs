//! A login: the account, its root and everything that only makes sense with them.

use std::sync::Arc;

use log::Level;
use rustix::event::PollFlags;
use rustix::fd::BorrowedFd;

use crate::auth::limits::Ticket;
use crate::auth::perm::Perm;
use crate::auth::user::User;
use crate::config::Config;
use crate::copy::pace::Throttle;
use crate::fs::listing::Facts;
use crate::fs::partial::is_partial;
use crate::fs::root::Root;
use crate::net::control::Control;
use crate::net::data_port::DataPort;
use crate::net::tls::Protection;
use crate::net::who::Who;
use crate::protocol::command::{Algorithm, FileCommand, Representation};
use crate::protocol::path::{Name, VirtualPath, has_control_bytes};
use crate::protocol::reply::Reply;
use crate::session::info;
use crate::session::prepared::Prepared;
use crate::session::shared::Shared;
use crate::session::step::{Answer, Step, reply};
use crate::sys::identity::Identity;

/// An account that is logged in, where it stands, and its transfer parameters.
pub struct Login {
    pub(super) user: Arc<User>,
    pub(super) root: Arc<Root>,
    pub(super) cwd: VirtualPath,
    /// What was said in advance of commands to come.
    pub(super) prepared: Prepared,
    pub(super) representation: Representation,
    pub(super) data_port: Option<DataPort>,
    /// What data connections need; `None` for those in clear.
    pub(super) protection: Option<Protection>,
    /// After EPSV ALL no other command opens a data port.
    pub(super) epsv_only: bool,
    /// A transfer was ended by an ABOR that is still to be answered.
    pub(super) aborted: bool,
    pub(super) facts: Facts,
    pub(super) algorithm: Algorithm,
    pub(super) upload: Throttle,
    pub(super) download: Throttle,
    /// Who it is to the file system, where that is not the process.
    identity: Option<Identity>,
    pub(super) config: Arc<Config>,
    pub(super) shared: Arc<Shared>,
    /// Its thread is locked in for this account, and fit for no other one.
    pub(super) locks_thread: bool,
    _place: Ticket,
}

impl Login {
    /// Begins at the account's home.
    #[inline(never)]
    pub fn new(
        (user, root, place): (Arc<User>, Arc<Root>, Ticket),
        locks_thread: bool,
        config: Arc<Config>,
        shared: Arc<Shared>,
        (facts, algorithm, protection): (Facts, Algorithm, Option<Protection>),
    ) -> Box<Self> {
        let shared_upload = user.max_upload.map(|rate| shared.uploads.join(&user.name, rate));
        let shared_download = user.max_download.map(|rate| shared.downloads.join(&user.name, rate));
        let identity = user.system_user.as_ref().map(|person| {
            let groups = person.groups.iter().copied().chain([person.group]);
            Identity::of(person.user, groups.collect())
        });
        Box::new(Self {
            root,
            cwd: VirtualPath::root(),
            prepared: Prepared::default(),
            representation: Representation::Ascii,
            data_port: None,
            epsv_only: false,
            aborted: false,
            protection,
            facts,
            algorithm,
            upload: Throttle::new(config.transfer.max_upload, shared_upload),
            download: Throttle::new(config.transfer.max_download, shared_download),
            user,
            identity,
            config,
            shared,
            locks_thread,
            _place: place,
        })
    }

    /// Runs a command that needs a login, with what was prepared for it.
    // The command is lent, and the larger handlers are calls: what lies in this frame, every idle session would hold.
    #[inline(never)]
    pub fn run(&mut self, command: &FileCommand, prepared: Prepared, control: &mut Control) -> Answer {
        match command {
            FileCommand::Pwd => Ok(self.pwd().into()),
            FileCommand::Cwd(name) => self.cwd(name.as_ref()),
            FileCommand::Cdup => self.cdup(),
            FileCommand::List(format, switches, name) => self.list((*format, *switches), name.as_ref(), control),
            FileCommand::Mlst(name) => self.mlst(name.as_ref()),
            FileCommand::StatPath(switches, name) => self.stat_path(*switches, name.as_ref(), control),
            FileCommand::Size(name) => self.size(name),
            FileCommand::Mdtm(name) => self.mdtm(name),
            FileCommand::MdtmOrSet(whole, change, name) => self.mdtm_or_set(whole, change, name, control),
            FileCommand::SetFacts(change, name) => self.set_facts(control, change, name),
            FileCommand::Retr(name) => {
                self.retr(name, &prepared, control).or_else(|no| self.refused(control, "RETR", name, no))
            }
            FileCommand::Stor(name) => {
                self.stor(name, &prepared, control).or_else(|no| self.refused(control, "STOR", name, no))
            }
            FileCommand::Appe(name) => {
                self.appe(name, &prepared, control).or_else(|no| self.refused(control, "APPE", name, no))
            }
            FileCommand::Stou(name) => self.stou(name.as_ref(), &prepared, control),
            FileCommand::Rest(offset) => Ok(self.rest(*offset).into()),
            FileCommand::Allo(bytes) => self.allo(*bytes),
            FileCommand::Dele(name) => self.dele(control, name),
            FileCommand::Rmd(name) => self.rmd(control, name),
            FileCommand::Mkd(name) => self.mkd(control, name),
            FileCommand::Rnfr(name) => self.rename_from(name),
            FileCommand::Rnto(name) => self.rename_to(control, prepared.rename_from, name),
            FileCommand::SiteHelp => info::help_with(b"SITE"),
            FileCommand::Type(representation) => Ok(self.set_type(*representation).into()),
            FileCommand::Structure => reply(200, "Ok."),
            FileCommand::Pasv => self.pasv(control),
            FileCommand::Epsv(kind) => self.epsv(*kind, control),
            FileCommand::Port(address) => self.port(*address, control),
            FileCommand::Abor => Ok(self.abor().into()),
            FileCommand::Hash(name) => self.hash(name, prepared.window, control),
            FileCommand::Rang(window) => Ok(self.rang(*window).into()),
            FileCommand::Checksum(algorithm, name) => self.checksum(*algorithm, name, control),
            FileCommand::Avbl(name) => self.avbl(name.as_ref()),
        }
    }

    /// Who this session is to the file system.
    pub(super) fn identity(&self) -> &Identity {
        self.identity.as_ref().unwrap_or(&self.shared.identity)
    }

    /// The text of the 221 reply, where the account has its own.
    pub fn goodbye(&self) -> Option<&str> {
        self.user.msg_quit.as_deref()
    }

    /// Lines for STAT.
    pub fn status(&self) -> Vec<String> {
        let representation = match self.representation {
            Representation::Ascii => "A (ASCII)",
            Representation::Image => "I (binary)",
        };
        let data = match &self.data_port {
            None => "none",
            Some(DataPort::Passive(..)) => "passive",
            Some(DataPort::Active(_) | DataPort::Dialling(_)) => "active",
            Some(DataPort::Open(_)) => "connected",
        };
        let protection = if self.protection.is_some() { "encrypted" } else { "in clear" };
        vec![
            format!("Logged in as {}", self.user.name),
            format!("TYPE: {representation}, STRU: F, MODE: S"),
            format!("Data port: {data}, data connections: {protection}"),
        ]
    }

    /// True where the client may connect and shake hands on its data connection before its command.
    pub(super) fn may_begin_early(&self) -> bool {
        self.protection.is_some() && self.data_port.as_ref().is_some_and(DataPort::may_begin_early)
    }

    /// What to wait for before [`Self::advance`] is of use again.
    pub(super) fn early(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        self.data_port.as_ref().and_then(DataPort::readiness)
    }

    /// To be called when something else is done than [`Self::advance`].
    pub(super) fn turn_away(&mut self) {
        if let Some(port) = &mut self.data_port {
            port.rest();
        }
    }

    /// Takes a data connection that begins before its command, and goes on with its handshake.
    #[inline(never)]
    pub(super) fn advance(&mut self, who: &Who) {
        let (Some(port), Some(protection)) = (&mut self.data_port, &self.protection) else { return };
        if let Err(error) = port.advance(who, protection) {
            who.log(Level::Warn, format_args!("data connection: {error}"));
            self.data_port = None;
        }
    }

    /// Names a file and the permission to use it in one act: the only way from a name to a path.
    pub(super) fn resolve(&self, name: &Name, perm: Perm) -> Result<VirtualPath, Reply> {
        self.permit(perm)?;
        let path = self.cwd.join(name.as_bytes());
        // A partial is reached only through its target.
        if path.has_component(is_partial) { Err(Reply::new(550, "No such file or folder.")) } else { Ok(path) }
    }

    /// The same for a name that the client makes, which may hold no control byte.
    pub(super) fn resolve_new(&self, name: &Name, perm: Perm) -> Result<VirtualPath, Reply> {
        self.permit(perm)?;
        let path = self.cwd.join(name.as_bytes());
        match path.file_name() {
            Some(name) if has_control_bytes(name) => {
                Err(Reply::new(553, "No control characters in a new name, please."))
            }
            _ if path.has_component(is_partial) => Err(Reply::new(553, "Names of that form are the server's own.")),
            _ => Ok(path),
        }
    }

    /// The same for a file that the client writes: an old one keeps its name, whatever bytes that holds.
    pub(super) fn resolve_written(&self, name: &Name, perm: Perm) -> Result<VirtualPath, Reply> {
        let is_old = has_control_bytes(name.as_bytes())
            && self.resolve(name, perm).is_ok_and(|path| self.root.link_meta(&path).is_ok());
        if is_old { self.resolve(name, perm) } else { self.resolve_new(name, perm) }
    }

    /// The current folder, or the one that is named.
    pub(super) fn resolve_or_cwd(&self, name: Option<&Name>, perm: Perm) -> Result<VirtualPath, Reply> {
        match name {
            Some(name) => self.resolve(name, perm),
            None => self.permit(perm).map(|()| self.cwd.clone()),
        }
    }

    /// Refuses what the account has no letter for, and says so.
    pub(super) fn permit(&self, perm: Perm) -> Result<(), Reply> {
        if self.user.perms.has(perm) {
            return Ok(());
        }
        let text = format!("This account may not {} (it lacks the letter '{}').", perm.phrase(), perm.letter());
        Err(Reply::new(550, text))
    }

    /// Writes the log line of a transfer that was refused before it moved a byte.
    fn refused(&self, control: &Control, verb: &str, name: &Name, step: Step) -> Answer {
        self.logged(control, verb, name, || Err(step))
    }

    /// Changes something on the disk, or refuses to, and writes the log line of that.
    pub(super) fn logged(&self, control: &Control, verb: &str, name: &Name, act: impl FnOnce() -> Answer) -> Answer {
        let answer = act();
        if let Ok(Step::Reply(reply)) | Err(Step::Reply(reply)) = &answer {
            let path = self.root.real_path(&self.cwd.join(name.as_bytes()));
            let path = path.as_os_str().as_encoded_bytes().escape_ascii();
            let text = reply.text().escape_ascii();
            let cause = reply.cause().map(|cause| format!(" ({cause})")).unwrap_or_default();
            control.who.log(Level::Info, format_args!("{verb} {path} {} '{text}'{cause}", reply.code()));
        }
        answer
    }
}
