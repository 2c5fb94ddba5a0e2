@ Quotient of f32.
@
@ In: r0, r1. Out: r0. Three divisions of 32 by 24 bits make the quotient of the significands, 24 or 25 bits of it, and leave the
@ remainder. A quotient of normal numbers is never half way between two others (it would need a bit more than the dividend has),
@ so one bit more than the result's, or twice the remainder, decides the rounding.

f32_div:
  mov r12, #255
  ands r2, r12, r0, lsr #23
  ittt ne
  andsne r3, r12, r1, lsr #23
  teqne r2, r12
  teqne r3, r12
  beq f32_div_special
f32_div_normal:                 @ exponents in r2 and r3, leading ones at bit 23
  subs r2, r2, r3
  eor r12, r0, r1
  lsls r0, r0, #8
  orr r0, r0, #0x80000000
  bic r1, r1, #0xff000000
  orr r1, r1, #0x00800000
  and r12, r12, #0x80000000
  adds r2, r2, #125             @ two less than the exponent, if the dividend's significand is not the smaller one
  cmp r2, #253
  bhs f32_div_range
f32_div_digits:
  orr r2, r2, r12, lsr #23
  udiv r3, r0, r1
  mls r0, r3, r1, r0
  lsls r0, r0, #8
  udiv r12, r0, r1
  mls r0, r12, r1, r0
  orr r3, r12, r3, lsl #8
  lsls r0, r0, #8
  udiv r12, r0, r1
  mls r0, r12, r1, r0
  orr r3, r12, r3, lsl #8
  cmp r3, #0x01000000
  blo f32_div_smaller
  lsrs r3, r3, #1
  adc r0, r3, r2, lsl #23
  add r0, r0, #0x00800000
  bx lr
f32_div_smaller:
  lsls r0, r0, #1
  cmp r0, r1
  adc r0, r3, r2, lsl #23
  bx lr

f32_div_range:
  cmp r2, #253                  @ signed: above, or below the normal numbers
  bgt f32_div_infinite
  bne f32_div_below
  cmp r0, r1, lsl #8
  blo f32_div_digits
f32_div_infinite:
  orr r0, r12, #0x7f800000
  bx lr
f32_div_below:
  rsbs r2, r2, #0               @ places that the quotient of 25 bits lies too high
  cmp r2, #25
  bhi f32_div_zero
  orr r12, r12, r2
  udiv r3, r0, r1
  mls r0, r3, r1, r0
  lsls r0, r0, #8
  udiv r2, r0, r1
  mls r0, r2, r1, r0
  orr r3, r2, r3, lsl #8
  lsls r0, r0, #8
  udiv r2, r0, r1
  mls r0, r2, r1, r0
  orr r3, r2, r3, lsl #8
  lsls r3, r3, #1
  cmp r0, #0
  it ne
  orrne r3, r3, #1              @ sticky, below the half
  and r2, r12, #31
  and r12, r12, #0x80000000
  adds r2, r2, #1
  rsb r1, r2, #32
  lsl r1, r3, r1
  lsrs r3, r3, r2
  cmp r1, #0x80000000
  adc r0, r3, r12
  it eq
  biceq r0, r0, #1
  bx lr

f32_div_special:
  ubfx r3, r1, #23, #8
  lsls r12, r1, #1
  cmp r12, #0xff000000
  bhi f32_div_nan
  lsls r12, r0, #1
  cmp r12, #0xff000000
  bhi f32_div_nan
  eor r12, r0, r1
  and r12, r12, #0x80000000
  beq f32_div_infinity
  cmp r3, #255
  beq f32_div_zero
  lsls r1, r1, #1
  beq f32_div_by_zero
  lsls r0, r0, #1
  beq f32_div_zero
  cbnz r2, f32_div_a_normal
  clz r2, r0
  lsls r0, r0, r2
  lsrs r0, r0, #7
  rsb r2, r2, #8
f32_div_a_normal:
  cbnz r3, f32_div_b_normal
  clz r3, r1
  lsls r1, r1, r3
  lsrs r1, r1, #7
  rsb r3, r3, #8
f32_div_b_normal:
  lsrs r1, r1, #1
  orr r0, r12, r0, lsr #1
  b f32_div_normal
f32_div_infinity:
  cmp r3, #255
  bne f32_div_infinite
f32_div_nan:
  movw r0, #0
  movt r0, #0x7fc0
  bx lr
f32_div_by_zero:
  lsls r0, r0, #1
  bne f32_div_infinite
  b f32_div_nan
f32_div_zero:
  mov r0, r12
  bx lr
