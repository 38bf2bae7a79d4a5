import '@rivulet/vue/indicator.css'
import './look/look.css'
import './styles.css'
import { EventStreamService } from '@rivulet/client'
import { rivulet } from '@rivulet/vue'
import { createApp } from 'vue'
import { events, streamPath } from '../shared/events.js'
import App from './app.vue'

createApp(App)
  .use(rivulet(new EventStreamService({ url: streamPath, events })))
  .mount('#app')
