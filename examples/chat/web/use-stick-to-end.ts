import { type RefObject, useEffect, useRef } from 'react'

/** Pixels from the end within which a reader counts as being there. */
const nearPx = 60

/** Keeps the end of the content in view while it grows, until the reader scrolls up; and jumps there with each new message. */
export function useStickToEnd(count: number): {
  scroller: RefObject<HTMLElement | null>
  content: RefObject<HTMLDivElement | null>
} {
  const scroller = useRef<HTMLElement>(null)
  const content = useRef<HTMLDivElement>(null)
  const sticks = useRef(true)

  useEffect(() => {
    const element = scroller.current!
    const toEnd = () => {
      if (sticks.current) element.scrollTop = element.scrollHeight
    }
    const onScroll = () => {
      sticks.current = element.scrollHeight - element.scrollTop - element.clientHeight < nearPx
    }
    const observer = new ResizeObserver(toEnd)
    observer.observe(content.current!)
    observer.observe(element)
    element.addEventListener('scroll', onScroll, { passive: true })
    return () => {
      observer.disconnect()
      element.removeEventListener('scroll', onScroll)
    }
  }, [])

  // biome-ignore lint/correctness/useExhaustiveDependencies: each message counts
  useEffect(() => {
    sticks.current = true
    scroller.current!.scrollTop = scroller.current!.scrollHeight
  }, [count])

  return { scroller, content }
}
