import type { Theme } from 'vitepress'
import DefaultTheme from 'vitepress/theme'
import './theme.css'

// biome-ignore lint/style/noDefaultExport: where VitePress looks for it
export default DefaultTheme satisfies Theme
