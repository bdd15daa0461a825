//! Text out of bytes that come in pieces.

/// The longest start of a letter that is waited for.
const PENDING_BYTES_MAX: usize = 3;

/// Decodes UTF-8 that is cut anywhere; what is not UTF-8 becomes `�`.
#[derive(Clone, Debug, Default)]
pub struct Utf8 {
    pending: Vec<u8>,
}

impl Utf8 {
    /// The text of what came before and did not end, and of `bytes`, as far as its letters are whole.
    #[must_use]
    pub fn decode(&mut self, bytes: &[u8]) -> String {
        let joined;
        let mut rest = if self.pending.is_empty() {
            bytes
        } else {
            self.pending.extend_from_slice(bytes);
            joined = std::mem::take(&mut self.pending);
            &joined
        };
        let mut text = String::with_capacity(rest.len());
        loop {
            match std::str::from_utf8(rest) {
                Ok(valid) => {
                    text.push_str(valid);
                    return text;
                }
                Err(error) => {
                    let (valid, after) = rest.split_at_checked(error.valid_up_to()).unwrap_or((rest, &[]));
                    text.push_str(std::str::from_utf8(valid).unwrap_or_default());
                    match error.error_len() {
                        Some(length) => {
                            text.push(char::REPLACEMENT_CHARACTER);
                            rest = after.get(length..).unwrap_or_default();
                        }
                        None => {
                            debug_assert!(after.len() <= PENDING_BYTES_MAX);
                            self.pending = after.to_vec();
                            return text;
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, proptest};

    use super::Utf8;

    proptest! {
        #[test]
        fn cutting_it_elsewhere_changes_nothing(
            bytes in any::<Vec<u8>>(),
            text in any::<String>(),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
        ) {
            let mut all = bytes;
            all.extend_from_slice(text.as_bytes());
            // A letter that never ends is never decoded: end it.
            all.push(b'.');
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(all.len())).collect();
            cuts.extend([0, all.len()]);
            cuts.sort_unstable();
            let mut decoder = Utf8::default();
            let pieces: String = cuts.windows(2).map(|cut| decoder.decode(&all[cut[0]..cut[1]])).collect();
            assert_eq!(pieces, String::from_utf8_lossy(&all));
        }
    }
}
