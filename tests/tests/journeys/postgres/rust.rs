//! tokio-postgres, a client that sends its messages without waiting for the answers.

use std::fmt::Debug;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, TryStreamExt, future};
use tokio_postgres::types::Type;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls, SimpleQueryMessage};
use wiretape_core::event::QueryEvent;
use wiretape_tests::database::{Database, WAYS, Way};
use wiretape_tests::postgres::DATABASE;

/// Runs `work` on a runtime of its own.
fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(work)
}

/// A client on `way`, and what it is told without asking.
async fn connect(database: &Database, way: Way) -> (Client, Arc<Mutex<Vec<String>>>) {
    let (user, password) = database.login(way);
    let mut config = Config::new();
    config.host("127.0.0.1").port(database.address(way).port()).user(user).password(password).dbname(DATABASE);
    config.application_name("tokio-postgres suite").options("-c work_mem=8MB");
    let (client, mut connection) = config.connect(NoTls).await.expect("a connection");
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = Arc::clone(&told);
    tokio::spawn(future::poll_fn(move |context| {
        loop {
            match connection.poll_message(context) {
                Poll::Ready(Some(Ok(AsyncMessage::Notification(heard)))) => {
                    kept.lock().expect("no panic under this lock").push(format!(
                        "{} {}",
                        heard.channel(),
                        heard.payload()
                    ));
                }
                Poll::Ready(Some(Ok(AsyncMessage::Notice(notice)))) => {
                    kept.lock().expect("no panic under this lock").push(format!("{notice}"));
                }
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
    }));
    (client, told)
}

/// What went wrong, as the server said it.
fn failure<T: Debug>(result: Result<T, tokio_postgres::Error>) -> String {
    let error = result.expect_err("it is refused");
    let said = error.as_db_error().map(|said| {
        format!(
            "{} {} {} {:?} {:?}",
            said.severity(),
            said.code().code(),
            said.message(),
            said.detail(),
            said.position()
        )
    });
    said.unwrap_or_else(|| error.to_string())
}

async fn values(client: &Client) -> Vec<String> {
    let row = client
        .query_one(
            "SELECT $1::bool, $2::int2, $3::int4, $4::int8, $5::float4, $6::float8, $7::text, $8::bytea, $9::text[], $10::int4",
            &[&true, &-3_i16, &i32::MIN, &i64::MAX, &0.25_f32, &f64::MIN_POSITIVE, &"zwölf 𝄞", &&b"\0\xff"[..], &vec![Some("a"), None], &None::<i32>],
        )
        .await
        .expect("a row");
    let mut seen = vec![format!(
        "{:?}",
        (
            row.get::<_, bool>(0),
            row.get::<_, i16>(1),
            row.get::<_, i32>(2),
            row.get::<_, i64>(3),
            row.get::<_, f32>(4),
            row.get::<_, f64>(5),
            row.get::<_, String>(6),
            row.get::<_, Vec<u8>>(7),
            row.get::<_, Vec<Option<String>>>(8),
            row.get::<_, Option<i32>>(9),
        )
    )];
    let typed = client.prepare_typed("SELECT $1 + $2 AS sum", &[Type::INT8, Type::INT8]).await.expect("a statement");
    seen.push(format!("{:?} {:?}", typed.params(), typed.columns()));
    seen.push(client.query_one(&typed, &[&40_i64, &2_i64]).await.expect("a row").get::<_, i64>(0).to_string());
    seen
}

/// Many statements that are sent before any of them is answered.
async fn pipelined(client: &Client) -> Vec<String> {
    let statement = client.prepare("SELECT $1::int4 * 2, repeat('x', $1::int4)").await.expect("a statement");
    let numbers: Vec<i32> = (0..1000).collect();
    let queries = numbers.iter().map(|number| async {
        let row = client.query_one(&statement, &[number]).await.expect("a row");
        (row.get::<_, i32>(0), row.get::<_, String>(1).len())
    });
    let answers = future::join_all(queries).await;
    let right =
        answers.iter().zip(&numbers).all(|((double, length), n)| *double == n * 2 && i32::try_from(*length) == Ok(*n));
    // One of them fails; the others do not mind.
    let (first, bad, last) = future::join3(
        client.query_one("SELECT 'first'", &[]),
        client.query_one("SELECT 1 / $1::int4", &[&0_i32]),
        client.query_one("SELECT 'last'", &[]),
    )
    .await;
    let word = |row: tokio_postgres::Row| row.get::<_, String>(0);
    vec![right.to_string(), word(first.expect("a row")), failure(bad), word(last.expect("a row"))]
}

async fn errors(client: &mut Client) -> Vec<String> {
    let mut seen = vec![
        failure(client.batch_execute("SELEC 1").await),
        failure(client.query("SELECT * FROM nowhere", &[]).await),
        failure(client.batch_execute("SELECT 1; SELECT 1/0; SELECT 2").await),
    ];
    let transaction = client.transaction().await.expect("a transaction");
    transaction
        .batch_execute("CREATE TEMP TABLE t (n int PRIMARY KEY); INSERT INTO t VALUES (1)")
        .await
        .expect("a table");
    seen.push(failure(transaction.execute("INSERT INTO t VALUES (1)", &[]).await));
    seen.push(failure(transaction.query("SELECT 1", &[]).await));
    transaction.rollback().await.expect("back");
    let mut transaction = client.transaction().await.expect("a transaction");
    let inner = transaction.savepoint("within").await.expect("a savepoint");
    seen.push(failure(inner.batch_execute("SELECT broken").await));
    inner.rollback().await.expect("back");
    transaction.commit().await.expect("done");
    let messages =
        client.simple_query("SELECT 1 AS a; SELECT NULL AS b; CREATE TEMP TABLE u ()").await.expect("results");
    for message in messages {
        seen.push(match message {
            SimpleQueryMessage::Row(row) => format!("{:?}", row.get(0)),
            SimpleQueryMessage::CommandComplete(count) => format!("complete {count}"),
            _ => "columns".to_owned(),
        });
    }
    seen
}

/// Portals, each executed a part at a time.
async fn portals(client: &mut Client) -> Vec<String> {
    let transaction = client.transaction().await.expect("a transaction");
    let first = transaction.bind("SELECT n FROM generate_series(1, 25) n", &[]).await.expect("a portal");
    let second = transaction.bind("SELECT -n FROM generate_series(1, 25) n", &[]).await.expect("a portal");
    let mut seen = Vec::new();
    for count in [3, 5, 100] {
        for portal in [&first, &second] {
            let rows = transaction.query_portal(portal, count).await.expect("rows");
            seen.push(format!("{:?}", rows.iter().map(|row| row.get::<_, i32>(0)).collect::<Vec<_>>()));
        }
    }
    transaction.commit().await.expect("done");
    seen
}

async fn copies(client: &Client) -> Vec<String> {
    client.batch_execute("CREATE TEMP TABLE copied (n int, t text)").await.expect("a table");
    let mut sink = Box::pin(client.copy_in::<_, Bytes>("COPY copied FROM STDIN").await.expect("a copy"));
    for n in 0..10_000 {
        sink.feed(Bytes::from(format!("{n}\tline {n}\n"))).await.expect("it takes it");
    }
    let count = sink.as_mut().finish().await.expect("an end");
    let out = client.copy_out("COPY copied TO STDOUT (FORMAT binary)").await.expect("a copy");
    let bytes: Vec<Bytes> = out.try_collect().await.expect("what was copied");
    let sum: usize = bytes.iter().map(Bytes::len).sum();
    // Dropped in the middle: the client says that the copy failed.
    {
        let mut left = Box::pin(client.copy_in::<_, Bytes>("COPY copied FROM STDIN").await.expect("a copy"));
        left.send(Bytes::from_static(b"1\tleft\n")).await.expect("it takes it");
    }
    let after: i64 = client.query_one("SELECT count(*) FROM copied", &[]).await.expect("a row").get(0);
    vec![count.to_string(), bytes.len().to_string(), sum.to_string(), after.to_string()]
}

async fn cancels(client: &Client, database: &Database, way: Way) -> Vec<String> {
    let token = client.cancel_token();
    let (other, _) = connect(database, way).await;
    let sleeping = client.batch_execute("SELECT pg_sleep(120)");
    let cancelling = async {
        let running = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = 'SELECT pg_sleep(120)'";
        while other.query_one(running, &[]).await.expect("a row").get::<_, i64>(0) == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        token.cancel_query(NoTls).await.expect("it is heard");
    };
    let (outcome, ()) = future::join(sleeping, cancelling).await;
    let after: String = client.query_one("SELECT 'still here'", &[]).await.expect("a row").get(0);
    vec![failure(outcome), after]
}

async fn notifications(client: &Client, told: &Mutex<Vec<String>>, database: &Database, way: Way) -> Vec<String> {
    client.batch_execute("LISTEN news; DO $$ BEGIN RAISE NOTICE 'noticed'; END $$").await.expect("it listens");
    let (other, _) = connect(database, way).await;
    other.batch_execute("NOTIFY news, 'one'; NOTIFY news, 'two'").await.expect("it speaks");
    while told.lock().expect("no panic under this lock").len() < 3 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    told.lock().expect("no panic under this lock").clone()
}

async fn suite(database: &Database, way: Way) -> Vec<Vec<String>> {
    let (mut client, told) = connect(database, way).await;
    let settings = client.query_one("SELECT current_setting('application_name') || current_setting('work_mem')", &[]);
    vec![
        vec![settings.await.expect("a row").get::<_, String>(0)],
        values(&client).await,
        pipelined(&client).await,
        errors(&mut client).await,
        portals(&mut client).await,
        copies(&client).await,
        cancels(&client, database, way).await,
        notifications(&client, &told, database, way).await,
    ]
}

#[test]
fn tokio_postgres_works_as_it_is() {
    let database = Database::new();
    let [direct, through] = WAYS.map(|way| run(suite(&database, way)));
    assert_eq!(through, direct);
    assert!(direct.iter().all(|part| !part.is_empty()));
    let sessions = database.gateway.record().ended(3);
    // The first that came has them all.
    let events = sessions[2].events();
    let executed = events.query().filter(|event| matches!(event, QueryEvent::Execute { .. })).count();
    assert!(executed > 1000, "{executed}");
    let paused =
        events.query().filter(|event| matches!(event, QueryEvent::Execute { rows_max: 3 | 5 | 100, .. })).count();
    assert_eq!(paused, 6, "portals that were executed in parts");
    assert!(events.has("query.copy-fail") && events.has("query.notification") && events.has("query.cancel"));
    sessions[2].verified().coded(0);
}

#[test]
fn two_hundred_megabytes_by_tokio_postgres() {
    super::drivers::bulk(|database, sent, back| run(bulk(database, sent, back)));
}

async fn bulk(database: &Database, sent: &Path, back: &Path) {
    let (client, _) = connect(database, Way::Gateway).await;
    let data = Bytes::from(std::fs::read(sent).expect("the file is there"));
    let mut sink = Box::pin(client.copy_in::<_, Bytes>("COPY bulk FROM STDIN").await.expect("a copy"));
    for start in (0..data.len()).step_by(70_001) {
        sink.feed(data.slice(start..data.len().min(start + 70_001))).await.expect("it takes it");
    }
    sink.as_mut().finish().await.expect("an end");
    let mut file = std::fs::File::create(back).expect("a file can be made");
    let mut out = Box::pin(client.copy_out("COPY bulk TO STDOUT").await.expect("a copy"));
    while let Some(bytes) = out.try_next().await.expect("what was copied") {
        std::io::Write::write_all(&mut file, &bytes).expect("the file can be written");
    }
}
