/** An application's tests as Jest runs them: CommonJS, in the environment that `RIVULET_JEST_ENVIRONMENT` names. */
module.exports = {
  rootDir: __dirname,
  testEnvironment: process.env.RIVULET_JEST_ENVIRONMENT ?? 'jest-environment-jsdom',
  // Vue has no entry for browsers that Jest can load.
  testEnvironmentOptions: { customExportConditions: ['node', 'node-addons'] },
  testMatch: ['**/*.jest.tsx'],
  transform: { '\\.tsx?$': './esbuild-transform.cjs' },
}
