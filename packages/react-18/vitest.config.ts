import { fileURLToPath } from 'node:url'
import { mergeConfig } from 'vitest/config'
import { project } from '../../vitest.shared.js'

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))

/** The tests of the React package, on React 18. */
export default mergeConfig(
  project('react-18', {
    environment: 'jsdom',
    setupFiles: ['src/setup.test.util.ts'],
    env: { REACT_MAJOR: '18' },
    // It has to be given React 18 too.
    server: { deps: { inline: [/@testing-library\/react/] } },
  }),
  {
    root: path('../react'),
    resolve: {
      alias: [
        { find: /^react(-dom)?(?=$|\/)/, replacement: path('node_modules/react$1') },
        {
          find: /^@testing-library\/react$/,
          replacement: path('../../node_modules/@testing-library/react/dist/@testing-library/react.esm.js'),
        },
      ],
    },
  },
)
