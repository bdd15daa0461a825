-- What a person does in psql, in one script: its output is the same straight to the server and through the gateway.
\set VERBOSITY verbose
\set SHOW_CONTEXT always
\pset null '(null)'
CREATE SCHEMA tour;
SET search_path = tour;
CREATE TABLE customer (id serial PRIMARY KEY, name text NOT NULL, born date, data jsonb DEFAULT '{}');
COMMENT ON TABLE customer IS 'Who buys: äöü €';
CREATE TABLE purchase (
    id bigint GENERATED ALWAYS AS IDENTITY, customer int REFERENCES customer ON DELETE CASCADE,
    price numeric(10, 2) CHECK (price >= 0), at timestamptz DEFAULT '2026-01-01 00:00:00+00'
);
CREATE INDEX purchase_price ON purchase (price) WHERE price > 10;
CREATE VIEW spent AS SELECT name, sum(price) AS price FROM customer JOIN purchase ON customer.id = customer GROUP BY name;
INSERT INTO customer (name, born) VALUES ('Ana', '1990-01-02'), ('Bob', NULL), ('Çağla', '1971-12-31') RETURNING *;
INSERT INTO purchase (customer, price) SELECT 1 + n % 3, n * 1.5 FROM generate_series(1, 100) n;
\d
\d customer
\d+ purchase
\dv+ spent
\df tour.*
\dn tour
\dt+ nowhere
TABLE spent ORDER BY price;
\x on
SELECT * FROM customer WHERE id = 1;
\x off
\gdesc
SELECT name, born, 1.5 AS number, NULL::int[] AS list FROM customer \gdesc
SELECT 'a' AS word, 1 AS number \gset
\echo :word :number
SELECT format('SELECT %L AS %I', n, 'c' || n) FROM generate_series(1, 3) n \gexec
SELECT name, extract(month FROM at) AS month, sum(price) FROM customer JOIN purchase ON customer.id = customer GROUP BY 1, 2 \crosstabview
-- Several statements in one query.
SELECT 1 AS one\; SELECT 2 AS two\; CREATE TEMP TABLE three (n int)\; INSERT INTO three VALUES (3) RETURNING n;
SELECT 1 AS reached\; SELECT 1 / 0\; SELECT 2 AS never;
SELECT ;
;
SELECT 'the end of a statement is not here
but here' AS two_lines,
       $tag$ dollars; and; semicolons $tag$ AS quoted;
-- Errors, and where they point.
SELECT * FROM nowhere;
SELECT customer.nothing FROM customer;
INSERT INTO customer (id, name) VALUES (1, 'again');
INSERT INTO customer (name) VALUES (NULL);
INSERT INTO purchase (customer, price) VALUES (99, 1);
INSERT INTO purchase (customer, price) VALUES (1, -1);
SELECT 'x'::int;
SELECT U&'\00zz';
DO $$ BEGIN RAISE NOTICE 'noticed %', 1; RAISE WARNING 'warned' USING DETAIL = 'detail', HINT = 'hint'; END $$;
DO $$ BEGIN PERFORM 1 / (SELECT 0); EXCEPTION WHEN division_by_zero THEN RAISE NOTICE 'caught %', SQLSTATE; END $$;
DO $$ BEGIN RAISE EXCEPTION 'own' USING ERRCODE = 'XX999', TABLE = 'customer', COLUMN = 'name', CONSTRAINT = 'c', SCHEMA = 'tour', DATATYPE = 't'; END $$;
CREATE FUNCTION deep(n int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN IF n = 0 THEN RAISE EXCEPTION 'bottom'; END IF; RETURN deep(n - 1); END $$;
SELECT deep(3);
\errverbose
-- Transactions, and ones that failed.
\set PROMPT1 '%x '
BEGIN;
SELECT 1;
SELECT broken;
SELECT 1;
SAVEPOINT late;
ROLLBACK;
BEGIN;
INSERT INTO customer (name) VALUES ('Dora');
SAVEPOINT s;
INSERT INTO customer (name) VALUES (NULL);
ROLLBACK TO s;
INSERT INTO customer (name) VALUES ('Emil');
COMMIT;
SELECT id, name FROM customer ORDER BY id;
\set AUTOCOMMIT off
INSERT INTO customer (name) VALUES ('Fritz');
ROLLBACK;
\set AUTOCOMMIT on
\set ON_ERROR_ROLLBACK on
BEGIN;
SELECT broken;
SELECT 'still in it' AS state;
COMMIT;
-- Cursors of the server, and of psql.
BEGIN;
DECLARE walk SCROLL CURSOR FOR SELECT id, price FROM purchase ORDER BY id;
FETCH 2 FROM walk;
MOVE FORWARD 50 IN walk;
FETCH BACKWARD 2 FROM walk;
FETCH ABSOLUTE 100 FROM walk;
CLOSE walk;
COMMIT;
\set FETCH_COUNT 7
SELECT id, price FROM purchase WHERE id <= 20 ORDER BY id;
\set FETCH_COUNT 0
PREPARE byid (int) AS SELECT name FROM customer WHERE id = $1;
EXECUTE byid(1);
EXECUTE byid('none');
DEALLOCATE byid;
-- Copies.
COPY customer (id, name, born) TO STDOUT;
COPY customer (id, name) TO STDOUT (FORMAT csv, HEADER, FORCE_QUOTE *);
COPY three FROM STDIN;
10
\N
12
\.
COPY three FROM STDIN;
13
not a number
15
\.
\copy (SELECT * FROM three ORDER BY n) TO STDOUT
\copy three FROM PROGRAM 'seq 100 104'
SELECT count(*), sum(n) FROM three;
COPY nowhere TO STDOUT;
-- Listening.
LISTEN news;
NOTIFY news, 'to itself';
SELECT pg_notify('news', repeat('n', 100));
UNLISTEN news;
-- Settings.
SET application_name = 'tour';
SHOW application_name;
SET client_encoding = 'LATIN1';
SELECT length('ä') AS length, 'x' AS x;
\encoding
SET client_encoding = 'UTF8';
SET bytea_output = 'escape';
SELECT '\x00616200ff'::bytea;
SET DateStyle = 'German';
SELECT DATE '2026-02-03', TIMESTAMP '2026-02-03 04:05:06';
RESET ALL;
SET search_path = tour;
\timing off
EXPLAIN (COSTS OFF) SELECT * FROM purchase WHERE price > 20;
SELECT repeat('wide ', 2000) AS wide;
SELECT count(*), sum(length(v)) FROM (SELECT repeat('x', 1000) AS v FROM generate_series(1, 5000)) s;
SELECT n, md5(n::text) FROM generate_series(1, 3000) n;
DROP SCHEMA tour CASCADE;
\unset VERBOSITY
\warn done
\q
