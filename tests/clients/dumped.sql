-- A database with something of everything that a dump has in it.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS hstore;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'glad');
CREATE DOMAIN plate AS text CHECK (VALUE ~ '^[A-Z]{2}-[0-9]+$');
CREATE TYPE pair AS (a int, b text);
CREATE SCHEMA stock;
CREATE SEQUENCE stock.numbers START 100 INCREMENT 7;
CREATE TABLE stock.item (
    id int PRIMARY KEY DEFAULT nextval('stock.numbers'), name text NOT NULL, feeling mood, plate plate, pair pair,
    data jsonb, bytes bytea, tags text[], attributes hstore, at timestamptz, twice int GENERATED ALWAYS AS (id * 2) STORED,
    EXCLUDE USING btree (name WITH =)
);
INSERT INTO stock.item (name, feeling, plate, pair, data, bytes, tags, attributes, at)
SELECT 'item ' || n, (ARRAY['sad', 'ok', 'glad', NULL])[1 + n % 4]::mood, 'AB-' || n, ROW(n, E'tab\t"quote" \\ ' || n)::pair,
    jsonb_build_object('n', n, 'ü', ARRAY[n, NULL]), decode(md5(n::text), 'hex'), ARRAY['a' || n, NULL, 'ß'],
    hstore('k' || n, 'v'), '2026-01-01 00:00:00+00'::timestamptz + n * interval '1 hour 1 microsecond'
FROM generate_series(1, 5000) n;
CREATE TABLE stock.part (n int, t text) PARTITION BY RANGE (n);
CREATE TABLE stock.part_low PARTITION OF stock.part FOR VALUES FROM (0) TO (100);
CREATE TABLE stock.part_rest PARTITION OF stock.part DEFAULT;
INSERT INTO stock.part SELECT n, repeat('x', n % 200) FROM generate_series(1, 1000) n;
CREATE VIEW stock.shown AS SELECT id, name FROM stock.item WHERE feeling = 'glad';
CREATE MATERIALIZED VIEW stock.counted AS SELECT feeling, count(*) FROM stock.item GROUP BY feeling;
CREATE FUNCTION stock.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.at = now(); RETURN NEW; END $$;
CREATE TRIGGER touched BEFORE UPDATE ON stock.item FOR EACH ROW WHEN (OLD.name <> NEW.name) EXECUTE FUNCTION stock.touch();
CREATE RULE none AS ON DELETE TO stock.shown DO INSTEAD NOTHING;
ALTER TABLE stock.part ENABLE ROW LEVEL SECURITY;
CREATE POLICY low ON stock.part USING (n < 50);
CREATE INDEX found ON stock.item USING gin (data);
CREATE TABLE wide AS SELECT n, repeat(md5(n::text), 40) AS t FROM generate_series(1, 800) n;
SELECT lo_from_bytea(777777, decode(repeat('00ff10', 5000), 'hex'));
