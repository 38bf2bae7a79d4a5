/** A function that runs in a page. It is sent as text, so it can use only its arguments. */
// biome-ignore lint/suspicious/noExplicitAny: whatever the page's function takes
export type PageFunction<Args extends any[], Result> = (...args: Args) => Result | Promise<Result>

/** One tab of a browser. */
export interface Tab {
  goto(url: string): Promise<void>
  reload(): Promise<void>
  /** Goes back in the history. Resolves when the page is shown. */
  back(): Promise<void>
  // biome-ignore lint/suspicious/noExplicitAny: see `PageFunction`
  evaluate<Args extends any[], Result>(run: PageFunction<Args, Result>, ...args: Args): Promise<Result>
  /** Freezes the page, as browsers do with tabs that were hidden for long, or wakes it up. Missing if the driver cannot. */
  setFrozen?(frozen: boolean): Promise<void>
  /** Seconds that the page has taken for styles and layout so far. Missing if the driver cannot tell. */
  layoutSeconds?(): Promise<number>
  close(): Promise<void>
}

/** A running browser with one profile. */
export interface Browser {
  /** The process whose children render the pages. */
  readonly pid: number
  readonly version: string
  /** Opens a tab, which shares the profile with the others. */
  open(url: string): Promise<Tab>
  close(): Promise<void>
}

export interface LaunchOptions {
  /** Forbids every site to store anything: cookies, storage, locks, channels. */
  readonly blockStorage?: boolean
}

/** A browser engine that is installed on this machine. */
export interface Engine {
  readonly name: EngineName
  /** `true` if its executables exist. */
  readonly installed: boolean
  launch(options?: LaunchOptions): Promise<Browser>
}

export type EngineName = 'Chromium' | 'Firefox' | 'WebKit'
