import {
  type RunAddress,
  RunBinding,
  type RunEventsOptions,
  type RunReduceOptions,
  type RunView,
  snapshotOf,
} from '@rivulet/client/binding'
import type { EventContract, EventOf } from '@rivulet/core'
import { type ComputedRef, computed, type MaybeRefOrGetter, shallowRef, toValue, watch } from 'vue'
import { whileMounted } from './while-mounted.js'

/** Refs of a run, and `stop`. */
export type RunResult<Output> = {
  readonly [Key in keyof RunView<Output>]: ComputedRef<RunView<Output>[Key]>
} & {
  /**
   * Asks the server to stop the run, by a DELETE to its address. The state becomes `stopped` when the server says so.
   *
   * @throws {HttpStatusError} {ConnectionError} {ConnectTimeoutError} (by rejecting)
   */
  stop(): Promise<void>
}

/**
 * Reads a run while the component is mounted: all of it from the beginning, then live until its end. A page that is reloaded
 * in the middle therefore shows everything. The refs change at most once per animation frame. It needs no provider. On a
 * server, nothing connects.
 *
 * `output` is the list of the run's events, or the state that `reduce` computes from them. If the reducer throws, the event
 * is skipped and the error goes to the console. Options are compared by value, as in `SSEProvider`.
 *
 * @param url Address of the run, or of the request that starts it (with `method` and `body`). Without one, nothing is read.
 *
 * @throws {ConfigurationError} for an invalid option
 *
 * @example
 * const { output, state, stop } = useRun(() => `/answers/${props.id}`, {
 *   events,
 *   reduce: (text, event) => text + event.text,
 *   initial: '',
 * })
 */
export function useRun<Contract extends EventContract, State>(
  url: MaybeRefOrGetter<RunAddress>,
  options: MaybeRefOrGetter<RunReduceOptions<Contract, State>>,
): RunResult<State>
export function useRun<Contract extends EventContract>(
  url: MaybeRefOrGetter<RunAddress>,
  options: MaybeRefOrGetter<RunEventsOptions<Contract>>,
): RunResult<readonly EventOf<Contract>[]>
export function useRun(url: MaybeRefOrGetter<RunAddress>, options: MaybeRefOrGetter<object>): RunResult<unknown> {
  const create = () => new RunBinding<unknown>(toValue(url), toValue(options))
  const run = shallowRef(create())
  const view = shallowRef(run.value.view)
  // The snapshot reads every value: reactive ones may be changed in place.
  watch([() => toValue(url), () => snapshotOf(toValue(options))], () => {
    const latest = toValue(options)
    if (run.value.matches(toValue(url), latest)) {
      run.value.use(latest)
      run.value.followHeaders()
    } else {
      run.value = create()
      view.value = run.value.view
    }
  })
  whileMounted(run, (current) => {
    const unwatch = current.watch(view.value, (next) => {
      view.value = next
    })
    const close = current.open()
    return () => {
      close()
      unwatch()
    }
  })
  return {
    output: computed(() => view.value.output),
    state: computed(() => view.value.state),
    reason: computed(() => view.value.reason),
    error: computed(() => view.value.error),
    gap: computed(() => view.value.gap),
    status: computed(() => view.value.status),
    location: computed(() => view.value.location),
    stop: () => run.value.stop(),
  }
}
