//! What statements of SQL do, as policies are told: a table to read.
//!
//! Each thing that a text does stands as `kind object(tables)`, with `+` behind it where a condition chooses rows, and
//! the functions that the statement calls; `?` stands for what is not known.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

use wiretape_policy::{Part, Sql};

const STATEMENTS: &[(&str, &str)] = &[
    ("SELECT 1", "select()"),
    ("SELECT * FROM users", "select(users)"),
    ("SELECT * FROM Users WHERE id = 1", "select(users)+"),
    ("SELECT * FROM \"Users\"", "select(\"Users\")"),
    (
        "SELECT * FROM public.users u JOIN orders o ON o.u = u.id LEFT JOIN LATERAL (SELECT 1 FROM items) i ON true",
        "select(items orders public.users)",
    ),
    ("SELECT * FROM \"public\".\"users\"", "select(public.users)"),
    ("SELECT * FROM db.public.users", "select(public.users)"),
    ("DELETE FROM users", "delete(users)"),
    ("DELETE FROM users WHERE id = 1", "delete(users)+"),
    ("DELETE FROM users WHERE true", "delete(users)"),
    ("DELETE FROM users WHERE 1=1", "delete(users)"),
    ("DELETE FROM ONLY users USING orders WHERE users.id = orders.u", "delete(users)+; select(orders)"),
    ("delete/**/from/* x /* y */ */users", "delete(users)"),
    ("DE/**/LETE FROM users", "? ?(?)?f?"),
    ("DELETE -- x\nFROM users", "delete(users)"),
    ("UPDATE users SET a = 1", "update(users)"),
    ("UPDATE users SET a = 1 WHERE b = $1", "update(users)+"),
    ("UPDATE users u SET a = o.x FROM orders o WHERE o.id = u.id", "update(users)+; select(orders)"),
    ("INSERT INTO users VALUES (1, 'a'), (2, 'b')", "insert(users)"),
    ("INSERT INTO users (a, b) SELECT a, b FROM orders", "insert(users); select(orders)"),
    ("INSERT INTO users VALUES (1) ON CONFLICT (id) DO UPDATE SET a = 2", "update(users)+; insert(users)"),
    ("INSERT INTO users VALUES (1) ON CONFLICT DO NOTHING RETURNING id", "insert(users)"),
    ("INSERT INTO users DEFAULT VALUES", "insert(users)"),
    (
        "MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)",
        "delete(t)+; insert(t)+; merge(t)+; select(s)",
    ),
    ("WITH x AS (DELETE FROM users RETURNING *) SELECT * FROM x", "delete(users); select()"),
    (
        "WITH x AS (DELETE FROM users RETURNING *), y AS (UPDATE orders SET a = 1) SELECT * FROM x",
        "delete(users); update(orders); select()",
    ),
    ("WITH users AS (SELECT * FROM users) SELECT * FROM users", "select(users)"),
    ("WITH users AS (SELECT 1) SELECT * FROM users", "select()"),
    ("WITH users AS (SELECT 1) SELECT * FROM public.users", "select(public.users)"),
    ("WITH RECURSIVE t AS (SELECT 1 UNION ALL SELECT n FROM t) SELECT * FROM t", "select()"),
    ("SELECT * FROM users, (WITH users AS (SELECT 1) SELECT * FROM users) q", "select(users)"),
    ("WITH x AS (SELECT 1) INSERT INTO users SELECT * FROM x", "insert(users)"),
    ("WITH x AS (SELECT 1) UPDATE users SET a = 1 FROM x", "update(users)"),
    ("WITH x AS (SELECT 1) DELETE FROM users USING x WHERE users.id = x.id", "delete(users)+"),
    ("SELECT * FROM (SELECT * FROM users) x WHERE EXISTS (SELECT 1 FROM orders)", "select(orders users)"),
    ("SELECT (SELECT max(id) FROM users)", "select(users) f:max"),
    ("SELECT * FROM users UNION SELECT * FROM orders", "select(orders users)"),
    ("TABLE users", "select(users)"),
    ("TABLE public.users", "select(public.users)"),
    ("(SELECT * FROM users)", "select(users)"),
    ("VALUES (1), (2)", "select()"),
    ("SELECT * INTO copy FROM users", "create table(copy); select(users)"),
    ("SELECT * INTO TEMP TABLE copy FROM users", "create table(copy); select(users)"),
    ("SELECT * FROM users FOR UPDATE", "select(users)"),
    ("SELECT lower(name), pg_read_file('/etc/passwd') FROM users", "select(users) f:lower,pg_read_file"),
    ("SELECT pg_catalog.pg_sleep(1)", "select() f:pg_sleep"),
    ("SELECT * FROM generate_series(1, 10) AS g(x)", "select() f:generate_series"),
    ("SELECT * FROM ROWS FROM (generate_series(1,2), f(1)) AS x", "select(?)?f?"),
    ("EXPLAIN DELETE FROM users", "explain(users)"),
    ("EXPLAIN ANALYZE DELETE FROM users", "explain(users); delete(users)"),
    ("EXPLAIN (ANALYZE, VERBOSE) DELETE FROM users", "explain(users); delete(users)"),
    ("EXPLAIN (COSTS off) SELECT * FROM users", "explain(users)"),
    ("EXPLAIN (SELECT * FROM users)", "explain(users)"),
    ("PREPARE p AS DELETE FROM users", "prepare(); delete(users)"),
    ("PREPARE p (int, text) AS SELECT * FROM users WHERE id = $1", "prepare(); select(users)+"),
    ("EXECUTE p(1)", "execute()"),
    ("EXECUTE p(f(1))", "execute() f:f"),
    ("DECLARE c CURSOR WITH HOLD FOR SELECT * FROM users", "declare(); select(users)"),
    ("FETCH ALL FROM c", "fetch()"),
    ("DO $$ BEGIN DELETE FROM users; END $$", "do(?)f?"),
    ("CALL p(f(1))", "call() f:f,p"),
    ("COPY users TO STDOUT", "copy(users); select(users)"),
    ("COPY users (a, b) FROM STDIN WITH (FORMAT csv)", "copy(users); insert(users)"),
    ("COPY (DELETE FROM users RETURNING *) TO STDOUT", "delete(users); copy()"),
    ("COPY users TO PROGRAM 'rm -rf /'", "copy(users); select(users); copy_program(users)"),
    ("COPY users FROM '/etc/passwd'", "copy(users); insert(users); copy_file(users)"),
    ("COPY public.users FROM STDIN WHERE f(a)", "copy(public.users)f?; insert(public.users)f?"),
    // PostgreSQL up to 14 reads `1 e` and a comment, and then what stands behind it.
    ("SELECT 1e--'\n; DELETE FROM users; --'", "? ?(?)?f?"),
    ("SELECT 1e5, 1.5e-3, 2E+1", "select()"),
    ("PREPARE transaction AS DELETE FROM users", "prepare(); delete(users)"),
    ("PREPARE transaction (int) AS DELETE FROM users WHERE id = $1", "prepare(); delete(users)+"),
    ("PREPARE TRANSACTION 'x'", "prepare()"),
    ("EXPLAIN (\"analyze\") DELETE FROM users", "explain(users); delete(users)"),
    ("EXPLAIN (COSTS off, \"analyze\" true) DELETE FROM users", "explain(users); delete(users)"),
    ("SET \"role\" TO admin", "set role()"),
    ("SET LOCAL \"ROLE\" = admin", "set role()"),
    ("RESET \"Role\"", "reset role()"),
    ("CREATE SCHEMA s GRANT ALL ON users TO ana", "create schema(?); ? ?(?)?f?"),
    ("CREATE TRUSTED PROCEDURAL LANGUAGE x", "create language()"),
    ("DROP PROCEDURAL LANGUAGE x", "drop language()"),
    ("CREATE DEFAULT CONVERSION c FOR 'a' TO 'b' FROM f", "create conversion()"),
    // A function of one value can be written as if it were a field of it.
    ("SELECT ('/etc/passwd'::text).pg_read_file", "select() f:pg_read_file"),
    ("SELECT (a).b.c FROM users", "select(users) f:b,c"),
    ("SELECT (array['/etc/passwd'])[1].pg_read_file", "select() f:pg_read_file"),
    ("SELECT ((SELECT 1)).pg_sleep", "select() f:pg_sleep"),
    ("SELECT $1.pg_read_file", "select() f:pg_read_file"),
    ("SELECT f.pg_read_file FROM unnest(ARRAY['/etc/passwd']) f", "select() f:pg_read_file,unnest"),
    ("SELECT unnest.pg_read_file FROM unnest(ARRAY['/etc/passwd'])", "select() f:pg_read_file,unnest"),
    ("SELECT \"F\".\"pg_read_file\" FROM lower('x') AS \"F\"", "select() f:lower,pg_read_file"),
    ("SELECT (SELECT f.pg_sleep) FROM LATERAL abs(1) f", "select() f:abs,pg_sleep"),
    ("SELECT u.name FROM users u, unnest(ARRAY[1]) f", "select(users) f:unnest"),
    ("CALL p(('/etc/passwd'::text).pg_read_file)", "call()f?"),
    // What is computed when a row comes.
    ("CREATE TEMP TABLE x (a text DEFAULT pg_read_file('/etc/passwd'))", "create table(x) f:pg_read_file"),
    ("CREATE TABLE x (a text DEFAULT ('/etc/passwd'::text).pg_read_file)", "create table(x)f?"),
    ("CREATE TABLE x (a varchar(10), b numeric(10, 2), PRIMARY KEY (a))", "create table(x)"),
    ("CREATE TABLE x (a varchar(10) DEFAULT 'x' NOT NULL, b bool DEFAULT true)", "create table(x)"),
    ("CREATE TABLE x (a text DEFAULT 'x' || f(), b int)", "create table(x) f:f"),
    (
        "CREATE TRIGGER t BEFORE UPDATE ON users FOR EACH ROW WHEN (g(1)) EXECUTE FUNCTION f()",
        "create trigger(users) f:f,g,when",
    ),
    ("CREATE OPERATOR @# (PROCEDURE = pg_read_file, RIGHTARG = text)", "create operator()f?"),
    ("CREATE DOMAIN d AS text CHECK (pg_read_file(value) <> '')", "create domain()f?"),
    ("CREATE POLICY p ON users USING (f(a))", "create policy(users) f:f,using"),
    ("TRUNCATE users", "truncate(users)"),
    ("TRUNCATE TABLE ONLY users, public.orders CASCADE", "truncate(users public.orders)"),
    ("DROP TABLE users", "drop table(users)"),
    ("DROP TABLE IF EXISTS users, public.orders CASCADE", "drop table(users public.orders)"),
    ("DROP INDEX CONCURRENTLY x", "drop index()"),
    ("DROP DATABASE x", "drop database()"),
    ("DROP MATERIALIZED VIEW v", "drop materialized view(v)"),
    ("DROP TRIGGER t ON users", "drop trigger(users)"),
    ("ALTER TABLE users ADD COLUMN x int", "alter table(users)"),
    ("ALTER TABLE IF EXISTS ONLY public.users DROP COLUMN x", "alter table(public.users)"),
    ("ALTER ROLE ana SUPERUSER", "alter role()"),
    ("ALTER TABLE users ALTER COLUMN a TYPE int USING f(a)", "alter table(users)f?"),
    ("ALTER SYSTEM SET x = 1", "alter system()"),
    ("CREATE TABLE x (id int PRIMARY KEY, b text DEFAULT 'x')", "create table(x)"),
    ("CREATE TABLE IF NOT EXISTS s.x AS SELECT * FROM users", "create table(s.x); select(users)"),
    (
        "CREATE TEMP TABLE x AS WITH d AS (DELETE FROM users RETURNING *) SELECT * FROM d",
        "create table(x); delete(users); select()",
    ),
    ("CREATE OR REPLACE VIEW v AS SELECT * FROM users", "create view(v); select(users)"),
    ("CREATE MATERIALIZED VIEW v AS SELECT * FROM users", "create materialized view(v); select(users)"),
    ("CREATE UNIQUE INDEX CONCURRENTLY i ON users (a)", "create index(users)f?"),
    ("CREATE INDEX ON users USING gin (f(a))", "create index(users)f?"),
    ("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ DELETE FROM users $$", "create function(?)f?"),
    ("CREATE RULE r AS ON INSERT TO users DO ALSO DELETE FROM orders", "create rule(?)f?"),
    ("CREATE TRIGGER t BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION f()", "create trigger(users)"),
    ("CREATE ROLE x LOGIN", "create role()"),
    ("CREATE EXTENSION dblink", "create extension()"),
    ("CREATE SCHEMA s CREATE TABLE x (a int)", "create schema(?); ? ?(?)?f?"),
    ("CREATE USER MAPPING FOR x SERVER y", "create user mapping()"),
    ("GRANT SELECT ON users TO ana", "grant(users)"),
    ("GRANT ALL ON ALL TABLES IN SCHEMA public TO ana", "grant(?)"),
    ("GRANT admin TO ana", "grant()"),
    ("REVOKE UPDATE (a) ON TABLE public.users, orders FROM ana", "revoke(orders public.users)"),
    ("REFRESH MATERIALIZED VIEW CONCURRENTLY v", "refresh(v)"),
    ("LOCK TABLE users IN EXCLUSIVE MODE", "lock(users)"),
    ("VACUUM FULL users", "vacuum(?)f?"),
    ("BEGIN; DELETE FROM users; COMMIT", "begin(); delete(users); commit()"),
    ("START TRANSACTION ISOLATION LEVEL SERIALIZABLE", "begin()"),
    ("END", "commit()"),
    ("SET search_path = evil, public", "set search_path()"),
    ("SET standard_conforming_strings = off", "set standard_conforming_strings()"),
    ("SHOW all", "show all()"),
    ("", "()"),
    (";;", "()"),
    ("-- only a comment", "()"),
    ("SELECT 'a\\'; DELETE FROM users; --'", "? ?(?)?f?"),
    ("SELECT E'a\\'; DELETE FROM users; --'", "select()"),
    ("SELECT E'a\\\\'; DELETE FROM users; --'", "select(); delete(users)"),
    ("SELECT 'a\\\\'; DELETE FROM users", "select(); delete(users)"),
    ("SELECT 'it''s'; DELETE FROM users", "select(); delete(users)"),
    ("SELECT $$ ; DELETE FROM users; $$", "select()"),
    ("SELECT $a$ $$ $b$ ; DELETE FROM users; $a$", "select()"),
    ("SELECT a$a$ FROM users; DELETE FROM orders -- $a$", "select(users); delete(orders)"),
    ("SELECT U&\"d\\0061t\" FROM users", "? ?(?)?f?"),
    ("SELECT U&'\\0027' FROM users", "select(users)"),
    ("SELECT 'a'\n'b' FROM users", "select(users)"),
    ("SELECT E'a'\n'b\\'' FROM users", "select(users)"),
    ("SELECT 'unclosed", "? ?(?)?f?"),
    ("SELECT \"unclosed", "? ?(?)?f?"),
    ("SELECT /* unclosed", "? ?(?)?f?"),
    ("SELECT $x$ unclosed", "? ?(?)?f?"),
    ("SELECT 1FROM users", "? ?(?)?f?"),
    ("SELECT * FROM users WHERE a->>'x' = 'y' AND b @> '{1}' AND c ?| array['a']", "select(users)+"),
    ("SELECT * FROM users WHERE a OPERATOR(pg_catalog.~) '^(x)$' COLLATE pg_catalog.default", "select(users)+"),
    ("SELECT * FROM users TABLESAMPLE SYSTEM (1)", "select(users)"),
    ("SELECT * FROM users WINDOW w AS (PARTITION BY a)", "select(users)"),
    ("SELECT sum(a) OVER (PARTITION BY b ORDER BY c) FROM users", "select(users) f:sum"),
    ("SELECT a::numeric(10,2), '2020-01-01'::date, interval '1 day', date '2020-01-01' FROM users", "select(users)"),
    (
        "SELECT extract(year FROM ts), trim(both 'x' from y), substring(a from 1 for 2), position('a' in b) FROM users",
        "select(users)",
    ),
    ("SELECT CASE WHEN a THEN 1 ELSE 2 END FROM users LIMIT 10 OFFSET 5", "select(users)"),
    ("SELECT DISTINCT ON (a) a FROM users ORDER BY a DESC NULLS LAST", "select(users)"),
    ("SELECT a[1], a[1:2], ARRAY(SELECT 1 FROM orders) FROM users", "select(orders users) f:array"),
    (
        "SELECT * FROM users WHERE a IN (1,2,3) AND b BETWEEN 1 AND 2 AND c IS NOT NULL AND d LIKE 'x%' ESCAPE '\\'",
        "? ?(?)?f?",
    ),
    ("SELECT * FROM users WHERE (a, b) = (1, 2) AND c = ANY($1) AND d IS DISTINCT FROM e", "select(users)+"),
    (
        "SELECT count(*) FILTER (WHERE a > 1), string_agg(a, ',' ORDER BY b) FROM users GROUP BY GROUPING SETS ((a), ()) HAVING count(*) > 1",
        "select(users) f:count,string_agg",
    ),
    ("SELECT * FROM users FETCH FIRST 5 ROWS ONLY", "select(users)"),
    ("SELECT update FROM users", "select(users)"),
    ("SELECT 'x' AS delete FROM users", "delete(?)?f?; select(?)?f?"),
    ("SELECT * FROM json_to_recordset('[]') AS x(a int, b text)", "select() f:json_to_recordset"),
    ("SELECT xmlelement(name foo, a) FROM users", "select(?)?f?"),
    ("UPDATE users SET (a, b) = (SELECT x, y FROM orders) WHERE id = 1", "update(users)+; select(orders)"),
    ("UPDATE users SET a = 1 WHERE CURRENT OF c", "select(?)?f?; update(?)?f?"),
    ("DELETE FROM users WHERE id IN (SELECT u FROM orders) RETURNING *", "delete(users)+; select(orders)"),
    ("DELETE FROM users *", "delete(?)?f?; select(?)?f?"),
    ("INSERT INTO users OVERRIDING SYSTEM VALUE VALUES (1)", "insert(?)?f?; select(?)?f?"),
    ("WITH d AS (DELETE FROM users WHERE CURRENT OF c) SELECT 1", "delete(?)?f?; select(?)?f?"),
    ("WITH x AS MATERIALIZED (SELECT * FROM users) SELECT * FROM x", "select(users)"),
    ("SELECT * FROM users; DROP TABLE users", "select(users); drop table(users)"),
    ("nonsense here", "? ?(?)?f?"),
    ("SELECT * FROM \"a.b\", \"A\"\"B\"", "select(\"A\"\"B\" \"a.b\")"),
    (
        "SELECT * FROM aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff123456789",
        "select(aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff123)",
    ),
    ("SELECT * FROM usérs", "select(usérs)"),
    ("SELECT 'é\\'; DELETE FROM users'", "? ?(?)?f?"),
    ("SELECT 1 /* é */ FROM users", "select(users)"),
    ("SELECT * FROM users AS OF x", "select(?)?f?"),
    ("COMMENT ON TABLE users IS 'x'", "comment(?)f?"),
    ("NOTIFY c, 'x'", "notify()"),
    ("SAVEPOINT a", "savepoint()"),
    ("ROLLBACK TO SAVEPOINT a", "rollback()"),
    ("REINDEX TABLE users", "reindex(?)f?"),
    ("IMPORT FOREIGN SCHEMA x FROM SERVER y INTO z", "import(?)f?"),
    ("SECURITY LABEL ON TABLE users IS 'x'", "security(?)f?"),
    ("DISCARD ALL", "discard()"),
    ("SELECT * FROM ((users))", "select(?)?f?"),
    ("SELECT * FROM (((((((((users)))))))))", "select(?)?f?"),
    ("SELECT * FROM ((((((((((((((((((((SELECT 1))))))))))))))))))))", "select()"),
    ("SELECT ((((((((((((((((((((((((((((((((((((((1))))))))))))))))))))))))))))))))))))))", "select()"),
    ("SELECT * FROM a WHERE x IN ((((((((((((((((((((((SELECT 1))))))))))))))))))))))", "select(a)+"),
    ("SELECT CASE CASE CASE CASE CASE CASE CASE CASE CASE CASE CASE CASE 1 END END END", "select(?)?f?"),
    ("SELECT * FROM ((((((((((((((((((((((((((((((((((((a))))))))))))))))))))))))))))))))))))", "select(?)?f?"),
    ("SELECT f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(1)))))))))))))))))))))))))", "select() f:f"),
    ("SELECT * FROM (((((((((((((((a JOIN b ON 1=1)))))))))))))) ", "select(?)?f?"),
    ("SELECT x[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]", "select()"),
];

fn shown(part: &Part) -> String {
    let object = match part.object.as_deref() {
        Some("") => String::new(),
        Some(object) => format!(" {object}"),
        None => " ?".to_owned(),
    };
    let tables = part
        .tables
        .as_ref()
        .map_or("?".to_owned(), |tables| tables.iter().map(wiretape_policy::Table::full).collect::<Vec<_>>().join(" "));
    let filtered = part.filtered.map_or("?", |filtered| if filtered { "+" } else { "" });
    let functions = match &part.functions {
        None => "f?".to_owned(),
        Some(functions) if functions.is_empty() => String::new(),
        Some(functions) => format!(" f:{}", functions.iter().cloned().collect::<Vec<_>>().join(",")),
    };
    format!("{}{object}({tables}){filtered}{functions}", part.kind.as_deref().unwrap_or("?"))
}

fn said(text: &[u8]) -> String {
    Sql::parse(text).parts.iter().map(shown).collect::<Vec<_>>().join("; ")
}

#[test]
fn what_statements_do() {
    let wrong: Vec<String> = STATEMENTS
        .iter()
        .filter(|(text, expected)| said(text.as_bytes()) != *expected)
        .map(|(text, expected)| format!("{text}\n  is      {}\n  and not {expected}", said(text.as_bytes())))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_no_text_of_one_meaning_is_not_understood() {
    for text in [&b"SELECT \xff"[..], b"SELECT 1\0; DELETE FROM users", b"\xef\xbb\xbfSELECT 1 \x01", b"SELECT \\x"] {
        assert!(said(text).contains('?'), "{text:?}: {}", said(text));
    }
}

#[test]
fn deep_long_and_wide_statements_end() {
    let many = |piece: &str, count: usize| piece.repeat(count);
    for text in [
        format!("SELECT {}1{}", many("(", 10_000), many(")", 10_000)),
        format!("SELECT {}1", many("- ", 10_000)),
        format!("SELECT {}1", many("NOT ", 10_000)),
        format!("SELECT 1{}", many(" + a", 5_000)),
        format!("SELECT * FROM a WHERE {}x", many("a = b OR ", 3_000)),
        format!("SELECT {}1{}", many("CASE WHEN a THEN ", 3_000), many(" END", 3_000)),
        format!("SELECT 1{}", many(" UNION SELECT a", 5_000)),
        format!("SELECT * FROM a{}", many(" JOIN b ON true", 4_000)),
        format!("{}SELECT 1", many("EXPLAIN ", 10_000)),
        format!("{}SELECT 1", many("PREPARE a AS ", 10_000)),
        format!("{}SELECT 1{}", many("COPY (", 5_000), many(") TO STDOUT", 5_000)),
        format!("SELECT {}", many("/*", 100_000)),
        many("SELECT 1;", 100_000),
        many("DELETE FROM a;", 900),
        format!(
            "WITH {} SELECT 1",
            (0..3_000).map(|n| format!("x{n} AS (DELETE FROM t{n})")).collect::<Vec<_>>().join(", ")
        ),
        format!("SELECT {}", (0..5_000).map(|n| format!("f{n}()")).collect::<Vec<_>>().join(", ")),
        format!("SELECT * FROM {}", (0..5_000).map(|n| format!("t{n}")).collect::<Vec<_>>().join(", ")),
        format!("SELECT * FROM {}a{}", many("(", 45), many(")", 45)),
        format!("SELECT * FROM {}SELECT 1{}", many("(", 45), many(") x", 45)),
        format!("SELECT a{}", many("[1", 45)),
        many("\"", 99_999),
        many("$a$", 99_999),
        many("'\\", 99_999),
    ] {
        assert!(!Sql::parse(text.as_bytes()).parts.is_empty());
    }
    let bulk = format!("INSERT INTO users VALUES {}", vec!["(1, -2.5, 'x', NULL, true)"; 20_000].join(", "));
    assert_eq!(said(bulk.as_bytes()), "insert(users)", "a dump's long lists of values are read");
}
