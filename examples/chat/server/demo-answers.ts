/** Texts of the demo model, by what a prompt is about. */
export const demoAnswers: readonly { readonly about: RegExp; readonly text: string }[] = [
  {
    about: /resum|reload|reconnect/i,
    text: `An answer that survives a reload has to live **outside the request** that asked for it. Three parts do that.

1. **A producer of its own.** The server reads the model whether or not anybody listens. The request that started it may end, break or never be read.
2. **A log.** Every piece gets a position as it is stored. Readers are sent what the log has, then what comes.
3. **A cursor.** A reader that lost its connection names the last position it has seen, and gets what follows. A page that was reloaded has none, and gets all of it.

In this example the whole of it is two routes:

\`\`\`ts
app.get('/api/answers/:id', runStream(runs, answer))
app.delete('/api/answers/:id', runStop(runs, answer))
\`\`\`

Try it: reload this page while I am still writing, or open it in a second tab. You will read every word once, and in order.

> If a part were no longer kept, the page would be told of a gap. It would never look complete when it is not.`,
  },
  {
    about: /stop|cancel|abort/i,
    text: `Stopping sounds simple, and is where most chats cheat: they close the connection, and **the model goes on writing** where nobody sees it. You still pay for every token.

A stop that works takes three steps:

- The page sends a \`DELETE\` to the address of the answer.
- The server ends the run: that is one atomic write, so that of *stop* and *finish* exactly one wins.
- The producer's \`AbortSignal\` aborts, on whichever node it runs, and with it the request to the model.

| what you see | what has happened |
|---|---|
| the text stops | the run has ended as \`stopped\` |
| every other tab stops too | they read the same log |
| what was written stays | it is kept until it is forgotten |

Press **Stop** now, and look at a second tab.`,
  },
  {
    about: /sse|event stream|websocket/i,
    text: `**Server-Sent Events** are plain HTTP: one response that does not end, with a line format that every proxy understands. For an answer that flows one way, that is all you need.

### Why not a WebSocket?

- It needs an upgrade, its own routing and its own authentication.
- It has no idea of *where you were*. SSE has \`Last-Event-ID\` since 2009.
- A load balancer that can serve a download can serve an event stream.

### What plain SSE lacks

The standard says how a client asks to go on. It does not say what a server should do about it: keep a log, find the place, and be honest where the log is too short. That is the part that people write again and again, and the part that you get from a library.

\`\`\`http
GET /api/answers/42 HTTP/1.1
Accept: text/event-stream
Last-Event-ID: 1h4
\`\`\``,
  },
]

export function fallbackAnswer(prompt: string): string {
  const quoted = prompt.replace(/\s+/g, ' ').slice(0, 120)
  return `You asked: *${quoted.replaceAll('*', '')}*

I am the demo model of this example, so I know little about that. But I can show how an answer behaves while it is being written:

- **Reload the page.** The answer is still here, from its first word.
- **Open a second tab.** Both read the same run, and neither misses a word.
- **Press Stop** in one of them. It stops in both, and on the server.
- **Kill the server.** When it is back, the page says that the answer was lost, and offers to try again.

To talk to a real model, set \`OPENAI_API_KEY\`, and \`OPENAI_BASE_URL\` for any other endpoint that speaks the same protocol.`
}
