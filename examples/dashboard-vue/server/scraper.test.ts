import { expect, it } from 'vitest'
import { findProxies } from './scraper.js'

it('finds each valid pair once', () => {
  const text =
    '10.0.0.1:80 10.0.0.1:80, <td>10.0.0.2:65535</td> 256.0.0.1:80 10.0.0.3:0 10.0.0.4:70000 1.2.3.4.5:80 v10.0.0.5:1'
  expect(findProxies(text)).toEqual(['10.0.0.1:80', '10.0.0.2:65535', '10.0.0.5:1'])
})
