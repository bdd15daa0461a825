"""A database session by asyncpg (the protocol by itself, binary throughout). python asyncpg_client.py

Where to and as whom stands in libpq's environment variables. Prints one JSON object of what it saw.
"""

import asyncio
import datetime
import decimal
import io
import json
import uuid

import asyncpg


async def failure(work):
    try:
        await work
    except asyncpg.PostgresError as error:
        return [type(error).__name__, error.sqlstate, str(error), error.detail, error.hint, error.constraint_name]
    except Exception as error:  # what the library itself says
        return [type(error).__name__]


async def types(connection):
    values = [
        ("bool", True), ("int2", -5), ("int4", 2**31 - 1), ("int8", -(2**63)), ("float4", 0.5), ("float8", 1e300),
        ("numeric", decimal.Decimal("1234567890.0987654321")), ("text", "zwölf € 𝄞"), ("varchar", ""), ("bytea", b"\0\1\xff"),
        ("date", datetime.date(1, 1, 1)), ("time", datetime.time(1, 2, 3, 4)),
        ("timestamptz", datetime.datetime(2026, 5, 6, 7, 8, 9, 10, tzinfo=datetime.timezone.utc)),
        ("interval", datetime.timedelta(days=400, microseconds=1)), ("uuid", uuid.UUID(int=2**127)),
        ("json", '{"a": [1, 2]}'), ("jsonb", '{"b": null}'), ("int4[]", [1, None, 3]), ("text[]", [["a", "b"], ["c", None]]),
        ("inet", "10.1.2.3"), ("point", (1.0, 2.0)), ("int4range", asyncpg.Range(1, 10)), ("bit", asyncpg.BitString("1")),
        ("text", None),
    ]
    seen = []
    for name, value in values:
        seen.append([name, repr(await connection.fetchval(f"SELECT $1::{name}", value))])
    await connection.execute("DROP TYPE IF EXISTS mood, pair")
    await connection.execute("CREATE TYPE mood AS ENUM ('sad', 'ok', 'glad')")
    await connection.execute("CREATE TYPE pair AS (left_part int, right_part mood)")
    seen.append(await connection.fetchval("SELECT $1::mood", "glad"))
    seen.append(repr(await connection.fetchval("SELECT $1::pair", (7, "sad"))))
    seen.append(repr(await connection.fetchval("SELECT ARRAY[ROW(1, 'ok')::pair, NULL]")))
    return seen


async def prepared(connection):
    statement = await connection.prepare("SELECT n, repeat($2, n) AS s FROM generate_series(1, $1::int) n")
    seen = [str(statement.get_parameters()), str([(a.name, a.type.name) for a in statement.get_attributes()])]
    seen.append([len(await statement.fetch(n, "ab")) for n in (0, 1, 100)])
    seen.append(await statement.fetchval(3, "xy", column=1))
    await connection.execute("CREATE TEMP TABLE many (n int, t text)")
    await connection.executemany("INSERT INTO many VALUES ($1, $2)", [(n, str(n)) for n in range(3000)])
    seen.append(repr(await connection.fetchrow("SELECT count(*), sum(n), max(t) FROM many")))
    seen.append(await connection.execute("SELECT 1; UPDATE many SET t = 'x' WHERE n < 10; DELETE FROM many WHERE n < 5"))
    seen.append(await failure(connection.executemany("INSERT INTO many VALUES (1 / $1, '')", [(1,), (0,), (1,)])))
    seen.append(await connection.fetchval("SELECT count(*) FROM many"))
    return seen


async def cursors(connection):
    """Portals of which a part is executed at a time."""
    seen = []
    async with connection.transaction():
        cursor = await connection.cursor("SELECT n FROM generate_series(1, 1000) n")
        seen.append([row[0] for row in await cursor.fetch(3)])
        seen.append(await cursor.forward(100))
        seen.append([row[0] for row in await cursor.fetch(2)])
        seen.append(len(await cursor.fetch(5000)))
        total = 0
        async for row in connection.cursor("SELECT n FROM generate_series(1, 997) n", prefetch=10):
            total += row[0]
        seen.append(total)
        # Two portals at once.
        first = await connection.cursor("SELECT 'a' || n FROM generate_series(1, 9) n")
        second = await connection.cursor("SELECT 'b' || n FROM generate_series(1, 9) n")
        for _ in range(3):
            seen.append([row[0] for row in await first.fetch(2)] + [row[0] for row in await second.fetch(2)])
    return seen


async def errors(connection):
    await connection.execute("CREATE TEMP TABLE strict (n int PRIMARY KEY CHECK (n < 10))")
    seen = [
        await failure(connection.execute("SELECT 1 FROM nowhere")),
        await failure(connection.fetch("SELECT $1::int", "text")),
        await failure(connection.fetch("SELECT 10 / $1::int", 0)),
        await failure(connection.execute("INSERT INTO strict VALUES (11)")),
        await failure(connection.execute("SELECT 'a'; SELECT 1 / 0; SELECT 'b'")),
    ]
    transaction = connection.transaction()
    await transaction.start()
    seen.append(await failure(connection.execute("SELECT bad")))
    seen.append(await failure(connection.execute("SELECT 1")))
    await transaction.rollback()
    async with connection.transaction(isolation="serializable"):
        await connection.execute("INSERT INTO strict VALUES (1)")
        seen.append(await failure(inner(connection)))
    seen.append(await connection.fetchval("SELECT array_agg(n) FROM strict"))
    return seen


async def inner(connection):
    async with connection.transaction():
        await connection.execute("INSERT INTO strict VALUES (1)")


async def copies(connection):
    await connection.execute("CREATE TEMP TABLE copied (n int, t text, f float8)")
    rows = [(n, None if n % 3 == 0 else "t" * (n % 50), n / 7) for n in range(5000)]
    seen = [await connection.copy_records_to_table("copied", records=rows)]
    seen.append(await connection.copy_to_table("copied", source=io.BytesIO(b"1,one,1.5\n2,,\n"), format="csv"))
    out = io.BytesIO()
    seen.append(await connection.copy_from_query("SELECT * FROM copied ORDER BY n, t", output=out, format="binary"))
    seen.append(len(out.getvalue()))
    text = io.BytesIO()
    await connection.copy_from_query("SELECT * FROM copied WHERE n > $1 ORDER BY n", 4990, output=text)
    seen.append(text.getvalue().decode())
    seen.append(await failure(connection.copy_to_table("copied", source=io.BytesIO(b"x\ty\tz\n"))))
    seen.append(await connection.fetchval("SELECT count(*) FROM copied"))
    return seen


async def cancels(connection):
    """A deadline that passes makes asyncpg send a cancel request, and so does a task that is given up."""
    seen = []
    try:
        await connection.execute("SELECT pg_sleep(120)", timeout=3)
    except asyncio.TimeoutError:
        seen.append("given up")
    seen.append(await connection.fetchval("SELECT 'still here'"))
    task = asyncio.ensure_future(connection.execute("SELECT pg_sleep(120)"))
    await asyncio.sleep(2)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        seen.append("cancelled")
    seen.append(await connection.fetchval("SELECT 'still here'"))
    return seen


async def notifications(connection):
    heard = asyncio.Queue()
    await connection.add_listener("news", lambda _c, _pid, channel, payload: heard.put_nowait([channel, payload]))
    speaker = await asyncpg.connect()
    async with speaker.transaction():
        await speaker.execute("SELECT pg_notify('news', 'one'), pg_notify('news', 'two'), pg_notify('other', 'three')")
    await speaker.execute("NOTIFY news")
    await speaker.close()
    seen = [await asyncio.wait_for(heard.get(), 60) for _ in range(3)]
    await connection.reset()
    return seen


async def settings(connection):
    notices = []
    connection.add_log_listener(lambda _c, message: notices.append([message.severity, str(message)]))
    await connection.execute("DO $$ BEGIN RAISE NOTICE 'noticed %', 1; END $$")
    await asyncio.sleep(0)
    shown = connection.get_settings()
    return [notices, shown.server_version, shown.client_encoding, shown.TimeZone,
            str(connection.get_server_version()), await connection.fetchval("SHOW application_name"),
            await connection.fetchval("SHOW work_mem"), await connection.fetchval("SHOW jit")]


async def large(connection):
    data = bytes(range(256)) * (16 * 1024 * 1024 // 256)
    back = await connection.fetchval("SELECT $1::bytea || $1::bytea", data)
    rows = await connection.fetch("SELECT n, md5(n::text) FROM generate_series(1, 100000) n")
    return [back == data * 2, len(rows), rows[-1][1]]


async def main():
    seen = {}
    for part in (types, prepared, cursors, errors, copies, cancels, notifications, settings, large):
        connection = await asyncpg.connect(server_settings={"application_name": "asyncpg suite", "work_mem": "6MB"})
        seen[part.__name__] = await part(connection)
        await connection.close()
    pool = await asyncpg.create_pool(min_size=5, max_size=5)
    seen["pool"] = sum(await asyncio.gather(*(pool.fetchval("SELECT $1::int", n) for n in range(200))))
    await pool.close()
    print(json.dumps(seen))


asyncio.run(main())
