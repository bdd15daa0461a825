"""A copy of much by psycopg. python psycopg_bulk.py FROM TO: the file FROM into the table bulk, and that into TO."""

import sys

import psycopg

with psycopg.connect("", autocommit=True) as connection:
    with open(sys.argv[1], "rb") as source, connection.cursor().copy("COPY bulk FROM STDIN") as copy:
        while data := source.read(100_000):
            copy.write(data)
    with open(sys.argv[2], "wb") as target, connection.cursor().copy("COPY bulk TO STDOUT") as copy:
        for data in copy:
            target.write(data)
