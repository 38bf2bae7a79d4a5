import type { Level } from 'pino'

export interface Config {
  readonly port: number
  readonly workers: number
  readonly sources: readonly string[] | undefined
  readonly sourceTimeoutMs: number
  readonly corsOrigins: readonly string[]
  readonly highLoadMs: number
  readonly logLevel: Level
  readonly dataFolder: string | undefined
}

const logLevels: readonly Level[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal']

/**
 * Reads the environment.
 *
 * @throws Error naming the variable, its value and the allowed values.
 */
export function readConfig(env: NodeJS.ProcessEnv): Config {
  const logLevel = (env.LOG_LEVEL || 'info') as Level
  if (!logLevels.includes(logLevel)) throw new Error(`LOG_LEVEL is "${logLevel}". Use one of ${logLevels.join(', ')}.`)
  const sources = list(env.SOURCES)
  for (const source of sources) checkUrl('SOURCES', source)
  const corsOrigins = list(env.CORS_ORIGINS)
  for (const origin of corsOrigins) checkUrl('CORS_ORIGINS', origin)
  return {
    port: integer(env, 'PORT', 3_000, 0, 65_535),
    workers: integer(env, 'WORKERS', 1, 1, 64),
    sources: sources.length > 0 ? sources : undefined,
    sourceTimeoutMs: integer(env, 'SOURCE_TIMEOUT_MS', 5_000, 1, 600_000),
    corsOrigins,
    highLoadMs: integer(env, 'HIGH_LOAD_MS', 200, 1, 60_000),
    logLevel,
    dataFolder: env.DATA_DIR || undefined,
  }
}

function list(value: string | undefined): string[] {
  return (value ?? '')
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
}

function checkUrl(name: string, value: string): void {
  if (URL.canParse(value) && /^https?:/.test(value)) return
  throw new Error(`${name} holds "${value}". Use http:// or https:// addresses, with commas between.`)
}

function integer(env: NodeJS.ProcessEnv, name: string, fallback: number, min: number, max: number): number {
  const value = env[name]
  if (!value) return fallback
  const number = Number(value)
  if (Number.isInteger(number) && number >= min && number <= max) return number
  throw new Error(`${name} is "${value}". Use a whole number from ${min} to ${max}.`)
}
