import { setTimeout as delay } from 'node:timers/promises'
import type { Context } from 'hono'
import { streamSSE } from 'hono/streaming'

/** A model that counts as far as its prompt says, behind the API of OpenAI's. */
export async function countingModel(context: Context): Promise<Response> {
  const { messages } = await context.req.json()
  const count = Number(/\d+/.exec(messages.at(-1).content)?.[0] ?? 10)
  return streamSSE(context, async (stream) => {
    const send = (delta: object, finish_reason: string | null = null) =>
      stream.writeSSE({ data: JSON.stringify({ choices: [{ index: 0, delta, finish_reason }] }) })
    for (let n = 1; n <= count && !stream.aborted; n++) {
      await send({ content: `${n} ` })
      await delay(20)
    }
    await send({}, 'stop')
    await stream.writeSSE({ data: '[DONE]' })
  })
}
