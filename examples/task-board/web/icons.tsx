import type { ReactElement } from 'react'

const paths = {
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
