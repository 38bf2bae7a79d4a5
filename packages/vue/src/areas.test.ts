import { defineEvents, mergeContracts } from '@rivulet/core'
import { FakeStream } from '@rivulet/testing'
import { render } from '@testing-library/vue'
import { expect, it } from 'vitest'
import { defineComponent, h, nextTick } from 'vue'
import { z } from 'zod'
import { SSEProvider, useEventReducer, useServerEvents } from './index.js'

const jobs = defineEvents({ 'job.progress': z.object({ done: z.number() }) })
const chat = defineEvents({ 'chat.message': z.object({ text: z.string().toUpperCase() }) })

const Job = defineComponent(() => {
  const { latest } = useServerEvents(jobs['job.progress'])
  return () => h('p', `${latest.value?.done} %`)
})

const Chat = defineComponent(() => {
  const text = useEventReducer(chat['chat.message'], (texts, { text }) => `${texts} ${text}`, 'Chat:')
  return () => h('p', text.value)
})

it('components of several areas share a stream, each with its own contract', async () => {
  const fake = new FakeStream(mergeContracts(jobs, chat))
  const { getByText } = render(() => h(SSEProvider, { service: fake.service }, () => [h(Job), h(Chat)]))
  await fake.connect()
  await fake.push('job.progress', { done: 50 })
  await fake.push(chat['chat.message'], { text: 'hello' })
  fake.flush()
  await nextTick()
  expect(getByText('50 %')).toBeDefined()
  expect(getByText('Chat: HELLO')).toBeDefined()
})
