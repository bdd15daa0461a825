-- Session abc
-- ana (dev) from 127.0.0.1:4711 by ssh to web1 as deploy
-- Opened 2026-11-22T02:28:05.000000000Z
-- Database orders, client psql, server 15.18
--
-- What the session asked for, in its order. Before each statement stands when it was asked for, and what came of
-- it. Prepared statements stand with their parameters in the places of $1, $2, …; literals with a backslash are
-- written as E'…'. Run it with psql -X -f <file> <where>.
-- What failed, was refused, undone or never answered is a comment, so that the script does what the session
-- did and no more: where a transaction had failed, what was to commit it is a ROLLBACK. The script stops at the
-- first error, for then it is another story.
-- \restrict keeps psql from taking anything below for a command of its own. Of older versions 13.22, 14.19, 15.14,
-- 16.10 and 17.6 know it; others stop there.
\set ON_ERROR_STOP on
\restrict 0123456789abcdef

SET client_encoding TO 'UTF8';
SET standard_conforming_strings TO 'on';
SET TimeZone TO 'Europe/Berlin';
DO 'BEGIN PERFORM pg_catalog.set_config(''search_path'', ''a, b'', false); END';

-- 2026-11-22T02:28:05.914000000Z  0:00:00.914  SELECT 4
select id, name, price
	from goods
 where id < 100;

-- 2026-11-22T02:28:07.919000000Z  0:00:02.919  SELECT 25
select * from numbers;

-- 2026-11-22T02:28:09.425000000Z  0:00:04.425  3 statements, the last INSERT 0 1
select 1 as a\; select where false\; insert into goods values (1) returning id;

-- 2026-11-22T02:28:09.435000000Z  0:00:04.435  BEGIN
begin;

-- 2026-11-22T02:28:09.438000000Z  0:00:04.438  failed: ERROR 42703: column "nope" of relation "goods" does not exist
-- update goods set nope = 1;

-- 2026-11-22T02:28:09.441000000Z  0:00:04.441  ROLLBACK
-- the transaction had failed: commit
ROLLBACK;

-- 2026-11-22T02:28:09.444000000Z  0:00:04.444  DO
do $$ begin raise notice 'x'; end $$;

-- 2026-11-22T02:28:09.450000000Z  0:00:04.450  COPY 2
copy goods from stdin;
1	one	1
2	two	2
\.

-- 2026-11-22T02:28:09.456000000Z  0:00:04.456  COPY 0
copy goods to stdout (format binary);

-- 2026-11-22T02:28:09.462000000Z  0:00:04.462  failed: ERROR 57014: COPY from stdin failed
-- copy goods from stdin

-- 2026-11-22T02:28:09.468000000Z  0:00:04.468  failed: ERROR 57014: canceling statement due to user request
-- select pg_sleep(100)

-- 2026-11-22T02:29:10.469000000Z  0:01:05.469  asked to cancel what runs, from 127.0.0.1:50312

-- 2026-11-22T02:29:10.472000000Z  0:01:05.472  SET
set timezone = 'UTC';

-- 2026-11-22T02:29:10.476000000Z  0:01:05.476  refused: ERROR 42501: nothing is dropped here
-- drop table goods

-- 2026-11-22T02:29:10.480000000Z  0:01:05.480
-- (nothing)

\unrestrict 0123456789abcdef
