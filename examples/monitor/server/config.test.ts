import { describe, expect, it } from 'vitest'
import { readConfig } from './config.js'

describe('readConfig', () => {
  it('has a default for every setting', () => {
    expect(readConfig({})).toEqual({
      port: 3_000,
      workers: 1,
      sources: undefined,
      sourceTimeoutMs: 5_000,
      corsOrigins: [],
      highLoadMs: 200,
      logLevel: 'info',
    })
  })

  it('reads lists and numbers, and an empty variable as absent', () => {
    const config = readConfig({
      PORT: '8080',
      SOURCES: ' http://a.test/x, https://b.test ,',
      CORS_ORIGINS: 'http://localhost:5173',
      HIGH_LOAD_MS: '',
      LOG_LEVEL: 'debug',
    })
    expect(config).toMatchObject({
      port: 8_080,
      sources: ['http://a.test/x', 'https://b.test'],
      corsOrigins: ['http://localhost:5173'],
      highLoadMs: 200,
      logLevel: 'debug',
    })
  })

  it.each([
    [{ PORT: '80a' }, 'PORT is "80a". Use a whole number from 0 to 65535.'],
    [{ PORT: '65536' }, 'PORT is "65536"'],
    [{ WORKERS: '0' }, 'WORKERS is "0". Use a whole number from 1 to 64.'],
    [{ PORT: '-1' }, 'PORT is "-1"'],
    [{ SOURCES: 'file:///etc/passwd' }, 'SOURCES holds "file:///etc/passwd"'],
    [{ SOURCES: 'a.test' }, 'SOURCES holds "a.test"'],
    [{ CORS_ORIGINS: '*' }, 'CORS_ORIGINS holds "*"'],
    [{ LOG_LEVEL: 'loud' }, 'LOG_LEVEL is "loud". Use one of trace, debug'],
  ])('refuses %o', (env, message) => {
    expect(() => readConfig(env)).toThrow(message)
  })
})
