// Fixed-point control and signal code, 64-bit arithmetic, matrices.
#include <stdint.h>
#define EXPORT(name) __attribute__((export_name(#name), noinline)) name

struct pid { int32_t kp, ki, kd, integral, last, lo, hi; };
static struct pid loops[4];

void EXPORT(pid_set)(uint32_t i, int32_t kp, int32_t ki, int32_t kd, int32_t lo, int32_t hi) {
  struct pid *p = &loops[i & 3];
  p->kp = kp; p->ki = ki; p->kd = kd; p->lo = lo; p->hi = hi; p->integral = p->last = 0;
}

static int32_t clamp(int64_t x, int32_t lo, int32_t hi) { return x < lo ? lo : x > hi ? hi : (int32_t)x; }

int32_t EXPORT(pid_step)(uint32_t i, int32_t target, int32_t measured) {
  struct pid *p = &loops[i & 3];
  int32_t error = target - measured;
  p->integral = clamp((int64_t)p->integral + ((int64_t)p->ki * error >> 16), p->lo, p->hi);
  int64_t out = ((int64_t)p->kp * error >> 16) + p->integral + ((int64_t)p->kd * (error - p->last) >> 16);
  p->last = error;
  return clamp(out, p->lo, p->hi);
}

static int16_t taps[32], line[32];
static uint32_t head;

int32_t EXPORT(fir)(int32_t sample) {
  line[head++ & 31] = (int16_t)sample;
  int32_t sum = 0;
  for (uint32_t i = 0; i < 32; i++) sum += taps[i] * line[(head + i) & 31];
  return sum >> 15;
}

void EXPORT(fir_taps)(int32_t gain) {
  for (int i = 0; i < 32; i++) taps[i] = (int16_t)(gain * (16 - (i > 15 ? i - 15 : 15 - i)) >> 4);
}

static int32_t a[16][16], b[16][16], c[16][16];

int32_t EXPORT(matrix)(uint32_t seed) {
  for (int i = 0; i < 16; i++)
    for (int j = 0; j < 16; j++) {
      seed = seed * 69069 + 1;
      a[i][j] = (int32_t)(seed >> 24);
      b[j][i] = (int32_t)(seed >> 20 & 255);
    }
  int32_t trace = 0;
  for (int i = 0; i < 16; i++)
    for (int j = 0; j < 16; j++) {
      int32_t s = 0;
      for (int k = 0; k < 16; k++) s += a[i][k] * b[k][j];
      c[i][j] = s;
      if (i == j) trace += s;
    }
  return trace;
}

uint32_t EXPORT(isqrt)(uint64_t x) {
  uint64_t r = 0, bit = 1ull << 62;
  while (bit > x) bit >>= 2;
  while (bit) {
    if (x >= r + bit) {
      x -= r + bit;
      r = (r >> 1) + bit;
    } else r >>= 1;
    bit >>= 2;
  }
  return (uint32_t)r;
}

uint64_t EXPORT(mul_mod)(uint64_t x, uint64_t y, uint64_t m) {
  if (m == 0) return 0;
  uint64_t r = 0;
  x %= m;
  while (y) {
    if (y & 1) r = (r + x) % m;
    x = (x + x) % m;
    y >>= 1;
  }
  return r;
}

int32_t EXPORT(average)(int32_t x, int32_t y, int32_t n) { return n ? (int32_t)(((int64_t)x + y) / n) : 0; }

void EXPORT(xtea)(uint32_t *v) {
  uint32_t v0 = v[0], v1 = v[1], sum = 0;
  static const uint32_t key[4] = {0x00010203, 0x04050607, 0x08090a0b, 0x0c0d0e0f};
  for (int i = 0; i < 32; i++) {
    v0 += ((v1 << 4 ^ v1 >> 5) + v1) ^ (sum + key[sum & 3]);
    sum += 0x9e3779b9;
    v1 += ((v0 << 4 ^ v0 >> 5) + v0) ^ (sum + key[sum >> 11 & 3]);
  }
  v[0] = v0;
  v[1] = v1;
}
