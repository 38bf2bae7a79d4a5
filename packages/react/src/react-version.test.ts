import { version } from 'react'
import { version as domVersion } from 'react-dom'
import { expect, it } from 'vitest'

it('runs on the intended React version', () => {
  const major = process.env.REACT_MAJOR ?? '19'
  expect([version, domVersion].map((text) => text.split('.')[0])).toEqual([major, major])
})
