import type { ReactElement } from 'react'

const paths = {
  waves:
    'M1.5 4.5c2.2-2 4.3-2 6.5 0s4.3 2 6.5 0M1.5 8c2.2-2 4.3-2 6.5 0s4.3 2 6.5 0M1.5 11.5c2.2-2 4.3-2 6.5 0s4.3 2 6.5 0',
  sun: 'M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6ZM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1',
  moon: 'M13.5 9.6A5.8 5.8 0 0 1 6.4 2.5a5.8 5.8 0 1 0 7.1 7.1Z',
  left: 'M9.8 3.5 5.3 8l4.5 4.5',
  right: 'M6.2 3.5 10.7 8l-4.5 4.5',
  pencil: 'M3 13l.6-2.6 7-7a1.4 1.4 0 0 1 2 2l-7 7L3 13Z',
  trash: 'M3 4.5h10M6.5 4.5V3h3v1.5M4.5 4.5l.5 8.5h6l.5-8.5',
  plus: 'M8 3.5v9M3.5 8h9',
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
