//! Deltas: an object as a difference from another (gitformat-pack(5), "Deltified representation").

use wiretape_core::limits::GIT_OBJECT_BYTES_MAX;

/// What `delta` makes of `base`; `None` when it is broken, or makes more than is read.
pub(super) fn applied(base: &[u8], mut delta: &[u8]) -> Option<Vec<u8>> {
    let base_bytes = size(&mut delta)?;
    let bytes = size(&mut delta)?;
    if base_bytes != base.len() as u64 || bytes > GIT_OBJECT_BYTES_MAX {
        return None;
    }
    let bytes = usize::try_from(bytes).ok()?;
    let mut made = Vec::with_capacity(bytes);
    while let Some((&instruction, rest)) = delta.split_first() {
        delta = rest;
        let part = if instruction & 0x80 != 0 {
            let place = little_endian(instruction, 4, &mut delta)?;
            let length = little_endian(instruction >> 4, 3, &mut delta)?;
            let length = if length == 0 { 0x1_0000 } else { length };
            base.get(place..place.checked_add(length)?)?
        } else {
            // Zero is reserved.
            let (part, rest) = delta.split_at_checked(usize::from(instruction)).filter(|_| instruction != 0)?;
            delta = rest;
            part
        };
        if made.len() + part.len() > bytes {
            return None;
        }
        made.extend_from_slice(part);
    }
    Some(made).filter(|made| made.len() == bytes)
}

/// A size: seven bits a byte, the lowest first.
fn size(delta: &mut &[u8]) -> Option<u64> {
    let (mut size, mut shift) = (0_u64, 0);
    loop {
        let (byte, rest) = delta.split_first()?;
        *delta = rest;
        if shift > 56 {
            return None;
        }
        size |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return Some(size);
        }
    }
}

/// A number of which only those of its lowest `bytes` bytes are there whose bits are set.
fn little_endian(present: u8, bytes: usize, delta: &mut &[u8]) -> Option<usize> {
    let mut number = 0;
    for place in (0..bytes).filter(|place| present >> place & 1 == 1) {
        let (byte, rest) = delta.split_first()?;
        *delta = rest;
        number |= usize::from(*byte) << (8 * place);
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::applied;

    #[test]
    fn a_delta_copies_and_inserts() {
        // Copy 3 from place 2, insert two, copy 1 from place 0.
        let delta = [5, 6, 0x91, 2, 3, 2, b'x', b'y', 0x90, 1];
        assert_eq!(applied(b"01234", &delta).unwrap(), b"234xy0");
        assert_eq!(applied(b"0123", &delta), None, "of another base");
        assert_eq!(applied(b"01234", &delta[..9]), None, "cut off");
        assert_eq!(applied(b"01234", &[5, 2, 0x91, 4, 2]), None, "copies what is not there");
        assert_eq!(applied(b"01234", &[5, 1, 0]), None, "reserved");
        assert_eq!(applied(b"01234", &[5, 9, 1, b'x']), None, "makes too little");
        assert_eq!(applied(b"01234", &[5, 1, 2, b'x', b'y']), None, "makes too much");
        assert_eq!(applied(b"", &[0, 0xff, 0xff, 0xff, 0xff, 0x7f]), None, "says that it makes gigabytes");
    }

    proptest! {
        #[test]
        fn no_delta_does_harm(base in any::<Vec<u8>>(), delta in any::<Vec<u8>>()) {
            let mut sized = vec![u8::try_from(base.len().min(127)).unwrap(), 40];
            sized.extend(delta);
            let made = applied(base.get(..base.len().min(127)).unwrap(), &sized);
            assert!(made.is_none_or(|made| made.len() == 40));
        }
    }
}
