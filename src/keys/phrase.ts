/**
 * Secret phrases: English BIP39 words, but Substrate's seed: PBKDF2 over the entropy, not over the words (wire.md 4).
 * The first 32 bytes are the mini-secret.
 */
import { pbkdf2Async } from '@noble/hashes/pbkdf2.js'
import { sha512 } from '@noble/hashes/sha2.js'
import { entropyToMnemonic, generateMnemonic, mnemonicToEntropy } from '@scure/bip39'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import { utf8 } from '../protocol/bytes.ts'
import { NodeError } from '../protocol/errors.ts'

/** Numbers of words that BIP39 knows; three words carry 32 bits. */
export type Words = 12 | 15 | 18 | 21 | 24
const WORDS: readonly number[] = [12, 15, 18, 21, 24]
const ROUNDS = 2_048
/** The longest phrase of 24 words has 215 characters; a URI adds junctions and a password. */
const PHRASE_CHARACTERS_MAX = 1_024

/** The phrase whose accounts (`//Alice`, ...) everybody knows: for development alone. */
export const DEV_PHRASE = 'bottom drive obey lake curtain smoke basket hold race lonely fit walk'

/** A fresh phrase from the system's randomness. */
export function createPhrase(words: Words = 12): string {
  if (!WORDS.includes(words)) throw new NodeError('KEYS_PHRASE_INVALID', { detail: 'it has 12, 15, 18, 21 or 24 words' })
  return generateMnemonic(wordlist, (words / 3) * 32)
}

/** The phrase in its one written form. @throws KEYS_PHRASE_INVALID; the words themselves are never named */
export function normalPhrase(text: string): string {
  const entropy = entropyOf(text)
  const phrase = entropyToMnemonic(entropy, wordlist)
  entropy.fill(0)
  return phrase
}

/** The 32-byte mini-secret of a phrase and an optional passphrase. @throws KEYS_PHRASE_INVALID */
export async function miniSecretOf(text: string, passphrase = ''): Promise<Uint8Array> {
  const entropy = entropyOf(text)
  const seed = await pbkdf2Async(sha512, entropy, utf8(`mnemonic${passphrase}`), { c: ROUNDS, dkLen: 64 })
  const mini = seed.slice(0, 32)
  seed.fill(0)
  entropy.fill(0)
  return mini
}

function entropyOf(text: string): Uint8Array {
  const words = text.length > PHRASE_CHARACTERS_MAX ? [] : text.trim().toLowerCase().split(/\s+/u)
  if (!WORDS.includes(words.length)) throw new NodeError('KEYS_PHRASE_INVALID', { detail: 'it has 12, 15, 18, 21 or 24 words' })
  try {
    return mnemonicToEntropy(words.join(' '), wordlist)
  } catch {
    // Without a cause: the library's message may hold a word.
    throw new NodeError('KEYS_PHRASE_INVALID', { detail: 'a word is unknown, or the last one does not fit the others' })
  }
}
