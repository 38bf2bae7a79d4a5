import { act, fireEvent, render, screen } from '@testing-library/react'
import { expect, it } from 'vitest'
import { SSEConnectionIndicator, type SSEConnectionIndicatorProps, SSEProvider } from './index.js'
import { createFake, opened } from './testing.test.util.js'

function renderIndicator(props: SSEConnectionIndicatorProps = {}) {
  const fake = createFake()
  const { container } = render(
    <SSEProvider service={fake.service}>
      <SSEConnectionIndicator {...props} />
    </SSEProvider>,
  )
  const root = container.querySelector('.rivulet-indicator') as HTMLElement
  return { fake, root, text: () => screen.getByRole('status').textContent }
}

it('tells connecting, connected, and a lost connection that a button retries', async () => {
  const { fake, root, text } = renderIndicator({ className: 'mine' })
  expect(text()).toBe('Connecting')
  await opened(fake)
  expect(text()).toBe('Connected')
  expect(root.className).toBe('rivulet-indicator rivulet-indicator--open mine')
  expect(screen.queryByRole('button')).toBeNull()
  await act(() => fake.drop())
  expect(text()).toBe('Reconnecting')
  expect(root.classList.contains('rivulet-indicator--waiting')).toBe(true)
  fireEvent.click(screen.getByRole('button', { name: 'Retry now' }))
  expect(text()).toBe('Reconnecting')
  await opened(fake)
  expect(text()).toBe('Connected')
})
