import { SqliteStoreError } from './errors.js'
import { numberOf, type Row, type SqliteDatabase } from './sqlite-database.js'

/** Each entry takes the tables to the next version. Released entries never change. */
export const migrations: readonly string[] = [
  `
  CREATE TABLE rivulet_state (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    -- The number of applied migrations.
    version INTEGER NOT NULL,
    -- Nothing is known before this position.
    origin INTEGER NOT NULL,
    -- The position of the last event.
    position INTEGER NOT NULL,
    -- No position beyond this one was handed out, except for events.
    horizon INTEGER NOT NULL,
    -- The highest last position of a channel that was dropped.
    dropped INTEGER NOT NULL,
    -- 0: closed, 1: open with synchronous = NORMAL, 2: open with FULL.
    open INTEGER NOT NULL,
    boot TEXT NOT NULL,
    pid INTEGER NOT NULL,
    host TEXT NOT NULL,
    since INTEGER NOT NULL
  );
  CREATE TABLE rivulet_channels (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    -- Of the last dropped event: its position, unless events are kept; the count and characters of all events up to it.
    last INTEGER NOT NULL,
    number INTEGER NOT NULL,
    total INTEGER NOT NULL,
    -- The time of the next check, in milliseconds.
    due INTEGER
  );
  CREATE INDEX rivulet_channels_due ON rivulet_channels (due) WHERE due IS NOT NULL;
  -- Events of one channel that were stored together.
  CREATE TABLE rivulet_chunks (
    -- The position of the last one.
    last INTEGER PRIMARY KEY,
    channel INTEGER NOT NULL,
    -- The position of the channel's event before the first one.
    previous INTEGER NOT NULL,
    -- The count and characters of all events of the channel up to the last one.
    number INTEGER NOT NULL,
    total INTEGER NOT NULL,
    -- JSON: for each event, its distance from the last one, its name, the length of its data.
    head TEXT NOT NULL,
    body TEXT NOT NULL
  );
  CREATE INDEX rivulet_chunks_channel ON rivulet_chunks (channel);
  CREATE TABLE rivulet_keys (
    channel TEXT NOT NULL,
    key TEXT NOT NULL,
    position INTEGER,
    at INTEGER NOT NULL,
    PRIMARY KEY (channel, key)
  );
  CREATE INDEX rivulet_keys_at ON rivulet_keys (at);
  CREATE TABLE rivulet_runs (
    id TEXT PRIMARY KEY,
    key TEXT,
    token TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    beginning INTEGER NOT NULL,
    end_position INTEGER,
    -- The end of the lease; after the end, the time at which the run is dropped.
    due INTEGER NOT NULL,
    keep_ms INTEGER NOT NULL,
    max_chars INTEGER NOT NULL,
    -- The number of events that its producer has appended.
    ordinal INTEGER NOT NULL
  );
  CREATE INDEX rivulet_runs_due ON rivulet_runs (state = 'running', due);
  CREATE INDEX rivulet_runs_key ON rivulet_runs (key, beginning) WHERE key IS NOT NULL;
  CREATE INDEX rivulet_runs_running ON rivulet_runs (key) WHERE state = 'running';
  `,
]

/**
 * Reads the version of the tables; 0 if there are none.
 *
 * @throws {SqliteStoreError} `version` if it is newer than this package.
 */
export function versionOf(database: SqliteDatabase, known: number = migrations.length): number {
  const table = database.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'rivulet_state'").all()
  if (table.length === 0) return 0
  const row = database.prepare('SELECT version FROM rivulet_state').get() as Row | undefined
  const version = numberOf(row?.version ?? 0)
  if (version <= known) return version
  const reason = `the tables have version ${version}, and this version of @rivulet/backplane-sqlite knows ${known}.`
  throw new SqliteStoreError('version', 'open', reason)
}

/** Takes the tables from a version to the newest. MUST run in a transaction, which also stores the new version. */
export function migrate(database: SqliteDatabase, from: number, steps: readonly string[] = migrations): void {
  for (const sql of steps.slice(from)) database.exec(sql)
}
