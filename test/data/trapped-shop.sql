-- What the owner of a database may have written: everything here can be reached without a call that looks like one,
-- and says so with SQLSTATE TRAP1.
CREATE FUNCTION spring() RETURNS boolean LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION 'the trap has sprung' USING ERRCODE = 'TRAP1'; END $$;
CREATE FUNCTION evil(sales) RETURNS boolean LANGUAGE sql AS 'SELECT public.spring()';
CREATE FUNCTION evil_number(integer) RETURNS boolean LANGUAGE sql AS 'SELECT public.spring()';
-- Fit better than the built-in functions of the same names.
CREATE FUNCTION lower(integer) RETURNS boolean LANGUAGE sql AS 'SELECT public.spring()';
CREATE FUNCTION abs(text) RETURNS boolean LANGUAGE sql AS 'SELECT public.spring()';
CREATE FUNCTION same(integer, integer) RETURNS boolean LANGUAGE sql AS 'SELECT public.spring()';
CREATE OPERATOR === (LEFTARG = integer, RIGHTARG = integer, FUNCTION = same);
CREATE FUNCTION checked(text) RETURNS boolean LANGUAGE sql AS 'SELECT public.spring()';
CREATE DOMAIN trapped AS text CHECK (checked(VALUE));
CREATE DOMAIN trapped_again AS trapped;
CREATE TYPE holder AS (d trapped);
CREATE TYPE holders AS (hs holder[]);
CREATE DOMAIN short_text AS text CHECK (length(VALUE) < 10);
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TYPE pair AS (a integer, b text);

-- A column that bears the name of a function is a column.
CREATE TABLE notes (note_id integer PRIMARY KEY, evil text, abs integer, current_mood mood, both_parts pair);
INSERT INTO notes VALUES (1, 'a column', 2, 'good', ROW(1, 'x'));
CREATE TABLE visits (page text);
CREATE TABLE secrets (secret text);
INSERT INTO secrets VALUES ('only for the owner');
CREATE FUNCTION count_visit() RETURNS integer LANGUAGE plpgsql AS
  $$ BEGIN INSERT INTO public.visits VALUES ('front'); RETURN 1; END $$;
CREATE VIEW counted AS SELECT count_visit() AS n;
CREATE TABLE logs (day date, line text) PARTITION BY RANGE (day);
CREATE TABLE logs_2024 PARTITION OF logs FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
GRANT SELECT ON notes, visits, counted, logs, logs_2024 TO mcpx_reader;
GRANT INSERT ON visits TO mcpx_reader;
