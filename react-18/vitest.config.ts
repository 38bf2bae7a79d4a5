import { fileURLToPath } from 'node:url'
import { mergeConfig } from 'vitest/config'
import { project } from '../vitest.shared.js'

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))

/** Runs the tests of @rivulet/react on React 18. */
export default mergeConfig(
  project('react-18', {
    root: path('../packages/react'),
    environment: 'jsdom',
    setupFiles: ['test/setup.ts'],
    env: { REACT_MAJOR: '18' },
    // Inlined, so that the alias to React 18 applies to it too.
    server: { deps: { inline: [/@testing-library\/react/] } },
  }),
  {
    resolve: {
      alias: [
        { find: /^react(-dom)?(?=$|\/)/, replacement: path('node_modules/react$1') },
        {
          find: /^@testing-library\/react$/,
          replacement: path('../node_modules/@testing-library/react/dist/@testing-library/react.esm.js'),
        },
      ],
    },
  },
)
