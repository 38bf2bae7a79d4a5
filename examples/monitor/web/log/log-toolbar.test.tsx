// @vitest-environment jsdom
import { cleanup, fireEvent, render, screen } from '@testing-library/react'
import { afterEach, expect, it, vi } from 'vitest'
import { levels } from './log-entries.js'
import { LogToolbar, type LogToolbarProps } from './log-toolbar.js'

afterEach(cleanup)

function renderToolbar(props: Partial<LogToolbarProps> = {}) {
  const all: LogToolbarProps = {
    counts: { info: 4, success: 3, warning: 2, error: 1 },
    shown: new Set(levels),
    onShown: vi.fn(),
    search: '',
    onSearch: vi.fn(),
    paused: false,
    waiting: 0,
    onPause: vi.fn(),
    ...props,
  }
  render(<LogToolbar {...all} />)
  return all
}

it('hides a level and shows it again', () => {
  const { onShown } = renderToolbar({ shown: new Set(['info', 'error']) })
  const error = screen.getByRole('button', { name: 'error 1' })
  expect(error.getAttribute('aria-pressed')).toBe('true')
  fireEvent.click(error)
  expect(onShown).toHaveBeenLastCalledWith(new Set(['info']))
  const warning = screen.getByRole('button', { name: 'warning 2' })
  expect(warning.getAttribute('aria-pressed')).toBe('false')
  fireEvent.click(warning)
  expect(onShown).toHaveBeenLastCalledWith(new Set(['info', 'error', 'warning']))
})

it('searches while the user types', () => {
  const { onSearch } = renderToolbar()
  fireEvent.change(screen.getByRole('searchbox', { name: 'Search the log' }), { target: { value: 'scrape' } })
  expect(onSearch).toHaveBeenCalledWith('scrape')
})

it('pauses, and says how many lines are waiting', () => {
  const { onPause } = renderToolbar()
  fireEvent.click(screen.getByRole('button', { name: 'Pause' }))
  expect(onPause).toHaveBeenCalledOnce()
  cleanup()
  renderToolbar({ paused: true, waiting: 12 })
  expect(screen.getByRole('button', { name: 'Resume 12 lines waiting' })).toBeTruthy()
})
