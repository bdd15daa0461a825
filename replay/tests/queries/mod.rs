//! Database sessions, as the wire tells them.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use bytes::Bytes;
use wiretape_core::event::{
    Acknowledged, Column, CopyDirection, Field, Parameter, Prepared, QueryEvent, SessionEvent, TransactionStatus,
};
use wiretape_core::limits::EVENT_PAYLOAD_BYTES_MAX;
use wiretape_core::{Event, Kind, Reason, Side, Verdict};

use crate::archive::{closed, event, opened};

pub use TransactionStatus::{Failed, Idle, InTransaction};

/// A conversation with a database on lane 1, in the making.
#[derive(Default)]
pub struct Talk {
    pub events: Vec<Event>,
    millis: u64,
}

pub fn text(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// A message: its letter, its length, its content.
pub fn message(letter: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len() + 4).unwrap();
    [&[letter], &length.to_be_bytes()[..], content].concat()
}

/// A `DataRow`.
pub fn row(values: &[Option<&[u8]>]) -> Vec<u8> {
    let mut content = u16::try_from(values.len()).unwrap().to_be_bytes().to_vec();
    for value in values {
        let length = value.map_or(-1, |value| i32::try_from(value.len()).unwrap());
        content.extend(length.to_be_bytes());
        content.extend_from_slice(value.unwrap_or_default());
    }
    message(b'D', &content)
}

pub fn column(name: &str, type_id: u32) -> Column {
    Column { name: text(name), table_id: 0, attribute: 0, type_id, type_size: -1, type_modifier: -1, format: 0 }
}

pub fn fields(severity: &str, code: &str, message: &str) -> Vec<Field> {
    let field = |letter, said: &str| Field { letter, text: text(said) };
    vec![field(b'S', severity), field(b'V', severity), field(b'C', code), field(b'M', message)]
}

impl Talk {
    /// A conversation that begins with a login.
    pub fn begun() -> Self {
        let mut talk = Self { events: vec![opened()], millis: 5 };
        let pair = |name, value| (text(name), text(value));
        let parameters = vec![
            pair("user", "ana"),
            pair("database", "orders"),
            pair("application_name", "psql"),
            pair("search_path", "a, b"),
        ];
        talk.up(QueryEvent::Startup { version: 3 << 16, parameters });
        for (name, value) in [
            ("client_encoding", "UTF8"),
            ("standard_conforming_strings", "on"),
            ("TimeZone", "Europe/Berlin"),
            ("server_version", "15.18"),
            ("is_superuser", "off"),
        ] {
            talk.down(QueryEvent::Setting { name: text(name), value: text(value) });
        }
        talk.down(QueryEvent::Key { process_id: 4_711, key_bytes: 4 });
        talk.ready(Idle);
        talk
    }

    /// The events, with the end of the session.
    pub fn ended(mut self) -> Vec<Event> {
        self.up(QueryEvent::Terminate);
        self.events.push(closed(self.millis + 1));
        self.events
    }

    pub fn wait(&mut self, millis: u64) -> &mut Self {
        self.millis += millis;
        self
    }

    fn say(&mut self, side: Side, lane: u32, kind: Kind) -> &mut Self {
        self.millis += 1;
        self.events.push(event(self.millis, side, lane, kind));
        self
    }

    pub fn up(&mut self, said: QueryEvent) -> &mut Self {
        self.say(Side::Client, 1, Kind::Query(said))
    }

    pub fn down(&mut self, said: QueryEvent) -> &mut Self {
        self.say(Side::Upstream, 1, Kind::Query(said))
    }

    pub fn simple(&mut self, said: &str) -> &mut Self {
        self.up(QueryEvent::Simple { text: text(said) })
    }

    pub fn parse(&mut self, name: &str, said: &str) -> &mut Self {
        self.up(QueryEvent::Parse { statement: text(name), text: text(said), types: Vec::new() })
    }

    pub fn bind(&mut self, portal: &str, statement: &str, given: &[(u32, u16, Option<&[u8]>)]) -> &mut Self {
        let parameter = |(type_id, _, value): &(u32, u16, Option<&[u8]>)| Parameter {
            type_id: *type_id,
            value: value.map(Bytes::copy_from_slice),
        };
        self.up(QueryEvent::Bind {
            portal: text(portal),
            statement: text(statement),
            formats: given.iter().map(|(_, format, _)| *format).collect(),
            parameters: given.iter().map(parameter).collect(),
            result_formats: vec![1],
        })
    }

    pub fn execute(&mut self, portal: &str, rows_max: u32) -> &mut Self {
        self.up(QueryEvent::Execute { portal: text(portal), statement: None, rows_max })
    }

    pub fn describe(&mut self, of: Prepared, name: &str) -> &mut Self {
        self.up(QueryEvent::Describe { of, name: text(name) })
    }

    pub fn sync(&mut self) -> &mut Self {
        self.up(QueryEvent::Sync)
    }

    pub fn columns(&mut self, columns: Vec<Column>) -> &mut Self {
        self.down(QueryEvent::Columns { columns })
    }

    pub fn rows(&mut self, rows: &[Vec<u8>]) -> &mut Self {
        self.down(QueryEvent::Rows { count: u32::try_from(rows.len()).unwrap(), bytes: rows.concat().into() })
    }

    pub fn complete(&mut self, tag: &str) -> &mut Self {
        self.down(QueryEvent::Complete {
            tag: text(tag),
            rows: tag.rsplit(' ').next().and_then(|rows| rows.parse().ok()),
        })
    }

    pub fn done(&mut self, what: Acknowledged) -> &mut Self {
        self.down(QueryEvent::Acknowledged { what })
    }

    pub fn error(&mut self, code: &str, message: &str) -> &mut Self {
        self.down(QueryEvent::Error { fields: fields("ERROR", code, message) })
    }

    pub fn ready(&mut self, status: TransactionStatus) -> &mut Self {
        self.down(QueryEvent::Ready { status })
    }

    /// A simple query that is done.
    pub fn run(&mut self, said: &str, tags: &[&str], status: TransactionStatus) -> &mut Self {
        self.simple(said);
        for tag in tags {
            self.complete(tag);
        }
        self.ready(status)
    }

    /// A simple query that fails.
    pub fn fail(&mut self, said: &str, tags: &[&str], message: &str, status: TransactionStatus) -> &mut Self {
        self.simple(said);
        for tag in tags {
            self.complete(tag);
        }
        self.error("22012", message).ready(status)
    }

    /// A simple query that the gateway refuses.
    pub fn refuse(&mut self, said: &str) -> &mut Self {
        self.simple(said);
        let decision = SessionEvent::Decision {
            action: "pg.query".into(),
            resource: said.into(),
            rule: "no drops".into(),
            verdict: Verdict::Refuse(Reason::new("no drops", "nothing is dropped here")),
            nanos: 0,
        };
        self.say(Side::Client, 1, Kind::Session(decision));
        self.up(QueryEvent::Error { fields: fields("ERROR", "42501", "nothing is dropped here") });
        self.up(QueryEvent::Ready { status: Idle })
    }

    pub fn copy_start(&mut self, direction: CopyDirection, format: u8) -> &mut Self {
        self.down(QueryEvent::CopyStart { direction, format, formats: Vec::new() })
    }

    pub fn data(&mut self, side: Side, contents: &[&[u8]]) -> &mut Self {
        let bytes: Vec<u8> = contents.iter().flat_map(|content| message(b'd', content)).collect();
        let count = u32::try_from(contents.len()).unwrap();
        self.say(side, 1, Kind::Query(QueryEvent::CopyData { count, bytes: bytes.into() }))
    }

    /// A text copy to the target.
    pub fn copy_in(&mut self, said: &str, contents: &[&[u8]], tag: &str) -> &mut Self {
        self.simple(said).copy_start(CopyDirection::In, 0).data(Side::Client, contents);
        self.up(QueryEvent::CopyDone).complete(tag).ready(Idle)
    }

    /// A message that is too long for one event.
    pub fn long(&mut self, side: Side, letter: u8, content: &[u8]) -> &mut Self {
        let whole = Bytes::from(message(letter, content));
        let mut rest = whole.clone();
        while !rest.is_empty() {
            let bytes = rest.split_to(rest.len().min(EVENT_PAYLOAD_BYTES_MAX));
            let last = rest.is_empty();
            self.say(side, 1, Kind::Query(QueryEvent::Long { letter, bytes, last }));
        }
        self
    }
}

/// What a person does with psql, and what comes of it.
pub fn psql() -> Vec<Event> {
    let mut talk = Talk::begun();
    let heads = vec![column("id", 23), column("name", 25), column("price", 1700)];
    talk.wait(900).simple("select id, name, price\n\tfrom goods\n where id < 100;").columns(heads.clone());
    let row_of = |id: &str, name: Option<&[u8]>| row(&[Some(id.as_bytes()), name, Some(b"1.50")]);
    let named: [Option<&[u8]>; 4] = [Some("grün".as_bytes()), None, Some(b"two\nlines"), Some(b"\x1b[2Jevil\xff")];
    talk.rows(&named.map(|name| row_of("7", name))).complete("SELECT 4").ready(Idle);
    talk.wait(2_000).simple("select * from numbers").columns(vec![column("n", 20)]);
    let numbers: Vec<_> = (1..=25).map(|number: u32| row(&[Some(number.to_string().as_bytes())])).collect();
    talk.rows(&numbers[..10]).rows(&numbers[10..]).wait(1_500).complete("SELECT 25").ready(Idle);
    talk.simple("select 1 as a; select where false; insert into goods values (1) returning id")
        .columns(vec![column("a", 23)])
        .rows(&[row(&[Some(b"1")])])
        .complete("SELECT 1")
        .columns(Vec::new())
        .complete("SELECT 0")
        .columns(vec![column("id", 23)])
        .rows(&[row(&[Some(b"1")])])
        .complete("INSERT 0 1")
        .ready(Idle);
    talk.run("begin;", &["BEGIN"], InTransaction);
    talk.simple("update goods set nope = 1;");
    let mut missing = fields("ERROR", "42703", "column \"nope\" of relation \"goods\" does not exist");
    missing.push(Field { letter: b'P', text: text("18") });
    missing.push(Field { letter: b'H', text: text("Perhaps you meant \"note\".") });
    talk.down(QueryEvent::Error { fields: missing }).ready(Failed);
    talk.run("commit;", &["ROLLBACK"], Idle);
    talk.simple("do $$ begin raise notice 'x'; end $$");
    talk.down(QueryEvent::Notice { fields: fields("NOTICE", "00000", "careful\n\x1b]0;title\x07") });
    talk.complete("DO").ready(Idle);
    talk.down(QueryEvent::Notification { process_id: 99, channel: text("jobs"), payload: text("done \u{202e}x") });
    talk.down(QueryEvent::Notification { process_id: 99, channel: text("jobs"), payload: Bytes::new() });
    talk.copy_in("copy goods from stdin", &[b"1\tone\t1\n2\ttwo", b"\t2\n"], "COPY 2");
    talk.simple("copy goods to stdout (format binary)").copy_start(CopyDirection::Out, 1);
    talk.data(Side::Upstream, &[b"PGCOPY\n\xff\r\n\0", b"\xff\xff"])
        .down(QueryEvent::CopyDone)
        .complete("COPY 0")
        .ready(Idle);
    talk.simple("copy goods from stdin").copy_start(CopyDirection::In, 0).data(Side::Client, &[b"1\n"]);
    talk.up(QueryEvent::CopyFail { message: text("canceled by user") })
        .error("57014", "COPY from stdin failed")
        .ready(Idle);
    talk.simple("select pg_sleep(100)").wait(61_000).up(QueryEvent::Cancel { address: "127.0.0.1:50312".into() });
    talk.error("57014", "canceling statement due to user request").ready(Idle);
    talk.simple("set timezone = 'UTC'");
    talk.down(QueryEvent::Setting { name: text("TimeZone"), value: text("UTC") }).complete("SET").ready(Idle);
    talk.refuse("drop table goods");
    talk.simple("").done(Acknowledged::EmptyQuery).ready(Idle);
    talk.ended()
}

/// What drivers do: statements with parameters, pipelines, portals in parts, large objects.
pub fn driver() -> Vec<Event> {
    let mut talk = Talk::begun();
    let heads = vec![column("id", 23), column("at", 1114), column("mood", 70_000)];
    talk.parse("S_1", "select id, at, mood\nfrom t where id = $1 or name = $2 or data = $3")
        .describe(Prepared::Statement, "S_1")
        .sync();
    talk.done(Acknowledged::Parse).down(QueryEvent::Types { types: vec![23, 25, 17] }).columns(heads).ready(Idle);
    let forty_two = 42_i32.to_be_bytes();
    let midnight = 0_i64.to_be_bytes();
    for name in [&b"it's"[..], b"\x1b[31m"] {
        talk.wait(100)
            .bind("", "S_1", &[(23, 1, Some(&forty_two)), (25, 0, Some(name)), (17, 1, None)])
            .execute("", 0)
            .sync();
        talk.done(Acknowledged::Bind).rows(&[row(&[Some(&forty_two), Some(&midnight), Some(b"sad")])]);
        talk.complete("SELECT 1").ready(Idle);
    }
    talk.bind("C_1", "S_1", &[]).describe(Prepared::Portal, "C_1").execute("C_1", 2).sync();
    talk.done(Acknowledged::Bind).columns(vec![column("id", 23)]).rows(&[row(&[Some(b"1")]), row(&[Some(b"2")])]);
    talk.done(Acknowledged::PortalSuspended).ready(InTransaction);
    talk.execute("C_1", 2).up(QueryEvent::Flush).rows(&[row(&[Some(b"3")])]).complete("SELECT 1");
    talk.up(QueryEvent::Close { of: Prepared::Portal, name: text("C_1") }).sync();
    talk.done(Acknowledged::Close).ready(Idle);
    // A pipeline in which the second of three fails.
    for statement in ["insert into t values (1)", "insert into t values (1/0)", "insert into t values (3)"] {
        talk.parse("", statement).bind("", "", &[]).describe(Prepared::Portal, "").execute("", 0);
    }
    talk.sync().done(Acknowledged::Parse).done(Acknowledged::Bind).done(Acknowledged::NoData).complete("INSERT 0 1");
    talk.done(Acknowledged::Parse).error("22012", "division by zero").ready(Idle);
    // One in which both are done.
    for statement in ["delete from t", "select 1 as one"] {
        talk.parse("", statement).bind("", "", &[]).describe(Prepared::Portal, "").execute("", 0);
    }
    talk.sync().done(Acknowledged::Parse).done(Acknowledged::Bind).done(Acknowledged::NoData).complete("DELETE 7");
    talk.done(Acknowledged::Parse).done(Acknowledged::Bind).columns(vec![column("one", 23)]);
    talk.rows(&[row(&[Some(b"1")])]).complete("SELECT 1").ready(Idle);
    talk.run("begin", &["BEGIN"], InTransaction);
    let call = |function_id, arguments: &[&[u8]]| QueryEvent::Call {
        function_id,
        formats: vec![1],
        arguments: arguments.iter().map(|argument| Some(Bytes::copy_from_slice(argument))).collect(),
        result_format: 1,
    };
    talk.up(call(952, &[&16_404_u32.to_be_bytes(), &0x2_0000_i32.to_be_bytes()]));
    talk.down(QueryEvent::Returned { value: Some(Bytes::from_static(&[0; 4])) }).ready(InTransaction);
    talk.up(call(955, &[&[0; 4], b"\0data"]));
    talk.down(QueryEvent::Returned { value: Some(Bytes::from_static(&[0, 0, 0, 5])) }).ready(InTransaction);
    talk.up(call(99_999, &[b"?"])).error("42883", "function with OID 99999 does not exist").ready(Failed);
    talk.down(QueryEvent::Error {
        fields: fields("FATAL", "57P01", "terminating connection due to administrator command"),
    });
    talk.ended()
}

/// Messages that are too long for one event, and a stream of replication.
pub fn long() -> Vec<Event> {
    let mut talk = Talk::begun();
    talk.down(QueryEvent::Negotiated { version: 3 << 16, unrecognised: vec![text("_pq_.x")] });
    let text_of = |start: &str, bytes: usize| [start.as_bytes(), &vec![b'x'; bytes]].concat();
    let query = [text_of("insert into t values ('", 3_000_000), b"')\0".to_vec()].concat();
    talk.long(Side::Client, b'Q', &query).complete("INSERT 0 1").ready(Idle);
    talk.parse("", "insert into t values ($1)");
    let bind = [&b"\0\0\0\0\0\x01\0\x16\xe3\x60"[..], &vec![b'y'; 1_500_000], b"\0\0"].concat();
    talk.long(Side::Client, b'B', &bind).execute("", 0).sync();
    talk.done(Acknowledged::Parse).done(Acknowledged::Bind).complete("INSERT 0 1").ready(Idle);
    talk.simple("select id, text from t").columns(vec![column("id", 23), column("text", 25)]);
    let wide = row(&[Some(b"1"), Some(&vec![b'z'; 1_200_000])]);
    talk.rows(&[row(&[Some(b"0"), Some(b"short")])]).long(Side::Upstream, b'D', &wide[5..]);
    talk.complete("SELECT 2").ready(Idle);
    talk.simple("copy t to stdout").copy_start(CopyDirection::Out, 0);
    talk.long(Side::Upstream, b'd', &[vec![b'1'; 1_100_000], b"\n".to_vec()].concat()).down(QueryEvent::CopyDone);
    talk.complete("COPY 1").ready(Idle);
    talk.long(Side::Upstream, b'A', &text_of("\0\0\0\x07jobs\0", 1_048_600));
    talk.simple("START_REPLICATION SLOT s LOGICAL 0/0").copy_start(CopyDirection::Both, 0);
    talk.data(Side::Upstream, &[b"w\0\0", b"k"]).data(Side::Client, &[b"r\0"]).wait(500);
    talk.events
}
