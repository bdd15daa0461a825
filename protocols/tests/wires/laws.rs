//! The six laws, over every row of the table.

use bytes::Bytes;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};
use wiretape_core::event::{FileEvent, GitEvent, SessionEvent};
use wiretape_core::judge::AllowAll;
use wiretape_core::{Effect, Event, Guard, Kind, Reason, Side, Verdict};
use wiretape_protocols::ROWS;

use crate::speakers::{Conversation, Dice, Record, SPEAKERS, Speaker, Transferred};
use crate::stage::{Frames, Performance, Rule, Rules, Turn, payloads, perform, told, without_keys};

const SIDES: [Side; 2] = [Side::Client, Side::Upstream];

/// A guard that knows the words which speakers use.
pub(crate) fn rules() -> Rules {
    let word = |word: &str| word.to_owned();
    Rules(vec![
        Rule::Ask { word: word("risky"), rule: word("risk"), group: word("elders") },
        Rule::Refuse { word: word("secret"), rule: word("policy"), text: word("no secrets") },
    ])
}

/// Holds conversations of every row to a law. What fails is told with the seed that makes it again.
fn hold(law: impl Fn(&Speaker, &Conversation, &mut Dice) -> Result<(), TestCaseError>) {
    SPEAKERS.iter().for_each(|speaker| hold_one(speaker, &law));
}

fn hold_one(speaker: &Speaker, law: &impl Fn(&Speaker, &Conversation, &mut Dice) -> Result<(), TestCaseError>) {
    let outcome = runner().run(&proptest::num::u64::ANY, |seed| {
        let mut dice = Dice::new(seed);
        let conversation = (speaker.converse)(&mut dice);
        law(speaker, &conversation, &mut dice)
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(reason, seed)) => panic!("{}, seed {seed}: {reason}", speaker.row),
        Err(aborted) => panic!("{}: {aborted}", speaker.row),
    }
}

/// Draws the seeds that conversations are made of.
fn runner() -> TestRunner {
    TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(64) })
}

fn check(holds: bool, what: impl FnOnce() -> String) -> Result<(), TestCaseError> {
    if holds { Ok(()) } else { Err(TestCaseError::fail(what())) }
}

fn play(conversation: &Conversation, guard: impl Guard + 'static) -> Performance {
    perform((conversation.wire)(), Box::new(guard), &conversation.turns)
}

/// The same turns, cut and joined elsewhere; nothing changes its place in the order of both sides.
pub(crate) fn cut(turns: &[Turn], dice: &mut Dice) -> Vec<Turn> {
    let mut pieces: Vec<Turn> = Vec::new();
    for turn in turns {
        let Turn::Say(side, said) = turn else {
            pieces.push(turn.clone());
            continue;
        };
        let piece_bytes_max = *dice.pick(&[1, 3, 50, 5000, usize::MAX]);
        // Long ones in pieces that are not too many.
        let piece_bytes_max = if said.len() > 2000 { piece_bytes_max.max(said.len() / 40) } else { piece_bytes_max };
        let mut rest = said.clone();
        while !rest.is_empty() {
            let length = 1 + dice.below(piece_bytes_max.min(rest.len()));
            let piece = rest.split_to(length);
            match pieces.last_mut() {
                Some(Turn::Say(before, bytes)) if before == side && dice.once_in(3) => {
                    *bytes = Bytes::from([bytes.as_ref(), &piece].concat());
                }
                _ => pieces.push(Turn::Say(*side, piece)),
            }
        }
    }
    pieces
}

#[test]
fn every_row_has_a_speaker() {
    let rows: Vec<_> = ROWS.iter().map(|row| row.name).collect();
    for row in &rows {
        assert!(SPEAKERS.iter().any(|speaker| speaker.row == *row), "nobody speaks {row}");
    }
    assert_eq!(rows.len(), SPEAKERS.len());
}

#[test]
fn law_1_cutting_the_stream_elsewhere_changes_nothing() {
    hold(|_, conversation, dice| {
        let turns = cut(&conversation.turns, dice);
        let guards: [fn() -> Box<dyn Guard>; 2] = [|| Box::new(AllowAll), || Box::new(rules())];
        for guard in guards {
            let whole = perform((conversation.wire)(), guard(), &conversation.turns);
            let pieces = perform((conversation.wire)(), guard(), &turns);
            check(pieces.story() == whole.story(), || {
                let differs = whole.story().into_iter().zip(pieces.story()).find(|(a, b)| a != b);
                format!("the record is another: {differs:?}")
            })?;
            for side in SIDES {
                check(pieces.sent(side) == whole.sent(side), || format!("what is sent to the {side} is other"))?;
            }
            check(pieces.closed() == whole.closed(), || "it ends otherwise".to_owned())?;
        }
        Ok(())
    });
}

#[test]
fn law_2_what_is_allowed_passes_byte_for_byte() {
    hold(|_, conversation, _| {
        let performance = play(conversation, AllowAll);
        check(performance.fault().is_none(), || format!("a fault: {:?}", performance.fault()))?;
        for side in SIDES {
            let (said, sent) = (conversation.said(side), performance.sent(side.other()));
            check(said == sent, || format!("of {} bytes that the {side} said, {} passed", said.len(), sent.len()))?;
        }
        Ok(())
    });
}

/// What the record covers of what is sent, as the effects come by.
#[derive(Default)]
struct Cover {
    /// Bytes that may be sent to a side: recorded, not refused, not asked about, not sent yet.
    client: Vec<u8>,
    upstream: Vec<u8>,
    /// What was recorded last for the upstream.
    last: Vec<u8>,
    /// What a question is about.
    questioned: Vec<u8>,
    asked: usize,
    answered: usize,
    sent_client: usize,
    sent_upstream: usize,
    frames_client: Frames,
    frames_upstream: Frames,
    /// The gateway says something of its own, in the words of a report, of an error or of a denial; a target of git then
    /// hears that nothing is wanted.
    own: bool,
}

impl Record {
    /// What a record has of what a side said.
    fn holds(self, said: &[u8], side: Side) -> Vec<u8> {
        match (self, side) {
            (Self::Messages, Side::Upstream) => without_keys(said),
            (Self::Payloads, _) => payloads(said),
            _ => said.to_vec(),
        }
    }
}

impl Cover {
    fn due(&mut self, to: Side) -> (&mut Vec<u8>, &mut usize) {
        match to {
            Side::Client => (&mut self.client, &mut self.sent_client),
            Side::Upstream => (&mut self.upstream, &mut self.sent_upstream),
        }
    }

    fn append(&mut self, event: &Event) {
        if let Some((to, bytes)) = told(event) {
            if to == Side::Upstream {
                self.last = bytes.to_vec();
            }
            self.due(to).0.extend_from_slice(&bytes);
        }
        match &event.kind {
            Kind::Session(SessionEvent::Notice { text }) => self.client.extend_from_slice(text.as_bytes()),
            Kind::Session(SessionEvent::Decision { verdict, .. }) => {
                let questioned = std::mem::take(&mut self.questioned);
                match verdict {
                    Verdict::Allow => self.upstream.extend(questioned),
                    // Refused without a question.
                    Verdict::Refuse(_) if questioned.is_empty() => self.take_last(),
                    Verdict::Refuse(_) => {}
                }
            }
            Kind::File(FileEvent::Asked { .. }) => self.asked += 1,
            Kind::File(FileEvent::Answered { status, .. }) => {
                self.answered += 1;
                // What the gateway itself denies.
                self.own |= event.side == Side::Client && *status == 3;
            }
            Kind::Git(GitEvent::Error { .. } | GitEvent::Report { .. }) if event.side == Side::Client => {
                self.own = true;
            }
            _ => {}
        }
    }

    /// What was recorded last does not pass, or not yet.
    fn take_last(&mut self) {
        let kept = self.upstream.len().saturating_sub(self.last.len());
        self.upstream.truncate(kept);
    }

    fn send(&mut self, to: Side, message: &[u8], record: Record) -> Result<(), TestCaseError> {
        let frames = if to == Side::Client { &mut self.frames_client } else { &mut self.frames_upstream };
        let payload = (record == Record::Payloads).then(|| frames.read(message));
        let (_, sent) = self.due(to);
        // The key is in the first that is sent to the client.
        let message = match payload {
            Some(payload) => payload,
            None if *sent == 0 => record.holds(message, to.other()),
            None => message.to_vec(),
        };
        *sent += message.len();
        if self.own && (to == Side::Client || message == b"0000") {
            return Ok(());
        }
        let (due, _) = self.due(to);
        if record != Record::Facts {
            check(due.starts_with(&message), || format!("{} bytes to the {to} that may not be sent", message.len()))?;
            due.drain(..message.len());
        }
        Ok(())
    }

    /// What passes covers all effects so far.
    fn see(&mut self, effect: &Effect<Bytes>, record: Record) -> Result<(), TestCaseError> {
        match effect {
            Effect::Append(event) => self.append(event),
            // What is held was recorded as what is sent is.
            Effect::Send { to, message } | Effect::Hold { to, message, .. } => self.send(*to, message, record)?,
            Effect::Ask { .. } => {
                self.take_last();
                self.questioned = self.last.clone();
            }
            Effect::Release { .. }
            | Effect::Discard { .. }
            | Effect::Examine { .. }
            | Effect::Withdraw { .. }
            | Effect::Close(_) => {}
        }
        Ok(())
    }
}

#[test]
fn law_3_the_record_comes_before_the_wire() {
    hold(|speaker, conversation, _| {
        for performance in [play(conversation, AllowAll), play(conversation, rules())] {
            let mut cover = Cover::default();
            for (_, effect) in &performance.effects {
                cover.see(effect, speaker.record)?;
                // From then on, how much was sent does not tell what.
                if cover.own {
                    continue;
                }
                // Whatever began to pass, its operation is on the record.
                for (facts, noted) in
                    [(&conversation.facts.asked, cover.asked), (&conversation.facts.answered, cover.answered)]
                {
                    let sent = |side: Side| if side == Side::Client { cover.sent_upstream } else { cover.sent_client };
                    let begun = facts.iter().filter(|(side, offset)| sent(*side) > *offset).count();
                    check(begun <= noted, || format!("{begun} operations began to pass, {noted} are on the record"))?;
                }
            }
        }
        Ok(())
    });
}

#[test]
fn law_4_the_record_and_the_wire_say_the_same() {
    hold(|speaker, conversation, _| {
        let performance = play(conversation, AllowAll);
        for side in SIDES {
            let recorded = performance.recorded_to(side.other());
            match speaker.record {
                Record::Stream | Record::Messages | Record::Payloads => {
                    let sent = speaker.record.holds(&performance.sent(side.other()), side);
                    check(recorded == sent, || format!("of the {side} they differ"))?;
                }
                Record::Facts => {
                    check(recorded.is_empty(), || "the stream is recorded twice: the carrier does it".to_owned())?;
                }
            }
        }
        Ok(())
    });
}

#[test]
fn law_5_nothing_leaves_while_a_question_stands() {
    let asks = |speaker: &&Speaker| matches!(speaker.record, Record::Stream | Record::Messages);
    for speaker in SPEAKERS.iter().filter(asks) {
        let asked = std::cell::Cell::new(0);
        hold_one(speaker, &|speaker, conversation, _| {
            let performance = play(conversation, rules());
            let is_question = |effect: &&(usize, Effect<Bytes>)| matches!(effect.1, Effect::Ask { .. });
            asked.set(asked.get() + performance.effects.iter().filter(is_question).count());
            let left = &performance.sent_during_questions;
            match speaker.record {
                Record::Stream => check(left.is_empty(), || format!("{} messages left meanwhile", left.len())),
                // What was recorded before the question may leave after it; the question itself and all behind it not.
                Record::Messages | Record::Payloads | Record::Facts => {
                    let mut cover = Cover::default();
                    performance.effects.iter().try_for_each(|(_, effect)| cover.see(effect, speaker.record))
                }
            }
        });
        assert!(asked.get() > 10, "{}: only {} questions: this shows nothing", speaker.row, asked.get());
    }
}

#[test]
fn law_6_what_was_recorded_is_what_was_said() {
    hold(|speaker, conversation, _| {
        let performance = play(conversation, AllowAll);
        if speaker.record != Record::Facts {
            for side in SIDES {
                let said = speaker.record.holds(&conversation.said(side), side);
                check(performance.recorded_to(side.other()) == said, || format!("of the {side} it is not"))?;
            }
        }
        let facts = &conversation.facts;
        let (mut asked, mut answered, mut closed) = (0, 0, Vec::new());
        let (mut read, mut written) = (Vec::new(), Vec::new());
        for event in performance.events() {
            match &event.kind {
                Kind::File(FileEvent::Asked { .. }) => asked += 1,
                Kind::File(FileEvent::Answered { .. }) => answered += 1,
                Kind::File(FileEvent::Read { path, length, .. }) => read.push((path.to_vec(), *length)),
                Kind::File(FileEvent::Written { path, length, .. }) => written.push((path.to_vec(), *length)),
                Kind::File(FileEvent::Closed { path, read_bytes, written_bytes, content_sha256 }) => {
                    closed.push(Transferred {
                        path: path.to_vec(),
                        read_bytes: *read_bytes,
                        written_bytes: *written_bytes,
                        content_sha256: *content_sha256,
                    });
                }
                _ => {}
            }
        }
        check(asked == facts.asked.len(), || format!("{asked} asked, {} on the wire", facts.asked.len()))?;
        check(answered == facts.answered.len(), || format!("{answered} answered, not {}", facts.answered.len()))?;
        check(closed == facts.closed, || format!("closed: {closed:?}, on the wire {:?}", facts.closed))?;
        // The runs of all files of a path add up to what was closed of it.
        for file in &closed {
            let total = |runs: &[(Vec<u8>, u64)]| -> u64 {
                runs.iter().filter(|(path, _)| *path == file.path).map(|(_, length)| length).sum()
            };
            let of_path = closed.iter().filter(|other| other.path == file.path);
            let (closed_read, closed_written) =
                of_path.fold((0, 0), |(read, written), other| (read + other.read_bytes, written + other.written_bytes));
            check((total(&read), total(&written)) == (closed_read, closed_written), || {
                format!("runs of {} do not add up", String::from_utf8_lossy(&file.path))
            })?;
        }
        Ok(())
    });
}

/// The same turns, among which clients are told at any time that people are asked.
fn interrupted(turns: &[Turn], dice: &mut Dice) -> Vec<Turn> {
    let mut told = Vec::new();
    for turn in turns {
        for _ in 0..dice.below(3) {
            told.push(Turn::Waiting("the elders are asked".to_owned()));
        }
        told.push(turn.clone());
    }
    told
}

#[test]
fn who_is_told_to_wait_comes_to_the_same() {
    let questions = std::cell::Cell::new(0);
    hold(|_, conversation, dice| {
        let plain = play(conversation, rules());
        let turns = interrupted(&conversation.turns, dice);
        let told = perform((conversation.wire)(), Box::new(rules()), &turns);
        let is_question = |effect: &&(usize, Effect<Bytes>)| matches!(effect.1, Effect::Ask { .. });
        questions.set(questions.get() + told.effects.iter().filter(is_question).count());
        check(plain.sent(Side::Upstream) == told.sent(Side::Upstream), || {
            "the target hears something else".to_owned()
        })?;
        check(plain.closed() == told.closed(), || "it ends otherwise".to_owned())?;
        let moments: Vec<_> = told.events().map(|event| event.at).collect();
        check(moments.is_sorted(), || format!("{moments:?}"))
    });
    assert!(questions.get() > 100, "only {} questions: this shows nothing", questions.get());
}

#[test]
fn nothing_of_what_waits_reaches_the_target_before_its_answer_or_after_it_was_withdrawn() {
    let mut asked = 0;
    for speaker in SPEAKERS {
        for seed in 0..200 {
            let mut dice = Dice::new(seed);
            let conversation = (speaker.converse)(&mut dice);
            let whole = play(&conversation, rules());
            let Some((turn, _)) = whole.effects.iter().find(|(_, effect)| matches!(effect, Effect::Ask { .. })) else {
                continue;
            };
            asked += 1;
            let upto = &conversation.turns[..=*turn];
            let heard = |after: &[Turn]| {
                let turns: Vec<Turn> = interrupted(&[upto, after].concat(), &mut Dice::new(seed));
                perform((conversation.wire)(), Box::new(rules()), &turns)
            };
            let before = heard(&[]);
            let late = heard(&[Turn::Answer(Verdict::Refuse(Reason::new("elders", "not today")))]);
            let gone = heard(&[Turn::Close(Reason::new("admin", "enough")), Turn::Answer(Verdict::Allow)]);
            let what = format!("{} seed {seed}", speaker.row);
            // Refused late: what stands behind it may pass, but nothing that is asked.
            let (told, heard_before) = (late.sent(Side::Upstream), before.sent(Side::Upstream));
            let rest = told.strip_prefix(&heard_before[..]).unwrap_or_else(|| panic!("{what}"));
            assert!(!rest.windows(5).any(|word| word == b"risky"), "{what}: it passed after it was refused");
            assert_eq!(gone.sent(Side::Upstream), before.sent(Side::Upstream), "{what}: it passed after the end");
            if speaker.row == "postgres" {
                let left = heard(&[Turn::End(Side::Client), Turn::Answer(Verdict::Allow)]);
                assert_eq!(left.sent(Side::Upstream), before.sent(Side::Upstream), "{what}: nobody wanted it any more");
                let withdrawn = left.effects.iter().any(|(_, effect)| matches!(effect, Effect::Withdraw { .. }));
                assert!(withdrawn || left.closed().is_some(), "{what}");
            }
        }
    }
    assert!(asked > 200, "only {asked} questions: this shows nothing");
}

#[test]
fn moments_never_go_back() {
    hold(|_, conversation, _| {
        for performance in [play(conversation, AllowAll), play(conversation, rules())] {
            let moments: Vec<_> = performance.events().map(|event| event.at).collect();
            check(moments.is_sorted(), || format!("{moments:?}"))?;
        }
        Ok(())
    });
}
