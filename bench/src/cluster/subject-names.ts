/** Subjects: a library, its way of carrying events between nodes, and the number of nodes. */
export const subjects = [
  'rivulet, 1 node, memory',
  'rivulet, 1 node, Redis',
  'rivulet, 2 nodes, Redis',
  'Socket.IO, 2 nodes, Redis',
  'oRPC, 2 nodes, Redis',
] as const
export type SubjectName = (typeof subjects)[number]

export const libraries = ['rivulet', 'socket.io', 'orpc'] as const
export type Library = (typeof libraries)[number]

export interface Setting {
  readonly library: Library
  readonly nodes: number
  /** Without it, a node keeps its events in memory. */
  readonly redis: boolean
}

export const settings: Record<SubjectName, Setting> = {
  'rivulet, 1 node, memory': { library: 'rivulet', nodes: 1, redis: false },
  'rivulet, 1 node, Redis': { library: 'rivulet', nodes: 1, redis: true },
  'rivulet, 2 nodes, Redis': { library: 'rivulet', nodes: 2, redis: true },
  'Socket.IO, 2 nodes, Redis': { library: 'socket.io', nodes: 2, redis: true },
  'oRPC, 2 nodes, Redis': { library: 'orpc', nodes: 2, redis: true },
}
