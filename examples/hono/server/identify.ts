import type { MiddlewareHandler } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'

export interface Identified {
  Variables: { user: string }
}

/** Gives each browser a user of its own. A real application has a login here. */
export const identify: MiddlewareHandler<Identified> = async (context, next) => {
  const known = getCookie(context, 'user')
  const user = known && /^[\da-f-]{36}$/.test(known) ? known : crypto.randomUUID()
  context.set('user', user)
  await next()
  if (user !== known)
    setCookie(context, 'user', user, { httpOnly: true, sameSite: 'Lax', path: '/', maxAge: 31_536_000 })
}
