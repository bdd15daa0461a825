//! Peers that mean harm: nothing panics, nothing grows past its limit, and a session that ended stays so.

use bytes::Bytes;
use wiretape_core::judge::AllowAll;
use wiretape_core::limits::HELD_BYTES_MAX;
use wiretape_core::{ByteWire, Effect, Guard, Reason, Side, Verdict};
use wiretape_sftp::SftpWire;

use crate::laws::cut;
use crate::speakers::{Dice, LANE, SPEAKERS};
use crate::stage::{Performance, Rule, Rules, Turn, perform};

/// What the gateway reads at a time.
const PIECE_BYTES: usize = 64 * 1024;

fn suspicious() -> Box<dyn Guard> {
    let word = |word: &str| word.to_owned();
    Box::new(Rules(vec![Rule::Ask { word: word("risky"), rule: word("risk"), group: word("elders") }]))
}

/// Checks what holds however hostile the input was.
fn check(performance: &Performance, what: &str) {
    // A session closes once it holds more than its limit, after the piece that made it so.
    let worst = performance.held_bytes_limit + PIECE_BYTES;
    assert!(performance.held_bytes_max <= worst, "{what}: {} bytes held", performance.held_bytes_max);
    let moments: Vec<_> = performance.events().map(|event| event.at).collect();
    assert!(moments.is_sorted(), "{what}: moments go back");
    let close = performance.effects.iter().position(|(_, effect)| matches!(effect, Effect::Close(_)));
    if let Some(close) = close {
        assert_eq!(close + 1, performance.effects.len(), "{what}: something follows the close");
    }
}

/// A proper conversation, spoiled.
fn spoil(turns: &mut Vec<Turn>, dice: &mut Dice) {
    for _ in 0..1 + dice.below(6) {
        let place = dice.below(turns.len());
        match dice.below(8) {
            0 => {
                turns.remove(place);
            }
            1 => turns.insert(place, turns[place].clone()),
            2 => turns.insert(place, Turn::Close(Reason::new("admin", "enough\nof this"))),
            3 => turns.insert(place, Turn::End(*dice.pick(&[Side::Client, Side::Upstream]))),
            4 => turns.insert(place, Turn::Answer(Verdict::Allow)),
            _ => spoil_bytes(&mut turns[place], dice),
        }
        if turns.is_empty() {
            return;
        }
    }
}

fn spoil_bytes(turn: &mut Turn, dice: &mut Dice) {
    let Turn::Say(side, said) = turn else { return };
    let mut bytes = said.to_vec();
    let place = dice.below(bytes.len() + 1);
    match dice.below(5) {
        0 => bytes.truncate(place),
        1 => drop(bytes.splice(place..place, dice.bytes(20))),
        2 => drop(bytes.drain(..place)),
        3 => *side = side.other(),
        _ => {
            // The start of a message is where lengths and types stand.
            let place = if dice.once_in(2) { place.min(16) } else { place };
            if let Some(byte) = bytes.get_mut(place) {
                *byte = *dice.pick(&[0, 1, 2, 3, 4, 0x7f, 0x80, 0xff, b'\n', b'0', b'9', *byte ^ 1]);
            }
        }
    }
    *said = bytes.into();
}

#[test]
fn spoiled_conversations_do_no_harm() {
    for speaker in SPEAKERS {
        let mut faults = 0;
        for seed in 0..1500 {
            let mut dice = Dice::new(seed);
            let conversation = (speaker.converse)(&mut dice);
            let mut turns = conversation.turns;
            turns.push(Turn::End(Side::Client));
            spoil(&mut turns, &mut dice);
            let pieces = cut(&turns, &mut dice);
            for guard in [|| Box::new(AllowAll) as _, suspicious] {
                let what = format!("{} seed {seed}", speaker.row);
                let whole = perform((conversation.wire)(), guard(), &turns);
                check(&whole, &what);
                faults += usize::from(whole.fault().is_some());
                // The first law holds for what is broken, too.
                let pieces = perform((conversation.wire)(), guard(), &pieces);
                check(&pieces, &what);
                // What cannot be read, or has something behind it, is refused when that is found: that is another moment.
                if whole.examined_in_vain() || pieces.examined_in_vain() {
                    continue;
                }
                assert_eq!(whole.story(), pieces.story(), "{what}: cut elsewhere, another record");
                for side in [Side::Client, Side::Upstream] {
                    assert!(whole.sent(side) == pieces.sent(side), "{what}: cut elsewhere, other bytes to the {side}");
                }
                assert_eq!(whole.closed(), pieces.closed(), "{what}: cut elsewhere, another end");
            }
        }
        // An object of Git LFS can be anything.
        let faultless = speaker.row == "lfs";
        assert!(faultless || faults > 40, "{}: only {faults} faults: too well spoken", speaker.row);
    }
}

#[test]
fn noise_does_no_harm() {
    for speaker in SPEAKERS {
        for seed in 0..500 {
            let mut dice = Dice::new(seed);
            let mut turns = (speaker.converse)(&mut dice).turns;
            turns.truncate(dice.below(turns.len() + 1));
            for _ in 0..20 {
                let side = *dice.pick(&[Side::Client, Side::Upstream]);
                turns.push(Turn::Say(side, dice.bytes(200).into()));
            }
            // The same speaker's wire, in the same direction: the dice are rolled again.
            let wire = (speaker.converse)(&mut Dice::new(seed)).wire;
            check(&perform(wire(), suspicious(), &turns), &format!("{} seed {seed}", speaker.row));
        }
    }
}

#[test]
fn floods_end_at_a_limit() {
    let pieces: [(&str, Vec<u8>); 7] = [
        ("zeros", vec![0; PIECE_BYTES]),
        ("ones", vec![1; PIECE_BYTES]),
        ("letters", vec![b'C'; PIECE_BYTES]),
        ("lines", [&[b'x'; 1023][..], b"\n"].concat().repeat(PIECE_BYTES / 1024)),
        ("risky lines", b"risky\n".repeat(PIECE_BYTES / 6)),
        ("long packets", [&[0, 3, 0xff, 0xff, 6][..], &[7; PIECE_BYTES - 5]].concat()),
        ("files", b"C0644 9223372036854775807 x\n".repeat(PIECE_BYTES / 28)),
    ];
    for speaker in SPEAKERS {
        for (name, piece) in &pieces {
            for (seed, side) in [(1, Side::Client), (1, Side::Upstream), (2, Side::Client), (2, Side::Upstream)] {
                let conversation = (speaker.converse)(&mut Dice::new(seed));
                // Into an empty session, or into the middle of a conversation.
                let start = if seed == 1 { 0 } else { conversation.turns.len() / 2 };
                let mut turns = conversation.turns[..start].to_vec();
                let piece = Bytes::from(piece.clone());
                turns.extend((0..160).map(|_| Turn::Say(side, piece.clone())));
                let what = format!("{} of {name} by the {side}", speaker.row);
                check(&perform((conversation.wire)(), suspicious(), &turns), &what);
                let held = perform((conversation.wire)(), Box::new(AllowAll), &turns).held_bytes_max;
                assert!(held <= speaker.held_bytes_max + PIECE_BYTES, "{what}: {held} bytes held without a question");
            }
        }
    }
}

#[test]
fn a_question_that_nobody_answers_closes_the_session_at_its_limit() {
    let line = (SPEAKERS.iter().find(|speaker| speaker.row == "line").unwrap().converse)(&mut Dice::new(1));
    for (side, piece) in [
        (Side::Client, vec![b'\n'; 1000]),
        (Side::Client, [&[b'x'; 1023][..], b"\n"].concat().repeat(PIECE_BYTES / 1024)),
        (Side::Upstream, b"news\n".repeat(PIECE_BYTES / 5)),
    ] {
        let piece = Bytes::from(piece);
        let mut turns = vec![Turn::Say(Side::Client, Bytes::from_static(b"risky\n"))];
        turns.extend((0..160).map(|_| Turn::Say(side, piece.clone())));
        let performance = perform((line.wire)(), suspicious(), &turns);
        assert_eq!(performance.closed().map(|reason| reason.rule.as_str()), Some("limits"), "by the {side}");
        assert!(performance.held_bytes_max > HELD_BYTES_MAX, "it was closed too soon");
        assert!(performance.effects.len() < 100, "what waited is let go in {} pieces", performance.effects.len());
    }
}

fn packet(kind: u8, number: u32, fields: &[&[u8]]) -> Vec<u8> {
    string(&[&[kind][..], &number.to_be_bytes(), &fields.concat()].concat())
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes(), bytes].concat()
}

/// What an SFTP session is told when the client keeps saying `requests`, and the server `response` to each.
fn sftp_flood(request: impl Fn(u32) -> Vec<u8>, response: impl Fn(u32) -> Option<Vec<u8>>) -> Option<String> {
    let wire: ByteWire = Box::new(SftpWire::new(LANE));
    let mut turns = vec![
        Turn::Say(Side::Client, string(&[1, 0, 0, 0, 3]).into()),
        Turn::Say(Side::Upstream, string(&[2, 0, 0, 0, 3]).into()),
    ];
    for number in 0..10_000 {
        turns.push(Turn::Say(Side::Client, request(number).into()));
        turns.extend(response(number).map(|response| Turn::Say(Side::Upstream, response.into())));
    }
    let performance = perform(wire, Box::new(AllowAll), &turns);
    check(&performance, "sftp");
    performance.fault()
}

#[test]
fn sftp_requests_without_an_answer_are_bounded() {
    let fault = sftp_flood(|number| packet(17, number, &[&string(b"x")]), |_| None);
    assert_eq!(fault.unwrap(), "client: to wait for responses; more than 4096 requests");
}

#[test]
fn sftp_paths_that_are_kept_are_bounded() {
    let long = string(&[b'x'; 200_000]);
    let fault = sftp_flood(|number| packet(11, number, &[&long]), |_| None);
    assert_eq!(fault.unwrap(), "client: fewer or shorter paths at a time; more than 4194304 bytes of them");
}

#[test]
fn sftp_handles_that_are_open_are_bounded() {
    let open = |number: u32| packet(3, number, &[&string(b"x"), &[0; 8]]);
    let fault = sftp_flood(open, |number| Some(packet(102, number, &[&string(&number.to_be_bytes())])));
    assert_eq!(fault.unwrap(), "client: to close files before it opens more; one file too many");
}

#[test]
fn sftp_files_that_are_closed_but_still_read_are_bounded() {
    // Three requests a round: open, read, close. The server answers the first and the last, and uses one handle.
    let round = |number: u32| {
        let (number, handle) = (number * 3, string(b"h"));
        [
            packet(3, number, &[&string(b"x"), &[0; 8]]),
            packet(102, number, &[&handle]),
            packet(5, number + 1, &[&handle, &[0; 8], &[0, 0, 0, 1]]),
            packet(4, number + 2, &[&handle]),
            packet(101, number + 2, &[&[0; 4]]),
        ]
    };
    let mut turns = vec![
        Turn::Say(Side::Client, string(&[1, 0, 0, 0, 3]).into()),
        Turn::Say(Side::Upstream, string(&[2, 0, 0, 0, 3]).into()),
    ];
    let sides = [Side::Client, Side::Upstream, Side::Client, Side::Client, Side::Upstream];
    for number in 0..3000 {
        turns.extend(sides.into_iter().zip(round(number)).map(|(side, said)| Turn::Say(side, said.into())));
    }
    let performance = perform(Box::new(SftpWire::new(LANE)), Box::new(AllowAll), &turns);
    assert_eq!(performance.fault().unwrap(), "client: to close files before it opens more; one file too many");
}

#[test]
fn scp_directories_are_bounded() {
    let conversation = |turns: &[Turn]| {
        let wire = wiretape_scp::ScpWire::new(LANE, wiretape_scp::Direction::Upload, wiretape_scp::Place::default());
        perform(Box::new(wire), Box::new(AllowAll), turns).fault()
    };
    let well = Turn::Say(Side::Upstream, Bytes::from_static(b"\0"));
    let mut turns = vec![well.clone()];
    for _ in 0..300 {
        turns.extend([Turn::Say(Side::Client, Bytes::from_static(b"D0755 0 d\n")), well.clone()]);
    }
    assert_eq!(conversation(&turns).unwrap(), "client: fewer directories in one another; more than 256 of them");
    let long: Bytes = [&b"D0755 0 "[..], &[b'd'; 16_000], b"\n"].concat().into();
    let mut turns = vec![well.clone()];
    for _ in 0..300 {
        turns.extend([Turn::Say(Side::Client, long.clone()), well.clone()]);
    }
    assert_eq!(conversation(&turns).unwrap(), "client: a shorter path; one of 272016 bytes");
}

#[test]
fn scp_sources_that_do_not_wait_are_bounded() {
    let wire = wiretape_scp::ScpWire::new(LANE, wiretape_scp::Direction::Upload, wiretape_scp::Place::default());
    let content = Bytes::from(vec![b'x'; PIECE_BYTES]);
    let turns: Vec<_> = (0..160).map(|_| Turn::Say(Side::Client, content.clone())).collect();
    let performance = perform(Box::new(wire), Box::new(AllowAll), &turns);
    assert_eq!(performance.fault().unwrap(), "client: to wait for the other end; more than 4194304 bytes");
    assert!(performance.held_bytes_max <= HELD_BYTES_MAX + PIECE_BYTES);
}
