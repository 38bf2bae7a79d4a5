-- The tables and functions of @rivulet/backplane-postgres, version 1. For another schema, replace the word "rivulet".
-- Functions run with the rights of the role that creates them: the application needs no right on a table.

CREATE SCHEMA IF NOT EXISTS rivulet;

CREATE TABLE rivulet.state (
  id boolean PRIMARY KEY DEFAULT true CHECK (id),
  version integer NOT NULL,
  -- The oldest version of the package's schema that can work with these tables.
  compatible integer NOT NULL,
  -- The server's history, which a failover changes: see history_id().
  history text NOT NULL,
  -- Nothing is known before this position.
  origin bigint NOT NULL,
  -- The highest last position of a channel that was dropped.
  dropped bigint NOT NULL,
  -- The highest position of a deleted event, and of a deleted live-only event.
  floor bigint NOT NULL,
  live_floor bigint NOT NULL
);

-- The last position that was handed out. A sequence, because transactions with an old snapshot have to see it as well.
CREATE SEQUENCE rivulet.positions;
-- Every position that is handed out from now on is higher. See clock().
CREATE SEQUENCE rivulet.horizon;

CREATE TABLE rivulet.events (
  position bigint PRIMARY KEY,
  channel text COLLATE "C" NOT NULL,
  -- Delivered without a position, and not kept.
  live boolean NOT NULL,
  -- In milliseconds since the Unix epoch.
  expires_at double precision NOT NULL,
  type text NOT NULL,
  data text NOT NULL
);
CREATE INDEX events_channel ON rivulet.events (channel, position) WHERE NOT live;
CREATE INDEX events_expiry ON rivulet.events (expires_at) WHERE expires_at < 'infinity';

-- Channels that have dropped events.
CREATE TABLE rivulet.trims (
  channel text COLLATE "C" PRIMARY KEY,
  -- Events up to this position are no longer kept.
  position bigint NOT NULL,
  -- The highest position of a deleted event. Deletion waits, so that every node has delivered the event before.
  gone bigint NOT NULL
);
CREATE INDEX trims_gone ON rivulet.trims (gone);
CREATE INDEX trims_pending ON rivulet.trims (position) WHERE gone < position;

CREATE TABLE rivulet.keys (
  channel text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  position bigint,
  at bigint NOT NULL,
  PRIMARY KEY (channel, key)
);
CREATE INDEX keys_at ON rivulet.keys (at);

-- Events of transactions that have not committed yet. To everyone else, this table is empty.
CREATE TABLE rivulet.outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  channel text NOT NULL,
  live boolean NOT NULL,
  age_ms double precision NOT NULL,
  key text,
  window_ms bigint NOT NULL,
  type text NOT NULL,
  data text NOT NULL
);
-- While an old transaction keeps Postgres from removing dead rows, a search without an index would read all of them.
CREATE INDEX outbox_keys ON rivulet.outbox (channel, key) WHERE key IS NOT NULL;

CREATE TABLE rivulet.nodes (
  id text COLLATE "C" PRIMARY KEY,
  expires_at double precision NOT NULL,
  connections integer NOT NULL
);

CREATE TABLE rivulet.members (
  channel text COLLATE "C" NOT NULL,
  connection_id text COLLATE "C" NOT NULL,
  node text COLLATE "C" NOT NULL,
  member text NOT NULL,
  PRIMARY KEY (channel, connection_id)
);
CREATE INDEX members_node ON rivulet.members (node);

CREATE TABLE rivulet.runs (
  id text COLLATE "C" PRIMARY KEY,
  key text COLLATE "C",
  token text NOT NULL,
  state text NOT NULL,
  reason text,
  started_at bigint NOT NULL,
  ended_at bigint,
  beginning bigint NOT NULL,
  end_position bigint,
  -- The end of the lease; after the end of the run, the time at which it is dropped.
  due double precision NOT NULL,
  keep_ms double precision NOT NULL,
  max_bytes double precision NOT NULL,
  -- The size of the kept events.
  bytes double precision NOT NULL DEFAULT 0,
  -- The number of events that its producer has appended.
  ordinal bigint NOT NULL DEFAULT 0
);
CREATE INDEX runs_leases ON rivulet.runs (due) WHERE state = 'running';
CREATE INDEX runs_ends ON rivulet.runs (due) WHERE state <> 'running';
CREATE INDEX runs_key ON rivulet.runs (key, beginning) WHERE key IS NOT NULL;

CREATE FUNCTION rivulet.now_ms() RETURNS bigint LANGUAGE sql VOLATILE
AS $$ SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint $$;

-- Identifies the server's history. The timeline changes if a replica is promoted or a backup is recovered, the cluster if a
-- dump is restored: what was acknowledged last may then be gone.
CREATE FUNCTION rivulet.history_id() RETURNS text LANGUAGE sql VOLATILE
AS $$ SELECT substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) || '-' || system_identifier FROM pg_control_system() $$;

-- Tells if the server's history is not the one of the tables. A position that a node knows and the tables do not is a sign
-- as well: a snapshot of the disk was restored, or another node with a lower known position has begun the new history.
CREATE FUNCTION rivulet.is_other_history(known bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  RETURN EXISTS (
    SELECT FROM rivulet.state s, rivulet.positions p, rivulet.horizon h
      WHERE s.history <> rivulet.history_id() OR known > greatest(p.last_value, h.last_value)
  );
END $$;

-- Returns the first of some positions that follow one another. The caller MUST hold the lock of the positions.
CREATE FUNCTION rivulet.take_positions(count integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = rivulet, pg_temp AS $$
DECLARE
  first bigint;
BEGIN
  SELECT greatest(p.last_value + 1, h.last_value + 1, now_ms() * 1024) INTO first FROM positions p, horizon h;
  PERFORM setval('positions', first + count - 1);
  RETURN first;
END $$;

-- What the current transaction stores survives a crash of the server once it is acknowledged.
CREATE FUNCTION rivulet.commit_durably() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('synchronous_commit') = 'off' THEN
    PERFORM set_config('synchronous_commit', 'local', true);
  END IF;
END $$;

-- Takes the lock under which positions are handed out. It is held until the commit is visible, so transactions become visible
-- in the order of their positions: whoever sees an event sees every event before it.
CREATE FUNCTION rivulet.lock_positions(wait_ms integer, known bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = rivulet, pg_temp AS $$
DECLARE
  first bigint;
BEGIN
  IF wait_ms > 0 THEN
    PERFORM set_config('lock_timeout', wait_ms::text, true);
  END IF;
  PERFORM commit_durably();
  PERFORM pg_advisory_xact_lock(hashtextextended('rivulet', 0));
  IF is_other_history(known) THEN
    PERFORM setval('positions', greatest(last_value, known)) FROM positions;
    first := take_positions(1);
    UPDATE state SET history = history_id(), origin = first;
    PERFORM pg_notify('rivulet', '');
  END IF;
END $$;

-- Begins a new history if the server has another one. Read-only otherwise.
CREATE FUNCTION rivulet.check_history(wait_ms integer, known bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = rivulet, pg_temp AS $$
BEGIN
  IF is_other_history(known) THEN
    PERFORM lock_positions(wait_ms, known);
  END IF;
END $$;

-- Returns the version of the tables, and the oldest version of the package that can use them.
CREATE FUNCTION rivulet.version() RETURNS TABLE (version text, compatible text)
LANGUAGE sql SECURITY DEFINER SET search_path = rivulet, pg_temp
AS $$ SELECT version::text, compatible::text FROM state $$;

-- The result of an earlier publish with this key, as an array of its position (or null); null if there was none.
CREATE FUNCTION rivulet.find_key(a_channel text, a_key text, window_ms bigint) RETURNS bigint[]
LANGUAGE sql SECURITY DEFINER SET search_path = rivulet, pg_temp
AS $$ SELECT ARRAY[position] FROM keys WHERE channel = a_channel AND key = a_key AND at > now_ms() - window_ms $$;

-- Stores one event. The caller MUST hold the lock of the positions.
CREATE FUNCTION rivulet.store(
  a_channel text, a_type text, a_data text, is_live boolean, age_ms double precision, a_key text, window_ms bigint,
  OUT stored bigint, OUT duplicate boolean
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = rivulet, pg_temp AS $$
DECLARE
  earlier bigint[];
  found_at bigint;
BEGIN
  duplicate := false;
  IF a_key IS NOT NULL THEN
    earlier := find_key(a_channel, a_key, window_ms);
    IF earlier IS NOT NULL THEN
      stored := earlier[1];
      duplicate := true;
      RETURN;
    END IF;
  END IF;
  found_at := take_positions(1);
  stored := CASE WHEN is_live THEN NULL ELSE found_at END;
  INSERT INTO events (position, channel, live, expires_at, type, data)
    VALUES (found_at, a_channel, is_live, now_ms() + age_ms, a_type, a_data);
  IF a_key IS NOT NULL THEN
    INSERT INTO keys (channel, key, position, at) VALUES (a_channel, a_key, stored, now_ms())
      ON CONFLICT (channel, key) DO UPDATE SET position = excluded.position, at = excluded.at;
  END IF;
END $$;

-- Stores events, and returns the position and whether it is a duplicate for each.
CREATE FUNCTION rivulet.publish(batch text, window_ms bigint, wait_ms integer, known bigint)
RETURNS TABLE (at text, duplicate text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = rivulet, pg_temp AS $$
DECLARE
  item record;
  result record;
  first bigint;
BEGIN
  PERFORM lock_positions(wait_ms, known);
  IF EXISTS (SELECT FROM json_to_recordset(batch::json) AS e(k text) WHERE k IS NOT NULL) THEN
    FOR item IN SELECT * FROM json_to_recordset(batch::json) AS e(c text, t text, d text, l boolean, a float8, k text) LOOP
      result := store(item.c, item.t, item.d, item.l, item.a, item.k, window_ms);
      at := result.stored::text;
      duplicate := result.duplicate::text;
      RETURN NEXT;
    END LOOP;
  ELSE
    first := take_positions(json_array_length(batch::json));
    RETURN QUERY
      WITH items AS (
        SELECT * FROM ROWS FROM (json_to_recordset(batch::json) AS (c text, t text, d text, l boolean, a float8))
          WITH ORDINALITY AS e(c, t, d, l, a, n)
      ), added AS (
        INSERT INTO events (position, channel, live, expires_at, type, data)
          SELECT first + n - 1, c, l, now_ms() + a, t, d FROM items ORDER BY n
      )
      SELECT CASE WHEN l THEN NULL ELSE (first + n - 1)::text END, 'false' FROM items ORDER BY n;
  END IF;
  PERFORM pg_notify('rivulet', last_value::text) FROM positions;
END $$;

-- Publishes an event exactly if the current transaction commits. Returns the earlier result if the key was used before.
CREATE FUNCTION rivulet.enqueue(
  a_channel text, a_type text, a_data text, is_live text, age_ms text, a_key text, a_window_ms text
) RETURNS TABLE (at text, duplicate text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = rivulet, pg_temp AS $$
DECLARE
  earlier bigint[];
BEGIN
  duplicate := 'false';
  IF a_key IS NOT NULL THEN
    earlier := find_key(a_channel, a_key, a_window_ms::bigint);
    IF earlier IS NOT NULL OR EXISTS (SELECT FROM outbox WHERE channel = a_channel AND key = a_key) THEN
      at := earlier[1]::text;
      duplicate := 'true';
      RETURN NEXT;
      RETURN;
    END IF;
  END IF;
  INSERT INTO outbox (channel, live, age_ms, key, window_ms, type, data)
    VALUES (a_channel, is_live::boolean, age_ms::float8, a_key, a_window_ms::bigint, a_type, a_data);
  RETURN NEXT;
END $$;

-- Runs at COMMIT: the position is handed out in the order of commits, and nobody waits for the rest of the transaction.
CREATE FUNCTION rivulet.store_from_outbox() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = rivulet, pg_temp AS $$
BEGIN
  PERFORM lock_positions(0, 0);
  DELETE FROM outbox WHERE id = NEW.id;
  PERFORM store(NEW.channel, NEW.type, NEW.data, NEW.live, NEW.age_ms, NEW.key, NEW.window_ms);
  PERFORM pg_notify('rivulet', '');
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON rivulet.outbox DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION rivulet.store_from_outbox();

-- Every event up to this position is stored, and visible.
CREATE FUNCTION rivulet.stored_position() RETURNS bigint LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = rivulet, pg_temp
AS $$ SELECT greatest((SELECT max(position) FROM events), floor, origin) FROM state $$;

-- Events after a position, in order, of some channels (null: all). The last row has the state: the position up to which this
-- answer goes, the origin, the highest position of a deleted live-only event, and whether there is more. A probe is a
-- notification that shows each node that its connection still listens.
CREATE FUNCTION rivulet.feed(
  after bigint, channels text, max_events integer, max_bytes integer, wait_ms integer, known bigint, probe boolean
) RETURNS TABLE (kind text, at text, previous text, channel text, type text, data text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = rivulet, pg_temp AS $$
#variable_conflict use_column
DECLARE
  names text[];
  upto bigint;
  more boolean := false;
  count integer := 0;
  size bigint := 0;
  item record;
BEGIN
  PERFORM check_history(wait_ms, known);
  IF probe THEN
    IF pg_current_xact_id_if_assigned() IS NULL THEN
      PERFORM set_config('synchronous_commit', 'off', true);
    END IF;
    PERFORM pg_notify('rivulet', 'probe');
  END IF;
  upto := stored_position();
  IF channels IS NOT NULL THEN
    names := ARRAY(SELECT json_array_elements_text(channels::json));
  END IF;
  IF after IS NOT NULL THEN
    FOR item IN
      SELECT e.*, CASE WHEN NOT e.live THEN coalesce(
          greatest(
            (SELECT p.position FROM events p WHERE p.channel = e.channel AND NOT p.live AND p.position < e.position
              ORDER BY p.position DESC LIMIT 1),
            -- The last deleted event, even if this one is dropped as well and only waits for its deletion.
            (SELECT greatest(CASE WHEN t.position < e.position THEN t.position END, CASE WHEN t.gone < e.position THEN nullif(t.gone, 0) END)
              FROM trims t WHERE t.channel = e.channel)),
          least(
            coalesce(
              (SELECT r.beginning FROM runs r
                WHERE r.id = substr(e.channel, length(run_channel('')) + 1) AND e.channel = run_channel(r.id)),
              greatest(s.origin, s.dropped)),
            e.position - 1)) END AS before
      FROM events e, state s
      WHERE e.position > after AND e.position <= upto AND (names IS NULL OR e.channel = ANY (names))
      ORDER BY e.position LIMIT max_events + 1
    LOOP
      size := size + octet_length(item.data);
      IF count = max_events OR (count > 0 AND size > max_bytes) THEN
        more := true;
        upto := item.position - 1;
        EXIT;
      END IF;
      count := count + 1;
      RETURN QUERY SELECT CASE WHEN item.live THEN 'live' ELSE 'event' END, item.position::text, item.before::text,
        item.channel, item.type, item.data;
    END LOOP;
    -- After the events, so that none can be deleted unnoticed in between.
    RETURN QUERY SELECT 'lost', t.gone::text, NULL::text, t.channel, NULL::text, NULL::text FROM trims t
      WHERE t.gone > after AND (names IS NULL OR t.channel = ANY (names));
  END IF;
  RETURN QUERY SELECT 'state', upto::text, s.origin::text, s.live_floor::text, more::text, NULL::text FROM state s;
END $$;

-- A position made from the time alone: nothing that is stored from now on has this position or a lower one, not even after a
-- crash of the server and a change of its clock. For this the horizon is stored, a second ahead, so that most calls write nothing.
CREATE FUNCTION rivulet.clock(wait_ms integer) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = rivulet, pg_temp AS $$
DECLARE
  present bigint;
BEGIN
  PERFORM set_config('lock_timeout', wait_ms::text, true);
  PERFORM commit_durably();
  -- Nobody has a position and has not committed.
  PERFORM pg_advisory_xact_lock_shared(hashtextextended('rivulet', 0));
  -- Nobody has moved the horizon and has not committed.
  PERFORM pg_advisory_xact_lock(hashtextextended('rivulet', 1));
  SELECT greatest(now_ms() * 1024 - 1, origin) INTO present FROM state;
  PERFORM setval('horizon', present + 1024000) FROM horizon WHERE last_value < present;
  RETURN present::text;
END $$;

-- Facts of a channel at a time: `last_at` is the position of its last event up to a limit, `floor_at` that of the last one that is
-- no longer kept (null: none is known), `beginning` a position before the first event.
CREATE FUNCTION rivulet.log_facts(
  a_channel text, upto bigint, max_events bigint, age_ms double precision, OUT last_at bigint, OUT floor_at bigint, OUT beginning bigint
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = rivulet, pg_temp AS $$
DECLARE
  trimmed bigint;
  oldest double precision := (now_ms() - age_ms) * 1024;
BEGIN
  SELECT t.position INTO trimmed FROM trims t WHERE t.channel = a_channel;
  SELECT greatest(max(position), trimmed) INTO last_at FROM events WHERE channel = a_channel AND NOT live AND position <= upto;
  IF max_events IS NOT NULL THEN
    SELECT position INTO floor_at FROM events WHERE channel = a_channel AND NOT live AND position <= upto
      ORDER BY position DESC OFFSET max_events LIMIT 1;
  END IF;
  floor_at := greatest(floor_at, trimmed);
  IF oldest > coalesce(floor_at, 0) AND oldest < 9e15 THEN
    floor_at := greatest(floor_at, (SELECT max(position) FROM events WHERE channel = a_channel AND NOT live
      AND position <= upto AND position < oldest::bigint));
  END IF;
  SELECT greatest(origin, dropped) INTO beginning FROM state;
END $$;

-- Reads logs. Each request is answered by its events, and by a row with what is known of the channel.
CREATE FUNCTION rivulet.read(requests text, wait_ms integer, known bigint)
RETURNS TABLE (request text, at text, previous text, type text, data text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = rivulet, pg_temp AS $$
#variable_conflict use_column
DECLARE
  item record;
  facts record;
  run record;
  upto bigint;
  start_at bigint;
  reason text;
BEGIN
  PERFORM check_history(wait_ms, known);
  upto := stored_position();
  FOR item IN SELECT * FROM
    json_to_recordset(requests::json) AS r(i integer, c text, f bigint, n integer, e bigint, a float8, run text)
  LOOP
    IF item.run IS NOT NULL THEN
      SELECT * INTO run FROM runs r WHERE r.id = item.run AND (r.state = 'running' OR r.due > now_ms());
      IF NOT FOUND THEN
        RETURN QUERY SELECT item.i::text, upto::text, upto::text, 'trimmed', NULL::text;
        CONTINUE;
      END IF;
    END IF;
    facts := log_facts(item.c, upto, item.e, item.a);
    IF item.run IS NOT NULL THEN
      facts.beginning := run.beginning;
      facts.last_at := greatest(facts.last_at, run.beginning);
      -- Events of an earlier run with the same id.
      facts.floor_at := CASE WHEN facts.floor_at > run.beginning THEN facts.floor_at ELSE run.beginning END;
    END IF;
    start_at := greatest(item.f, facts.floor_at);
    RETURN QUERY SELECT item.i::text, e.position::text,
        coalesce(
          greatest(
            (SELECT p.position FROM events p WHERE p.channel = e.channel AND NOT p.live AND p.position < e.position
              ORDER BY p.position DESC LIMIT 1),
            (SELECT t.position FROM trims t WHERE t.channel = e.channel AND t.position < e.position)),
          least(facts.beginning, e.position - 1))::text,
        e.type, e.data
      FROM events e
      WHERE e.channel = item.c AND NOT e.live AND e.position > start_at AND e.position <= upto
      ORDER BY e.position LIMIT item.n;
    -- After the events, so that none can be dropped unnoticed in between.
    facts.floor_at := greatest(facts.floor_at, (SELECT t.position FROM trims t WHERE t.channel = item.c));
    reason := CASE
      WHEN item.f < least(facts.beginning, coalesce(facts.floor_at, facts.beginning)) THEN 'restarted'
      WHEN item.run IS NULL AND item.f < (SELECT origin FROM state) THEN 'restarted'
      WHEN item.f < facts.floor_at THEN 'trimmed'
    END;
    RETURN QUERY SELECT item.i::text, coalesce(facts.last_at, facts.beginning)::text, upto::text, coalesce(reason, ''), NULL::text;
  END LOOP;
END $$;

-- The position after which the last kept events of a channel follow, of those before a position (null: of all).
CREATE FUNCTION rivulet.seek(a_channel text, count bigint, before bigint, max_events bigint, age_ms double precision) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = rivulet, pg_temp AS $$
DECLARE
  facts record;
  first bigint;
BEGIN
  facts := log_facts(a_channel, stored_position(), max_events, age_ms);
  SELECT min(position) INTO first FROM (
    SELECT position FROM events WHERE channel = a_channel AND NOT live AND position > coalesce(facts.floor_at, 0)
      AND position < coalesce(before, 9223372036854775807) ORDER BY position DESC LIMIT count
  ) AS newest;
  IF first IS NULL THEN
    RETURN coalesce(facts.last_at, facts.beginning)::text;
  END IF;
  RETURN coalesce(
    greatest((SELECT max(position) FROM events WHERE channel = a_channel AND NOT live AND position < first), facts.floor_at),
    least(facts.beginning, first - 1))::text;
END $$;

-- Stops keeping the events of a channel up to a position.
CREATE FUNCTION rivulet.trim_to(a_channel text, upto bigint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = rivulet, pg_temp AS $$
  INSERT INTO trims AS t (channel, position, gone) SELECT a_channel, upto, 0 WHERE upto IS NOT NULL
    ON CONFLICT (channel) DO UPDATE SET position = excluded.position WHERE t.position < excluded.position
$$;

CREATE FUNCTION rivulet.forget(a_channel text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = rivulet, pg_temp AS $$
  SELECT trim_to(a_channel, (SELECT max(position) FROM events WHERE channel = a_channel AND NOT live))
$$;

-- Applies the bounds of channels: a number of events, and bytes.
CREATE FUNCTION rivulet.trim(requests text, wait_ms integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = rivulet, pg_temp AS $$
DECLARE
  item record;
  facts record;
  cut bigint;
BEGIN
  PERFORM set_config('lock_timeout', wait_ms::text, true);
  -- A sweep changes the same rows, in another order.
  PERFORM pg_advisory_xact_lock(hashtextextended('rivulet', 2));
  FOR item IN SELECT * FROM json_to_recordset(requests::json) AS r(c text, e bigint, b float8) ORDER BY c LOOP
    facts := log_facts(item.c, stored_position(), item.e, 'infinity');
    cut := facts.floor_at;
    IF item.b IS NOT NULL THEN
      SELECT greatest(cut, max(position)) INTO cut FROM (
        SELECT position, sum(octet_length(type) + octet_length(data)) OVER (ORDER BY position DESC) AS size FROM events
          WHERE channel = item.c AND NOT live AND position > coalesce(facts.floor_at, 0)
      ) AS sizes WHERE size > item.b;
    END IF;
    PERFORM trim_to(item.c, cut);
  END LOOP;
END $$;

-- Drops some of what has expired, and returns how much. Takes no lock that publishing needs.
CREATE FUNCTION rivulet.sweep(grace_ms bigint, window_ms bigint, forget_ms bigint, max_rows integer) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = rivulet, pg_temp AS $$
DECLARE
  item record;
  count integer := 0;
  rows integer;
  graceful bigint := (now_ms() - grace_ms) * 1024;
  last_gone bigint;
  last_live bigint;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtextextended('rivulet', 2)) THEN
    RETURN '0';
  END IF;
  -- The clock went back: positions say nothing about time, and the last ten thousand count as new.
  IF stored_position() > (now_ms() + greatest(grace_ms, 10000)) * 1024 THEN
    graceful := stored_position() - 10000;
  END IF;
  DELETE FROM keys WHERE ctid IN (SELECT ctid FROM keys WHERE at <= now_ms() - window_ms ORDER BY at LIMIT max_rows);
  GET DIAGNOSTICS rows = ROW_COUNT;
  count := count + rows;

  FOR item IN SELECT id FROM runs WHERE state <> 'running' AND due <= now_ms() ORDER BY due LIMIT 50 LOOP
    PERFORM drop_run(item.id);
    count := count + 1;
  END LOOP;

  WITH gone AS (
    DELETE FROM events WHERE position IN (
      SELECT position FROM events WHERE expires_at <= now_ms() AND expires_at < 'infinity' AND position < graceful
        ORDER BY expires_at LIMIT max_rows
    ) RETURNING position, channel, live
  ), told AS (
    INSERT INTO trims AS t (channel, position, gone)
      SELECT channel, max(position), max(position) FROM gone WHERE NOT live GROUP BY channel ORDER BY channel
      ON CONFLICT (channel) DO UPDATE
        SET position = greatest(t.position, excluded.position), gone = greatest(t.gone, excluded.gone)
  )
  SELECT max(position), max(position) FILTER (WHERE live), count(*) INTO last_gone, last_live, rows FROM gone;
  count := count + rows;

  FOR item IN SELECT * FROM trims t WHERE t.gone < t.position
      -- Others have nothing to delete yet, and must not keep these from their turn.
      AND (t.position <= graceful OR EXISTS (SELECT FROM events e WHERE e.channel = t.channel AND NOT e.live AND e.position <= graceful))
    ORDER BY t.position LIMIT 50
  LOOP
    WITH deleted AS (
      DELETE FROM events WHERE position IN (
        SELECT position FROM events WHERE channel = item.channel AND NOT live AND position <= least(item.position, graceful)
          ORDER BY position LIMIT max_rows
      ) RETURNING position
    )
    SELECT max(position), count(*) INTO item.gone, rows FROM deleted;
    IF rows = 0 AND item.position <= graceful THEN
      item.gone := item.position;
      rows := 1;
    END IF;
    last_gone := greatest(last_gone, item.gone);
    UPDATE trims SET gone = greatest(gone, item.gone) WHERE channel = item.channel AND item.gone IS NOT NULL;
    count := count + rows;
    EXIT WHEN count > max_rows;
  END LOOP;

  FOR item IN
    SELECT channel, position FROM trims WHERE gone < (now_ms() - forget_ms) * 1024 AND gone = position ORDER BY gone LIMIT max_rows
  LOOP
    CONTINUE WHEN EXISTS (SELECT FROM events WHERE channel = item.channel AND NOT live);
    DELETE FROM trims WHERE channel = item.channel;
    UPDATE state SET dropped = greatest(dropped, item.position);
    count := count + 1;
  END LOOP;

  UPDATE state SET floor = greatest(floor, last_gone), live_floor = greatest(live_floor, last_live)
    WHERE floor < last_gone OR live_floor < last_live;
  RETURN count::text;
END $$;

-- Keeps a node alive. Returns whether its entries are complete, and the nodes that are taken for dead.
CREATE FUNCTION rivulet.beat(node text, open_streams integer, ttl_ms double precision)
RETURNS TABLE (known text, lapsed text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = rivulet, pg_temp AS $$
DECLARE
  until double precision;
  present bigint := now_ms();
BEGIN
  SELECT expires_at INTO until FROM nodes WHERE id = node FOR UPDATE;
  known := coalesce(until > present, false)::text;
  IF ttl_ms = 0 AND NOT EXISTS (SELECT FROM members m WHERE m.node = beat.node) THEN
    DELETE FROM nodes WHERE id = node;
  ELSE
    INSERT INTO nodes (id, expires_at, connections) VALUES (node, present + ttl_ms, open_streams)
      ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at, connections = excluded.connections;
  END IF;
  RETURN NEXT;
  FOR lapsed IN SELECT id FROM nodes WHERE id <> node AND expires_at <= present LOOP
    RETURN NEXT;
  END LOOP;
END $$;

CREATE FUNCTION rivulet.update_members(a_node text, added text, removed text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = rivulet, pg_temp AS $$
BEGIN
  PERFORM FROM nodes WHERE id = a_node AND expires_at > now_ms() FOR UPDATE;
  IF NOT FOUND THEN
    RETURN 'false';
  END IF;
  DELETE FROM members m USING json_to_recordset(removed::json) AS r(c text, i text)
    WHERE m.channel = r.c AND m.connection_id = r.i AND m.node = a_node;
  INSERT INTO members (channel, connection_id, node, member)
    SELECT c, i, a_node, m FROM json_to_recordset(added::json) AS a(c text, i text, m text) ORDER BY c, i
    ON CONFLICT (channel, connection_id) DO UPDATE SET node = excluded.node, member = excluded.member;
  RETURN 'true';
END $$;

CREATE FUNCTION rivulet.list_members(a_channel text) RETURNS TABLE (connection_id text, member text)
LANGUAGE sql SECURITY DEFINER SET search_path = rivulet, pg_temp AS $$
  SELECT m.connection_id, m.member FROM members m JOIN nodes n ON n.id = m.node
    WHERE m.channel = a_channel AND n.expires_at > now_ms()
$$;

CREATE FUNCTION rivulet.count_members(a_channel text) RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = rivulet, pg_temp
AS $$ SELECT count(*)::text FROM list_members(a_channel) $$;

CREATE FUNCTION rivulet.list_nodes() RETURNS TABLE (id text, connections text)
LANGUAGE sql SECURITY DEFINER SET search_path = rivulet, pg_temp
AS $$ SELECT n.id, n.connections::text FROM nodes n WHERE n.expires_at > now_ms() $$;

CREATE FUNCTION rivulet.evict(a_node text, caller text, max_rows integer) RETURNS TABLE (channel text, connection_id text, member text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = rivulet, pg_temp AS $$
#variable_conflict use_column
BEGIN
  PERFORM FROM nodes n WHERE n.id = a_node AND (a_node = caller OR n.expires_at <= now_ms()) FOR UPDATE;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  RETURN QUERY DELETE FROM members WHERE ctid IN (SELECT ctid FROM members WHERE node = a_node LIMIT max_rows)
    RETURNING members.channel, members.connection_id, members.member;
  IF NOT FOUND AND a_node <> caller THEN
    DELETE FROM nodes WHERE id = a_node;
  END IF;
END $$;

-- The name of a run's channel, in two parts so that replacing the schema's name leaves it alone.
CREATE FUNCTION rivulet.run_channel(id text) RETURNS text LANGUAGE sql IMMUTABLE
AS $$ SELECT 'riv' || 'ulet:run:' || id $$;

-- A run as nodes see it, without its token.
CREATE FUNCTION rivulet.run_record(r rivulet.runs) RETURNS text LANGUAGE sql VOLATILE
SET search_path = rivulet, pg_temp AS $$
  SELECT json_build_object('id', r.id, 'key', r.key, 'state', r.state, 'reason', r.reason, 'startedAt', r.started_at,
    'endedAt', r.ended_at, 'beginning', r.beginning, 'end', r.end_position,
    'lapsed', r.state = 'running' AND r.due <= now_ms())::text
$$;

-- Drops a run with its events.
CREATE FUNCTION rivulet.drop_run(run text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = rivulet, pg_temp AS $$
  DELETE FROM runs WHERE id = run;
  SELECT forget(run_channel(run));
$$;

CREATE FUNCTION rivulet.find_run(run text) RETURNS SETOF rivulet.runs
LANGUAGE sql SECURITY DEFINER SET search_path = rivulet, pg_temp
AS $$ SELECT * FROM runs WHERE id = run AND (state = 'running' OR due > now_ms()) $$;

-- Returns the run with this id, or creates it.
CREATE FUNCTION rivulet.create_run(
  run text, a_token text, a_key text, lease_ms double precision, a_keep_ms double precision, a_max_bytes double precision,
  max_running double precision, wait_ms integer, known bigint
) RETURNS TABLE (record text, created text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = rivulet, pg_temp AS $$
DECLARE
  found_run runs;
BEGIN
  PERFORM lock_positions(wait_ms, known);
  SELECT * INTO found_run FROM find_run(run);
  IF FOUND THEN
    RETURN QUERY SELECT run_record(found_run), (found_run.token = a_token)::text;
    RETURN;
  END IF;
  IF a_key IS NOT NULL AND (SELECT count(*) FROM runs WHERE key = a_key AND state = 'running') >= max_running THEN
    RETURN QUERY SELECT NULL::text, 'false';
    RETURN;
  END IF;
  PERFORM drop_run(run);
  INSERT INTO runs (id, key, token, state, started_at, beginning, due, keep_ms, max_bytes)
    VALUES (run, a_key, a_token, 'running', now_ms(), take_positions(1), now_ms() + lease_ms, a_keep_ms, a_max_bytes)
    RETURNING * INTO found_run;
  RETURN QUERY SELECT run_record(found_run), 'true';
END $$;

-- Stores events of a run.
CREATE FUNCTION rivulet.store_run_events(run text, batch json) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = rivulet, pg_temp AS $$
DECLARE
  first bigint := take_positions(greatest(json_array_length(batch), 1));
BEGIN
  INSERT INTO events (position, channel, live, expires_at, type, data)
    SELECT first + n - 1, run_channel(run), false, 'infinity', t, d
    FROM ROWS FROM (json_to_recordset(batch) AS (t text, d text)) WITH ORDINALITY AS e(t, d, n) ORDER BY n;
  PERFORM pg_notify('rivulet', last_value::text) FROM positions;
  RETURN first;
END $$;

-- Appends events to a run. `ordinal` is the number of events before them, `loss` the event that stands for lost ones.
CREATE FUNCTION rivulet.append_run(run text, a_token text, at_ordinal bigint, batch text, loss text, wait_ms integer, known bigint)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = rivulet, pg_temp AS $$
DECLARE
  found_run runs;
  fresh json;
  size double precision;
BEGIN
  PERFORM lock_positions(wait_ms, known);
  SELECT * INTO found_run FROM runs WHERE id = run AND state = 'running' AND token = a_token AND due > now_ms() FOR UPDATE;
  IF NOT FOUND THEN
    RETURN 'false';
  END IF;
  SELECT coalesce(json_agg(value ORDER BY n), '[]') INTO fresh
    FROM json_array_elements(batch::json) WITH ORDINALITY AS e(value, n) WHERE n > found_run.ordinal - at_ordinal;
  IF at_ordinal > found_run.ordinal THEN
    PERFORM store_run_events(run, loss::json);
  END IF;
  IF json_array_length(fresh) > 0 THEN
    PERFORM store_run_events(run, fresh);
  END IF;
  SELECT found_run.bytes + coalesce(sum(octet_length(value->>'d')), 0) INTO size FROM json_array_elements(fresh);
  IF size > found_run.max_bytes THEN
    WITH sizes AS (
      SELECT position, octet_length(data) AS own, sum(octet_length(data)) OVER (ORDER BY position DESC) AS size FROM events
        WHERE channel = run_channel(run) AND NOT live
          AND position > greatest(found_run.beginning, (SELECT t.position FROM trims t WHERE t.channel = run_channel(run)))
    ), cut AS (SELECT max(s.position) AS at FROM sizes s WHERE s.size > found_run.max_bytes),
    trimmed AS (SELECT trim_to(run_channel(run), at) FROM cut)
    SELECT coalesce(sum(s.own), 0) INTO size FROM cut JOIN sizes s ON s.position > cut.at WHERE (SELECT count(*) FROM trimmed) > 0;
  END IF;
  UPDATE runs SET bytes = size, ordinal = greatest(ordinal, at_ordinal) + json_array_length(fresh) WHERE id = run;
  RETURN 'true';
END $$;

-- Renews leases. Returns one row per lease, in order.
CREATE FUNCTION rivulet.renew_runs(leases text, lease_ms double precision) RETURNS TABLE (held text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = rivulet, pg_temp AS $$
BEGIN
  RETURN QUERY
    WITH wanted AS (
      SELECT * FROM ROWS FROM (json_to_recordset(leases::json) AS (i text, t text)) WITH ORDINALITY AS l(i, t, n)
    ), locked AS (
      SELECT r.id, r.token FROM runs r JOIN (SELECT DISTINCT i, t FROM wanted) w ON r.id = w.i AND r.token = w.t
        WHERE r.state = 'running' AND r.due > now_ms() ORDER BY r.id FOR UPDATE OF r
    ), renewed AS (
      UPDATE runs r SET due = now_ms() + lease_ms FROM locked l
        WHERE r.id = l.id AND r.state = 'running' AND r.due > now_ms() RETURNING r.id, r.token
    )
    SELECT (r.id IS NOT NULL)::text FROM wanted w LEFT JOIN renewed r ON r.id = w.i AND r.token = w.t ORDER BY w.n;
END $$;

-- Ends a run: `ender` is 'token', 'anyone' or 'lapsed'.
CREATE FUNCTION rivulet.finish_run(
  run text, ender text, a_token text, a_state text, a_reason text, message text, wait_ms integer, known bigint
) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = rivulet, pg_temp AS $$
DECLARE
  found_run runs;
BEGIN
  PERFORM lock_positions(wait_ms, known);
  SELECT * INTO found_run FROM runs WHERE id = run AND state = 'running' FOR UPDATE;
  IF NOT FOUND OR (ender = 'lapsed' AND found_run.due > now_ms())
    OR (ender = 'token' AND (found_run.token <> a_token OR found_run.due <= now_ms())) THEN
    RETURN 'false';
  END IF;
  UPDATE runs SET state = a_state, reason = a_reason, ended_at = now_ms(), due = now_ms() + keep_ms,
      end_position = store_run_events(run, message::json)
    WHERE id = run;
  RETURN 'true';
END $$;

-- Lists runs whose lease is over, then a row with the milliseconds until the next lease is over.
CREATE FUNCTION rivulet.lapsed_runs(max_rows integer) RETURNS TABLE (id text, next_ms text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = rivulet, pg_temp AS $$
#variable_conflict use_column
DECLARE
  present bigint := now_ms();
BEGIN
  RETURN QUERY SELECT r.id, NULL::text FROM runs r WHERE r.state = 'running' AND r.due <= present ORDER BY r.due LIMIT max_rows;
  IF NOT FOUND THEN
    RETURN QUERY SELECT NULL::text, (min(r.due) - present)::text FROM runs r WHERE r.state = 'running';
  END IF;
END $$;

CREATE FUNCTION rivulet.get_run(run text) RETURNS TABLE (record text)
LANGUAGE sql SECURITY DEFINER SET search_path = rivulet, pg_temp
AS $$ SELECT run_record(r) FROM find_run(run) r $$;

CREATE FUNCTION rivulet.list_runs(a_key text, max_rows bigint) RETURNS TABLE (record text)
LANGUAGE sql SECURITY DEFINER SET search_path = rivulet, pg_temp AS $$
  SELECT run_record(r) FROM runs r WHERE key = a_key AND (state = 'running' OR due > now_ms()) ORDER BY beginning DESC LIMIT max_rows
$$;

CREATE FUNCTION rivulet.forget_run(run text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = rivulet, pg_temp AS $$
BEGIN
  PERFORM FROM runs WHERE id = run AND state = 'running';
  IF FOUND THEN
    RETURN 'false';
  END IF;
  PERFORM drop_run(run);
  RETURN 'true';
END $$;

INSERT INTO rivulet.state (version, compatible, history, origin, dropped, floor, live_floor)
  SELECT 1, 1, rivulet.history_id(), rivulet.now_ms() * 1024, 0, 0, 0;
SELECT setval('rivulet.positions', origin), setval('rivulet.horizon', origin) FROM rivulet.state;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA rivulet FROM PUBLIC;
