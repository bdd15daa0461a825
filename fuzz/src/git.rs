//! Git: what passes is what was said and recorded, and nothing of a push passes that was not examined.

use bytes::Bytes;
use wiretape_core::event::GitService;
use wiretape_core::judge::AllowAll;
use wiretape_core::{ByteWire, Effect, Side};
use wiretape_git::pkt_line::{Expecting, PKT_LINE_BYTES_MAX, Packet, Packets};
use wiretape_git::{Conversation, GitWire, Options, Packs, Part};

use crate::stage::{Performance, Turn, perform};
use crate::{LANE, oracle, stage};

/// What one direction comes to: its packets, all of their bytes, and whether it ended in something malformed.
fn packets<'a>(pieces: impl Iterator<Item = &'a [u8]>, expecting: Expecting) -> (Vec<Packet>, Vec<u8>, bool) {
    let (mut packets, mut found, mut raw) = (Packets::default(), Vec::new(), Vec::new());
    for piece in pieces {
        let mut bytes = Bytes::copy_from_slice(piece);
        loop {
            match packets.next(&mut bytes, expecting) {
                Ok(Some((said, packet))) => {
                    raw.extend(said);
                    match (found.last_mut(), packet) {
                        (Some(Packet::Run(before)), Packet::Run(more)) => {
                            *before = [before.as_ref(), &more].concat().into();
                        }
                        (_, packet) => found.push(packet),
                    }
                }
                Ok(None) => break,
                Err(_) => return (found, raw, true),
            }
        }
        assert!(bytes.is_empty(), "something is neither read nor put aside");
        assert!(packets.held_bytes() < PKT_LINE_BYTES_MAX, "more than one packet is put aside");
    }
    (found, raw, false)
}

/// Packets; the first byte says what is expected, and how they are cut.
pub fn pkt_line(input: &[u8]) {
    let [first, said @ ..] = input else { return };
    let expecting =
        [Expecting::Lines, Expecting::Bands, Expecting::LinesOrPack, Expecting::Pack][usize::from(first % 4)];
    let whole = packets(std::iter::once(said), expecting);
    let pieces = packets(said.chunks(usize::from(first / 4) % 13 + 1), expecting);
    assert_eq!(whole, pieces, "cutting changes packets");
    assert!(said.starts_with(&whole.1), "packets are made up");
}

/// The conversation that a first byte stands for.
fn wire(service: GitService, first: u8) -> ByteWire {
    let part = match first % 4 {
        1 => Part::Advertisement,
        2 => Part::Request { base: Bytes::from_static(b"/x.git") },
        _ => Part::Command { argument: Bytes::from_static(b"'/x.git'") },
    };
    let service = if first % 4 == 3 && service == GitService::UploadPack { GitService::UploadArchive } else { service };
    let conversation = Conversation { service, repository: Bytes::from_static(b"/x.git"), part };
    let packs = if first & 4 == 0 { Packs::Whole } else { Packs::Listed };
    Box::new(GitWire::new(LANE, conversation, Options { packs }))
}

/// Fetches, archives and what is offered.
pub fn git_fetch(input: &[u8]) {
    let [first, conversation @ ..] = input else { return };
    let turns = stage::turns(conversation);
    for performance in oracle::twice(|| wire(GitService::UploadPack, *first), || Box::new(AllowAll), &turns, *first) {
        // Where bytes are left out of the record, only that they pass as they were said can be seen.
        if first & 4 == 0 {
            oracle::passes(&performance, &turns, true);
        }
    }
}

/// Pushes.
pub fn receive_pack(input: &[u8]) {
    let [first, conversation @ ..] = input else { return };
    let turns = stage::turns(conversation);
    let play = |turns: &[Turn]| perform(wire(GitService::ReceivePack, *first), Box::new(AllowAll), turns);
    let (whole, pieces) = (play(&turns), play(&oracle::cut(&turns, *first)));
    for performance in [&whole, &pieces] {
        oracle::bounds(performance);
        only_what_was_said(performance, &turns);
    }
    // What cannot be read, or has something behind it, is refused when that is found: that is another moment.
    if !whole.examined_in_vain() && !pieces.examined_in_vain() {
        assert_eq!(whole.story(), pieces.story(), "cutting changes the record");
        assert_eq!(whole.closed(), pieces.closed(), "cutting changes the end");
        for side in [Side::Client, Side::Upstream] {
            assert_eq!(whole.sent(side), pieces.sent(side), "cutting changes what the {side} gets");
        }
    }
}

/// The target gets what the client said, from its beginning, once it was released; or hears that nothing is pushed.
fn only_what_was_said(performance: &Performance, turns: &[Turn]) {
    let said = turns.iter().filter_map(|turn| match turn {
        Turn::Say(Side::Client, said) => Some(said.as_ref()),
        _ => None,
    });
    let said = said.collect::<Vec<_>>().concat();
    let sent = performance.sent(Side::Upstream);
    assert!(said.starts_with(&sent) || sent == b"0000", "the target gets what was not said");
    let any = |like: fn(&Effect<Bytes>) -> bool| performance.effects.iter().any(|(_, effect)| like(effect));
    let released = any(|effect| matches!(effect, Effect::Release { to: Side::Upstream, .. }));
    assert!(released || sent.is_empty() || sent == b"0000", "something goes that was not released");
}
