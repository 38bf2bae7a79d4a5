import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { EventStreamService } from '@rivulet/client'
import { type ContractOf, defineEvents } from '@rivulet/core'
import { EventManager, type EventStreamOptions } from '@rivulet/server'
import { handleChannelMembers, handleEventStream } from '@rivulet/server/node'
import { expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'

type Schemas = {
  presence: z.ZodObject<{
    change: z.ZodEnum<{ join: 'join'; leave: 'leave' }>
    member: z.ZodObject<{
      connectionId: z.ZodString
      connectedAt: z.ZodNumber
      info: z.ZodObject<{ name: z.ZodPipe<z.ZodString, z.ZodTransform<string, string>> }>
    }>
  }>
}

export const events: ContractOf<Schemas> = defineEvents({
  presence: z.object({
    change: z.enum(['join', 'leave']),
    member: z.object({
      connectionId: z.string(),
      connectedAt: z.number(),
      info: z.object({ name: z.string().transform((name) => name.toUpperCase()) }),
    }),
  }),
})

export interface MountedPresence {
  view(): { names: readonly string[]; loading: boolean; error: unknown }
  /** Shows the members of another channel. */
  show(channel: string): void
  unmount(): void
}

/** Mounts a component with `usePresence(events.presence, { channel })` and a stream. */
export type MountPresence = (service: EventStreamService<typeof events>, channel: string) => MountedPresence

/** The checks of `usePresence` on a server behind real sockets. */
export function checkPresence(mount: MountPresence, waitUntil: (check: () => void) => Promise<unknown>): void {
  const shows = (
    page: MountedPresence,
    names: readonly string[],
    more: object = { loading: false, error: undefined },
  ) => waitUntil(() => expect(page.view()).toMatchObject({ names, ...more }))

  it('shows who is there, who joins and who leaves, itself included', async () => {
    const { join } = await serve()
    const ada = join('ada')
    await ada.opened
    const page = mount(join('me').service, 'room')
    await shows(page, ['ADA', 'ME'])
    const bob = join('bob')
    await shows(page, ['ADA', 'ME', 'BOB'])
    ada.service.close()
    await shows(page, ['ME', 'BOB'])
    bob.service.close()
    await shows(page, ['ME'])
  })

  it('follows changes that come while the members are on their way', async () => {
    const { join, hold, loads } = await serve()
    const ada = join('ada')
    await ada.opened
    let release = () => {}
    hold(
      new Promise<void>((resolve) => {
        release = resolve
      }),
    )
    const page = mount(join('me').service, 'room')
    await waitUntil(() => expect(loads()).toBe(1))
    // The answer is there, and does not know of these.
    ada.service.close()
    await join('bob').opened
    await shows(page, ['ME', 'BOB'], { loading: true })
    release()
    await shows(page, ['ME', 'BOB'])
  })

  it('loads the members again after a reconnection', async () => {
    const { join, loads, drop } = await serve()
    const me = join('me')
    const page = mount(me.service, 'room')
    await shows(page, ['ME'])
    const before = loads()
    drop()
    await waitUntil(() => expect(loads()).toBe(before + 1))
    await shows(page, ['ME'])
  })

  it('shows those of another channel', async () => {
    const { join } = await serve()
    await join('ada', 'other').opened
    const page = mount(join('me').service, 'room')
    await shows(page, ['ME'])
    page.show('other')
    await shows(page, ['ADA', 'ME'])
  })

  it('tells that it may not see them', async () => {
    const { join } = await serve()
    const page = mount(join('me').service, 'secret')
    await waitUntil(() => expect(page.view().error).toMatchObject({ code: 'RIVULET_HTTP_STATUS', status: 403 }))
    expect(page.view()).toMatchObject({ names: [], loading: true })
  })
}

/** Serves streams of two channels, each a member of one of them, and the members. */
async function serve() {
  const manager: EventManager<typeof events> = new EventManager({
    events,
    onError: () => {},
    presence: {
      onChange: ({ change, channel, member }) =>
        manager.emit('presence', { change, member: member as never }, { channel, retain: false }),
    },
  })
  let held: Promise<void> | undefined
  let loads = 0
  const route: EventStreamOptions<{ url?: string }, string, typeof events> = {
    authorize: ({ url = '' }) => ({ context: new URL(url, 'http://localhost').searchParams.get('name') }),
    channels: (_request, _name, { requested = [] }) => requested.filter((name) => name !== 'secret'),
    presence: (name) => ({ name }),
  }
  const server = createServer(async (request, response) => {
    response.setHeader('Access-Control-Allow-Origin', '*')
    response.setHeader('Access-Control-Allow-Headers', '*')
    if (request.method === 'OPTIONS') return void response.end()
    if (!request.url!.startsWith('/events/members')) return handleEventStream(manager, request, response, route)
    loads++
    const until = held
    const end = response.end.bind(response)
    // The members of now are answered later.
    if (until) response.end = ((text: string) => void until.then(() => end(text))) as never
    return handleChannelMembers(manager, request, response, route)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/events`
  onTestFinished(async () => {
    await manager.close()
    server.close()
    server.closeAllConnections()
  })
  return {
    loads: () => loads,
    hold: (until: Promise<void>) => {
      held = until
    },
    drop: () => server.closeAllConnections(),
    join: (name: string, channel = 'room') => {
      const channels = name === 'me' ? ['room', 'other'] : [channel]
      const service = new EventStreamService({
        url: `${url}?name=${name}`,
        events,
        channels,
        credentials: 'omit',
        retry: { initialMs: 1, maxMs: 10 },
      })
      service.onError(() => {})
      onTestFinished(() => service.close())
      if (name !== 'me') service.connect()
      const opened = new Promise<void>((resolve) => {
        service.onStatusChange(({ status }) => status === 'open' && resolve())
      })
      return { service, opened }
    },
  }
}
