/** Colours by number: of an expert by its uid, of a line in a chart by its place. Told apart in light and dark, and never the only sign of anything. */
const hues = [222, 14, 150, 284, 46, 190, 334, 96, 260, 28, 170, 310]
/** Strokes and gaps of lines in pixels. Three: then neighbouring hues, five or eight places apart above, never have the same. */
const dashes = [[], [7, 4], [2, 4]]

/** CSS colour of a uid or line; the fallback (uid -1) is grey. */
export const colourOf = (n: number): string =>
  n < 0 ? 'var(--muted)' : `hsl(${hues[n % hues.length] ?? 0} var(--expert-s) var(--expert-l))`

/** The nth line of a chart of many; the second round of hues begins with another dash, so that 36 lines differ. */
export const lineLook = (n: number): { colour: string; dash: number[] } => ({
  colour: colourOf(n),
  dash: dashes[(n + Math.floor(n / hues.length)) % dashes.length] ?? [],
})
