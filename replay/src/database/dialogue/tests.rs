use std::sync::Arc;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use wiretape_core::event::{Acknowledged, Column, CopyDirection, Parameter, Prepared, QueryEvent, TransactionStatus};
use wiretape_core::{Moment, Side};

use super::{Answer, Asks, Dialogue, Keeping, Request, Turn};

const KEEPING: Keeping =
    Keeping { text_bytes_max: 1000, prepared_bytes_max: 10_000, requests_max: 100, parameters: true };

fn text(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

fn simple(said: &'static str) -> QueryEvent {
    QueryEvent::Simple { text: text(said) }
}

fn parse(name: &'static str, said: &'static str) -> QueryEvent {
    QueryEvent::Parse { statement: text(name), text: text(said), types: Vec::new() }
}

fn bind(portal: &'static str, statement: &'static str, result_formats: Vec<u16>) -> QueryEvent {
    let parameters = vec![Parameter { type_id: 23, value: Some(text("7")) }];
    QueryEvent::Bind {
        portal: text(portal),
        statement: text(statement),
        formats: Vec::new(),
        parameters,
        result_formats,
    }
}

fn execute(portal: &'static str) -> QueryEvent {
    QueryEvent::Execute { portal: text(portal), statement: None, rows_max: 0 }
}

fn columns(type_id: u32) -> QueryEvent {
    let column =
        Column { name: text("c"), table_id: 0, attribute: 0, type_id, type_size: 4, type_modifier: -1, format: 0 };
    QueryEvent::Columns { columns: vec![column] }
}

fn complete() -> QueryEvent {
    QueryEvent::Complete { tag: text("SELECT 1"), rows: Some(1) }
}

fn ready() -> QueryEvent {
    QueryEvent::Ready { status: TransactionStatus::Idle }
}

fn done(what: Acknowledged) -> QueryEvent {
    QueryEvent::Acknowledged { what }
}

fn error() -> QueryEvent {
    QueryEvent::Error { fields: Vec::new() }
}

fn rows() -> QueryEvent {
    QueryEvent::Rows { count: 0, bytes: Bytes::new() }
}

fn up(dialogue: &mut Dialogue, event: &QueryEvent) -> Arc<Request> {
    match dialogue.feed(Moment::START, Side::Client, event) {
        Turn::Asked(request) => request,
        other => panic!("{other:?}"),
    }
}

fn down(dialogue: &mut Dialogue, event: &QueryEvent) -> Answer {
    match dialogue.feed(Moment::START, Side::Upstream, event) {
        Turn::Answered(answer) => answer,
        other => panic!("{other:?}"),
    }
}

/// The number of the request that was answered.
fn to(answer: &Answer) -> Option<u64> {
    answer.to.as_ref().map(|request| request.number)
}

#[test]
fn a_simple_query_is_answered_until_the_target_is_ready() {
    let mut dialogue = Dialogue::new(KEEPING);
    let asked = up(&mut dialogue, &simple("select 1; select 2"));
    for event in [columns(23), rows(), complete(), columns(25), rows(), complete(), ready()] {
        let answer = down(&mut dialogue, &event);
        assert_eq!(to(&answer), Some(asked.number));
        assert_eq!(answer.last, matches!(event, QueryEvent::Ready { .. }));
        match event {
            QueryEvent::Rows { .. } => assert!(dialogue.columns().is_some()),
            QueryEvent::Complete { .. } => assert!(dialogue.columns().is_none()),
            _ => {}
        }
    }
    assert!(dialogue.is_quiet());
}

#[test]
fn a_pipeline_is_answered_in_its_order_with_the_columns_that_were_described() {
    let mut dialogue = Dialogue::new(KEEPING);
    let asked = [
        parse("", "select $1"),
        bind("", "", vec![1]),
        QueryEvent::Describe { of: Prepared::Portal, name: text("") },
        execute(""),
        parse("S", "insert"),
        QueryEvent::Describe { of: Prepared::Statement, name: text("S") },
        bind("", "S", vec![1]),
        execute(""),
        QueryEvent::Sync,
    ]
    .map(|event| up(&mut dialogue, &event).number);
    let answers = [
        (done(Acknowledged::Parse), 0),
        (done(Acknowledged::Bind), 1),
        (columns(23), 2),
        (rows(), 3),
        (complete(), 3),
        (done(Acknowledged::Parse), 4),
        (columns(25), 5),
        (done(Acknowledged::Bind), 6),
        (rows(), 7),
        (complete(), 7),
        (ready(), 8),
    ];
    for (event, place) in answers {
        let shape = dialogue.columns();
        let answer = down(&mut dialogue, &event);
        assert_eq!(to(&answer), Some(asked[place]), "{event:?}");
        if event == rows() {
            let column = shape.unwrap()[0].clone();
            // A portal's columns are described as they are sent; a statement's as text, whatever was bound.
            assert_eq!((column.type_id, column.format), if place == 3 { (23, 0) } else { (25, 1) });
        }
        let said = answer.to.as_ref().and_then(|request| request.text().cloned());
        match place {
            0..=3 => assert_eq!(said.unwrap().start, text("select $1")),
            4..=7 => assert_eq!(said.unwrap().start, text("insert")),
            _ => assert_eq!(said, None),
        }
    }
    assert!(dialogue.is_quiet());
}

#[test]
fn an_error_undoes_the_rest_of_the_group_and_no_more() {
    let mut dialogue = Dialogue::new(KEEPING);
    for event in [parse("", "wrong"), bind("", "", vec![]), execute(""), QueryEvent::Sync] {
        up(&mut dialogue, &event);
    }
    up(&mut dialogue, &simple("select 1"));
    let answer = down(&mut dialogue, &error());
    assert_eq!((to(&answer), answer.last), (Some(0), true));
    assert_eq!(answer.undone.iter().map(|request| request.number).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(to(&down(&mut dialogue, &ready())), Some(3));
    assert_eq!(to(&down(&mut dialogue, &error())), Some(4));
    assert_eq!(to(&down(&mut dialogue, &ready())), Some(4));
    assert!(dialogue.is_quiet());
}

#[test]
fn what_comes_behind_an_error_is_passed_over_until_sync() {
    let mut dialogue = Dialogue::new(KEEPING);
    up(&mut dialogue, &parse("", "wrong"));
    down(&mut dialogue, &error());
    for event in [bind("", "", vec![]), simple("select 1")] {
        assert!(matches!(dialogue.feed(Moment::START, Side::Client, &event), Turn::PassedOver(_)));
    }
    let sync = up(&mut dialogue, &QueryEvent::Sync);
    assert_eq!(to(&down(&mut dialogue, &ready())), Some(sync.number));
}

#[test]
fn a_copy_to_the_target_swallows_sync() {
    let start = QueryEvent::CopyStart { direction: CopyDirection::In, format: 0, formats: Vec::new() };
    let mut dialogue = Dialogue::new(KEEPING);
    for event in [parse("", "copy"), bind("", "", vec![]), execute(""), QueryEvent::Sync] {
        up(&mut dialogue, &event);
    }
    down(&mut dialogue, &done(Acknowledged::Parse));
    down(&mut dialogue, &done(Acknowledged::Bind));
    assert_eq!(to(&down(&mut dialogue, &start)), Some(2));
    assert!(matches!(dialogue.feed(Moment::START, Side::Client, &QueryEvent::Sync), Turn::Aside));
    dialogue.feed(Moment::START, Side::Client, &QueryEvent::CopyDone);
    let sync = up(&mut dialogue, &QueryEvent::Sync);
    assert_eq!(to(&down(&mut dialogue, &complete())), Some(2));
    assert_eq!(to(&down(&mut dialogue, &ready())), Some(sync.number));
}

#[test]
fn the_end_of_the_login_answers_no_query() {
    let mut dialogue = Dialogue::new(KEEPING);
    up(&mut dialogue, &QueryEvent::Startup { version: 3 << 16, parameters: Vec::new() });
    let early = up(&mut dialogue, &simple("select 1"));
    assert_eq!(to(&down(&mut dialogue, &ready())), Some(0));
    assert_eq!(to(&down(&mut dialogue, &ready())), Some(early.number));
}

#[test]
fn more_than_is_kept_is_joined_again_when_all_of_it_was_answered() {
    let mut dialogue = Dialogue::new(Keeping { requests_max: 3, ..KEEPING });
    for _ in 0..10 {
        up(&mut dialogue, &simple("select 1"));
    }
    for _ in 0..10 {
        assert!(!dialogue.is_quiet());
        assert_eq!(to(&down(&mut dialogue, &complete())), None);
        assert_eq!(to(&down(&mut dialogue, &ready())), None);
    }
    assert!(dialogue.is_quiet());
    let next = up(&mut dialogue, &simple("select 2"));
    assert_eq!(to(&down(&mut dialogue, &ready())), Some(next.number));
}

#[test]
fn what_is_kept_of_statements_is_bounded() {
    let mut dialogue = Dialogue::new(Keeping { prepared_bytes_max: 20, ..KEEPING });
    let long = "select 'twenty letters and more'";
    let whole = |request: &Request| match &request.asks {
        Asks::Parse(statement) => statement.text.whole().is_some(),
        other => panic!("{other:?}"),
    };
    assert!(!whole(&up(&mut dialogue, &parse("A", long))));
    let Asks::Parse(statement) = &up(&mut dialogue, &parse("A", "select 1")).asks else { panic!() };
    assert_eq!((&statement.text.start[..], statement.text.bytes), (&b"select 1"[..], 8));
    assert!(dialogue.prepared_bytes <= 20);
    up(&mut dialogue, &QueryEvent::Close { of: Prepared::Statement, name: text("A") });
    assert_eq!(dialogue.prepared_bytes, 0);
}

fn any_event() -> impl Strategy<Value = QueryEvent> {
    let name = || prop_oneof![Just(text("")), Just(text("a")), Just(text("b"))];
    let of = || prop_oneof![Just(Prepared::Statement), Just(Prepared::Portal)];
    prop_oneof![
        Just(simple("select")),
        name().prop_map(|statement| QueryEvent::Parse { statement, text: text("select"), types: Vec::new() }),
        (name(), name()).prop_map(|(portal, statement)| QueryEvent::Bind {
            portal,
            statement,
            formats: vec![],
            parameters: vec![],
            result_formats: vec![1]
        }),
        (of(), name()).prop_map(|(of, name)| QueryEvent::Describe { of, name }),
        (of(), name()).prop_map(|(of, name)| QueryEvent::Close { of, name }),
        name().prop_map(|portal| QueryEvent::Execute { portal, statement: None, rows_max: 1 }),
        Just(QueryEvent::Sync),
        Just(columns(23)),
        Just(rows()),
        Just(complete()),
        Just(ready()),
        Just(error()),
        Just(done(Acknowledged::Parse)),
        Just(done(Acknowledged::Bind)),
        Just(done(Acknowledged::NoData)),
        Just(done(Acknowledged::PortalSuspended)),
        Just(QueryEvent::CopyStart { direction: CopyDirection::In, format: 0, formats: vec![] }),
        Just(QueryEvent::CopyDone),
        (prop_oneof![Just(b'Q'), Just(b'P'), Just(b'B'), Just(b'D')], vec(any::<u8>(), 0..30), any::<bool>())
            .prop_map(|(letter, bytes, last)| QueryEvent::Long { letter, bytes: bytes.into(), last }),
    ]
}

proptest! {
    #[test]
    fn whatever_is_said_what_is_kept_is_bounded(events in vec((any::<bool>(), any_event()), 0..200)) {
        let keeping = Keeping { text_bytes_max: 20, prepared_bytes_max: 100, requests_max: 10, parameters: true };
        let mut dialogue = Dialogue::new(keeping);
        for (client, event) in events {
            let side = if client { Side::Client } else { Side::Upstream };
            dialogue.feed(Moment::START, side, &event);
            assert!(dialogue.waiting.len() <= 10);
            // A name and a portal may go over by as much as they have themselves.
            assert!(dialogue.prepared_bytes <= 200, "{}", dialogue.prepared_bytes);
        }
        let names: Vec<Bytes> = dialogue.statements.keys().chain(dialogue.portals.keys()).cloned().collect();
        for name in names {
            dialogue.forget_statement(&name);
            dialogue.forget_portal(&name);
        }
        assert_eq!(dialogue.prepared_bytes, 0);
    }
}

/// What the gateway says to the target in the place of what it refused, and what the target says to that.
fn aside(dialogue: &mut Dialogue, event: &QueryEvent) {
    let turn = dialogue.feed(Moment::START, Side::Upstream, event);
    assert!(matches!(turn, Turn::Aside), "{turn:?}");
}

fn refused(dialogue: &mut Dialogue) -> Answer {
    match dialogue.feed(Moment::START, Side::Client, &error()) {
        Turn::Answered(answer) => answer,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_fails_in_the_place_of_a_refused_statement_is_no_answer() {
    let mut dialogue = Dialogue::new(KEEPING);
    // Two groups without waiting; the first fails by itself.
    for fails in [true, false] {
        up(&mut dialogue, &execute(""));
        let asked = up(&mut dialogue, &parse("", "secret")).number;
        aside(&mut dialogue, &parse("", "no sql"));
        up(&mut dialogue, &execute(""));
        up(&mut dialogue, &QueryEvent::Sync);
        assert_eq!(asked % 4, 1, "{fails}");
    }
    assert_eq!(to(&down(&mut dialogue, &error())), Some(0));
    down(&mut dialogue, &ready());
    down(&mut dialogue, &complete());
    aside(&mut dialogue, &error());
    let answer = refused(&mut dialogue);
    assert_eq!((to(&answer), answer.last, answer.undone.len()), (Some(5), true, 1));
    assert_eq!(to(&down(&mut dialogue, &ready())), Some(7));
    assert!(dialogue.is_quiet());
    // A query in the middle of a group.
    up(&mut dialogue, &execute(""));
    let asked = up(&mut dialogue, &simple("secret")).number;
    aside(&mut dialogue, &simple("no sql"));
    down(&mut dialogue, &complete());
    aside(&mut dialogue, &error());
    assert_eq!(to(&refused(&mut dialogue)), Some(asked));
    assert_eq!(to(&down(&mut dialogue, &ready())), Some(asked));
    assert!(dialogue.is_quiet());
}
