"""Connections that say nothing. python psycopg_idle.py COUNT: prints `ready` when they are there, and holds them until
its input ends."""

import sys

import psycopg

connections = []
for _ in range(int(sys.argv[1])):
    connection = psycopg.connect("", autocommit=True)
    connection.execute("SELECT 1")
    connections.append(connection)
print("ready", flush=True)
sys.stdin.read()
