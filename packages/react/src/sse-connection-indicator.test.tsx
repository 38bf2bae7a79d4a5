import { act, fireEvent, render, screen } from '@testing-library/react'
import axe from 'axe-core'
import { expect, it, onTestFinished, vi } from 'vitest'
import { createFake, opened } from '../test/harness.js'
import { SSEConnectionIndicator, type SSEConnectionIndicatorProps, SSEProvider } from './index.js'

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

it('shows connecting, connected, and a lost connection with a retry button', async () => {
  const { fake, root, text } = renderIndicator({ className: 'mine' })
  expect(text()).toBe('Connecting')
  await opened(fake)
  expect(text()).toBe('Connected')
  expect(root.className).toBe('rivulet-indicator rivulet-indicator--open mine')
  expect(screen.queryByRole('button')).toBeNull()
  await act(() => fake.drop())
  expect(text()).toBe('Reconnecting')
  expect(root.classList.contains('rivulet-indicator--waiting')).toBe(true)
  fireEvent.click(screen.getByRole('button', { name: 'Retry' }))
  expect(text()).toBe('Reconnecting')
  await opened(fake)
  expect(text()).toBe('Connected')
})

it('counts down by the clock of the stream, without announcing it', async () => {
  const { fake, root } = renderIndicator()
  await opened(fake)
  await act(() => fake.drop())
  const countdown = () => root.querySelector('.rivulet-indicator__countdown')
  const seconds = Math.ceil((fake.service.state.retryAt! - fake.clock.now()) / 1_000)
  expect(countdown()?.textContent).toBe(`in ${seconds} s`)
  expect(countdown()?.getAttribute('aria-hidden')).toBe('true')
  expect(screen.getByRole('status').textContent).toBe('Reconnecting')
  fake.answer(() => new Promise(() => {}))
  await act(async () => fake.clock.advance(1))
  expect(countdown()?.textContent).toBe(`in ${seconds} s`)
  await act(async () => fake.clock.advance(fake.service.state.retryAt! - fake.clock.now() - 1))
  expect(countdown()?.textContent).toBe('in 1 s')
  await act(async () => fake.clock.advance(1))
  expect(countdown()).toBeNull()
})

it('shows when the browser has no network', async () => {
  const { fake, root, text } = renderIndicator()
  await opened(fake)
  const onLine = vi.spyOn(navigator, 'onLine', 'get').mockReturnValue(false)
  onTestFinished(() => onLine.mockRestore())
  act(() => void window.dispatchEvent(new Event('offline')))
  // The stream itself knows better.
  expect(text()).toBe('Connected')
  await act(() => fake.drop())
  expect(text()).toBe('Offline')
  expect(root.className).toBe('rivulet-indicator rivulet-indicator--waiting rivulet-indicator--offline')
})

it('shows that the stream is closed, and reopens it without losing the focus', async () => {
  const { fake, root, text } = renderIndicator()
  await opened(fake)
  await act(() => fake.end('over', { retry: false }))
  expect(text()).toBe('Disconnected')
  const button = screen.getByRole('button', { name: 'Retry' })
  button.focus()
  fireEvent.click(button)
  expect(document.activeElement).toBe(root)
  await opened(fake)
  expect(text()).toBe('Connected')
})

it('shows a gap until it is dismissed, and then the next one', async () => {
  const { fake, root, text } = renderIndicator({ labels: { gap: 'Something is missing', dismiss: 'Noted' } })
  await opened(fake)
  await act(() => fake.gap())
  expect(text()).toBe('Something is missing')
  expect(root.classList.contains('rivulet-indicator--gap')).toBe(true)
  fireEvent.click(screen.getByRole('button', { name: 'Noted' }))
  expect(text()).toBe('Connected')
  await act(() => fake.gap())
  expect(text()).toBe('Something is missing')
})

it('has no accessibility violation in any state', async () => {
  const { fake, root, text } = renderIndicator()
  const faults = async () => (await axe.run(root)).violations.map(({ id }) => `${text()}: ${id}`)
  await opened(fake)
  expect(await faults()).toEqual([])
  await act(() => fake.gap())
  expect(await faults()).toEqual([])
  await act(() => fake.drop())
  expect(await faults()).toEqual([])
  await act(() => fake.retry())
  await act(() => fake.end('over', { retry: false }))
  expect(text()).toBe('Disconnected')
  expect(await faults()).toEqual([])
})
