// Seal hashing: one nonce per thread and turn, in registers throughout. The parameters hold whatever does not depend on
// the low half of the nonce; src/seal.rs documents their places.
#include "device.h"

struct Seal {
  u32 first, count, stride, unused;
  u32 head_high, head_low, unused2[2];
  u32 start[8];
  u32 round[16];
  u32 part[16];
  u32 later[4];
  u32 unused3[4];
  u32 iota[48];
};

DEVICE u32 ror(u32 w, u32 n) { return (w >> n) | (w << (32 - n)); }
DEVICE u32 big0(u32 a) { return ror(a, 2) ^ ror(a, 13) ^ ror(a, 22); }
DEVICE u32 big1(u32 e) { return ror(e, 6) ^ ror(e, 11) ^ ror(e, 25); }
DEVICE u32 small0(u32 w) { return ror(w, 7) ^ ror(w, 18) ^ (w >> 3); }
DEVICE u32 small1(u32 w) { return ror(w, 17) ^ ror(w, 19) ^ (w >> 10); }

/// One round of SHA-256; kw is K[t] + W[t].
DEVICE void sha_round(u32 s[8], u32 kw) {
  u32 first = s[7] + kw + ((s[4] & s[5]) ^ (~s[4] & s[6])) + big1(s[4]);
  u32 second = big0(s[0]) + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
  s[7] = s[6];
  s[6] = s[5];
  s[5] = s[4];
  s[4] = s[3] + first;
  s[3] = s[2];
  s[2] = s[1];
  s[1] = s[0];
  s[0] = first + second;
}

/// SHA-256 of the block whose first word is w0.
DEVICE void sha256(const Seal &p, u32 w0, u32 s[8]) {
  constexpr u32 K[64] = {
      0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
      0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
      0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
      0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
      0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
      0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
      0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
  };
  UNROLL for (int i = 0; i < 8; i++) s[i] = p.start[i];
  s[0] += w0;
  s[4] += w0;
  UNROLL for (int t = 1; t < 16; t++) sha_round(s, p.round[t]);
  // Words 16 to 31, with what is constant summed beforehand; 17, 19 and 21 are constant altogether.
  u32 w[16];
  UNROLL for (int i = 0; i < 16; i++) w[i] = p.part[i];
  w[0] += w0;
  w[2] += small1(w[0]);
  w[4] += small1(w[2]);
  w[6] += small1(w[4]);
  w[7] += w[0];
  w[8] += small1(w[6]);
  w[9] += small1(w[7]) + w[2];
  w[10] += small1(w[8]);
  w[11] += small1(w[9]) + w[4];
  w[12] += small1(w[10]);
  w[13] += small1(w[11]) + w[6];
  w[14] += small1(w[12]) + w[7];
  w[15] += small1(w[13]) + w[8] + small0(w[0]);
  UNROLL for (int i = 0; i < 16; i++) {
    bool constant = i == 1 || i == 3 || i == 5;
    sha_round(s, constant ? p.later[i / 2] : w[i] + K[16 + i]);
  }
  UNROLL for (int t = 32; t < 64; t++) {
    w[t % 16] += small1(w[(t + 14) % 16]) + w[(t + 9) % 16] + small0(w[(t + 1) % 16]);
    sha_round(s, w[t % 16] + K[t]);
  }
  constexpr u32 INITIAL[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  UNROLL for (int i = 0; i < 8; i++) s[i] += INITIAL[i];
}

/// The parities of the state's columns.
DEVICE void parities(const u64 s[25], u64 c[5]) {
  UNROLL for (int x = 0; x < 5; x++) c[x] = xor3(xor3(s[x], s[x + 5], s[x + 10]), s[x + 15], s[x + 20]);
}

/// Theta's mixing by the columns' parities, rho, pi, chi and iota.
DEVICE void rest(u64 s[25], const u64 c[5], u64 constant) {
  constexpr u32 ROTATIONS[25] = {0, 1, 62, 28, 27, 36, 44, 6, 55, 20, 3, 10, 43, 25, 39, 41, 45, 15, 21, 8, 18, 2, 61, 56, 14};
  u64 b[25], turned[5];
  UNROLL for (int x = 0; x < 5; x++) turned[x] = rotate_left(c[(x + 1) % 5], 1);
  UNROLL for (int y = 0; y < 5; y++)
    UNROLL for (int x = 0; x < 5; x++)
      b[y + 5 * ((2 * x + 3 * y) % 5)] = rotate_left(xor3(s[x + 5 * y], c[(x + 4) % 5], turned[x]), ROTATIONS[x + 5 * y]);
  UNROLL for (int y = 0; y < 25; y += 5)
    UNROLL for (int x = 0; x < 5; x++) s[y + x] = chi(b[y + x], b[y + (x + 1) % 5], b[y + (x + 2) % 5]);
  s[0] ^= constant;
}

/// Keccak's first output lane for a message of one SHA-256 digest.
DEVICE u64 keccak_lane(const Seal &p, const u32 digest[8]) {
  u64 s[25], c[5];
  UNROLL for (int i = 0; i < 25; i++) s[i] = 0;
  UNROLL for (int i = 0; i < 4; i++)
    c[i] = s[i] = (u64)__builtin_bswap32(digest[2 * i]) | (u64)__builtin_bswap32(digest[2 * i + 1]) << 32;
  // The padding. No column has more than one lane at first but column 1.
  c[4] = s[4] = 1;
  s[16] = 1ull << 63;
  c[1] ^= s[16];
  rest(s, c, 1);
#pragma unroll 2
  for (int r = 1; r < 23; r++) {
    parities(s, c);
    rest(s, c, (u64)p.iota[2 * r] | (u64)p.iota[2 * r + 1] << 32);
  }
  // Of the last round lane 0 alone is wanted.
  parities(s, c);
  u64 b0 = xor3(s[0], c[4], rotate_left(c[1], 1));
  u64 b1 = rotate_left(xor3(s[6], c[0], rotate_left(c[2], 1)), 44);
  u64 b2 = rotate_left(xor3(s[12], c[1], rotate_left(c[3], 1)), 43);
  return chi(b0, b1, b2) ^ 0x8000000080008008ull;
}

/// The first eight bytes of the seal of a nonce, as a big-endian number.
DEVICE u64 head(const Seal &p, u32 low) {
  u32 digest[8];
  sha256(p, __builtin_bswap32(low), digest);
  return __builtin_bswap64(keccak_lane(p, digest));
}

KERNEL(128, 4) seal_search(const Seal p, u32 *best) {
  u64 most = (u64)p.head_high << 32 | p.head_low;
  for (u32 i = block_x() * threads_x() + thread_x(); i < p.count; i += p.stride) {
    // A smaller nonce than this thread's was found: no larger one matters.
    if (load_fresh(best) < i) return;
    if (head(p, p.first + i) <= most) {
      atomic_min(best, i);
      return;
    }
  }
}
ENTRY_1(seal_search, Seal, u32)

KERNEL(128, 4) seal_heads(const Seal p, u64 *heads) {
  for (u32 i = block_x() * threads_x() + thread_x(); i < p.count; i += p.stride) heads[i] = head(p, p.first + i);
}
ENTRY_1(seal_heads, Seal, u64)
