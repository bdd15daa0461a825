//! A pack that goes by: its size, its digest, and what it says of itself at its two ends. Nothing of it is unpacked.

use bytes::Bytes;
use sha2::{Digest, Sha256};
use wiretape_core::event::{GitEvent, ObjectId};

use crate::pack::ObjectFormat;

/// Signature, version, number of objects (gitformat-pack(5)).
const HEADER_BYTES: usize = 12;

/// The longest checksum.
const CHECKSUM_BYTES_MAX: usize = 32;

/// What is known of a pack, as far as it went by.
#[derive(Debug, Default)]
pub(crate) struct Passing {
    header: [u8; HEADER_BYTES],
    /// The last bytes, the newest at the end.
    tail: [u8; CHECKSUM_BYTES_MAX],
    bytes: u64,
    digest: Sha256,
}

impl Passing {
    /// The next bytes of the pack.
    pub(crate) fn take(&mut self, run: &Bytes) {
        let missing = usize::try_from(self.bytes).ok().and_then(|begun| self.header.get_mut(begun..));
        for (byte, said) in missing.into_iter().flatten().zip(run) {
            *byte = *said;
        }
        match run.last_chunk::<CHECKSUM_BYTES_MAX>() {
            Some(last) => self.tail = *last,
            None => {
                self.tail.rotate_left(run.len());
                let kept = CHECKSUM_BYTES_MAX - run.len();
                for (byte, said) in self.tail.iter_mut().skip(kept).zip(run) {
                    *byte = *said;
                }
            }
        }
        self.bytes = self.bytes.saturating_add(run.len() as u64);
        self.digest.update(run);
    }

    /// What to record of it now that it is over; `None` when it is too short for a pack, or none.
    pub(crate) fn over(self, format: ObjectFormat) -> Option<GitEvent> {
        let checksum_bytes = match format {
            ObjectFormat::Sha1 => 20,
            ObjectFormat::Sha256 => 32,
        };
        let checksum = self.tail.get(CHECKSUM_BYTES_MAX - checksum_bytes..).and_then(ObjectId::from_bytes)?;
        let [b'P', b'A', b'C', b'K', _, _, _, _, objects @ ..] = self.header else { return None };
        if self.bytes < (HEADER_BYTES + checksum_bytes) as u64 {
            return None;
        }
        Some(GitEvent::Pack {
            objects: u32::from_be_bytes(objects),
            bytes: self.bytes,
            checksum,
            sha256: self.digest.finalize().into(),
            intact: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Passing;
    use crate::pack::ObjectFormat;
    use bytes::Bytes;
    use sha2::{Digest, Sha256};
    use wiretape_core::event::{GitEvent, ObjectId};

    fn passed(pack: &[u8], piece_bytes: usize, format: ObjectFormat) -> Option<GitEvent> {
        let mut passing = Passing::default();
        pack.chunks(piece_bytes).for_each(|piece| passing.take(&Bytes::copy_from_slice(piece)));
        passing.over(format)
    }

    #[test]
    fn a_pack_is_told_the_same_however_it_is_cut() {
        let mut pack = b"PACK\0\0\0\x02\0\x01\0\x07".to_vec();
        pack.extend((0..150).map(|number: u8| number));
        for (format, checksum_bytes) in [(ObjectFormat::Sha1, 20), (ObjectFormat::Sha256, 32)] {
            for piece_bytes in [1, 5, 31, 32, 33, 1000] {
                let expected = GitEvent::Pack {
                    objects: 65_543,
                    bytes: 162,
                    checksum: ObjectId::from_bytes(&pack[162 - checksum_bytes..]).unwrap(),
                    sha256: Sha256::digest(&pack).into(),
                    intact: None,
                };
                assert_eq!(passed(&pack, piece_bytes, format), Some(expected), "in pieces of {piece_bytes}");
            }
        }
    }

    #[test]
    fn what_is_too_short_or_begins_otherwise_is_no_pack() {
        let mut pack = b"PACK\0\0\0\x02\0\0\0\0".to_vec();
        pack.extend([7; 20]);
        assert!(passed(&pack, 32, ObjectFormat::Sha1).is_some());
        assert_eq!(passed(&pack, 32, ObjectFormat::Sha256), None);
        assert_eq!(passed(&pack[..31], 1, ObjectFormat::Sha1), None);
        pack[0] = b'p';
        assert_eq!(passed(&pack, 32, ObjectFormat::Sha1), None);
    }
}
