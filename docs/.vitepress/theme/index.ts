import { defineClientComponent, type Theme } from 'vitepress'
import DefaultTheme from 'vitepress/theme'
import './theme.css'

// biome-ignore lint/style/noDefaultExport: where VitePress looks for it
export default {
  extends: DefaultTheme,
  enhanceApp: ({ app }) => {
    // Loaded by the home page alone, and not when the site is built: it connects.
    app.component(
      'TryIt',
      defineClientComponent(() => import('./demo/try-it.vue')),
    )
  },
} satisfies Theme
