// @vitest-environment jsdom
import { cleanup, configure, fireEvent, render, screen, waitFor } from '@testing-library/react'
import { afterEach, expect, it, vi } from 'vitest'
import { run } from '../testing.js'
import { ScrapingPanel } from './scraping-panel.js'

const fetchMock = vi.fn<typeof fetch>()
vi.stubGlobal('fetch', fetchMock)
configure({ asyncUtilTimeout: 10_000 })
afterEach(() => {
  cleanup()
  fetchMock.mockReset()
})

const button = () => screen.getByRole('button', { name: 'Start scrape' })

it('asks the server for a run', async () => {
  fetchMock.mockResolvedValue(new Response('{"runId":"1"}', { status: 202 }))
  render(<ScrapingPanel run={undefined} serverStartedAt={undefined} />)
  fireEvent.click(button())
  await waitFor(() => expect(fetchMock).toHaveBeenCalledWith('/api/scrape', { method: 'POST' }))
  expect(screen.queryByRole('alert')).toBeNull()
})

it('shows a refusal, and a server that does not answer', async () => {
  fetchMock.mockResolvedValueOnce(Response.json({ error: { message: 'Still under way.' } }, { status: 409 }))
  render(<ScrapingPanel run={undefined} serverStartedAt={undefined} />)
  fireEvent.click(button())
  expect((await screen.findByRole('alert')).textContent).toBe('Still under way.')
  fetchMock.mockRejectedValueOnce(new TypeError('Failed to fetch'))
  fireEvent.click(button())
  await waitFor(() => expect(screen.getByRole('alert').textContent).toMatch(/did not answer/))
})

it('shows the run, and starts no second one during it', () => {
  render(<ScrapingPanel run={run()} serverStartedAt={0} />)
  expect(screen.getByRole('progressbar').getAttribute('aria-valuenow')).toBe('50')
  expect(screen.getByText('1 of 2 sources')).toBeTruthy()
  expect(screen.getByText('12 found')).toBeTruthy()
  expect(screen.getByText('reading')).toBeTruthy()
  expect(button().getAttribute('aria-disabled')).toBe('true')
  fireEvent.click(button())
  expect(fetchMock).not.toHaveBeenCalled()
})

it('allows a new run after the server restarted during one', () => {
  fetchMock.mockResolvedValue(new Response(null, { status: 202 }))
  render(<ScrapingPanel run={run()} serverStartedAt={99_000} />)
  expect(screen.getByText('Interrupted: the server restarted')).toBeTruthy()
  expect(screen.getByText('not finished')).toBeTruthy()
  fireEvent.click(button())
  expect(fetchMock).toHaveBeenCalledOnce()
})

it('shows a failed source with its reason, and the list once it is complete', () => {
  const sources = [{ url: 'http://a.test/x', status: 'error' as const, proxies: 0, error: 'HTTP 500', durationMs: 3 }]
  render(<ScrapingPanel run={run({ status: 'completed', progress: 100, sources })} serverStartedAt={0} />)
  expect(screen.getByText('HTTP 500')).toBeTruthy()
  expect(screen.getByRole('link', { name: 'Show the list' }).getAttribute('href')).toBe('/api/proxies')
})
