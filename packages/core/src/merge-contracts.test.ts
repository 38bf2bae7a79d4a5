import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { ConfigurationError, defineEvents, type EventContract, mergeContracts } from './index.js'

const jobs = defineEvents({ 'job.done': z.object({ job: z.string() }) })
const chat = defineEvents({ 'chat.message': z.object({ text: z.string() }), 'chat.typing': z.object({}) })

describe('mergeContracts', () => {
  it('has the definitions of all contracts, unchanged', () => {
    const events = mergeContracts(jobs, chat)
    expect(Object.keys(events)).toEqual(['job.done', 'chat.message', 'chat.typing'])
    expect(events['job.done']).toBe(jobs['job.done'])
    expect(events['chat.message']).toBe(chat['chat.message'])
  })

  it('is a contract like any other: frozen, with no names except those of its events', () => {
    const events = mergeContracts(jobs, chat)
    expect(Object.isFrozen(events)).toBe(true)
    expect('constructor' in events).toBe(false)
    expect(Object.keys(mergeContracts(events, defineEvents({ log: z.object({}) })))).toHaveLength(4)
  })

  it('refuses a name that two contracts have', () => {
    const plugins: EventContract[] = [jobs, chat, defineEvents({ log: z.object({}), 'chat.typing': z.object({}) })]
    const merge = () => mergeContracts(...plugins)
    expect(merge).toThrow(ConfigurationError)
    expect(merge).toThrow('The option "contracts.chat.typing" cannot be "an event of two contracts". Rename it in one')
  })
})
