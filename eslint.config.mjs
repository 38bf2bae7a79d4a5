// Biome lints everything. ESLint only adds the rules of React's compiler, which Biome lacks.
import parser from '@typescript-eslint/parser'
import hooks from 'eslint-plugin-react-hooks'

const rules = Object.fromEntries(Object.keys(hooks.rules).map((rule) => [`react-hooks/${rule}`, 'error']))

// biome-ignore lint/style/noDefaultExport: ESLint asks for it
export default [
  // Tests count renders and waste time on purpose.
  { ignores: ['**/dist', '**/node_modules', '**/.turbo', '**/*.test.tsx'] },
  {
    files: ['**/*.{ts,tsx}'],
    languageOptions: { parser },
    plugins: { 'react-hooks': hooks },
    rules,
  },
  {
    // The virtualizer is mutable by design. React's compiler would skip the component.
    files: ['examples/monitor/web/log/log-list.tsx'],
    rules: { 'react-hooks/incompatible-library': 'off' },
  },
]
