"""Statements that are sent without waiting, one of which does not go well. python psycopg_pipeline.py STATEMENT

Prints one JSON object: for each round the first error (SQLSTATE and text), where the session stood then, and which rows
are there in the end.
"""

import json
import sys

import psycopg

STATEMENT = sys.argv[1]


def pipeline(connection, *statements):
    """The first error, and where the session stands."""
    error = None
    try:
        with connection.pipeline():
            for statement in statements:
                connection.execute(statement)
    except psycopg.Error as raised:
        error = [raised.sqlstate, raised.diag.message_primary]
    return [error, connection.info.transaction_status.name]


def rows(connection):
    return [row[0] for row in connection.execute("SELECT id FROM orders ORDER BY id").fetchall()]


def insert(number):
    return f"INSERT INTO orders VALUES ({number})"


with psycopg.connect(autocommit=True) as connection:
    seen = {}
    seen["alone"] = pipeline(connection, insert(10), insert(11), STATEMENT, insert(12))
    seen["again"] = pipeline(connection, insert(20), insert(21))
    # Prepared statements have names.
    for _ in range(3):
        connection.execute("SELECT %s::int", [1], prepare=True)
    seen["first"] = pipeline(connection, STATEMENT, insert(30))
    seen["committed"] = pipeline(connection, "BEGIN", insert(40), "COMMIT", insert(41), STATEMENT)
    seen["rows"] = rows(connection)
    connection.execute("BEGIN")
    seen["own"] = pipeline(connection, insert(50), STATEMENT)
    connection.execute("COMMIT")
    seen["begun"] = pipeline(connection, "BEGIN", insert(60), STATEMENT)
    connection.execute("COMMIT")
    seen["rows of transactions"] = rows(connection)
    print(json.dumps(seen))
