import type { EventContract, EventType } from './define-events.js'
import { development } from './development.js'
import { ConfigurationError } from './errors.js'

/** The names of a contract's events, or of those of several contracts. */
type NameIn<Contract> = Contract extends unknown ? EventType<Contract> : never

/** The contract that `mergeContracts` returns for these contracts: all of their events. */
export type MergedContract<Contracts extends readonly EventContract[]> = {
  readonly [Type in NameIn<Contracts[number]>]: Extract<Contracts[number], { readonly [Name in Type]: unknown }>[Type]
}

/** The names that the contract at an index shares with the others. */
type SharedName<Contracts extends readonly EventContract[], Index extends keyof Contracts> = NameIn<Contracts[Index]> &
  { [Other in keyof Contracts]: Other extends Index ? never : NameIn<Contracts[Other]> }[number]

/** Maps a contract that shares names with another one to a type that no contract fits. The name of its key gives the reason. */
type DistinctContracts<Contracts extends readonly EventContract[]> = {
  [Index in keyof Contracts]: SharedName<Contracts, Index> extends never
    ? Contracts[Index]
    : { readonly 'another contract has events of these names': SharedName<Contracts, Index> }
}

/**
 * Merges the contracts of several areas of an application into one, for a manager and a stream that carry the events of all.
 * Each area goes on using its own contract: to publish, in handlers, and in hooks.
 *
 * @example
 * const events = mergeContracts(jobEvents, chatEvents)
 * const manager = new EventManager({ events })
 *
 * @throws {ConfigurationError} when two of the contracts have an event of the same name.
 */
export function mergeContracts<const Contracts extends readonly EventContract[]>(
  ...contracts: Contracts & DistinctContracts<Contracts>
): MergedContract<Contracts> {
  const merged: Record<string, EventContract[string]> = Object.create(null)
  for (const contract of contracts as readonly EventContract[]) {
    for (const [type, definition] of Object.entries(contract)) {
      if (Object.hasOwn(merged, type)) {
        throw new ConfigurationError(
          `contracts.${type}`,
          'an event of two contracts',
          development ? 'Rename it in one of them.' : '',
        )
      }
      merged[type] = definition
    }
  }
  return Object.freeze(merged) as MergedContract<Contracts>
}
