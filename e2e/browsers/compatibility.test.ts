import { expect, it } from 'vitest'
import { compatibilityPage, pageFile } from './compatibility.js'
import { allChecks, engines } from './matrix.js'
import { readResults } from './results.js'

it.each(engines.map(({ name }) => name))('the results of %s cover exactly the existing checks', (engine) => {
  const expected = allChecks.map(({ id, exceptions }) => [id, exceptions?.[engine] ? 'excepted' : 'passed'])
  expect(readResults(engine).checks).toEqual(Object.fromEntries(expected))
})

// `npm run test:browsers -- --page` writes the page.
it('the compatibility page matches the results', async () => {
  await expect(compatibilityPage()).toMatchFileSnapshot(pageFile)
})
