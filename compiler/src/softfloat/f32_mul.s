@ Product of f32.
@
@ In: r0, r1. Out: r0. The product of the significands has its upper 23 or 24 bits in one word and everything below in
@ another, so that rounding is a comparison of that word with a half. Numbers out of the normal range are out of line.

f32_mul:
  mov r12, #255
  ands r2, r12, r0, lsr #23
  ittt ne
  andsne r3, r12, r1, lsr #23
  teqne r2, r12
  teqne r3, r12
  beq f32_mul_special
f32_mul_normal:                 @ exponents in r2 and r3, leading ones at bit 23
  eor r12, r0, r1
  adds r2, r2, r3
  lsls r0, r0, #8
  orr r0, r0, #0x80000000
  bic r1, r1, #0xff000000
  orr r1, r1, #0x00800000
  umull r1, r0, r0, r1
  and r12, r12, #0x80000000
  subs r2, r2, #127
  cmp r0, #0x00800000
  bhs f32_mul_leading
  adds r1, r1, r1
  adc r0, r0, r0
  subs r2, r2, #1
f32_mul_leading:                @ r2: one less than the exponent, because the leading one is added to it
  cmp r2, #254
  bhs f32_mul_range
f32_mul_round:
  cmp r1, #0x80000000
  adc r0, r0, r2, lsl #23
  it eq
  biceq r0, r0, #1
  orr r0, r0, r12
  bx lr

f32_mul_range:
  rsbs r2, r2, #0
  ble f32_mul_infinite
  cmp r2, #25
  bhs f32_mul_zero
  rsb r3, r2, #32
  cmp r1, #0
  lsl r1, r0, r3
  it ne
  orrne r1, r1, #1
  lsr r0, r0, r2
  movs r2, #0
  b f32_mul_round
f32_mul_infinite:
  orr r0, r12, #0x7f800000
  bx lr

f32_mul_special:
  ubfx r3, r1, #23, #8
  lsls r12, r1, #1
  cmp r12, #0xff000000
  bhi f32_mul_nan
  lsls r12, r0, #1
  cmp r12, #0xff000000
  bhi f32_mul_nan
  it ne
  cmpne r3, #255
  beq f32_mul_by_infinity
  lsls r12, r0, #1
  it ne
  lslsne r12, r1, #1
  eor r12, r0, r1
  and r12, r12, #0x80000000
  beq f32_mul_zero
  cbnz r2, f32_mul_a_normal
  lsls r0, r0, #1
  clz r2, r0
  lsls r0, r0, r2
  lsrs r0, r0, #8
  rsb r2, r2, #8
f32_mul_a_normal:
  cbnz r3, f32_mul_b_normal
  lsls r1, r1, #1
  clz r3, r1
  lsls r1, r1, r3
  lsrs r1, r1, #8
  rsb r3, r3, #8
f32_mul_b_normal:
  bic r0, r0, #0x80000000
  bic r1, r1, #0x80000000
  orr r0, r0, r12
  b f32_mul_normal
f32_mul_by_infinity:
  lsls r12, r0, #1
  it ne
  lslsne r12, r1, #1
  beq f32_mul_nan
  eor r0, r0, r1
  orr r0, r0, #0x7f000000
  orr r0, r0, #0x00800000
  lsrs r0, r0, #23
  lsls r0, r0, #23
  bx lr
f32_mul_zero:
  mov r0, r12
  bx lr
f32_mul_nan:
  movw r0, #0
  movt r0, #0x7fc0
  bx lr
