use bytes::Bytes;
use wiretape_core::event::{Acknowledged, CopyDirection, Field, Parameter, QueryEvent, TransactionStatus};
use wiretape_core::{Event, Kind, Lane, Moment, Side};

use super::{Fate, Outcomes, Tag};

const LANE: Lane = Lane(1);

fn text(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

fn up(said: QueryEvent) -> Event {
    Event { at: Moment::START, side: Side::Client, lane: LANE, kind: Kind::Query(said) }
}

fn down(said: QueryEvent) -> Event {
    Event { side: Side::Upstream, ..up(said) }
}

fn simple(said: &'static str) -> Event {
    up(QueryEvent::Simple { text: text(said) })
}

fn complete(tag: &'static str) -> Event {
    down(QueryEvent::Complete { tag: text(tag), rows: None })
}

fn ready(status: TransactionStatus) -> Event {
    down(QueryEvent::Ready { status })
}

fn error() -> QueryEvent {
    let field = |letter, text: &'static str| Field { letter, text: text.into() };
    QueryEvent::Error { fields: vec![field(b'S', "ERROR"), field(b'C', "22012"), field(b'M', "division by zero")] }
}

fn execution() -> Vec<Event> {
    vec![
        up(QueryEvent::Parse { statement: text(""), text: text("insert"), types: Vec::new() }),
        up(QueryEvent::Bind {
            portal: text(""),
            statement: text(""),
            formats: Vec::new(),
            parameters: Vec::<Parameter>::new(),
            result_formats: Vec::new(),
        }),
        up(QueryEvent::Execute { portal: text(""), statement: None, rows_max: 0 }),
    ]
}

fn executed(tag: &'static str) -> Vec<Event> {
    vec![
        down(QueryEvent::Acknowledged { what: Acknowledged::Parse }),
        down(QueryEvent::Acknowledged { what: Acknowledged::Bind }),
        complete(tag),
    ]
}

fn fates(events: Vec<Event>, numbers: &[u64]) -> Vec<Fate> {
    let mut outcomes = Outcomes::new(Box::new(events.into_iter().map(Ok)), LANE);
    numbers.iter().map(|number| outcomes.of(*number).unwrap().fate).collect()
}

fn failed() -> Fate {
    Fate::Failed("ERROR 22012: division by zero".to_owned())
}

#[test]
fn simple_queries_are_done_or_fail() {
    use TransactionStatus::{Failed, Idle, InTransaction};
    let refused = Event { side: Side::Client, ..up(error()) };
    let mut events = vec![simple("begin"), complete("BEGIN"), ready(InTransaction)];
    events.extend([simple("a; b"), complete("A"), down(error()), ready(Failed)]);
    events.extend([simple("commit"), complete("ROLLBACK"), ready(Idle)]);
    events.extend([simple("a; commit; b; c"), complete("A"), complete("COMMIT"), complete("B"), down(error())]);
    events.extend([ready(Idle), simple("drop"), refused, ready(Idle), simple("lost")]);
    let mut outcomes = Outcomes::new(Box::new(events.into_iter().map(Ok)), LANE);
    let mut of = |number| outcomes.of(number).unwrap();
    assert_eq!((of(0).fate, of(0).fate), (Fate::Done, Fate::Unanswered));
    let inside = of(1);
    assert_eq!((inside.fate, inside.stand), (failed(), 1));
    let commit = of(2);
    assert_eq!((commit.fate, commit.tags, commit.last_tag.as_str()), (Fate::Done, vec![Tag::Rollback], "ROLLBACK"));
    let partly = of(3);
    assert_eq!((partly.fate, partly.stand), (failed(), 2));
    assert_eq!(of(4).fate, Fate::Refused("ERROR 22012: division by zero".to_owned()));
    assert_eq!(of(5).fate, Fate::Unanswered);
}

#[test]
fn a_group_stands_or_falls_together() {
    let sync = || up(QueryEvent::Sync);
    let mut events = [execution(), execution(), execution(), vec![sync()]].concat();
    events
        .extend([executed("INSERT 0 1"), vec![down(QueryEvent::Acknowledged { what: Acknowledged::Parse })]].concat());
    events.extend([down(error()), ready(TransactionStatus::Idle)]);
    // Requests 2, 5 and 8 run something.
    assert_eq!(fates(events, &[2, 4, 5, 8]), [Fate::Undone, failed(), Fate::Undone, Fate::Undone]);

    let mut events = [execution(), execution(), vec![sync()], executed("INSERT 0 1"), executed("INSERT 0 1")].concat();
    events.push(ready(TransactionStatus::Idle));
    assert_eq!(fates(events, &[2, 5]), [Fate::Done, Fate::Done]);

    let mut events = [execution(), execution(), vec![sync()], executed("BEGIN"), executed("INSERT 0 1")].concat();
    events.insert(events.len() - 1, down(error()));
    events.push(ready(TransactionStatus::Failed));
    assert_eq!(fates(events, &[2, 5]), [Fate::Done, failed()]);
}

#[test]
fn what_is_open_when_the_recording_ends_came_to_nothing_that_is_known() {
    let events = [execution(), executed("INSERT 0 1")].concat();
    assert_eq!(fates(events, &[2, 3]), [Fate::Unanswered, Fate::Unanswered]);
}

#[test]
fn copies_are_known_with_their_data() {
    let start = |format| down(QueryEvent::CopyStart { direction: CopyDirection::In, format, formats: Vec::new() });
    let data = |content: &[u8]| {
        let length = u32::try_from(content.len() + 4).unwrap().to_be_bytes();
        let message = [b"d", &length[..], content].concat();
        up(QueryEvent::CopyData { count: 1, bytes: message.into() })
    };
    let long =
        |bytes: &'static [u8], last| up(QueryEvent::Long { letter: b'd', bytes: Bytes::from_static(bytes), last });
    let events = vec![
        simple("select; copy t from stdin; copy u from stdin"),
        complete("SELECT 0"),
        start(0),
        data(b"1\n\\"),
        data(b".\nx"),
        up(QueryEvent::CopyDone),
        complete("COPY 1"),
        start(1),
        data(b"PGCOPY\n\0"),
        long(b"d\0\0\0\x09ab", false),
        long(b"cd\n", true),
        up(QueryEvent::CopyDone),
        complete("COPY 2"),
        ready(TransactionStatus::Idle),
    ];
    let mut outcomes = Outcomes::new(Box::new(events.into_iter().map(Ok)), LANE);
    let outcome = outcomes.of(0).unwrap();
    let [text, binary] = outcome.copies.as_slice() else { panic!("{outcome:?}") };
    assert_eq!((text.after, text.text, text.bytes, text.has_nul, text.watch.has_ended()), (1, true, 6, false, true));
    assert_eq!((binary.after, binary.text, binary.bytes, binary.has_nul), (2, false, 13, true));
    assert_eq!((outcome.fate, outcome.tags.len()), (Fate::Done, 3));
}
