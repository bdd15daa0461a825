//! Deltas: an object as copies out of another one and bytes of its own (gitformat-pack(5), "Deltified representation").

use super::problem::Problem;

/// The sizes that a delta begins with, and where its instructions begin: (base, result, instructions). `None` where
/// `delta` does not hold them.
pub(super) fn sizes(delta: &[u8]) -> Option<(u64, u64, usize)> {
    let (base, base_bytes) = size(delta)?;
    let (result, result_bytes) = size(delta.get(base_bytes..)?)?;
    Some((base, result, base_bytes + result_bytes))
}

fn size(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut size = 0_u64;
    for (position, byte) in bytes.iter().enumerate().take(9) {
        size |= u64::from(byte & 0x7f) << (7 * position);
        if byte & 0x80 == 0 {
            return Some((size, position + 1));
        }
    }
    None
}

/// Makes the object that `delta` describes from `base`; the result is exactly as long as the delta says.
///
/// The caller has looked at [`sizes`], and refuses what is too large.
pub(super) fn apply(base: &[u8], delta: &[u8]) -> Result<Vec<u8>, Problem> {
    let (base_bytes, result_bytes, start) = sizes(delta).ok_or(Problem::DeltaBroken)?;
    if base_bytes != base.len() as u64 {
        return Err(Problem::DeltaOfAnother);
    }
    let result_bytes = usize::try_from(result_bytes).map_err(|_| Problem::DeltaBroken)?;
    let mut result = Vec::with_capacity(result_bytes);
    let mut rest = delta.get(start..).unwrap_or_default();
    while let Some((&instruction, mut operands)) = rest.split_first() {
        let piece = if instruction & 0x80 != 0 {
            let mut operand = |bits: u8, count: u8| {
                let mut value = 0_usize;
                for position in 0..count {
                    if bits & (1 << position) != 0 {
                        let (byte, behind) = operands.split_first()?;
                        value |= usize::from(*byte) << (8 * position);
                        operands = behind;
                    }
                }
                Some(value)
            };
            let offset = operand(instruction, 4).ok_or(Problem::DeltaBroken)?;
            let bytes = match operand(instruction >> 4 & 7, 3).ok_or(Problem::DeltaBroken)? {
                0 => 0x1_0000,
                bytes => bytes,
            };
            rest = operands;
            offset.checked_add(bytes).and_then(|end| base.get(offset..end)).ok_or(Problem::DeltaOutside)?
        } else if instruction != 0 {
            let (own, behind) = operands.split_at_checked(usize::from(instruction)).ok_or(Problem::DeltaBroken)?;
            rest = behind;
            own
        } else {
            return Err(Problem::DeltaBroken);
        };
        if piece.len() > result_bytes - result.len() {
            return Err(Problem::DeltaTooLong);
        }
        result.extend_from_slice(piece);
    }
    if result.len() < result_bytes { Err(Problem::DeltaTooShort) } else { Ok(result) }
}

#[cfg(test)]
mod tests {
    use super::{apply, sizes};
    use crate::pack::problem::Problem;

    #[test]
    fn a_delta_is_copies_and_bytes_of_its_own() {
        // From "hello world" (11 bytes): copy 6 at 0, "there".
        let delta = [11, 11, 0x90, 6, 5, b't', b'h', b'e', b'r', b'e'];
        assert_eq!(apply(b"hello world", &delta), Ok(b"hello there".to_vec()));
        assert_eq!(sizes(&delta), Some((11, 11, 2)));
    }

    #[test]
    fn a_copy_without_a_length_is_of_64_kib() {
        let base = vec![7; 0x1_0001];
        let delta = [0x81, 0x80, 4, 0x80, 0x80, 4, 0x81, 1];
        assert_eq!(apply(&base, &delta), Ok(vec![7; 0x1_0000]));
    }

    #[test]
    fn a_copy_that_leaves_the_base_is_refused() {
        assert_eq!(apply(b"hello", &[5, 5, 0x91, 3, 5]), Err(Problem::DeltaOutside));
        assert_eq!(apply(b"hello", &[5, 5, 0x9f, 0xff, 0xff, 0xff, 0xff, 5]), Err(Problem::DeltaOutside));
    }

    #[test]
    fn a_delta_that_breaks_off_or_says_other_sizes_is_refused() {
        assert_eq!(apply(b"hello", &[]), Err(Problem::DeltaBroken));
        assert_eq!(apply(b"hello", &[0x85]), Err(Problem::DeltaBroken));
        assert_eq!(apply(b"hello", &[0xff; 20]), Err(Problem::DeltaBroken));
        assert_eq!(apply(b"hello", &[5, 5, 0x91]), Err(Problem::DeltaBroken));
        assert_eq!(apply(b"hello", &[5, 5, 4, b'a']), Err(Problem::DeltaBroken));
        assert_eq!(apply(b"hello", &[5, 5, 0]), Err(Problem::DeltaBroken));
        assert_eq!(apply(b"hello", &[4, 5, 0x90, 4]), Err(Problem::DeltaOfAnother));
        assert_eq!(apply(b"hello", &[5, 5, 0x90, 4]), Err(Problem::DeltaTooShort));
        assert_eq!(apply(b"hello", &[5, 3, 0x90, 4]), Err(Problem::DeltaTooLong));
    }
}
