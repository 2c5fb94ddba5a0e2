@ f32 to f64 and back.
@
@ In: r0 or r1:r0. Out: r1:r0 or r0. Exponents differ by 896; the encoded number is moved by three places, and the sign apart.

f64_from_f32:
  lsls r2, r0, #1
  sub r2, r2, #0x01000000
  cmp r2, #0xfe000000
  bhs f64_from_f32_special
  asrs r1, r0, #3
  bic r1, r1, #0x70000000
  add r1, r1, #0x38000000
  lsls r0, r0, #29
  bx lr
f64_from_f32_special:
  and r1, r0, #0x80000000
  lsls r2, r0, #1
  beq f64_from_f32_zero
  cmp r2, #0xff000000
  bhi f64_from_f32_nan
  beq f64_from_f32_infinite
  clz r3, r2
  lsls r2, r2, r3
  lsls r0, r2, #21
  rsb r3, r3, #0x380            @ 904 less the leading zeros is the exponent, one less because of the leading one
  adds r3, r3, #7
  add r1, r1, r3, lsl #20
  add r1, r1, r2, lsr #11
  bx lr
f64_from_f32_nan:
  movs r0, #0
  movw r1, #0
  movt r1, #0x7ff8
  bx lr
f64_from_f32_infinite:
  orr r1, r1, #0x7f000000
  orr r1, r1, #0x00f00000
f64_from_f32_zero:
  movs r0, #0
  bx lr

f32_from_f64:
  bic r2, r1, #0x80000000
  sub r2, r2, #0x38000000
  sub r3, r2, #0x00100000
  cmp r3, #0x0fe00000
  bhs f32_from_f64_special
  and r12, r1, #0x80000000
  orr r12, r12, r0, lsr #29
  lsls r3, r0, #3
  cmp r3, #0x80000000
  adc r0, r12, r2, lsl #3
  it eq
  biceq r0, r0, #1
  bx lr
f32_from_f64_special:           @ LT: below the normal numbers
  blt f32_from_f64_below
  cmp r0, #1
  adc r2, r1, r1
  cmn r2, #0x00200000
  bhi f32_from_f64_nan
  and r0, r1, #0x80000000
  orr r0, r0, #0x7f800000
  bx lr
f32_from_f64_below:
  adds r3, r2, #0x01700000      @ 23 places more give less than half of the least
  bmi f32_from_f64_zero
  and r12, r1, #0x80000000
  asrs r2, r2, #20
  rsb r3, r2, #9                @ places from the top of a word, 32 at most
  lsls r1, r1, #11
  orr r1, r1, #0x80000000
  orr r1, r1, r0, lsr #21
  rsb r2, r3, #32
  lsl r2, r1, r2
  lsls r0, r0, #11
  it ne
  orrne r2, r2, #1
  lsrs r1, r1, r3
  cmp r2, #0x80000000
  adc r0, r12, r1
  it eq
  biceq r0, r0, #1
  bx lr
f32_from_f64_zero:
  and r0, r1, #0x80000000
  bx lr
f32_from_f64_nan:
  movw r0, #0
  movt r0, #0x7fc0
  bx lr
