//! Checksums of files, read in blocks with an ear for the client.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use md5::Md5;
use sha1::Sha1;
use sha2::digest::DynDigest;
use sha2::{Sha256, Sha512};

use crate::copy::Error;
use crate::copy::watch::Watch;
use crate::protocol::command::Algorithm;

/// A running checksum.
enum Hasher {
    Digest(Box<dyn DynDigest>),
    Crc32(crc32fast::Hasher),
}

const BLOCK: usize = 256 << 10;

/// The checksum of a range of a file, in lower-case hexadecimal digits; [`Error::File`] if the file is shorter than that.
pub fn of_file(mut file: File, range: Range<u64>, algorithm: Algorithm, watch: &mut Watch) -> Result<String, Error> {
    watch.answer()?;
    file.seek(SeekFrom::Start(range.start)).map_err(Error::File)?;
    let mut left = range.end.saturating_sub(range.start);
    let mut hasher = Hasher::new(algorithm);
    let mut block = vec![0; BLOCK.min(usize::try_from(left).unwrap_or(BLOCK))];
    while left > 0 {
        let wanted = block.len().min(usize::try_from(left).unwrap_or(BLOCK));
        let read = file.read(&mut block[..wanted]).map_err(Error::File)?;
        if read == 0 {
            return Err(Error::File(std::io::ErrorKind::UnexpectedEof.into()));
        }
        hasher.update(&block[..read]);
        watch.count(read);
        watch.attend()?;
        left = left.saturating_sub(u64::try_from(read).unwrap_or(left));
    }
    Ok(hasher.finish())
}

impl Hasher {
    fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha256 => Self::Digest(Box::new(Sha256::default())),
            Algorithm::Sha512 => Self::Digest(Box::new(Sha512::default())),
            Algorithm::Sha1 => Self::Digest(Box::new(Sha1::default())),
            Algorithm::Md5 => Self::Digest(Box::new(Md5::default())),
            Algorithm::Crc32 => Self::Crc32(crc32fast::Hasher::new()),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Digest(hasher) => hasher.update(bytes),
            Self::Crc32(hasher) => hasher.update(bytes),
        }
    }

    fn finish(self) -> String {
        match self {
            Self::Digest(hasher) => hexadecimal(&hasher.finalize()),
            Self::Crc32(hasher) => hexadecimal(&hasher.finalize().to_be_bytes()),
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_standards() {
        let cases = [
            (Algorithm::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (Algorithm::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (Algorithm::Md5, "900150983cd24fb0d6963f7d28e17f72"),
            (Algorithm::Crc32, "352441c2"),
            (
                Algorithm::Sha512,
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                 2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            ),
        ];
        for (algorithm, expected) in cases {
            let mut hasher = Hasher::new(algorithm);
            hasher.update(b"a");
            hasher.update(b"bc");
            assert_eq!(hasher.finish(), expected, "{algorithm:?}");
        }
    }
}
