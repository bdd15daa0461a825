//! Content codings of requests whose content another wire has to read (RFC 9110 section 8.4).

use std::io::Write;

use bytes::Bytes;
use flate2::write::MultiGzDecoder;

use crate::limits::{GUNZIP_PIECE_BYTES, GUNZIP_RATIO_MAX, GUNZIP_SLACK_BYTES};
use crate::{Field, check};

/// How content is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    /// Not at all.
    Identity,
    /// `gzip`, or `x-gzip`, once.
    Gzip,
    /// In another way, or more than once.
    Other,
}

impl Coding {
    /// What Content-Encoding says.
    pub(crate) fn of(fields: &[Field]) -> Self {
        let said = fields.iter().filter(|field| field.name.eq_ignore_ascii_case(b"content-encoding"));
        let mut codings = said
            .flat_map(|field| check::elements(&field.value))
            .filter(|coding| !coding.eq_ignore_ascii_case(b"identity"));
        match (codings.next(), codings.next()) {
            (None, _) => Self::Identity,
            (Some(coding), None) if is_gzip(coding) => Self::Gzip,
            _ => Self::Other,
        }
    }
}

fn is_gzip(coding: &[u8]) -> bool {
    coding.eq_ignore_ascii_case(b"gzip") || coding.eq_ignore_ascii_case(b"x-gzip")
}

/// Why content cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Undecodable {
    /// It is not what its coding says.
    Malformed,
    /// It comes to far more than was sent.
    Bomb,
}

impl Undecodable {
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Self::Malformed => "the content is not gzip, as its Content-Encoding says",
            Self::Bomb => "the content comes to far more than was sent",
        }
    }
}

/// Takes gzip off (RFC 1952), a little at a time.
pub(crate) struct Gunzip {
    decoder: MultiGzDecoder<Vec<u8>>,
    taken_bytes: u64,
    made_bytes: u64,
}

impl Gunzip {
    pub(crate) fn new() -> Self {
        Self { decoder: MultiGzDecoder::new(Vec::new()), taken_bytes: 0, made_bytes: 0 }
    }

    /// Splits off the next piece of `bytes` and decodes it; `None` when nothing is left.
    pub(crate) fn next(&mut self, bytes: &mut Bytes) -> Option<Result<Bytes, Undecodable>> {
        if bytes.is_empty() {
            return None;
        }
        let piece = bytes.split_to(bytes.len().min(GUNZIP_PIECE_BYTES));
        self.taken_bytes = self.taken_bytes.saturating_add(piece.len() as u64);
        let written = self.decoder.write_all(&piece).and_then(|()| self.decoder.flush());
        Some(match written {
            Ok(()) => self.made(),
            Err(_) => Err(Undecodable::Malformed),
        })
    }

    /// Nothing more comes: what was still inside, if all of it was there.
    pub(crate) fn finish(&mut self) -> Result<Bytes, Undecodable> {
        // Content of no length is no gzip, but nothing is missing either.
        if self.taken_bytes > 0 {
            self.decoder.try_finish().map_err(|_| Undecodable::Malformed)?;
        }
        self.made()
    }

    fn made(&mut self) -> Result<Bytes, Undecodable> {
        let made = std::mem::take(self.decoder.get_mut());
        self.made_bytes = self.made_bytes.saturating_add(made.len() as u64);
        let most = self.taken_bytes.saturating_mul(GUNZIP_RATIO_MAX).saturating_add(GUNZIP_SLACK_BYTES);
        if self.made_bytes > most { Err(Undecodable::Bomb) } else { Ok(made.into()) }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use bytes::Bytes;
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::{Coding, Gunzip, Undecodable};
    use crate::Field;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn gunzip(coded: &[u8], size: usize) -> Result<Vec<u8>, Undecodable> {
        let (mut gunzip, mut plain) = (Gunzip::new(), Vec::new());
        for run in coded.chunks(size) {
            let mut run = Bytes::copy_from_slice(run);
            while let Some(piece) = gunzip.next(&mut run) {
                plain.extend(piece?);
            }
        }
        plain.extend(gunzip.finish()?);
        Ok(plain)
    }

    #[test]
    fn what_was_coded_comes_back_however_it_is_cut() {
        let plain: Vec<u8> = (0..60_000_u32).flat_map(|number| format!("want {number:x}\n").into_bytes()).collect();
        for size in [1, 7, 1000, 1_000_000] {
            assert!(gunzip(&gzip(&plain), size).unwrap() == plain);
        }
        let members = [gzip(b"0032want "), gzip(b"done")].concat();
        assert_eq!(gunzip(&members, 5).unwrap(), b"0032want done");
        assert_eq!(gunzip(b"", 1).unwrap(), b"");
    }

    #[test]
    fn what_is_no_gzip_or_is_cut_short_is_not_taken() {
        let coded = gzip(b"some words, some more words");
        for end in 1..coded.len() {
            assert_eq!(gunzip(&coded[..end], 3), Err(Undecodable::Malformed), "{end} bytes");
        }
        let mut wrong = coded.clone();
        let place = wrong.len() - 6;
        wrong[place] ^= 1;
        assert_eq!(gunzip(&wrong, 100), Err(Undecodable::Malformed));
        assert_eq!(gunzip(b"0000", 4), Err(Undecodable::Malformed));
    }

    #[test]
    fn a_bomb_is_given_up_before_it_is_unpacked() {
        let bomb = gzip(&vec![0; 64 << 20]);
        let (mut gunzip, mut made, mut bomb) = (Gunzip::new(), 0, Bytes::from(bomb));
        let outcome = loop {
            match gunzip.next(&mut bomb) {
                Some(Ok(piece)) => made += piece.len(),
                Some(Err(undecodable)) => break Some(undecodable),
                None => break None,
            }
        };
        assert_eq!(outcome, Some(Undecodable::Bomb));
        assert!(made < 4 << 20, "{made} bytes were unpacked");
    }

    #[test]
    fn codings_are_told_apart() {
        let of = |values: &[&'static str]| {
            let field = |value: &&'static str| Field { name: "Content-Encoding".into(), value: (*value).into() };
            Coding::of(&values.iter().map(field).collect::<Vec<_>>())
        };
        assert_eq!((of(&[]), of(&["identity"]), of(&[""])), (Coding::Identity, Coding::Identity, Coding::Identity));
        assert_eq!(
            (of(&["gzip"]), of(&["X-GZIP"]), of(&["identity, gzip"])),
            (Coding::Gzip, Coding::Gzip, Coding::Gzip)
        );
        assert_eq!(
            (of(&["deflate"]), of(&["gzip, gzip"]), of(&["gzip", "gzip"])),
            (Coding::Other, Coding::Other, Coding::Other)
        );
    }
}
