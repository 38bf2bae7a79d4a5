import { webkitEngine } from '../../test-support/browsers/webkit-engine.js'
import { describeEngine } from './describe-engine.js'

describeEngine(webkitEngine)
