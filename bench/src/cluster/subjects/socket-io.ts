import { createAdapter } from '@socket.io/redis-streams-adapter'
import { Redis } from 'ioredis'
import { Server } from 'socket.io'
import { eventName } from '../../server/subject.js'
import { type CreateClusterSubject, requiredPort } from '../subject.js'

const room = 'default'

/** With recovery of missed events, the purpose of its adapter for Redis streams; over WebSocket from the start. */
export const createSubject: CreateClusterSubject = (redisPort) => {
  const io = new Server({
    adapter: createAdapter(new Redis(requiredPort(redisPort), '127.0.0.1')),
    connectionStateRecovery: {},
    transports: ['websocket'],
  })
  io.on('connection', (socket) => void socket.join(room))
  return {
    attach: (server) => void io.attach(server),
    connections: () => io.sockets.sockets.size,
    publish: (payload) => io.to(room).emit(eventName, payload),
  }
}
