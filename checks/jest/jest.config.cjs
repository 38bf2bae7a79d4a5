/** Jest as applications use it: CommonJS, in the environment that `RIVULET_JEST_ENVIRONMENT` names. */
module.exports = {
  rootDir: __dirname,
  testEnvironment: process.env.RIVULET_JEST_ENVIRONMENT ?? 'jest-environment-jsdom',
  // Vue's entry for browsers is not one that Jest can load.
  testEnvironmentOptions: { customExportConditions: ['node', 'node-addons'] },
  testMatch: ['**/*.jest.tsx'],
  transform: { '\\.tsx?$': './esbuild-transform.cjs' },
}
