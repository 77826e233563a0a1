/** One colour per expert, the same everywhere on the page; told apart in light and dark, and never the only sign of anything. */
const hues = [222, 14, 150, 284, 46, 190, 334, 96, 260, 28, 170, 310]

/** CSS colour of a uid; the fallback (uid -1) is grey. */
export const colourOf = (uid: number): string =>
  uid < 0 ? 'var(--muted)' : `hsl(${hues[uid % hues.length] ?? 0} var(--expert-s) var(--expert-l))`
