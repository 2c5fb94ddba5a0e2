// Sorting, searching and strings: pointers, recursion, byte loops, switches.
#include <stdint.h>
#define EXPORT(name) __attribute__((export_name(#name), noinline)) name

static int32_t data[256];
static char text[256];

void EXPORT(fill)(uint32_t seed) {
  for (int i = 0; i < 256; i++) {
    seed = seed * 1664525u + 1013904223u;
    data[i] = (int32_t)seed >> 8;
    text[i] = 'a' + (seed >> 27);
  }
  text[255] = 0;
}

static void quicksort(int32_t *a, int lo, int hi) {
  while (lo < hi) {
    int32_t pivot = a[(lo + hi) >> 1];
    int i = lo, j = hi;
    while (i <= j) {
      while (a[i] < pivot) i++;
      while (a[j] > pivot) j--;
      if (i <= j) {
        int32_t t = a[i];
        a[i++] = a[j];
        a[j--] = t;
      }
    }
    if (j - lo < hi - i) {
      quicksort(a, lo, j);
      lo = i;
    } else {
      quicksort(a, i, hi);
      hi = j;
    }
  }
}

int32_t EXPORT(sort)(uint32_t count) {
  if (count > 256) count = 256;
  if (count == 0) return 0;
  quicksort(data, 0, (int)count - 1);
  return data[count / 2];
}

int32_t EXPORT(search)(int32_t key, uint32_t count) {
  uint32_t lo = 0, hi = count > 256 ? 256 : count;
  while (lo < hi) {
    uint32_t mid = (lo + hi) / 2;
    if (data[mid] < key) lo = mid + 1;
    else hi = mid;
  }
  return (int32_t)lo;
}

uint32_t EXPORT(insertion_sort)(uint32_t count) {
  uint32_t moves = 0;
  if (count > 256) count = 256;
  for (uint32_t i = 1; i < count; i++) {
    int32_t v = data[i];
    uint32_t j = i;
    for (; j > 0 && data[j - 1] > v; j--, moves++) data[j] = data[j - 1];
    data[j] = v;
  }
  return moves;
}

uint32_t EXPORT(length)(void) {
  const char *p = text;
  while (*p) p++;
  return (uint32_t)(p - text);
}

uint32_t EXPORT(tokens)(uint32_t limit) {
  uint32_t words = 0, digits = 0, state = 0;
  for (uint32_t i = 0; i < limit && i < 255; i++) {
    switch (text[i]) {
    case 'a': case 'e': case 'i': case 'o': case 'u': state = state == 0 ? 1 : 2; break;
    case 'b': digits++; state = 0; break;
    case 'c': words += state; break;
    case 'd': words ^= digits << 3; state = 3; break;
    case 'f': if (state > 1) words++; break;
    case 'g': digits += words & 7; break;
    case 'h': state = 0; words++; break;
    default: state = state > 3 ? 0 : state + 1;
    }
  }
  return words * 1000 + digits;
}
