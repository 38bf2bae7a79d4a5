const suggestions = [
  ['How does an answer survive a reload?', 'The three parts behind it'],
  ['What happens when I press Stop?', 'On the page, the server and the model'],
  ['Why Server-Sent Events and not a WebSocket?', 'The case for plain HTTP'],
] as const

export function Suggestions({ onChoose }: { onChoose: (text: string) => void }) {
  return (
    <div className="welcome">
      <h2>What would you like to know?</h2>
      <ul>
        {suggestions.map(([text, about]) => (
          <li key={text}>
            <button type="button" onClick={() => onChoose(text)}>
              <strong>{text}</strong>
              <span>{about}</span>
            </button>
          </li>
        ))}
      </ul>
    </div>
  )
}
