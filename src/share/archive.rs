//! A folder as a zip that is made while it is sent: stored, not compressed, so that a byte costs little more than in a
//! download.
//!
//! It holds what the account may list and read, by the same acts as a listing and a download, and only what is in the folder
//! itself: links are left out. Names are in UTF-8; those that are not on the disk are written with `%` and digits.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::mem;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rustix::buffer::spare_capacity;
use zip::result::ZipResult;
use zip::write::{FullFileOptions, StreamWriter};
use zip::{CompressionMethod, DateTime, ZIP64_BYTES_THR, ZipWriter};

use crate::copy::Error;
use crate::fs::downloads::Download;
use crate::protocol::path::VirtualPath;
use crate::share::Share;
use crate::share::archive::walk::{Sight, Walk};
use crate::share::denied::Denied;
use crate::sys::meta::{FileKind, Meta};

mod walk;

/// A zip that is being made.
pub struct Archive<'s> {
    share: &'s Share,
    /// The zone of the times that have none in a zip.
    zone: TimeZone,
    walk: Walk<'s>,
    /// How many entries it may still get.
    room: usize,
    /// `None` once it is finished.
    writer: Option<ZipWriter<StreamWriter<Outlet>>>,
    member: Option<OpenMember>,
    /// Kept from read to read.
    block: Vec<u8>,
    /// What was made and not given out yet, from `given` on.
    made: Vec<u8>,
    given: usize,
    left_out: u64,
}

/// Why there is no zip.
#[derive(Debug)]
pub enum NoArchive {
    /// The folder can't be listed.
    Denied(Denied),
    /// It has more entries than [`MAX_ENTRIES`].
    TooLarge,
    /// The client or the session ended before they were counted.
    Ended(Error),
}

/// A file whose content is being written.
struct OpenMember {
    file: File,
    left: u64,
    _download: Option<Download>,
}

/// Where the writer writes to, until somebody takes it.
#[derive(Default)]
struct Outlet(RefCell<Vec<u8>>);

/// The most entries of a zip: what is kept of all of them until the end is less than 40 MB then.
pub const MAX_ENTRIES: usize = 100_000;
/// After this many entries the client is attended to while they are counted.
const LOOK: usize = 256;
/// So much is made before it is given out, and read at once.
const BLOCK: usize = 128 << 10;
/// The longest name that an entry can have.
const MAX_NAME: usize = u16::MAX as usize;
/// The extra field with the time in Unix seconds; that of the entry itself is in no zone, and of two seconds.
const UNIX_TIME: u16 = 0x5455;
const HAS_MODIFICATION_TIME: u8 = 1;

impl Share {
    /// The zip of a folder without the entry at this path, whose entries are counted first. Meanwhile `attend` is called now and then, which may end that.
    pub fn archive<'s>(
        &'s self,
        (folder, without): (&VirtualPath, &'static [u8]),
        zone: TimeZone,
        attend: impl FnMut() -> Result<(), Error>,
    ) -> Result<Archive<'s>, NoArchive> {
        let mut archive = Archive {
            share: self,
            zone,
            walk: Walk::begin(self, folder, without)?,
            room: MAX_ENTRIES,
            writer: Some(ZipWriter::new_stream(Outlet::default())),
            member: None,
            block: Vec::new(),
            made: Vec::new(),
            given: 0,
            left_out: 0,
        };
        archive.count(attend)?;
        archive.walk = Walk::begin(self, folder, without)?;
        Ok(archive)
    }
}

impl Archive<'_> {
    /// Goes through all entries once.
    fn count(&mut self, mut attend: impl FnMut() -> Result<(), Error>) -> Result<(), NoArchive> {
        let mut entries = 0;
        while self.walk.next().map_err(Denied::File)?.is_some() {
            entries += 1;
            if entries > self.room {
                return Err(NoArchive::TooLarge);
            }
            if entries % LOOK == 0 {
                attend().map_err(NoArchive::Ended)?;
            }
        }
        Ok(())
    }

    /// Appends the next part, of bounded size; false if it was the last one. A file that became shorter since it was opened
    /// is an error, and the zip is broken.
    pub fn fill(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        if self.given == self.made.len() {
            self.make()?;
        }
        let end = self.made.len().min(self.given + 2 * BLOCK);
        out.extend_from_slice(&self.made[self.given..end]);
        self.given = end;
        Ok(self.writer.is_some() || end < self.made.len())
    }

    /// How many files and folders were left out although they were to be seen: they could not be opened, or were changed.
    pub fn left_out(&self) -> u64 {
        self.left_out + self.walk.left_out()
    }

    /// Makes the next part, which is empty only at the end.
    fn make(&mut self) -> io::Result<()> {
        self.made.clear();
        self.given = 0;
        while self.made.len() < BLOCK && self.writer.is_some() {
            if self.member.is_some() {
                self.go_on()?;
            } else if let Some(sight) = self.walk.next()? {
                self.begin(&sight)?;
            } else {
                return self.finish();
            }
            self.take_made();
        }
        Ok(())
    }

    /// Takes what the writer has written.
    fn take_made(&mut self) {
        let outlet = self.writer.as_ref().and_then(ZipWriter::get_ref).map(StreamWriter::get_ref);
        if let Some(Outlet(made)) = outlet {
            if self.made.is_empty() {
                mem::swap(&mut self.made, &mut made.borrow_mut());
            } else {
                self.made.append(&mut made.borrow_mut());
            }
        }
    }

    fn begin(&mut self, sight: &Sight) -> io::Result<()> {
        self.room = self.room.checked_sub(1).ok_or_else(|| io::Error::other("files came while it was made"))?;
        let begun = match sight.meta.kind {
            FileKind::Folder => self.begin_folder(sight),
            FileKind::File | FileKind::Link | FileKind::Other => self.begin_file(sight),
        };
        self.left_out += u64::from(begun.is_none());
        Ok(())
    }

    fn begin_folder(&mut self, sight: &Sight) -> Option<()> {
        let options = self.options(&sight.meta).ok()?;
        self.writer.as_mut()?.add_directory(entry_name(&sight.name)?, options).ok()
    }

    /// Opens a file and writes its header; `None` if it can't be had any more.
    fn begin_file(&mut self, sight: &Sight) -> Option<()> {
        let (file, meta) = self.share.open_file(&sight.path).ok()?;
        if meta.id != sight.meta.id {
            // A link by now, or another file.
            return None;
        }
        let download = self.share.download(&meta);
        let options = self.options(&meta).ok()?.large_file(meta.size >= ZIP64_BYTES_THR);
        self.writer.as_mut()?.start_file(entry_name(&sight.name)?, options).ok()?;
        self.member = Some(OpenMember { file, left: meta.size, _download: download });
        Some(())
    }

    fn options(&self, meta: &Meta) -> ZipResult<FullFileOptions<'static, 'static>> {
        let mut options = FullFileOptions::default().compression_method(CompressionMethod::Stored);
        if let Some(time) = local_time(meta.modified, &self.zone) {
            options = options.last_modified_time(time);
        }
        if let Ok(seconds) = i32::try_from(meta.modified) {
            let [a, b, c, d] = seconds.to_le_bytes();
            options.add_extra_field(UNIX_TIME, [HAS_MODIFICATION_TIME, a, b, c, d], false)?;
        }
        Ok(options)
    }

    /// Writes the next block of a file, which ends where it ended when it was opened.
    fn go_on(&mut self) -> io::Result<()> {
        let (Some(member), Some(writer)) = (&mut self.member, &mut self.writer) else { return Ok(()) };
        if member.left > 0 {
            let wanted = usize::try_from(member.left).unwrap_or(BLOCK).min(BLOCK);
            self.block.clear();
            self.block.reserve(wanted);
            rustix::io::read(&member.file, spare_capacity(&mut self.block))?;
            // The file may have grown.
            self.block.truncate(usize::try_from(member.left).unwrap_or(usize::MAX));
            if self.block.is_empty() {
                return Err(io::Error::new(ErrorKind::UnexpectedEof, "a file became shorter while it was sent"));
            }
            writer.write_all(&self.block)?;
            member.left -= u64::try_from(self.block.len()).unwrap_or(0);
        }
        if member.left == 0 {
            self.member = None;
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        if let Some(writer) = self.writer.take() {
            self.made.append(&mut writer.finish()?.into_inner().0.into_inner());
        }
        Ok(())
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.get_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl From<Denied> for NoArchive {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

fn entry_name(name: &str) -> Option<&str> {
    (name.len() < MAX_NAME).then_some(name)
}

/// A time as a zip has it; `None` before 1980.
fn local_time(seconds: i64, zone: &TimeZone) -> Option<DateTime> {
    let time = Timestamp::from_second(seconds).ok()?.to_zoned(zone.clone());
    let part = |part: i8| u8::try_from(part).ok();
    let (year, month, day) = (u16::try_from(time.year()).ok()?, part(time.month())?, part(time.day())?);
    let (hour, minute, second) = (part(time.hour())?, part(time.minute())?, part(time.second())?);
    DateTime::from_date_and_time(year, month, day, hour, minute, second).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::env;
    use std::ffi::OsStr;
    use std::fs;
    use std::io::{Cursor, Read};
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;
    use std::path::Path;
    use std::process::Command;
    use std::time::{Duration, UNIX_EPOCH};

    use zip::ZipArchive;

    use super::*;
    use crate::auth::user::Terms;
    use crate::auth::users::Users;
    use crate::share::tests::{open, path, share};

    const NOTHING: &[u8] = b"";
    const NO_LOOK: fn() -> Result<(), Error> = || Ok(());
    /// More than one call of `fill` gives.
    const LARGE: usize = 4 * BLOCK;

    fn root() -> VirtualPath {
        VirtualPath::root()
    }

    fn rest(archive: &mut Archive) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        while archive.fill(&mut out)? {}
        Ok(out)
    }

    fn zip(share: &Share, folder: &VirtualPath) -> Vec<u8> {
        rest(&mut share.archive((folder, NOTHING), TimeZone::UTC, NO_LOOK).expect("a zip")).expect("whole")
    }

    /// The entries with their content; folders end with a slash.
    fn entries(zip: &[u8]) -> BTreeMap<String, Vec<u8>> {
        let mut archive = ZipArchive::new(Cursor::new(zip)).expect("a zip");
        let count = archive.len();
        let entry = |index| {
            let mut entry = archive.by_index(index).expect("an entry");
            let mut content = Vec::new();
            entry.read_to_end(&mut content).expect("its checksum is right");
            (entry.name().expect("a name").into_owned(), content)
        };
        (0..count).map(entry).collect()
    }

    fn names(zip: &[u8]) -> Vec<String> {
        entries(zip).into_keys().collect()
    }

    fn set_time(path: &Path, seconds: u64) {
        let file = File::open(path).expect("there");
        file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).expect("set");
    }

    #[test]
    fn a_zip_holds_what_is_in_the_folder_and_no_link() {
        let (home, share) = share("elr");
        let at = |name: &str| home.path().join(name);
        fs::write(at("folder/a"), vec![7; LARGE]).expect("made");
        fs::create_dir_all(at("folder/below/empty")).expect("made");
        fs::write(at("folder/below/b"), "").expect("made");
        fs::write(at("folder/back\\slash"), "").expect("made");
        fs::create_dir(at("folder/back\\folder")).expect("made");
        fs::write(at("folder/back\\folder/c"), "").expect("made");
        symlink("../file", at("folder/below/link")).expect("made");
        symlink("/", at("folder/below/outside")).expect("made");
        rustix::fs::mknodat(rustix::fs::CWD, at("folder/fifo"), rustix::fs::FileType::Fifo, 0o666.into(), 0)
            .expect("made");
        let whole = entries(&zip(&share, &root()));
        let expected = ["file", "folder/", "folder/a", "folder/below/", "folder/below/b", "folder/below/empty/"];
        assert_eq!(whole.keys().collect::<Vec<_>>(), expected);
        assert_eq!((&whole["file"][..], whole["folder/a"].len()), (&b"abc"[..], LARGE));
        assert!(whole["folder/a"].iter().all(|&byte| byte == 7));
        assert_eq!(names(&zip(&share, &path("folder"))), ["a", "below/", "below/b", "below/empty/"]);
        assert_eq!(names(&zip(&share, &path("folder").join(b"below").join(b"empty"))), [""; 0]);
    }

    #[test]
    fn a_zip_takes_the_letters_of_a_listing_and_of_downloads() {
        for (letters, expected) in [("elr", &["file", "folder/"][..]), ("el", &["folder/"])] {
            assert_eq!(names(&zip(&share(letters).1, &root())), expected, "{letters}");
        }
        let (_home, share) = share("er");
        let denied = share.archive((&root(), NOTHING), TimeZone::UTC, NO_LOOK).err();
        assert!(matches!(denied, Some(NoArchive::Denied(Denied::Letter(_)))), "{denied:?}");
    }

    #[test]
    fn folders_with_letters_of_their_own_are_in_it_as_far_as_these_go() {
        let (home, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        for name in ["open", "listed", "closed", "closed/open", "hides"] {
            fs::create_dir(home.path().join(name)).expect("made");
            fs::write(home.path().join(name).join("file"), "").expect("made");
        }
        fs::write(other.path().join("file"), "").expect("made");
        let [home, other] = [&home, &other].map(|folder| folder.path().display());
        let text = format!(
            "[bob]\npassword = secret\nperm = elr\nhome = {home}\n\
             [bob /listed]\nperm = el\n[bob /closed]\nperm = e\n[bob /closed/open]\nperm = elr\n\
             [bob /hides]\nhide = fil*\n[bob /mount]\nhome = {other}\nperm = elr\n[bob /far/mount]\nhome = {other}\n"
        );
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::write(file.path(), text).expect("written");
        let share = open(&Users::load(Some(file.path()), Terms::default()).expect("an account"), "bob");
        let expected =
            ["far/", "far/mount/", "far/mount/file", "hides/", "listed/", "mount/", "mount/file", "open/", "open/file"];
        assert_eq!(names(&zip(&share, &root())), expected);
        assert_eq!(names(&zip(&share, &path("closed").join(b"open"))), ["file"]);
        assert!(share.archive((&path("closed"), NOTHING), TimeZone::UTC, NO_LOOK).is_err());
    }

    #[test]
    fn names_are_in_utf_8_and_each_is_there_once() {
        let (home, share) = share("elr");
        let raw = |name: &[u8]| home.path().join("folder").join(OsStr::from_bytes(name));
        for name in [&b"caf\xe9"[..], b"th\xe9", b"th%E9", "é%".as_bytes(), b"C:drive"] {
            fs::write(raw(name), "").expect("made");
        }
        fs::create_dir(raw(b"d\xff")).expect("made");
        fs::write(raw(b"d\xff/x"), "").expect("made");
        let expected = ["C%3Adrive", "caf%E9", "d%FF/", "d%FF/x", "th%E9", "é%"];
        assert_eq!(names(&zip(&share, &path("folder"))), expected);
    }

    #[test]
    fn times_are_those_of_the_files() {
        let (home, share) = share("elr");
        set_time(&home.path().join("file"), 1_700_000_001);
        set_time(&home.path().join("folder"), 0);
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let zip = rest(&mut share.archive((&root(), NOTHING), zone, NO_LOOK).expect("a zip")).expect("whole");
        let mut archive = ZipArchive::new(Cursor::new(&zip)).expect("a zip");
        let time = archive.by_name("file").expect("there").last_modified().expect("a time");
        // 2023-11-14 22:13:21 UTC; a zip counts two seconds.
        assert_eq!(time.to_string(), "2023-11-15 00:13:20");
        assert_eq!(
            archive.by_name("folder/").expect("there").last_modified().expect("a time").to_string(),
            "1980-01-01 00:00:00"
        );
        // In the header of the file and in that at the end.
        let field = [&b"UT\x05\x00\x01"[..], &1_700_000_001_u32.to_le_bytes()].concat();
        assert_eq!(zip.windows(field.len()).filter(|bytes| *bytes == field).count(), 2);
    }

    #[test]
    fn a_folder_with_too_many_entries_has_no_zip() {
        let (home, share) = share("elr");
        let mut archive = share.archive((&root(), NOTHING), TimeZone::UTC, NO_LOOK).expect("a zip");
        // `file` and `folder`.
        for (room, is_enough) in [(2, true), (1, false)] {
            (archive.room, archive.walk) = (room, Walk::begin(&share, &root(), NOTHING).expect("listed"));
            let counted = archive.count(NO_LOOK);
            assert_eq!(counted.is_ok(), is_enough, "{counted:?}");
            assert!(is_enough || matches!(counted, Err(NoArchive::TooLarge)), "{counted:?}");
        }
        (archive.room, archive.walk) = (2, Walk::begin(&share, &root(), NOTHING).expect("listed"));
        fs::write(home.path().join("folder/late"), "").expect("made");
        assert!(rest(&mut archive).is_err(), "no more entries than were counted to");
    }

    #[test]
    fn whoever_is_gone_while_entries_are_counted_gets_no_zip() {
        let (home, share) = share("elr");
        for index in 0..LOOK {
            fs::write(home.path().join(format!("folder/{index}")), "").expect("made");
        }
        let ended = share.archive((&root(), NOTHING), TimeZone::UTC, || Err(Error::Vanished)).err();
        assert!(matches!(ended, Some(NoArchive::Ended(Error::Vanished))), "{ended:?}");
    }

    #[test]
    fn a_file_that_grows_is_cut_and_one_that_shrinks_breaks_the_zip() {
        for (length, is_whole) in [(2 * LARGE, true), (LARGE - 1, false)] {
            let (home, share) = share("elr");
            let file = home.path().join("file");
            fs::write(&file, vec![7; LARGE]).expect("made");
            let (mut archive, mut zip) =
                (share.archive((&root(), NOTHING), TimeZone::UTC, NO_LOOK).expect("a zip"), Vec::new());
            archive.fill(&mut zip).expect("the beginning");
            File::options().write(true).open(&file).and_then(|file| file.set_len(length as u64)).expect("set");
            match rest(&mut archive) {
                Ok(rest) => assert!(is_whole && entries(&[zip, rest].concat())["file"] == vec![7; LARGE]),
                Err(error) => assert_eq!((is_whole, error.kind()), (false, ErrorKind::UnexpectedEof)),
            }
        }
    }

    #[test]
    fn what_became_a_link_after_it_was_seen_is_not_followed() {
        let (home, share) = share("elr");
        let at = |name: &str| home.path().join(name);
        fs::create_dir(at("z")).expect("made");
        fs::write(at("folder/secret"), "").expect("made");
        let mut archive = share.archive((&root(), NOTHING), TimeZone::UTC, NO_LOOK).expect("a zip");
        let seen = [(); 3].map(|()| archive.walk.next().expect("read").expect("there"));
        assert_eq!(seen.each_ref().map(|sight| &sight.name[..]), ["file", "folder", "z"]);
        fs::remove_file(at("file")).and_then(|()| symlink("folder/secret", at("file"))).expect("made");
        fs::remove_dir(at("z")).and_then(|()| symlink("folder", at("z"))).expect("made");
        archive.begin(&seen[0]).expect("left out");
        assert_eq!(names(&rest(&mut archive).expect("whole")), ["folder/secret"]);
        assert_eq!(archive.left_out(), 2);
    }

    #[test]
    fn a_zip_is_made_in_pieces_of_bounded_size() {
        let (home, share) = share("elr");
        fs::write(home.path().join("file"), vec![7; LARGE]).expect("made");
        let mut archive = share.archive((&root(), NOTHING), TimeZone::UTC, NO_LOOK).expect("a zip");
        let mut more = true;
        while more {
            let mut out = Vec::new();
            more = archive.fill(&mut out).expect("a piece");
            assert!((1..=2 * BLOCK).contains(&out.len()), "{}", out.len());
        }
    }

    /// Runs a program of others on a zip; none if it is not installed.
    fn judged(zip: &Path, program: &str, arguments: &[&str]) -> Option<String> {
        let Ok(output) = Command::new(program).args(arguments).arg(zip).output() else {
            assert!(env::var("FTPD_REQUIRE_CLIENTS").as_deref() != Ok("1"), "{program} is not installed");
            eprintln!("SKIPPED: {program} is not installed");
            return None;
        };
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{program}: {said}{}", String::from_utf8_lossy(&output.stderr));
        Some(said)
    }

    #[test]
    fn other_programs_read_it() {
        let (home, share) = share("elr");
        let scratch = tempfile::tempdir().expect("a folder");
        fs::write(home.path().join("folder/é 日本.txt"), "text").expect("made");
        let file = scratch.path().join("folder.zip");
        fs::write(&file, zip(&share, &root())).expect("written");
        let program = "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; \
            print([i.filename for i in z.infolist()]); assert all(i.compress_type == 0 for i in z.infolist())";
        if let Some(said) = judged(&file, "python3", &["-c", program]) {
            assert_eq!(said.trim(), "['file', 'folder/', 'folder/é 日本.txt']");
        }
        judged(&file, "unzip", &["-t"]);
    }
}
