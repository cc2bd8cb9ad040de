//! The files that are served: made once, in tmpfs, the same for all servers.

use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rcgen::{CertificateParams, KeyPair};

use crate::failure::Failure;

pub const BIG: &str = "big";
pub const MEDIUM: &str = "medium";
pub const TEN_MB: &str = "ten";
pub const SMALL: &str = "small";
/// Where clients store; emptied before each cell.
pub const UPLOADS: &str = "up";
/// Folders, and how many entries each has.
pub const MANY: (&str, u32) = ("many", 10_000);
pub const VERY_MANY: (&str, u32) = ("very-many", 100_000);
/// How the names of their entries begin.
pub const ENTRY: &str = "file-";
/// A folder six levels down, with files of its own.
pub const DEEP: &str = "1/2/3/4/5/6";
/// How many folders there are that only have a rule.
const ASIDE: u32 = 17;
/// An account with the same home, and a rule for each of these folders, for `many`, `1/2/3` and what is deepest.
pub const RULED: (&str, &str) = ("ruled", "bench");

/// The certificate of all servers and its key, beside the home: ECDSA with P-256.
pub const CERTIFICATE: &str = "certificate.pem";

pub const MEDIUM_SIZE: u64 = 64 << 20;
pub const TEN_MB_SIZE: u64 = 10 << 20;
pub const SMALL_SIZE: u64 = 1 << 10;

const BLOCK: usize = 1 << 20;

/// Makes all files.
pub fn make(home: &Path, big: u64) -> Result<(), Failure> {
    fs::create_dir_all(home)?;
    for (name, size) in [(BIG, big), (MEDIUM, MEDIUM_SIZE), (TEN_MB, TEN_MB_SIZE), (SMALL, SMALL_SIZE)] {
        fill(&home.join(name), size)?;
    }
    let deep = home.join(DEEP);
    fs::create_dir_all(&deep)?;
    fill(&deep.join(SMALL), SMALL_SIZE)?;
    for (folder, (name, entries)) in [(home, MANY), (home, VERY_MANY), (&deep, MANY)] {
        make_entries(&folder.join(name), entries)?;
    }
    for number in 1..=ASIDE {
        fs::create_dir(home.join(format!("aside-{number}")))?;
    }
    // vsftpd refuses a root that its user could write to.
    empty_uploads(home)
}

fn make_entries(folder: &Path, entries: u32) -> Result<(), Failure> {
    fs::create_dir(folder)?;
    for number in 0..entries {
        File::create(folder.join(format!("{ENTRY}{number:06}.txt")))?;
    }
    Ok(())
}

/// Makes the certificate and its key, in one file.
pub fn make_certificate(folder: &Path) -> Result<(), Failure> {
    let key = KeyPair::generate().map_err(Failure::broken)?;
    let parameters = CertificateParams::new(["localhost".to_owned()]).map_err(Failure::broken)?;
    let certificate = parameters.self_signed(&key).map_err(Failure::broken)?;
    let mut file = File::options().create_new(true).write(true).mode(0o600).open(folder.join(CERTIFICATE))?;
    Ok(write!(file, "{}{}", certificate.pem(), key.serialize_pem())?)
}

/// A new folder for uploads.
pub fn empty_uploads(home: &Path) -> Result<(), Failure> {
    let uploads = home.join(UPLOADS);
    if uploads.exists() {
        fs::remove_dir_all(&uploads)?;
    }
    fs::create_dir(&uploads)?;
    // Some servers become another user.
    Ok(fs::set_permissions(&uploads, Permissions::from_mode(0o777))?)
}

/// Writes this many bytes and forgets them: if the host of a virtual machine has taken free memory back, the first server to
/// use it again pays for it.
pub fn touch_memory(home: &Path, size: u64) -> Result<(), Failure> {
    let path = home.join(UPLOADS).join("touch");
    fill(&path, size)?;
    Ok(fs::remove_file(path)?)
}

/// Not zeros, not a hole.
fn fill(path: &Path, size: u64) -> Result<(), Failure> {
    let mut file = BufWriter::with_capacity(BLOCK, File::create(path)?);
    io::copy(&mut io::repeat(b'x').take(size), &mut file)?;
    Ok(file.flush()?)
}
