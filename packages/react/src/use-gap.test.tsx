import { act, render } from '@testing-library/react'
import { StrictMode } from 'react'
import { expect, it } from 'vitest'
import { createFake, opened } from '../test/harness.js'
import { SSEProvider, useGap } from './index.js'

function Gaps({ onGap }: { onGap: (text: string) => void }) {
  useGap(({ reason, channel }) => onGap(`${reason} ${channel}`))
  return null
}

it('calls the handler of the latest render for each gap while mounted, and reports its errors', async () => {
  const fake = createFake()
  const gaps: string[] = []
  const errors: unknown[] = []
  fake.service.onError((error) => errors.push(error))
  const page = (name: string, fails = false) => (
    <StrictMode>
      <SSEProvider service={fake.service}>
        <Gaps
          onGap={(text) => {
            gaps.push(`${name}: ${text}`)
            if (fails) throw new Error('no')
          }}
        />
      </SSEProvider>
    </StrictMode>
  )
  const { rerender, unmount } = render(page('first'))
  await opened(fake)
  await act(() => fake.gap('lagged', 'news'))
  rerender(page('second', true))
  await act(() => fake.gap('trimmed'))
  expect(errors).toMatchObject([{ message: 'no' }])
  unmount()
  await act(() => fake.gap('trimmed'))
  expect(gaps).toEqual(['first: lagged news', 'second: trimmed undefined'])
})
