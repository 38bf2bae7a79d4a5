import { describeEngine } from './describe-engine.js'
import { webkitEngine } from './webkit-engine.js'

describeEngine(webkitEngine)
