import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { defineEvents } from '@rivulet/core'
import { EventManager } from '@rivulet/server'
import { sharedDeflate } from '@rivulet/server/deflate'
import { handleEventStream } from '@rivulet/server/node'
import { z } from 'zod'
import type { TickPayload } from '../event.js'
import { sseHeaders } from '../frame.js'
import { eventName } from '../subject.js'

/** A server of several channels with a history. The path of a request names its channel. */
export interface Peer {
  connect(request: IncomingMessage, response: ServerResponse): unknown
  connections(): number
  publish(channel: string, payload: TickPayload): void
  /** The number of deliveries, and of the bytes written. */
  written?(): { readonly deliveries: number; readonly bytes: number }
}

/** Number of events that a stream gets from its channel's history. */
export const replay = 100

/** With its defaults, except for a history that holds a large event. */
export function createRivulet({ coalescing = false, compression = false } = {}): Peer {
  const events = defineEvents({ [eventName]: z.object({ seq: z.number(), mark: z.string(), text: z.string() }) })
  const manager = new EventManager({ events, retention: { maxBytes: 67_108_864 }, coalescing })
  const options = {
    channels: (request: IncomingMessage) => [channelOf(request)],
    replay,
    compression: compression ? sharedDeflate() : undefined,
  }
  return {
    connect: (request, response) => handleEventStream(manager, request, response, options),
    connections: () => manager.connections.size,
    publish: (channel, payload) => manager.emit(eventName, payload, { channel }),
    written: () => manager.stats(),
  }
}

/** The same bytes as Rivulet's: its headers, ids and fields. */
const bareHeaders = { ...sseHeaders, 'X-Accel-Buffering': 'no' }
const opening =
  'retry: 2000\nid: 0123456789\nevent: rivulet:open\n' +
  'data: {"connectionId":"01234567-000","heartbeatMs":30000,"recovered":null,"replayed":100}\n\n'

function bareFrame(payload: TickPayload, channel: string): string {
  const data = JSON.stringify({ ...payload, timestamp: Date.now(), source: 'server', channel })
  return `id: 012${payload.seq}\nevent: ${eventName}\ndata: ${data}\n\n`
}

/** The cost of Node.js itself: each event in one buffer for all, and the history of a channel in another one. */
export function createBare(): Peer {
  const channels = new Map<string, { sockets: Set<Socket>; frames: string[]; history: Buffer | undefined }>()
  let connections = 0
  function channelAt(name: string) {
    const channel = channels.get(name) ?? { sockets: new Set(), frames: [], history: undefined }
    channels.set(name, channel)
    return channel
  }
  return {
    connect: (request, response) => {
      const channel = channelAt(channelOf(request))
      response.writeHead(200, bareHeaders)
      if (channel.frames.length > 0) {
        channel.history ??= Buffer.from(opening + channel.frames.join(''))
        response.write(channel.history)
      } else response.flushHeaders()
      const socket = response.socket!
      connections++
      channel.sockets.add(socket)
      response.on('close', () => {
        connections--
        channel.sockets.delete(socket)
      })
    },
    connections: () => connections,
    publish: (name, payload) => {
      const channel = channelAt(name)
      const frame = bareFrame(payload, name)
      channel.frames = [...channel.frames, frame].slice(-replay)
      channel.history = undefined
      const body = Buffer.from(frame)
      const chunk = Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n')])
      for (const socket of channel.sockets) socket.write(chunk)
    },
  }
}

function channelOf({ url = '/' }: IncomingMessage): string {
  return url.slice(1)
}
