import type { ReactElement } from 'react'
import type { LogLevel } from '../../shared/events.js'
import { Icon } from '../icons.js'
import { levels } from './log-entries.js'

export interface LogToolbarProps {
  counts: Record<LogLevel, number>
  shown: ReadonlySet<LogLevel>
  onShown: (shown: ReadonlySet<LogLevel>) => void
  search: string
  onSearch: (text: string) => void
  paused: boolean
  /** Number of lines that arrived during the pause. */
  waiting: number
  onPause: () => void
}

export function LogToolbar(props: LogToolbarProps): ReactElement {
  const { counts, shown, onShown, search, onSearch, paused, waiting, onPause } = props
  const toggle = (level: LogLevel): void => {
    const next = new Set(shown)
    if (!next.delete(level)) next.add(level)
    onShown(next)
  }
  return (
    <div className="panel__bar log__bar">
      <h2 id="log-title">Log</h2>
      <fieldset className="levels">
        <legend className="visually-hidden">Levels shown</legend>
        {levels.map((level) => (
          <button
            key={level}
            type="button"
            className={`level-toggle level-toggle--${level}`}
            aria-pressed={shown.has(level)}
            onClick={() => toggle(level)}
          >
            {level} <span className="level-toggle__count">{counts[level]}</span>
          </button>
        ))}
      </fieldset>
      <input
        className="input log__search"
        type="search"
        placeholder="Search"
        aria-label="Search the log"
        value={search}
        onChange={(event) => onSearch(event.target.value)}
      />
      <button type="button" className={`button log__pause${paused ? ' button--active' : ''}`} onClick={onPause}>
        <Icon name={paused ? 'play' : 'pause'} />
        {paused ? 'Resume ' : 'Pause'}
        {waiting > 0 && (
          <span className="badge badge--strong">
            {waiting} <span className="visually-hidden">lines waiting</span>
          </span>
        )}
      </button>
    </div>
  )
}
