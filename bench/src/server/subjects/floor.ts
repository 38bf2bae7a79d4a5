import type { Socket } from 'node:net'
import { sseHeaders, toFrame } from '../frame.js'
import type { Subject } from '../subject.js'

/**
 * The cost of Node.js itself: bytes framed before the clock starts, all events of a turn in one buffer, written to
 * each socket. It keeps, checks and bounds nothing.
 */
export function createSubject(): Subject {
  const sockets = new Set<Socket>()
  return {
    connect: (_request, response) => {
      response.writeHead(200, sseHeaders)
      response.flushHeaders()
      const socket = response.socket!
      sockets.add(socket)
      response.on('close', () => sockets.delete(socket))
    },
    connections: () => sockets.size,
    prepare: (payloads) => {
      const body = Buffer.from(payloads.map(toFrame).join(''))
      const chunk = Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n')])
      return () => {
        for (const socket of sockets) socket.write(chunk)
      }
    },
  }
}
