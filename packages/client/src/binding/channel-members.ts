import type { BaseEvent, EventDefinition, EventOfDefinition } from '@rivulet/core'
import { checkHistoryOptions } from '../check-options.js'
import { loadJson } from '../connection/call-server.js'
import { besideUrl, type PerAttempt } from '../connection/request.js'
import { retryDelay, retryPolicy } from '../connection/retry-policy.js'
import { type HistoryAccess, historyOf } from '../delivery/history-access.js'
import { development } from '../runtime/development.js'
import { ConfigurationError, HttpStatusError, isRetryableStatus } from '../runtime/errors.js'
import { ask } from '../runtime/guard.js'
import { pageBaseUrl } from '../runtime/page-events.js'
import { isOn } from './fold-store.js'
import { cancelFrame, nextFrame } from './next-frame.js'
import type { StreamBinding } from './stream-binding.js'

/** A member of a channel: a stream. One user may have several. */
export interface ChannelMember {
  readonly connectionId: string
  /** In milliseconds since the Unix epoch. */
  readonly connectedAt: number
  /** The value that the route's `presence` callback returned. */
  readonly info?: unknown
}

/** An event that tells who joined a channel or left it. */
export type PresenceEvent = BaseEvent & { readonly change: 'join' | 'leave'; readonly member: ChannelMember }

/** The member that an event of a definition has. */
export type MemberOf<Definition extends EventDefinition> =
  EventOfDefinition<Definition> extends { readonly member: infer Member } ? Member : ChannelMember

export interface PresenceOptions {
  /** The channel whose members are shown. @default 'default' */
  channel?: string | undefined
  /** The address of the members route. A function is called for each request. @default the stream's address, with `/members` added to its path */
  url?: PerAttempt<string | URL>
}

/** Members of a channel. Replaced, never changed. */
export interface PresenceView<Member = ChannelMember> {
  /** The longest connected first. Empty until they are known. */
  readonly members: readonly Member[]
  /** They were not loaded yet, or events that changed them may be missing, and they are being loaded again. */
  readonly loading: boolean
  /** Error of the last request. `undefined` once they are loaded. */
  readonly error: unknown
}

/** State of a channel whose members nobody asked for. Render it on a server and while hydrating. */
export const initialPresence: PresenceView<never> = { members: [], loading: true, error: undefined }

/**
 * Members of a channel behind one hook or composable. It loads them once the stream is open, and follows the events that tell of
 * changes. After a gap or a reconnection it loads them again. It has no effect until it is opened, so a render may create one
 * and discard it.
 */
export class ChannelMembers {
  /** Members to show. */
  view: PresenceView = initialPresence
  readonly #binding: StreamBinding
  readonly #definition: EventDefinition
  readonly #channel: string
  #url: PerAttempt<string | URL> | undefined
  #members: ReadonlyMap<string, ChannelMember> = new Map()
  /** Changes that came while the members are being loaded. */
  #changes: PresenceEvent[] = []
  #loading: AbortController | undefined
  #loaded = false
  #error: unknown
  /** Number of requests that failed in a row. */
  #failures = 0
  #timer: unknown
  readonly #listeners = new Set<() => void>()

  /** @throws {ConfigurationError} for an invalid option. */
  constructor(binding: StreamBinding, definition: EventDefinition, { channel = 'default', url }: PresenceOptions = {}) {
    checkHistoryOptions({ url })
    this.#binding = binding
    this.#definition = definition
    this.#channel = channel
    this.#url = url
  }

  /** Tells whether it shows these members. Make a new one if not. */
  matches(binding: StreamBinding, { type }: EventDefinition, { channel = 'default', url }: PresenceOptions): boolean {
    const isSameUrl = typeof url === 'function' ? typeof this.#url === 'function' : String(url) === String(this.#url)
    return this.#binding === binding && this.#definition.type === type && this.#channel === channel && isSameUrl
  }

  /** Calls the address of the latest render, if it is a function. */
  use({ url }: PresenceOptions): void {
    this.#url = url
  }

  /** Calls the listener when `view` is replaced. Bound, so it can be passed on as a function. Returns its undo. */
  readonly watch = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  /**
   * Loads and follows the members until the returned function is called. It may be opened again.
   *
   * @returns Stops. Call it once.
   */
  open(): () => void {
    const { service } = this.#binding
    const stops = [
      this.#binding.on(this.#definition, (event) => this.#take(event as unknown as PresenceEvent)),
      service.onGap(({ channel }) => {
        if (channel === undefined || channel === this.#channel) this.#load()
      }),
      service.onStatusChange(({ status }, previous) => {
        if (status === 'open' && previous.status !== 'open') this.#load()
        // Changes may be missing from now on.
        else if (status !== 'open') this.#stop()
      }),
    ]
    if (service.status === 'open') this.#load()
    return () => {
      this.#stop()
      cancelFrame(this.#show)
      for (const stop of stops) stop()
    }
  }

  #take(event: PresenceEvent): void {
    if (!isOn(this.#channel, event)) return
    if (this.#loading) this.#changes.push(event)
    this.#members = changed(this.#members, [event])
    nextFrame(this.#show)
  }

  #stop(): void {
    this.#loading?.abort()
    this.#loading = undefined
    this.#binding.service.clock.clearTimeout(this.#timer)
  }

  #load(): void {
    const access = historyOf(this.#binding.service)
    if (!access) return
    this.#stop()
    const controller = new AbortController()
    this.#loading = controller
    this.#changes = []
    this.#loaded = false
    nextFrame(this.#show)
    const { signal } = controller
    this.#request(access, signal).then(
      (members) => {
        if (signal.aborted) return
        this.#loading = undefined
        this.#loaded = true
        this.#error = undefined
        this.#failures = 0
        this.#members = changed(members, this.#changes)
        nextFrame(this.#show)
      },
      (error: unknown) => {
        if (signal.aborted) return
        this.#loading = undefined
        this.#error = error
        nextFrame(this.#show)
        if (isFinal(error)) return
        const retryAfterMs = error instanceof HttpStatusError ? error.retryAfterMs : undefined
        const situation = { attempt: ++this.#failures, retryAfterMs, random: access.clock.random() }
        const delayMs = retryDelay(retryPolicy(access.options.retry), situation)
        this.#timer = access.clock.setTimeout(() => this.#load(), delayMs)
      },
    )
  }

  async #request(access: HistoryAccess, signal: AbortSignal): Promise<ReadonlyMap<string, ChannelMember>> {
    const { options, clock } = access
    const url = this.#url ?? besideUrl(options, 'members')
    const target: PerAttempt<URL> = async (given) => {
      const address = new URL(await (typeof url === 'function' ? url(given) : url), pageBaseUrl())
      address.searchParams.set('channel', this.#channel)
      return address
    }
    const answer = await loadJson({ ...options, url: target, method: 'GET', body: undefined }, clock, signal)
    const { members } = Object(answer)
    if (!Array.isArray(members)) {
      throw new ConfigurationError(
        'url',
        '[its answer]',
        development ? 'Pass the address of a route that channelMembers serves.' : '',
      )
    }
    const joins: PresenceEvent[] = []
    const { type } = this.#definition
    const timeoutMs = options.callbackTimeoutMs ?? 10_000
    for (const member of members) {
      try {
        const data = JSON.stringify({ change: 'join', member })
        const made = access.read({ event: type, data, lastEventId: '' }, '')
        const event = made instanceof Promise ? await ask('validate', () => made, { clock, signal, timeoutMs }) : made
        if (event) joins.push(event as PresenceEvent)
      } catch (error) {
        if (signal.aborted) throw error
        access.report(error)
      }
    }
    return changed(new Map(), joins)
  }

  readonly #show = (): void => {
    const members = [...this.#members.values()].sort(byAge)
    this.view = { members, loading: !this.#loaded, error: this.#error }
    for (const listener of [...this.#listeners]) listener()
  }
}

/** Returns members after some changes. */
function changed(
  members: ReadonlyMap<string, ChannelMember>,
  changes: readonly PresenceEvent[],
): ReadonlyMap<string, ChannelMember> {
  const next = new Map(members)
  for (const { change, member } of changes) {
    if (change === 'join') next.set(member.connectionId, member)
    else next.delete(member.connectionId)
  }
  return next
}

function byAge(one: ChannelMember, other: ChannelMember): number {
  return one.connectedAt - other.connectedAt || (one.connectionId < other.connectionId ? -1 : 1)
}

/** Tells whether another attempt would fail too. */
function isFinal(error: unknown): boolean {
  return error instanceof ConfigurationError || (error instanceof HttpStatusError && !isRetryableStatus(error.status))
}
