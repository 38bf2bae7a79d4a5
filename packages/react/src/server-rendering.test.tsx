import { act, screen } from '@testing-library/react'
import { type ReactElement, Suspense } from 'react'
import { hydrateRoot } from 'react-dom/client'
import { renderToString } from 'react-dom/server'
import { expect, it, onTestFinished, vi } from 'vitest'
import { createFake, events, frame, opened, pushLines } from '../test/harness.js'
import { SSEConnectionIndicator, SSEProvider, useConnectionStatus, useEventReducer, useServerEvents } from './index.js'

function Page() {
  const { events: lines, status } = useServerEvents(events.log, { replay: true })
  const count = useEventReducer(events.log, (total) => total + 1, 10, { replay: true })
  return (
    <>
      <SSEConnectionIndicator />
      <output>{`${useConnectionStatus().status} ${status} ${count} ${lines.map(({ message }) => message).join(' ')}`}</output>
    </>
  )
}

/** A server has no document. */
function renderOnServer(page: ReactElement): string {
  vi.stubGlobal('document', undefined)
  try {
    return renderToString(page)
  } finally {
    vi.unstubAllGlobals()
  }
}

it('renders on a server without connecting, and without a warning', () => {
  const log = vi.spyOn(console, 'error')
  onTestFinished(() => log.mockRestore())
  const fetch = vi.fn()
  const html = renderOnServer(
    <SSEProvider url="/events" events={events} fetch={fetch}>
      <Page />
    </SSEProvider>,
  )
  expect(html).toContain('idle idle 10 ')
  expect(fetch).not.toHaveBeenCalled()
  expect(log).not.toHaveBeenCalled()
})

it('hydrates without a mismatch, even on an open stream, and then shows its events', async () => {
  const log = vi.spyOn(console, 'error')
  const fake = createFake()
  const page = (
    <SSEProvider service={fake.service}>
      <Page />
    </SSEProvider>
  )
  const container = document.createElement('div')
  document.body.append(container)
  container.innerHTML = renderOnServer(page)
  await opened(fake)
  const onRecoverableError = vi.fn()
  const root = await act(() => hydrateRoot(container, page, { onRecoverableError }))
  onTestFinished(() => {
    act(() => root.unmount())
    container.remove()
    log.mockRestore()
  })
  expect(screen.getByText(/open open 10/)).toBeTruthy()
  await pushLines(fake, 'a')
  await frame()
  expect(screen.getByText('open open 11 a')).toBeTruthy()
  expect(onRecoverableError).not.toHaveBeenCalled()
  expect(log).not.toHaveBeenCalled()
})

/** A page whose code is loaded on demand. */
function Late({ code }: { code: () => Promise<void> | undefined }) {
  const loading = code()
  if (loading) throw loading
  return <Page />
}

it('hydrates late without a mismatch, and then shows events that arrived before', async () => {
  const fake = createFake()
  let code: Promise<void> | undefined
  const page = (
    <SSEProvider service={fake.service}>
      <Suspense>
        <Late code={() => code} />
      </Suspense>
    </SSEProvider>
  )
  const container = document.createElement('div')
  document.body.append(container)
  container.innerHTML = renderOnServer(page)
  let load = () => {}
  code = new Promise((resolve) => {
    load = resolve
  })
  const onRecoverableError = vi.fn()
  const root = await act(() => hydrateRoot(container, page, { onRecoverableError }))
  onTestFinished(() => {
    act(() => root.unmount())
    container.remove()
  })
  await opened(fake)
  await pushLines(fake, 'a', 'b')
  expect(screen.getByText('idle idle 10')).toBeTruthy()
  code = undefined
  await act(async () => load())
  expect(screen.getByText('open open 12 a b')).toBeTruthy()
  expect(onRecoverableError).not.toHaveBeenCalled()
})
