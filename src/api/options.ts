/** Settings of the HTTP API. */
import { Type, type Static } from 'typebox'

export const apiOptions = Type.Object({
  host: Type.String({ default: '127.0.0.1', description: 'Address that the HTTP API listens on.' }),
  port: Type.Integer({ default: 8420, minimum: 0, maximum: 65_535, description: 'Port of the HTTP API; 0 = any free one.' }),
  hosts: Type.Array(Type.String(), { default: [], description: 'Further host names this API answers for.' }),
  /** Folder of the built dashboard; null serves none. */
  dashboard: Type.Union([Type.String(), Type.Null()], { default: null, description: 'Folder of the built dashboard.' }),
})
export type ApiOptions = Static<typeof apiOptions>
