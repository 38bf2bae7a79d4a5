import { comparePositions } from '@rivulet/core'
import type { Notification } from './events.js'

export interface Saved {
  items: readonly Notification[]
  readUpTo: string
}

/** Notifications of this tab, newest first. They outlive a reload, like the stream's cursor. */
export class Inbox {
  readonly #name: string
  readonly #listeners = new Set<() => void>()
  #saved: Saved

  constructor(user: string) {
    this.#name = `inbox:${user}`
    this.#saved = JSON.parse(sessionStorage.getItem(this.#name) ?? '{"items":[],"readUpTo":""}')
  }

  get = (): Saved => this.#saved

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  add(notification: Notification): void {
    const items = [notification, ...this.#saved.items].sort((a, b) => comparePositions(b.id!, a.id!))
    this.#save({ ...this.#saved, items })
  }

  markRead(upTo: string): void {
    if (comparePositions(upTo, this.#saved.readUpTo) > 0) this.#save({ ...this.#saved, readUpTo: upTo })
  }

  /** Forgets what a channel brought: its history comes again when it is followed again. */
  leave(channel: string): void {
    this.#save({ ...this.#saved, items: this.#saved.items.filter((item) => item.channel !== channel) })
  }

  #save(saved: Saved): void {
    this.#saved = saved
    sessionStorage.setItem(this.#name, JSON.stringify(saved))
    for (const listener of this.#listeners) listener()
  }
}

export function unread({ items, readUpTo }: Saved): number {
  return items.filter(({ id }) => comparePositions(id!, readUpTo) > 0).length
}
