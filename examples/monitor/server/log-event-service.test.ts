import { pino } from 'pino'
import { expect, it } from 'vitest'
import { customLevels, LogEventService } from './log-event-service.js'
import { recordingEmit } from './testing.js'

it('turns lines of pino into log events', () => {
  const { emit, emitted } = recordingEmit()
  const logger = pino({ level: 'debug', customLevels }, new LogEventService(emit).stream)
  logger.debug('looked')
  logger.info({ url: '/a' }, 'asked')
  logger.success('done')
  logger.warn('hm')
  logger.error({ err: new Error('broken') }, 'failed')
  logger.fatal('over')
  expect(emitted.map(({ type }) => type)).toEqual(Array(6).fill('log'))
  expect(emitted.map(({ payload }) => [payload.level, payload.message])).toEqual([
    ['info', 'looked'],
    ['info', 'asked'],
    ['success', 'done'],
    ['warning', 'hm'],
    ['error', 'failed'],
    ['error', 'over'],
  ])
  expect(emitted[0]!.payload.data).toBeUndefined()
  expect(emitted[1]!.payload.data).toEqual({ url: '/a' })
  expect(emitted[4]!.payload.data).toMatchObject({ err: { message: 'broken', stack: expect.any(String) } })
})

it('shortens a very long message', () => {
  const { emit, emitted } = recordingEmit()
  pino({}, new LogEventService(emit).stream).info('x'.repeat(10_000))
  expect(emitted[0]!.payload.message).toBe(`${'x'.repeat(2_000)}…`)
})

it('publishes nothing after it was stopped', () => {
  const { emit, emitted } = recordingEmit()
  const service = new LogEventService(emit)
  const logger = pino({}, service.stream)
  service.stop()
  logger.info('too late')
  expect(emitted).toEqual([])
})
