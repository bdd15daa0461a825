//! What holds for any keys and any screen.

use bytes::Bytes;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use proptest::{collection, prop_assert, prop_assert_eq};

use super::Concealment;
use super::cases::Player;
use crate::event::TerminalEvent;
use crate::limits::CONCEALED_BYTES_MAX;

/// What a person types, or a target shows, in pieces that matter.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => "[ab *]{1,3}".prop_map(String::into_bytes),
        1 => prop_oneof![
            Just("\r"), Just("\r\n"), Just("\n"), Just("\x08"), Just("\x1b"), Just("\x1b["), Just("\x1b[D"),
            Just("\x1b[C"), Just("\x1b[K"), Just("\x1b[2;3H"), Just("\x1b[200~"), Just("\x1b[201~"), Just("\x1b]0;t\x07"),
            Just("\x03"), Just("\x7f"), Just("\t"), Just("ü"), Just("日"), Just("Password: "), Just("$ "), Just("•"),
        ].prop_map(|text| text.as_bytes().to_vec()),
        1 => collection::vec(any::<u8>(), 0..6),
    ]
}

fn pieces(typed: impl Strategy<Value = bool>) -> impl Strategy<Value = Vec<(bool, Vec<u8>)>> {
    collection::vec((typed, collection::vec(piece(), 0..4).prop_map(|pieces| pieces.concat())), 0..60)
}

proptest! {
    /// What a player makes of the record is what was typed, as far as it knows it; and it knows only what was shown.
    #[test]
    fn the_record_says_what_was_typed_or_nothing(said in pieces(any::<bool>()), columns in 0_u32..12) {
        let mut concealment = Concealment::new(columns);
        let mut player = Player::default();
        let (mut all_typed, mut all_shown) = (Vec::new(), Vec::new());
        for (typed, bytes) in said {
            let events = if typed {
                all_typed.extend_from_slice(&bytes);
                concealment.typed(&Bytes::from(bytes))
            } else {
                all_shown.extend_from_slice(&bytes);
                concealment.shown(&bytes)
            };
            for event in &events {
                player.play(event);
                match event {
                    TerminalEvent::Echoed { bytes, .. } => {
                        prop_assert!(!typed && !bytes.is_empty());
                        // A space may be shown by a cursor that moves over it.
                        prop_assert!(bytes.iter().all(|byte| *byte == b' ' || all_shown.contains(byte)));
                        prop_assert!(bytes.iter().all(|byte| *byte >= 0x20));
                    }
                    _ => prop_assert!(typed),
                }
            }
            prop_assert!(concealment.kept.room() <= CONCEALED_BYTES_MAX);
        }
        prop_assert_eq!(player.keys().len(), all_typed.len());
        for (known, typed) in player.keys().iter().zip(&all_typed) {
            prop_assert!(known.is_none_or(|known| known == *typed));
        }
    }

    /// Text is never stored as it is typed: only keys are.
    #[test]
    fn no_text_is_recorded_before_it_was_shown(typed in collection::vec("[a-zü]{1,4}|[\r\t\x7f\x01]|\x1b\\[(200~|[1-9]?;?[1-9]?[A-D])|\x1bOP|\x1bx\t", 1..30), cut in 1_usize..5) {
        let mut concealment = Concealment::new(80);
        let (mut keys, mut concealed) = (Vec::new(), 0);
        for message in typed.chunks(cut) {
            for event in concealment.typed(&Bytes::from(message.concat())) {
                match event {
                    TerminalEvent::Input { bytes } => keys.extend_from_slice(&bytes),
                    TerminalEvent::Concealed { count } => concealed += count as usize,
                    event => prop_assert!(false, "{event:?}"),
                }
            }
        }
        let is_text = |piece: &&String| piece.chars().next().is_some_and(char::is_alphabetic);
        let text: usize = typed.iter().filter(is_text).map(String::len).sum();
        let rest: String = typed.iter().filter(|piece| !is_text(piece)).map(String::as_str).collect();
        prop_assert_eq!(concealed, text);
        prop_assert_eq!(String::from_utf8(keys), Ok(rest));
    }

    /// What was typed at a prompt for a secret is not revealed, whatever is shown after it.
    #[test]
    fn a_secret_that_was_asked_for_is_never_revealed(
        before in pieces(any::<bool>()),
        secret in "[a-z*]{1,8}",
        after in pieces(Just(false)),
    ) {
        let mut concealment = Concealment::new(80);
        for (typed, bytes) in before {
            let _ = if typed { concealment.typed(&Bytes::from(bytes)) } else { concealment.shown(&bytes) };
        }
        concealment.typed(&Bytes::from_static(b"\x03"));
        concealment.shown(b"\x1b\\\r\nPassword: ");
        let mut events = concealment.typed(&Bytes::from(secret.clone()));
        prop_assert_eq!(events.pop(), Some(TerminalEvent::Concealed { count: secret.len() as u32 }));
        prop_assert!(events.is_empty());
        let start = concealment.concealed - secret.len() as u64;
        for (_, bytes) in after {
            concealment.shown(&bytes);
            concealment.shown(secret.as_bytes());
        }
        prop_assert!(concealment.told <= start);
        prop_assert!(concealment.kept.runs().all(|run| run.start < start));
    }

    /// A screen that shows nothing of what is typed reveals nothing.
    #[test]
    fn what_is_not_shown_is_not_known(said in collection::vec(("[a-m]{0,3}\r?", "([n-z *.]|\r\n|\x08|\x1b\\[[ACDHK]){0,9}"), 0..40)) {
        let mut concealment = Concealment::new(20);
        for (typed, shown) in said {
            concealment.typed(&Bytes::from(typed));
            prop_assert!(concealment.shown(shown.as_bytes()).is_empty());
        }
    }
}

#[test]
fn what_waits_for_its_echo_is_bounded_in_bytes_and_time() {
    let mut concealment = Concealment::new(80);
    concealment.typed(&Bytes::from(vec![b'a'; CONCEALED_BYTES_MAX * 3]));
    assert_eq!(concealment.kept.room(), 0);
    concealment.typed(&Bytes::from_static(b"b"));
    assert_eq!(concealment.kept.room(), 0);
    concealment.shown(&[b'z'; 600]);
    assert!(concealment.kept.is_empty());
    concealment.typed(&Bytes::from_static(b"c"));
    concealment.shown(b"\x1b[C".repeat(8 * 1024).as_slice());
    assert!(concealment.kept.is_empty());
}

#[test]
fn a_long_paste_is_found_again_as_far_as_it_was_kept() {
    let mut concealment = Concealment::new(80);
    concealment.shown(b"$ ");
    let text = Bytes::from(b"0123456789".repeat(CONCEALED_BYTES_MAX / 10 + 100));
    concealment.typed(&text);
    let mut known = 0;
    for chunk in text.chunks(100) {
        for event in concealment.shown(chunk) {
            if let TerminalEvent::Echoed { skipped: 0, bytes } = event {
                known += bytes.len();
            }
        }
    }
    // The end of what was kept, and what was not, arrived together.
    assert_eq!(known, CONCEALED_BYTES_MAX / 100 * 100);
}
