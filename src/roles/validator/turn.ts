/** Lets one piece of work in at a time, in the order they came: claims of two passes must not slow each other's answers. */
export class Turn {
  #last: Promise<unknown> = Promise.resolve()

  async take<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work)
    this.#last = turn.catch(() => undefined)
    return await turn
  }
}
