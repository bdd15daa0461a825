"""One query by psycopg. python psycopg_query.py CONNINFO QUERY: prints the first value of each row."""

import sys

import psycopg

with psycopg.connect(sys.argv[1], autocommit=True) as connection:
    for row in connection.execute(sys.argv[2]):
        print(row[0])
