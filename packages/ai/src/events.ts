export {
  type CompletionEvents,
  type CompletionFinish,
  type CompletionText,
  type CompletionToolCall,
  type CompletionUsage,
  completionEvents,
} from './completion-events.js'
export { type UIMessageChunkPayload, type UIMessageEvents, uiMessageEvents } from './ui-messages.js'
