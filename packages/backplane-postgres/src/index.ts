export { type PostgresOperation, PostgresSetupError, PostgresUnavailableError } from './database/errors.js'
export type { PgPool, PgPoolClient, PostgresClient, PostgresJs } from './database/postgres-client.js'
export { type Migration, type MigrationOptions, migrate, migrations } from './migrations.js'
export { PostgresBackplane, type PostgresBackplaneOptions } from './postgres-backplane.js'
