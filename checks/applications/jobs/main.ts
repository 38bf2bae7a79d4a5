import { queryRule, syncQueries } from '@rivulet/client/query'
import { rivulet } from '@rivulet/vue'
import { QueryClient, VueQueryPlugin } from '@tanstack/vue-query'
import '@rivulet/vue/indicator.css'
import { createApp } from 'vue'
import { applyEvent, type JobList, listEvents } from './events.js'
import JobBoard from './job-board.vue'
import { stream } from './stream.js'

const queryClient = new QueryClient()
syncQueries({
  stream,
  queryClient,
  rules: [
    queryRule({
      queryKey: ['jobs'],
      events: Object.values(listEvents),
      channels: () => 'jobs',
      patch: (list: JobList, event) => applyEvent(list, event),
    }),
  ],
})
createApp(JobBoard).use(VueQueryPlugin, { queryClient }).use(rivulet(stream)).mount('#app')
