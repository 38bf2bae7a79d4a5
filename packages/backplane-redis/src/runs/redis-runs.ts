import {
  type BackplaneMessage,
  type RunCreated,
  type RunCreation,
  type RunEnd,
  type RunEnder,
  type RunRecord,
  type RunStore,
  runChannel,
} from '@rivulet/server'
import type { History } from '../link/history.js'
import type { Keys } from '../link/keys.js'
import type { Reconnector } from '../link/reconnector.js'
import type { RedisLink } from '../link/redis-link.js'
import type { Script } from '../link/script.js'
import { encodeEvent } from '../logs/event-text.js'
import { bound } from '../logs/retention.js'
import { append, finish, lossText } from './run-output.js'
import * as scripts from './run-scripts.js'

/** The number of runs that one call is about. */
const pageSize = 256
/** The longest time that a run may be kept, in milliseconds: Redis refuses to expire a key much later. */
const longestMs = 1e13
/** The number of fields of a record. */
const recordSize = 8

/** A run in the index: `<key's length>:<key>:<beginning>:<id>`. */
interface Member {
  readonly text: string
  readonly id: string
  readonly beginning: string
}

/** The runs in Redis. Each call is one script, except for those that need the names of runs that they find first. */
export class RedisRuns implements RunStore {
  readonly #keys: Keys
  readonly #history: History
  readonly #reconnector: Reconnector

  constructor(keys: Keys, history: History, reconnector: Reconnector) {
    this.#keys = keys
    this.#history = history
    this.#reconnector = reconnector
  }

  /** Runs a script. What is not set is `null`. */
  #call(
    { script, keys = [] }: { script: Script; keys?: readonly string[] },
    args: readonly (string | number)[] | ((link: RedisLink) => readonly (string | number)[]),
  ): Promise<(string | null)[]> {
    return this.#reconnector.use('run', (link) => {
      const given = typeof args === 'function' ? args(link) : args
      return link.call(script, [this.#keys.clock, ...keys], [this.#history.known, ...given])
    })
  }

  #noted(position: string | null | undefined): boolean {
    if (position) this.#history.note(Number(position))
    return typeof position === 'string'
  }

  async create(id: string, creation: RunCreation): Promise<RunCreated> {
    const { token, key, leaseMs, keepMs, maxBytes, maxRunning } = creation
    const { leases, runningByKey, runsByKey, endedByKey } = this.#keys
    const keys = [this.#keys.run(id), this.#log(id), leases, runningByKey, runsByKey, endedByKey]
    const numbers = [Math.ceil(leaseMs), ageOf(keepMs), bound(maxBytes), bound(maxRunning)]
    const [own, ...record] = await this.#call({ script: scripts.create, keys }, [id, textOf(key), token, ...numbers])
    const run = readRecord(id, record)
    if (!run) return { run: undefined, created: false }
    this.#history.note(run.beginning)
    return { run, created: own === '1' }
  }

  #log(id: string): string {
    return this.#keys.log(runChannel(id))
  }

  #live(link: RedisLink, id: string): string {
    return link.local(this.#keys.live(runChannel(id)))
  }

  async append(id: string, token: string, ordinal: number, messages: readonly BackplaneMessage[]): Promise<boolean> {
    const keys = [this.#keys.run(id), this.#log(id)]
    const events = messages.map(encodeEvent)
    const [last] = await this.#call({ script: append, keys }, (link) => [
      token,
      ordinal,
      this.#live(link, id),
      lossText,
      ...events,
    ])
    return this.#noted(last)
  }

  async renew(leases: readonly { readonly id: string; readonly token: string }[], leaseMs: number): Promise<boolean[]> {
    const keys = [this.#keys.leases, ...leases.map(({ id }) => this.#keys.run(id))]
    const args = leases.flatMap(({ id, token }) => [id, token])
    const held = await this.#call({ script: scripts.renew, keys }, [Math.ceil(leaseMs), ...args])
    return held.map((holds) => holds === '1')
  }

  async finish(id: string, ender: RunEnder, { state, reason = '', message }: RunEnd): Promise<boolean> {
    const { leases, runningByKey, endedByKey } = this.#keys
    const keys = [this.#keys.run(id), this.#log(id), leases, runningByKey, endedByKey]
    const who = typeof ender === 'object' ? ['token', ender.token] : [ender, '']
    const [end] = await this.#call({ script: finish, keys }, (link) => [
      id,
      this.#live(link, id),
      lossText,
      encodeEvent(message),
      state,
      reason,
      ...who,
    ])
    return this.#noted(end)
  }

  async lapsed(limit: number): Promise<{ ids: string[]; nextMs: number | undefined }> {
    const { leases, runsByKey, endedByKey } = this.#keys
    const count = Math.min(pageSize, limit)
    for (;;) {
      const keys = [leases, runsByKey, endedByKey]
      const [nextMs, ...over] = await this.#call({ script: scripts.lapsed, keys }, [count])
      if (over.length === 0) return { ids: [], nextMs: nextMs ? Number(nextMs) : undefined }
      const ids = await this.#confirm(over.map((text) => readMember(text!)))
      if (ids.length > 0) return { ids, nextMs: undefined }
    }
  }

  async #confirm(members: readonly Member[]): Promise<string[]> {
    const { leases, runningByKey, runsByKey } = this.#keys
    const keys = [leases, runningByKey, runsByKey, ...members.map(({ id }) => this.#keys.run(id))]
    const args = members.flatMap(({ text, beginning }) => [text, beginning])
    const found = await this.#call({ script: scripts.confirm, keys }, args)
    return members.filter((_, index) => found[index] === '1').map(({ id }) => id)
  }

  async get(id: string): Promise<RunRecord | undefined> {
    return readRecord(id, await this.#call({ script: scripts.get, keys: [this.#keys.run(id)] }, []))
  }

  async list(key: string, limit: number): Promise<RunRecord[]> {
    const { runsByKey, endedByKey } = this.#keys
    const found: RunRecord[] = []
    for (let before = ''; ; ) {
      const count = Math.min(pageSize, limit - found.length)
      const args = [textOf(key), before, count]
      const texts = await this.#call({ script: scripts.members, keys: [runsByKey, endedByKey] }, args)
      if (texts.length > 0) found.push(...(await this.#records(texts.map((text) => readMember(text!)))))
      if (texts.length < count || found.length >= limit) return found
      before = texts.at(-1)!
    }
  }

  async #records(members: readonly Member[]): Promise<RunRecord[]> {
    const keys = [this.#keys.runsByKey, ...members.map(({ id }) => this.#keys.run(id))]
    const args = members.flatMap(({ text, beginning }) => [text, beginning])
    const reply = await this.#call({ script: scripts.records, keys }, args)
    return members.flatMap(({ id }, index) => {
      const run = readRecord(id, reply.slice(index * recordSize, (index + 1) * recordSize))
      return run ? [run] : []
    })
  }

  async forget(id: string): Promise<boolean> {
    const { runsByKey, endedByKey } = this.#keys
    const keys = [this.#keys.run(id), this.#log(id), runsByKey, endedByKey]
    const [gone] = await this.#call({ script: scripts.forget, keys }, [id])
    return gone === '1'
  }
}

/** A key with its length in front, so that none begins another. */
function textOf(key: string | undefined): string {
  return key === undefined ? '-:' : `${key.length}:${key}:`
}

function readMember(text: string): Member {
  const colon = text.indexOf(':')
  const from = text[0] === '-' ? colon + 1 : colon + Number(text.slice(0, colon)) + 2
  return { text, beginning: text.slice(from, from + 16), id: text.slice(from + 17) }
}

function readRecord(id: string, fields: readonly (string | null)[]): RunRecord | undefined {
  const [key, state, reason, startedAt, endedAt, beginning, end, lapsed] = fields
  if (!key) return undefined
  return {
    id,
    key: key[0] === '-' ? undefined : key.slice(key.indexOf(':') + 1, -1),
    state: state as RunRecord['state'],
    reason: reason ?? undefined,
    startedAt: Number(startedAt),
    endedAt: numberOf(endedAt),
    beginning: Number(beginning),
    end: numberOf(end),
    lapsed: lapsed === '1',
  }
}

function numberOf(text: string | null | undefined): number | undefined {
  return text ? Number(text) : undefined
}

function ageOf(ms: number): string {
  return bound(ms < longestMs ? ms : Infinity)
}
