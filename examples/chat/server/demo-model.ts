import { setTimeout as sleep } from 'node:timers/promises'
import express from 'express'
import { demoAnswers, fallbackAnswer } from './demo-answers.js'

/**
 * A small OpenAI-compatible endpoint that writes prepared texts, word by word. "Fail" in a prompt breaks the answer in the
 * middle.
 */
export function createDemoModel({ wordMs }: { wordMs: number }): express.Express {
  const app = express().use(express.json({ limit: '1mb' }))
  app.post('/v1/chat/completions', async (request, response) => {
    const prompts = (request.body.messages as { role: string; content: string }[]).filter(({ role }) => role === 'user')
    const prompt = prompts.at(-1)?.content ?? ''
    const text = demoAnswers.find(({ about }) => about.test(prompt))?.text ?? fallbackAnswer(prompt)
    const words = text.match(/\s*\S+|\s+$/g) ?? []
    const failsAt = /\bfail\b/i.test(prompt) ? Math.floor(words.length / 3) : Infinity
    response.set('Content-Type', 'text/event-stream').set('Cache-Control', 'no-store')
    for (const [index, content] of words.entries()) {
      if (response.closed) return
      if (index === failsAt)
        return void response.end('data: {"error":{"message":"The demo model failed, as asked."}}\n\n')
      response.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`)
      await sleep(wordMs)
    }
    const usage = { prompt_tokens: prompt.length >> 2, completion_tokens: words.length, total_tokens: 0 }
    response.write('data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n')
    response.end(`data: ${JSON.stringify({ choices: [], usage })}\n\ndata: [DONE]\n\n`)
  })
  return app
}
