// Hashes and checksums: tables, rotations, byte loops, 64-bit products.
#include <stdint.h>
#define EXPORT(name) __attribute__((export_name(#name), noinline)) name

static uint32_t crc_table[256];
static uint8_t buffer[1024];

uint8_t *EXPORT(hash_buffer)(void) { return buffer; }

void EXPORT(crc_init)(void) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t c = i;
    for (int k = 0; k < 8; k++) c = c & 1 ? 0xedb88320u ^ (c >> 1) : c >> 1;
    crc_table[i] = c;
  }
}

uint32_t EXPORT(crc32)(uint32_t length) {
  uint32_t c = ~0u;
  for (uint32_t i = 0; i < length; i++) c = crc_table[(c ^ buffer[i & 1023]) & 0xff] ^ (c >> 8);
  return ~c;
}

uint32_t EXPORT(adler32)(uint32_t length) {
  uint32_t a = 1, b = 0;
  for (uint32_t i = 0; i < length; i++) {
    a = (a + buffer[i & 1023]) % 65521;
    b = (b + a) % 65521;
  }
  return b << 16 | a;
}

uint64_t EXPORT(fnv64)(uint32_t length) {
  uint64_t h = 0xcbf29ce484222325ull;
  for (uint32_t i = 0; i < length; i++) h = (h ^ buffer[i & 1023]) * 0x100000001b3ull;
  return h;
}

static uint32_t rotl(uint32_t x, int k) { return x << k | x >> (32 - k); }

uint32_t EXPORT(murmur3)(uint32_t length, uint32_t seed) {
  uint32_t h = seed;
  const uint32_t *p = (const uint32_t *)buffer;
  for (uint32_t i = 0; i < length / 4; i++) {
    uint32_t k = p[i & 255] * 0xcc9e2d51u;
    h = rotl(h ^ rotl(k, 15) * 0x1b873593u, 13) * 5 + 0xe6546b64u;
  }
  h ^= length;
  h = (h ^ h >> 16) * 0x85ebca6bu;
  h = (h ^ h >> 13) * 0xc2b2ae35u;
  return h ^ h >> 16;
}

static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
static uint32_t state[8];

static uint32_t rotr(uint32_t x, int k) { return x >> k | x << (32 - k); }

uint32_t EXPORT(sha256_block)(uint32_t which) {
  static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  uint32_t w[64], s[8];
  const uint8_t *p = buffer + (which & 15) * 64;
  for (int i = 0; i < 16; i++) w[i] = (uint32_t)p[4 * i] << 24 | p[4 * i + 1] << 16 | p[4 * i + 2] << 8 | p[4 * i + 3];
  for (int i = 16; i < 64; i++) {
    uint32_t a = rotr(w[i - 15], 7) ^ rotr(w[i - 15], 18) ^ w[i - 15] >> 3;
    uint32_t b = rotr(w[i - 2], 17) ^ rotr(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + a + w[i - 7] + b;
  }
  for (int i = 0; i < 8; i++) s[i] = start[i];
  for (int i = 0; i < 64; i++) {
    uint32_t t1 = s[7] + (rotr(s[4], 6) ^ rotr(s[4], 11) ^ rotr(s[4], 25)) + ((s[4] & s[5]) ^ (~s[4] & s[6])) + K[i] + w[i];
    uint32_t t2 = (rotr(s[0], 2) ^ rotr(s[0], 13) ^ rotr(s[0], 22)) + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
    s[7] = s[6]; s[6] = s[5]; s[5] = s[4]; s[4] = s[3] + t1; s[3] = s[2]; s[2] = s[1]; s[1] = s[0]; s[0] = t1 + t2;
  }
  uint32_t x = 0;
  for (int i = 0; i < 8; i++) x ^= state[i] = start[i] + s[i];
  return x;
}
