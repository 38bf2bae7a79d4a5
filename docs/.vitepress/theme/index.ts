import { defineClientComponent, type Theme } from 'vitepress'
import DefaultTheme from 'vitepress/theme'
import './theme.css'

// biome-ignore lint/style/noDefaultExport: VitePress reads the default export
export default {
  extends: DefaultTheme,
  enhanceApp: ({ app }) => {
    // Loaded only by the home page and only in the browser, because it opens a connection.
    app.component(
      'TryIt',
      defineClientComponent(() => import('./demo/try-it.vue')),
    )
  },
} satisfies Theme
