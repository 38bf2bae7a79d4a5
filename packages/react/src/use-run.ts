import {
  type RunAddress,
  RunBinding,
  type RunEventsOptions,
  type RunReduceOptions,
  type RunView,
} from '@rivulet/client/binding'
import type { EventContract, EventOf } from '@rivulet/core'
import { useEffect, useInsertionEffect, useMemo, useRef, useState } from 'react'
import { useBrowserLayoutEffect } from './use-browser-layout-effect.js'

/** A run, and `stop`. The same object until anything changes. */
export interface RunResult<Output> extends RunView<Output> {
  /**
   * Asks the server to stop the run, by a DELETE to its address. The state becomes `stopped` when the server says so.
   *
   * @throws {HttpStatusError} {ConnectionError} {ConnectTimeoutError} (by rejecting)
   */
  stop(): Promise<void>
}

/**
 * Reads a run while the component is mounted: all of it from the beginning, then live until its end. A page that is reloaded
 * in the middle therefore shows everything. The component renders at most once per animation frame. It needs no provider.
 * On a server, nothing connects.
 *
 * `output` is the list of the run's events, or the state that `reduce` computes from them. If the reducer throws, the event
 * is skipped and the error goes to the console. Options may be written inline: they are compared by value, as in
 * `SSEProvider`.
 *
 * @param url Address of the run, or of the request that starts it (with `method` and `body`). Without one, nothing is read.
 *
 * @throws {ConfigurationError} for an invalid option
 *
 * @example
 * const { output, state, stop } = useRun(`/answers/${id}`, {
 *   events,
 *   reduce: (text, event) => text + event.text,
 *   initial: '',
 * })
 */
export function useRun<Contract extends EventContract, State>(
  url: RunAddress,
  options: RunReduceOptions<Contract, State>,
): RunResult<State>
export function useRun<Contract extends EventContract>(
  url: RunAddress,
  options: RunEventsOptions<Contract>,
): RunResult<readonly EventOf<Contract>[]>
export function useRun(url: RunAddress, options: object): RunResult<unknown> {
  const [made, setMade] = useState(() => make(url, options))
  let current = made
  if (!made.run.matches(url, options)) {
    current = make(url, options)
    setMade(current)
  }
  const { run, view } = current
  const rendered = useRef(view)
  useInsertionEffect(() => {
    run.use(options)
    rendered.current = view
  })
  // Plain state: an external store updates synchronously and restarts every transition that is being rendered.
  useBrowserLayoutEffect(
    () =>
      run.watch(rendered.current, (next) =>
        setMade((previous) => (previous.run === run ? { run, view: next } : previous)),
      ),
    [run],
  )
  useEffect(() => run.open(), [run])
  useEffect(() => run.followHeaders())
  return useMemo(() => ({ ...view, stop: () => run.stop() }), [view, run])
}

function make(url: RunAddress, options: object): { run: RunBinding<unknown>; view: RunView<unknown> } {
  const run = new RunBinding<unknown>(url, options)
  return { run, view: run.view }
}
