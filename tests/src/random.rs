//! Bytes that no compressor makes smaller, and their digests.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

/// Writes `count` random bytes to the file at `path` and gives their digest.
#[must_use]
pub fn file(path: &Path, count: u64) -> String {
    let mut source = File::open("/dev/urandom").expect("the kernel has random bytes").take(count);
    let mut target = File::create(path).expect("the file can be made");
    std::io::copy(&mut source, &mut target).expect("random bytes can be copied");
    target.flush().expect("the file can be written");
    digest(path)
}

/// `count` random bytes.
#[must_use]
pub fn bytes(count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes)).expect("random bytes can be read");
    bytes
}

/// The SHA-256 of the file at `path`, in hexadecimal digits.
#[must_use]
pub fn digest(path: &Path) -> String {
    let mut source = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1024 * 1024];
    loop {
        let count = source.read(&mut buffer).expect("the file can be read");
        if count == 0 {
            return hex(&hash.finalize());
        }
        hash.update(&buffer[..count]);
    }
}

/// The SHA-256 of `bytes`, in hexadecimal digits.
#[must_use]
pub fn digest_of(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// `bytes` in hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
