"""A database session by psycopg (libpq). python psycopg_client.py [CONNINFO]

Where to and as whom stands in libpq's environment variables. Prints one JSON object of what it saw.
"""

import datetime
import decimal
import json
import sys
import threading
import time
import uuid

import psycopg
from psycopg.types.json import Jsonb

CONNINFO = sys.argv[1] if len(sys.argv) > 1 else ""


def connect(**more):
    return psycopg.connect(CONNINFO, autocommit=True, **more)


def failure(work):
    """The fields of the error that `work` ends with."""
    try:
        work()
    except psycopg.Error as error:
        d = error.diag
        return [type(error).__name__, d.sqlstate, d.message_primary, d.message_detail, d.message_hint,
                d.statement_position, d.table_name, d.constraint_name, d.context]
    return None


VALUES = [
    True, 7, -(2**31), 2**40, 2**70, 1.5, float("inf"), decimal.Decimal("-123456789.000000001"), "text äöü €",
    "", b"\x00\xff binary", None, datetime.date(2026, 2, 28), datetime.time(23, 59, 59, 999999),
    datetime.datetime(1999, 12, 31, 1, 2, 3, 4), datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc),
    datetime.timedelta(days=3, seconds=5), uuid.UUID(int=7), Jsonb({"a": [1, None, "ü"]}), [1, 2, None, 4],
    ["a", 'b"c', None], [[1, 2], [3, 4]],
]

RESULTS = """SELECT true, 1::int2, 2::int4, 3::int8, 1.5::float4, -0.0::float8, 'NaN'::float8, 12345.678900::numeric,
 'NaN'::numeric, 'x'::"char", 'name'::name, 'varchar'::varchar(3), 'ab'::char(4), '\\xdeadbeef'::bytea,
 '2026-02-28'::date, '12:34:56.789'::time, '12:34:56+02'::timetz, '2026-01-02 03:04:05.678'::timestamp,
 '2026-01-02 03:04:05+00'::timestamptz, '1 mon 2 days 03:04:05'::interval, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid,
 '{"b": 1, "a": [null]}'::json, '{"b": 1, "a": [null]}'::jsonb, '192.168.0.1/24'::inet, '10.0.0.0/8'::cidr,
 '08:00:2b:01:02:03'::macaddr, B'10110'::bit(5), B'1'::varbit, '(1,2)'::point, '<(0,0),1>'::circle, '[1,5)'::int4range,
 '{[1,2),[5,7)}'::int4multirange, ARRAY[1,NULL,3], ARRAY[['a','b'],['c',NULL]], 'a & b'::tsquery,
 'fat cat'::tsvector, '<a>b</a>'::xml, 1234.56::money, '16/B374D848'::pg_lsn, ROW(1, 'x', NULL), NULL::int"""


def types():
    with connect() as connection:
        seen = {}
        for name, binary in ("text", False), ("binary", True):
            cursor = connection.cursor(binary=binary)
            sent = []
            for value in VALUES:
                for query in (f"SELECT %{name[0]}", f"SELECT pg_typeof(%{name[0]})::text"):
                    try:
                        sent.append(repr(cursor.execute(query, (value,)).fetchone()))
                    except psycopg.Error as error:
                        sent.append([type(error).__name__, str(error)])
            row = cursor.execute(RESULTS).fetchone()
            columns = [[c.name, c.type_code, c.internal_size, c.precision, c.scale] for c in cursor.description]
            seen[name] = [sent, repr(row), columns]
        return seen


def errors():
    with connect() as connection:
        run = connection.execute
        run("CREATE TEMP TABLE parent (id int PRIMARY KEY, price numeric CONSTRAINT positive CHECK (price > 0))")
        run("CREATE TEMP TABLE child (id int REFERENCES parent)")
        run("INSERT INTO parent VALUES (1, 1)")
        return [
            failure(lambda: run("SELEC 1")),
            failure(lambda: run("SELECT nothing FROM parent")),
            failure(lambda: run("SELECT * FROM nowhere")),
            failure(lambda: run("SELECT 1/0")),
            failure(lambda: run("INSERT INTO parent VALUES (1, 1)")),
            failure(lambda: run("INSERT INTO parent VALUES (2, -1)")),
            failure(lambda: run("INSERT INTO child VALUES (9)")),
            failure(lambda: run("SELECT %s::int", ("not a number",))),
            failure(lambda: run("DO $$ BEGIN RAISE EXCEPTION 'own %', 7 USING ERRCODE='XX123', HINT='hint', DETAIL='detail'; END $$")),
            run("SELECT 'goes on'").fetchone()[0],
        ]


def transactions():
    seen = []
    with connect() as connection, connect() as other:
        connection.execute("DROP TABLE IF EXISTS moved")
        connection.execute("CREATE TABLE moved (n int)")
        status = lambda: connection.info.transaction_status.name
        count = lambda: other.execute("SELECT count(*) FROM moved").fetchone()[0]
        with connection.transaction():
            connection.execute("INSERT INTO moved VALUES (1)")
            seen.append([status(), count()])
            try:
                with connection.transaction("inner"):
                    connection.execute("INSERT INTO moved VALUES (2)")
                    connection.execute("SELECT 1/0")
            except psycopg.errors.DivisionByZero:
                seen.append(["back to the savepoint", status()])
            connection.execute("INSERT INTO moved VALUES (3)")
        seen.append([status(), count()])
        connection.execute("BEGIN")
        seen.append(failure(lambda: connection.execute("SELECT 1/0"))[1])
        seen.append([status(), failure(lambda: connection.execute("SELECT 1"))[1]])
        connection.execute("ROLLBACK")
        seen.append(status())
        connection.execute("BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE")
        seen.append(failure(lambda: connection.execute("INSERT INTO moved VALUES (4)"))[1])
        connection.execute("COMMIT")
        seen.append([connection.execute("SELECT array_agg(n ORDER BY n) FROM moved").fetchone()[0], status()])
    return seen


def pipeline():
    with connect() as connection:
        connection.execute("CREATE TEMP TABLE piped (n int PRIMARY KEY, t text)")
        with connection.pipeline() as pipe:
            cursors = [connection.execute("INSERT INTO piped VALUES (%s, %s) RETURNING n", (n, "x" * n)) for n in range(500)]
            pipe.sync()
            got = [cursor.fetchone()[0] for cursor in cursors]
        aborted = None
        try:
            with connection.pipeline() as pipe:
                good = connection.execute("SELECT 1")
                bad = connection.execute("SELECT 1/0")
                after = connection.execute("SELECT 2")
                pipe.sync()
        except psycopg.Error as error:
            aborted = [type(error).__name__, error.sqlstate]
        cursor = connection.cursor()
        cursor.executemany("INSERT INTO piped VALUES (%s, %s) RETURNING n", [(n, None) for n in range(1000, 1100)], returning=True)
        many = []
        while True:
            many.append(cursor.fetchone()[0])
            if not cursor.nextset():
                break
        total = connection.execute("SELECT count(*), sum(length(t)) FROM piped").fetchone()
        return [got == list(range(500)), aborted, many == list(range(1000, 1100)), total]


def cursors():
    with connect() as connection, connection.transaction():
        with connection.cursor(name="scrolled", scrollable=True, withhold=False) as cursor:
            cursor.itersize = 7
            cursor.execute("SELECT n, repeat('v', n) FROM generate_series(1, 50) n")
            seen = [cursor.fetchone()[0], [row[0] for row in cursor.fetchmany(5)]]
            cursor.scroll(20)
            seen.append(cursor.fetchone()[0])
            cursor.scroll(2, mode="absolute")
            seen.append([row[0] for row in cursor])
        streamed = sum(row[0] for row in connection.cursor().stream("SELECT n FROM generate_series(1, 10000) n"))
        return seen + [streamed]


def copies():
    with connect() as connection:
        connection.execute("CREATE TEMP TABLE copied (n int, t text, b bytea, d date)")
        rows = [(n, None if n % 7 == 0 else f"tab\t newline\n back\\slash {n}", bytes([n % 256]) * n, datetime.date(2026, 1, 1 + n % 28)) for n in range(300)]
        with connection.cursor().copy("COPY copied FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        with connection.cursor().copy("COPY copied FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["int4", "text", "bytea", "date"])
            for row in rows:
                copy.write_row(row)
        with connection.cursor().copy("COPY copied TO STDOUT (FORMAT BINARY)") as copy:
            copy.set_types(["int4", "text", "bytea", "date"])
            binary = list(copy.rows())
        with connection.cursor().copy("COPY (SELECT * FROM copied LIMIT 20) TO STDOUT (FORMAT CSV, HEADER)") as copy:
            csv = b"".join(bytes(data) for data in copy).decode()
        refused = failure(lambda: copy_wrong(connection))
        broken = None
        try:
            with connection.cursor().copy("COPY copied FROM STDIN") as copy:
                copy.write("1\tx\t\\\\x00\t2026-01-01\n")
                raise ValueError("the program changed its mind")
        except ValueError as error:
            broken = str(error)
        count = connection.execute("SELECT count(*) FROM copied").fetchone()[0]
        return [repr(binary), csv, refused, broken, count]


def copy_wrong(connection):
    with connection.cursor().copy("COPY copied FROM STDIN") as copy:
        copy.write("not a number\tx\t\\N\t\\N\n")


def cancels():
    with connect() as connection:
        seen = []
        for cancel in (connection.cancel_safe, connection.cancel):
            canceller = threading.Thread(target=cancel_when_it_runs, args=(cancel,))
            canceller.start()
            seen.append(failure(lambda: connection.execute("SELECT pg_sleep(120)"))[:3])
            canceller.join()
            seen.append(connection.execute("SELECT 'still here'").fetchone()[0])
        return seen


def cancel_when_it_runs(cancel):
    running = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = 'SELECT pg_sleep(120)'"
    with connect() as other:
        while other.execute(running).fetchone()[0] == 0:
            time.sleep(0.02)
    cancel()


def notifications():
    with connect() as listener, connect() as speaker:
        listener.execute("LISTEN news")
        for text in ("first", "", "ü" * 3000):
            speaker.execute("SELECT pg_notify('news', %s)", (text,))
        heard = [n.payload for n in listener.notifies(timeout=60, stop_after=3)]
        listener.execute("NOTIFY news, 'to itself'")
        heard += [n.payload for n in listener.notifies(timeout=60, stop_after=1)]
        listener.execute("UNLISTEN *")
        return heard


def settings():
    told = []
    with connect(options="-c search_path=pg_catalog -c work_mem=5MB", application_name="its own name") as connection:
        connection.add_notice_handler(lambda d: told.append([d.severity, d.sqlstate, d.message_primary]))
        connection.execute("DO $$ BEGIN RAISE NOTICE 'noticed'; RAISE WARNING 'warned'; END $$")
        connection.execute("SET client_min_messages = debug1")
        connection.execute("SET application_name = 'changed'")
        name = connection.info.parameter_status("application_name")
        shown = [connection.execute(f"SHOW {s}").fetchone()[0] for s in ("search_path", "work_mem", "application_name")]
        reported = {key: connection.info.parameter_status(key) for key in
                    ("server_version", "server_encoding", "client_encoding", "DateStyle", "TimeZone", "integer_datetimes",
                     "standard_conforming_strings", "is_superuser", "session_authorization")}
        who = connection.execute("SELECT current_user, session_user, current_database()").fetchone()
        connection.execute("SET client_encoding = 'LATIN1'")
        latin = connection.execute("SELECT 'ü' || chr(228)").fetchone()[0]
        return [told, name, shown, reported, who, connection.info.server_version, latin]


def large():
    with connect() as connection:
        text = "0123456789abcdef" * (20 * 1024 * 1024 // 16)
        back, length = connection.execute("SELECT %s::text, length(%s::text)", (text, text)).fetchone()
        array = connection.execute("SELECT array_agg(n) FROM generate_series(1, 200000) n").fetchone()[0]
        wide = connection.execute("SELECT " + ", ".join(f"{n} AS c{n}" for n in range(1600))).fetchone()
        return [back == text, length, sum(array), sum(wide)]


def prepared():
    with connect() as connection:
        seen = []
        for n in range(10):
            seen.append(connection.execute("SELECT %s::int + 1", (n,), prepare=True).fetchone()[0])
        names = connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone()[0]
        connection.execute("DEALLOCATE ALL")
        several = connection.cursor()
        several.execute("SELECT 1; SELECT 2, 3; CREATE TEMP TABLE s (); INSERT INTO s DEFAULT VALUES; SELECT count(*) FROM s")
        sets = []
        while True:
            sets.append([several.statusmessage, several.fetchall() if several.description else None])
            if not several.nextset():
                break
        half = failure(lambda: connection.execute("SELECT 1; SELECT 1/0; SELECT 3"))[1]
        empty = connection.execute("").statusmessage
        return [seen, names > 0, sets, half, empty]


PARTS = [types, errors, transactions, pipeline, cursors, copies, cancels, notifications, settings, large, prepared]
print(json.dumps({part.__name__: part() for part in PARTS}, default=str))
