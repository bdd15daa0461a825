//! The catalogue in SQLite: its table, and what is asked of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, Row, TransactionBehavior, params_from_iter};
use wiretape_core::SessionId;
use wiretape_core::event::PrincipalKind;

use crate::error::StoreError;
use crate::row::{Filter, SessionRow, SessionState};

/// The catalogue's file in the data folder.
pub(crate) const FILE: &str = "catalogue.sqlite";

/// The version of the table. A catalogue of another version is rebuilt from the tapes.
const VERSION: i64 = 3;

/// How long one process waits for another that writes.
const BUSY: Duration = Duration::from_secs(10);

const SCHEMA: &str = "
    CREATE TABLE session (
        id TEXT PRIMARY KEY,
        person TEXT NOT NULL,
        kind TEXT NOT NULL,
        on_behalf_of TEXT NOT NULL,
        target TEXT NOT NULL,
        target_kind TEXT NOT NULL,
        login TEXT NOT NULL,
        protocol TEXT NOT NULL,
        client_address TEXT NOT NULL,
        label TEXT NOT NULL,
        what TEXT NOT NULL,
        opened_unix_nanos INTEGER NOT NULL,
        closed_unix_nanos INTEGER,
        state TEXT NOT NULL,
        reason TEXT NOT NULL,
        events INTEGER NOT NULL,
        client_bytes INTEGER NOT NULL,
        upstream_bytes INTEGER NOT NULL,
        tape_bytes INTEGER NOT NULL,
        tape TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX session_opened ON session (opened_unix_nanos);
    CREATE INDEX session_person ON session (person, opened_unix_nanos);
    CREATE INDEX session_kind ON session (kind, opened_unix_nanos);
    CREATE INDEX session_on_behalf_of ON session (on_behalf_of, opened_unix_nanos);
    CREATE INDEX session_target ON session (target, opened_unix_nanos);
    CREATE INDEX session_label ON session (label, opened_unix_nanos);
    CREATE INDEX session_state ON session (state, opened_unix_nanos);
";

const COLUMNS: &str = "id, person, kind, on_behalf_of, target, target_kind, login, protocol, client_address, label, \
    what, opened_unix_nanos, closed_unix_nanos, state, reason, events, client_bytes, upstream_bytes, tape_bytes, tape";

const PLACES: &str = "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?";

/// A connection to the catalogue of a data folder.
pub(crate) struct Table {
    connection: Connection,
    path: PathBuf,
    tapes: PathBuf,
}

/// What was found where the catalogue should be.
pub(crate) enum Found {
    /// A catalogue.
    Table(Table),
    /// A new one, without rows.
    Empty(Table),
}

impl Table {
    /// Opens the catalogue in `data_dir` for writing. One that is damaged or of another version is put aside and made
    /// anew.
    pub(crate) fn open(data_dir: &Path, tapes: &Path) -> Result<Found, StoreError> {
        let path = data_dir.join(FILE);
        match Self::try_open(&path, tapes) {
            Ok(found) => Ok(found),
            Err(error) if is_damaged(&error) => {
                let aside = path.with_extension("sqlite.damaged");
                tracing::warn!(%error, aside = %aside.display(), "the catalogue is damaged: rebuilding it from the tapes");
                put_aside(&path, &aside)?;
                Self::try_open(&path, tapes).map_err(|source| StoreError::Catalogue { path, source })
            }
            Err(source) => Err(StoreError::Catalogue { path, source }),
        }
    }

    fn try_open(path: &Path, tapes: &Path) -> Result<Found, rusqlite::Error> {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "normal")?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let empty = version != VERSION;
        if empty {
            transaction.execute_batch("DROP TABLE IF EXISTS session")?;
            transaction.execute_batch(SCHEMA)?;
            transaction.pragma_update(None, "user_version", VERSION)?;
        }
        transaction.commit()?;
        let table = Self { connection, path: path.to_owned(), tapes: tapes.to_owned() };
        Ok(if empty { Found::Empty(table) } else { Found::Table(table) })
    }

    /// Whether a catalogue is in `data_dir`, as far as can be seen.
    pub(crate) fn is_in(data_dir: &Path) -> bool {
        !matches!(data_dir.join(FILE).try_exists(), Ok(false))
    }

    /// Opens the catalogue in `data_dir` for reading. One of another version is an error.
    pub(crate) fn open_to_read(data_dir: &Path, tapes: &Path) -> Result<Self, StoreError> {
        let path = data_dir.join(FILE);
        let wrap = |source| StoreError::Catalogue { path: path.clone(), source };
        // A reader of a catalogue in WAL mode writes its place into a shared file; who may not write there can still
        // read a catalogue that nobody writes.
        let connection = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)
            .and_then(|connection| probe(&connection).map(|()| connection))
            .or_else(|_| {
                let connection = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
                probe(&connection).map(|()| connection)
            })
            .map_err(wrap)?;
        connection.busy_timeout(BUSY).map_err(wrap)?;
        Ok(Self { connection, path, tapes: tapes.to_owned() })
    }

    fn wrap<T>(&self, outcome: Result<T, rusqlite::Error>) -> Result<T, StoreError> {
        outcome.map_err(|source| StoreError::Catalogue { path: self.path.clone(), source })
    }

    /// Puts rows in, in place of those of the same sessions.
    pub(crate) fn put(&mut self, rows: &[SessionRow]) -> Result<(), StoreError> {
        let outcome = put(&mut self.connection, &self.tapes, rows, false);
        self.wrap(outcome)
    }

    /// Puts rows in, in place of all that were there.
    pub(crate) fn replace(&mut self, rows: &[SessionRow]) -> Result<(), StoreError> {
        let outcome = put(&mut self.connection, &self.tapes, rows, true);
        self.wrap(outcome)
    }

    /// The rows that `filter` lets through, newest first.
    pub(crate) fn rows(&self, filter: &Filter) -> Result<Vec<SessionRow>, StoreError> {
        let mut conditions = vec!["1"];
        let mut values = Vec::new();
        let mut add = |condition, value: Option<Value>| {
            if let Some(value) = value {
                conditions.push(condition);
                values.push(value);
            }
        };
        add("person = ?", filter.person.clone().map(Value::Text));
        add("kind = ?", filter.kind.map(|kind| Value::Text(kind.name().to_owned())));
        add("on_behalf_of = ?", filter.on_behalf_of.clone().map(Value::Text));
        add("target = ?", filter.target.clone().map(Value::Text));
        add("label = ?", filter.label.clone().map(Value::Text));
        add("state = ?", filter.state.map(|state| Value::Text(state.name().to_owned())));
        add("opened_unix_nanos >= ?", filter.since_unix_nanos.map(integer));
        add("opened_unix_nanos < ?", filter.until_unix_nanos.map(integer));
        let limit = filter.limit.map_or(i64::MAX, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
        let sql = format!(
            "SELECT {COLUMNS} FROM session WHERE {} ORDER BY opened_unix_nanos DESC, id LIMIT {limit}",
            conditions.join(" AND ")
        );
        self.wrap(self.select(&sql, values))
    }

    /// The rows of sessions whose names start with `prefix`, at most `limit`.
    pub(crate) fn starting_with(&self, prefix: &str, limit: usize) -> Result<Vec<SessionRow>, StoreError> {
        // `{` is the sign after `z`: all names that start with the prefix lie between.
        let sql = format!("SELECT {COLUMNS} FROM session WHERE id >= ? AND id < ? ORDER BY id LIMIT {limit}");
        let bounds = vec![Value::Text(prefix.to_owned()), Value::Text(format!("{prefix}{{"))];
        self.wrap(self.select(&sql, bounds))
    }

    /// When the newest session opened.
    pub(crate) fn newest(&self) -> Result<Option<u64>, StoreError> {
        let newest = self
            .connection
            .query_row("SELECT max(opened_unix_nanos) FROM session", [], |row| row.get::<_, Option<i64>>(0));
        Ok(self.wrap(newest)?.map(|nanos| u64::try_from(nanos).unwrap_or(0)))
    }

    fn select(&self, sql: &str, values: Vec<Value>) -> Result<Vec<SessionRow>, rusqlite::Error> {
        let mut statement = self.connection.prepare(sql)?;
        let mut found = statement.query(params_from_iter(values))?;
        let mut rows = Vec::new();
        while let Some(row) = found.next()? {
            rows.extend(self.read(row)?);
        }
        Ok(rows)
    }

    /// A row as it was put in; `None` for one that this program did not write.
    fn read(&self, row: &Row<'_>) -> Result<Option<SessionRow>, rusqlite::Error> {
        let number = |column: usize| -> Result<u64, rusqlite::Error> {
            Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0))
        };
        let (Some(id), Some(kind), Some(state)) = (
            SessionId::parse(&row.get::<_, String>(0)?),
            principal_kind(&row.get::<_, String>(2)?),
            SessionState::parse(&row.get::<_, String>(13)?),
        ) else {
            return Ok(None);
        };
        Ok(Some(SessionRow {
            id,
            person: row.get(1)?,
            kind,
            on_behalf_of: row.get(3)?,
            target: row.get(4)?,
            target_kind: row.get(5)?,
            login: row.get(6)?,
            protocol: row.get(7)?,
            client_address: row.get(8)?,
            label: row.get(9)?,
            what: row.get(10)?,
            opened_unix_nanos: number(11)?,
            closed_unix_nanos: row.get::<_, Option<i64>>(12)?.map(|nanos| u64::try_from(nanos).unwrap_or(0)),
            state,
            reason: row.get(14)?,
            events: number(15)?,
            client_bytes: number(16)?,
            upstream_bytes: number(17)?,
            tape_bytes: number(18)?,
            tape: self.tapes.join(row.get::<_, String>(19)?),
        }))
    }
}

/// The kind of principal that is called `name`.
fn principal_kind(name: &str) -> Option<PrincipalKind> {
    let kinds = [PrincipalKind::Person, PrincipalKind::Agent, PrincipalKind::Service];
    kinds.into_iter().find(|kind| kind.name() == name)
}

fn put(connection: &mut Connection, tapes: &Path, rows: &[SessionRow], replace: bool) -> Result<(), rusqlite::Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if replace {
        transaction.execute("DELETE FROM session", [])?;
    }
    {
        let sql = format!("INSERT OR REPLACE INTO session ({COLUMNS}) VALUES ({PLACES})");
        let mut statement = transaction.prepare_cached(&sql)?;
        for row in rows {
            let tape = row.tape.strip_prefix(tapes).unwrap_or(&row.tape);
            let text = |text: &str| Value::Text(text.to_owned());
            statement.execute(params_from_iter([
                Value::Text(row.id.to_string()),
                text(&row.person),
                text(row.kind.name()),
                text(&row.on_behalf_of),
                text(&row.target),
                text(&row.target_kind),
                text(&row.login),
                text(&row.protocol),
                text(&row.client_address),
                text(&row.label),
                text(&row.what),
                integer(row.opened_unix_nanos),
                row.closed_unix_nanos.map_or(Value::Null, integer),
                text(row.state.name()),
                text(&row.reason),
                integer(row.events),
                integer(row.client_bytes),
                integer(row.upstream_bytes),
                integer(row.tape_bytes),
                text(&tape.to_string_lossy()),
            ]))?;
        }
    }
    transaction.commit()
}

/// SQLite's integers have a sign; nothing counted here comes near it.
fn integer(value: u64) -> Value {
    Value::Integer(i64::try_from(value).unwrap_or(i64::MAX))
}

fn probe(connection: &Connection) -> Result<(), rusqlite::Error> {
    connection.busy_timeout(BUSY)?;
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version == VERSION { Ok(()) } else { Err(rusqlite::Error::InvalidQuery) }
}

fn is_damaged(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt))
}

/// Moves a damaged catalogue out of the way, with the files that belong to it.
fn put_aside(path: &Path, aside: &Path) -> Result<(), StoreError> {
    std::fs::rename(path, aside).map_err(|error| StoreError::io("put aside", path, error))?;
    for ending in ["-wal", "-shm"] {
        let mut beside = path.as_os_str().to_owned();
        beside.push(ending);
        match std::fs::remove_file(&beside) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(StoreError::io("remove", beside, error));
            }
            _ => {}
        }
    }
    Ok(())
}
