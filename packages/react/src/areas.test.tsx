import { defineEvents, mergeContracts } from '@rivulet/core'
import { FakeStream } from '@rivulet/testing'
import { act, render, screen } from '@testing-library/react'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { frame } from '../test/harness.js'
import { SSEProvider, useEventReducer, useServerEvents } from './index.js'

const jobs = defineEvents({ 'job.progress': z.object({ done: z.number() }) })
const chat = defineEvents({ 'chat.message': z.object({ text: z.string().toUpperCase() }) })

function Job() {
  return <p>{useServerEvents(jobs['job.progress']).latest?.done} %</p>
}

function Chat() {
  const text = useEventReducer(chat['chat.message'], (texts, { text }) => `${texts} ${text}`, 'Chat:')
  return <p>{text}</p>
}

it('components of several areas share a stream, each with its own contract', async () => {
  const fake = new FakeStream(mergeContracts(jobs, chat))
  render(
    <SSEProvider service={fake.service}>
      <Job />
      <Chat />
    </SSEProvider>,
  )
  await act(() => fake.connect())
  await act(async () => {
    await fake.push('job.progress', { done: 50 })
    await fake.push(chat['chat.message'], { text: 'hello' })
  })
  await frame()
  expect(screen.getByText('50 %')).toBeDefined()
  expect(screen.getByText('Chat: HELLO')).toBeDefined()
})
