import { fireEvent, render, screen } from '@testing-library/vue'
import axe from 'axe-core'
import { expect, it, onTestFinished, vi } from 'vitest'
import { h, nextTick } from 'vue'
import { createFake } from '../test/harness.js'
import { SSEConnectionIndicator, type SSEConnectionIndicatorProps, SSEProvider } from './index.js'

async function renderIndicator(props: SSEConnectionIndicatorProps & { class?: string } = {}) {
  const fake = createFake()
  const { container } = render(() => h(SSEProvider, { service: fake.service }, () => h(SSEConnectionIndicator, props)))
  const root = () => container.querySelector('.rivulet-indicator') as HTMLElement
  const text = () => screen.getByRole('status').textContent
  expect(text()).toBe('Connecting')
  await fake.connect()
  await nextTick()
  return { fake, root, text }
}

it('shows a lost connection, counts down without announcing it, and retries without losing the focus', async () => {
  const { fake, root, text } = await renderIndicator({ class: 'mine' })
  expect(text()).toBe('Connected')
  expect(root().className).toBe('rivulet-indicator rivulet-indicator--open mine')
  await fake.drop()
  await nextTick()
  expect(text()).toBe('Reconnecting')
  const countdown = () => root().querySelector('.rivulet-indicator__countdown')
  const seconds = Math.ceil((fake.service.state.retryAt! - fake.clock.now()) / 1_000)
  expect(countdown()?.textContent).toBe(`in ${seconds} s`)
  expect(countdown()?.getAttribute('aria-hidden')).toBe('true')
  fake.clock.advance(fake.service.state.retryAt! - fake.clock.now() - 1)
  await nextTick()
  expect(countdown()?.textContent).toBe('in 1 s')
  await fireEvent.click(screen.getByRole('button', { name: 'Retry' }))
  expect(document.activeElement).toBe(root())
  await fake.connect()
  await nextTick()
  expect(text()).toBe('Connected')
})

it('shows a missing network, a gap until it is dismissed, and the end', async () => {
  const { fake, text } = await renderIndicator({ labels: { dismiss: 'Noted' } })
  await fake.gap()
  await nextTick()
  expect(text()).toBe('Missed some events')
  await fireEvent.click(screen.getByRole('button', { name: 'Noted' }))
  expect(text()).toBe('Connected')
  const onLine = vi.spyOn(navigator, 'onLine', 'get').mockReturnValue(false)
  onTestFinished(() => onLine.mockRestore())
  window.dispatchEvent(new Event('offline'))
  await fake.drop()
  await nextTick()
  expect(text()).toBe('Offline')
  await fake.retry()
  await fake.end('over', { retry: false })
  await nextTick()
  expect(text()).toBe('Disconnected')
})

it('has no accessibility violation in any state', async () => {
  const { fake, root, text } = await renderIndicator()
  const faults = async () => (await axe.run(root())).violations.map(({ id }) => `${text()}: ${id}`)
  expect(await faults()).toEqual([])
  await fake.gap()
  await nextTick()
  expect(await faults()).toEqual([])
  await fake.drop()
  await nextTick()
  expect(await faults()).toEqual([])
  await fake.retry()
  await fake.end('over', { retry: false })
  await nextTick()
  expect(text()).toBe('Disconnected')
  expect(await faults()).toEqual([])
})
