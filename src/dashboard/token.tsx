/** Where the node's token is given to this tab, for what acts. */
import { useState } from 'preact/hooks'
import { storeToken } from './client.ts'

export function Token({ why, onStored }: { why: string; onStored: () => void }) {
  const [text, setText] = useState('')
  const store = (event: Event): void => {
    event.preventDefault()
    storeToken(text.trim())
    onStored()
  }
  return (
    <form class="token" onSubmit={store}>
      <label>
        {why}: the one line in <code>.taumesh/api.token</code>
        <input
          type="password"
          autocomplete="off"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
          placeholder="64 hexadecimal digits"
        />
      </label>
      <button type="submit" disabled={!/^[0-9a-f]{64}$/.test(text.trim())}>
        Use token
      </button>
    </form>
  )
}
