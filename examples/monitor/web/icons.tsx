import type { ReactElement } from 'react'

const paths = {
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  play: 'M5 3.3v9.4l7.5-4.7Z',
  down: 'M8 3v9.5M4 8.7l4 4 4-4',
  close: 'M4 4l8 8M12 4l-8 8',
  check: 'M3.5 8.5l3 3 6-7',
  alert: 'M8 2.5 1.8 13.3h12.4ZM8 6.5v3.3M8 11.6v.1',
  cross: 'M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8ZM6 6l4 4M10 6l-4 4',
  dot: 'M8 6.5a1.5 1.5 0 1 0 0 3 1.5 1.5 0 0 0 0-3Z',
  unplug: 'M2 14l2.5-2.5M14 2l-2.5 2.5M5 8l3 3-1.3 1.3a2.1 2.1 0 0 1-3-3ZM8 5l3 3 1.3-1.3a2.1 2.1 0 0 0-3-3Z',
} as const

export type IconName = keyof typeof paths

/** Decoration: the words beside it, or the label of its button, carry the meaning. */
export function Icon({ name }: { name: IconName }): ReactElement {
  return (
    <svg className="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  )
}
