// @vitest-environment jsdom
import { cleanup, fireEvent, render, screen } from '@testing-library/react'
import { afterEach, expect, it } from 'vitest'
import { systemEvent } from '../testing.js'
import { NotificationsPanel } from './notifications-panel.js'

afterEach(cleanup)

const titles = () => screen.queryAllByRole('listitem').map((item) => item.querySelector('.notice__title')!.textContent)

it('announces new notices, but not the history that the page starts with', () => {
  const past = systemEvent(Date.now() - 60_000, 'server_start')
  const { rerender } = render(<NotificationsPanel system={[past]} outages={[]} />)
  expect(titles()).toEqual(['Server start'])
  expect(screen.getByRole('status').textContent).toBe('')
  const now = systemEvent(Date.now() + 1_000, 'server_error', 'GET /x failed: broken')
  rerender(<NotificationsPanel system={[past, now]} outages={[]} />)
  expect(titles()).toEqual(['Server error', 'Server start'])
  expect(screen.getByRole('status').textContent).toBe('Server error. GET /x failed: broken')
})

it('clears the current notices and shows later ones', () => {
  const first = systemEvent(1_000, 'server_start')
  const { rerender } = render(<NotificationsPanel system={[first]} outages={[]} />)
  fireEvent.click(screen.getByRole('button', { name: 'Clear' }))
  expect(titles()).toEqual([])
  rerender(<NotificationsPanel system={[first, systemEvent(2_000, 'high_load')]} outages={[]} />)
  expect(titles()).toEqual(['High load'])
})
