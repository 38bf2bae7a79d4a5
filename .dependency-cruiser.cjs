/** Rooms of a package, from the top down: a file may import from its own room and from those behind it. */
const rooms = {
  'packages/backplane-postgres/src': ['live', 'registry', 'runs', 'logs', 'database'],
  'packages/backplane-redis/src': ['live', 'registry', 'runs', 'logs', 'link', 'clients'],
  'packages/backplane-sqlite/src': ['runs', 'logs', 'commits', 'database'],
  'packages/client/src': ['query', 'store', 'binding', 'shared', 'delivery', 'connection', 'runtime'],
  'packages/server/src': ['runs', 'streams', 'nodes', 'delivery', 'sinks', 'ipc', 'backplane', 'runtime'],
}
/** Rooms that use what stands beside the rooms, such as the class that the package is about. */
const users = ['packages/client/src/store', 'packages/client/src/binding']
const upward = Object.entries(rooms).flatMap(([folder, names]) =>
  names.slice(1).map((room, index) => ({
    name: `no-upward-import: ${folder}/${room}`,
    severity: 'error',
    from: { path: `^${folder}/${room}/`, pathNot: '\\.(test|test-d)\\.tsx?$' },
    to: {
      path: [
        ...(users.includes(`${folder}/${room}`) ? [] : [`^${folder}/[^/]+$`]),
        ...names.slice(0, index + 1).map((above) => `^${folder}/${above}/`),
      ],
    },
  })),
)
module.exports = {
  forbidden: [{ name: 'no-circular', severity: 'error', from: {}, to: { circular: true } }, ...upward],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(node_modules|dist)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@rivulet/source', 'import', 'types', 'default'],
    },
  },
}
