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

-- 2026-11-22T02:28:05.122000000Z  0:00:00.122  SELECT 1
select id, at, mood
from t where id = '42'::int4 or name = 'it''s'::text or data = NULL::bytea;

-- 2026-11-22T02:28:05.229000000Z  0:00:00.229  SELECT 1
select id, at, mood
from t where id = '42'::int4 or name = '[31m'::text or data = NULL::bytea;

-- 2026-11-22T02:28:05.237000000Z  0:00:00.237
select id, at, mood
from t where id = $1 or name = $2 or data = $3;

-- 2026-11-22T02:28:05.244000000Z  0:00:00.244  portal "C_1" goes on

-- 2026-11-22T02:28:05.255000000Z  0:00:00.255  undone: a statement of its group failed
-- insert into t values (1)

-- 2026-11-22T02:28:05.257000000Z  0:00:00.257  failed: ERROR 22012: division by zero
-- insert into t values (1/0)

-- 2026-11-22T02:28:05.263000000Z  0:00:00.263  undone: a statement of its group failed
-- insert into t values (3)

-- 2026-11-22T02:28:05.275000000Z  0:00:00.275  DELETE 7
delete from t;

-- 2026-11-22T02:28:05.279000000Z  0:00:00.279  SELECT 1
select 1 as one;

-- 2026-11-22T02:28:05.291000000Z  0:00:00.291  BEGIN
begin;

-- 2026-11-22T02:28:05.294000000Z  0:00:00.294  a function was called by its number; object identifiers may be others now
SELECT pg_catalog.lo_open('16404'::oid, '131072'::int4);

-- 2026-11-22T02:28:05.297000000Z  0:00:00.297  a function was called by its number; object identifiers may be others now
SELECT pg_catalog.lowrite('0'::int4, E'\\x0064617461'::bytea);

-- 2026-11-22T02:28:05.300000000Z  0:00:00.300  function 99999 was called, which has no name here

-- The session ended in a transaction.
ROLLBACK;

\unrestrict 0123456789abcdef
