//! The concealment of a terminal: what was typed and shown, in any order. A player of the record knows nothing wrong,
//! and nothing that was asked for as a secret.
//!
//! The first byte is the width. Then come messages: a byte, of which the highest bit says who speaks and the others how
//! many bytes follow.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wiretape_core::Concealment;
use wiretape_core::event::TerminalEvent;

/// What a player knows: keys in the order in which they were typed, and where the concealed ones are.
#[derive(Default)]
struct Player {
    keys: Vec<Option<u8>>,
    concealed: Vec<usize>,
    cursor: usize,
}

impl Player {
    fn play(&mut self, event: &TerminalEvent) {
        match event {
            TerminalEvent::Input { bytes } => self.keys.extend(bytes.iter().copied().map(Some)),
            TerminalEvent::Concealed { count } => {
                for _ in 0..*count {
                    self.concealed.push(self.keys.len());
                    self.keys.push(None);
                }
            }
            TerminalEvent::Echoed { skipped, bytes } => {
                self.cursor += usize::try_from(*skipped).expect("a count of what was typed");
                for byte in bytes {
                    let place = self.concealed[self.cursor];
                    assert!(self.keys[place].replace(*byte).is_none(), "revealed twice");
                    self.cursor += 1;
                }
            }
            event => panic!("a terminal conceals by other events: {event:?}"),
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((columns, mut rest)) = input.split_first() else { return };
    let mut concealment = Concealment::new(u32::from(*columns));
    let mut player = Player::default();
    let mut typed = Vec::new();
    // How many concealed bytes there were when a secret was asked for, and afterwards.
    let mut secret = None;
    while let Some((header, behind)) = rest.split_first() {
        let (message, behind) = behind.split_at(usize::from(header & 0x7f).min(behind.len()));
        rest = behind;
        if header & 0x80 == 0 {
            typed.extend_from_slice(message);
            let message = bytes::Bytes::copy_from_slice(message);
            concealment.typed(&message).iter().for_each(|event| player.play(event));
        } else {
            concealment.shown(message).iter().for_each(|event| player.play(event));
        }
        if secret.is_none() && message.len() == 127 {
            // In the middle of whatever this is, a program ends it all and asks for a secret.
            concealment.typed(&bytes::Bytes::from_static(b"\x03"));
            player.keys.push(Some(3));
            typed.push(3);
            concealment.shown(b"\x1b\\\r\nPassword: ").iter().for_each(|event| player.play(event));
            let start = player.concealed.len();
            concealment.typed(&bytes::Bytes::from_static(b"hunter2")).iter().for_each(|event| player.play(event));
            typed.extend_from_slice(b"hunter2");
            secret = Some(start..player.concealed.len());
        }
    }
    assert_eq!(player.keys.len(), typed.len());
    assert!(player.keys.iter().zip(&typed).all(|(known, typed)| known.is_none_or(|known| known == *typed)));
    if let Some(secret) = secret {
        assert_eq!(secret.len(), 7, "a secret was recorded in clear");
        assert!(player.concealed[secret].iter().all(|place| player.keys[*place].is_none()), "a secret was revealed");
    }
});
