const { transformSync } = require('esbuild')

module.exports = {
  process: (source, file) =>
    transformSync(source, { loader: 'tsx', format: 'cjs', jsx: 'automatic', sourcefile: file, sourcemap: 'inline' }),
}
