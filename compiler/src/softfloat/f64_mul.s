@ Product of f64.
@
@ In: r1:r0, r3:r2. Out: r1:r0. One significand is moved to the top of its two words, so that the upper two words of the product
@ are those of the result, but for one place at most. What is below is in r12, its last bit sticky.

f64_mul:
  push {r4, r5, r6, lr}
  movw r12, #2047
  ands r4, r12, r1, lsr #20
  ittt ne
  andsne r5, r12, r3, lsr #20
  teqne r4, r12
  teqne r5, r12
  beq f64_mul_special
f64_mul_normal:                 @ exponents in r4 and r5, leading ones at bit 52
  eor r6, r1, r3
  adds r4, r4, r5
  lsls r1, r1, #11
  orr r1, r1, #0x80000000
  orr r1, r1, r0, lsr #21
  lsls r0, r0, #11
  bfc r3, #20, #12
  orr r3, r3, #0x00100000
  and r6, r6, #0x80000000
  umull r5, r12, r0, r2
  mov lr, #0
  umlal r12, lr, r1, r2
  movs r2, #0
  umlal r12, r2, r0, r3
  movs r0, #0
  umlal lr, r0, r1, r3
  adds r2, r2, lr
  adc r1, r0, #0
  cmp r5, #0
  it ne
  orrne r12, r12, #1
  subw r4, r4, #1023
  tst r1, #0x00100000
  bne f64_mul_leading
  adds r12, r12, r12
  adcs r2, r2, r2
  adcs r1, r1, r1
  subs r4, r4, #1
f64_mul_leading:                @ r4: one less than the exponent, because the leading one is added to it
  cmp r4, #0x7f0
  bhs f64_mul_range
f64_mul_round:
  cmp r12, #0x80000000
  it eq
  lsrseq r5, r2, #1
  adcs r0, r2, #0
  adc r1, r1, r4, lsl #20
  orr r1, r1, r6
  pop {r4, r5, r6, pc}

f64_mul_range:
  movw r5, #2046
  cmp r4, r5
  blo f64_mul_round
  rsbs r4, r4, #0
  ble f64_mul_infinite
  cmp r4, #54
  bhs f64_mul_zero
  cmp r4, #32
  bls f64_mul_shift
  cmp r12, #0
  mov r12, r2
  it ne
  orrne r12, r12, #1
  mov r2, r1
  movs r1, #0
  subs r4, r4, #32
f64_mul_shift:
  rsb r5, r4, #32
  cmp r12, #0
  lsl r12, r2, r5
  it ne
  orrne r12, r12, #1
  lsrs r2, r2, r4
  lsl r5, r1, r5
  orrs r2, r2, r5
  lsrs r1, r1, r4
  movs r4, #0
  b f64_mul_round
f64_mul_infinite:
  movs r0, #0
  orr r1, r6, #0x7f000000
  orr r1, r1, #0x00f00000
  pop {r4, r5, r6, pc}
f64_mul_zero:
  movs r0, #0
  mov r1, r6
  pop {r4, r5, r6, pc}

f64_mul_special:
  ubfx r5, r3, #20, #11
  eor r6, r1, r3
  and r6, r6, #0x80000000
  bic r1, r1, #0x80000000
  bic r3, r3, #0x80000000
  orrs lr, r0, r1               @ Z: a is zero
  it ne
  orrsne lr, r2, r3             @ Z: a factor is zero
  beq f64_mul_by_zero
  cmp r4, r12
  it ne
  cmpne r5, r12
  beq f64_mul_by_infinity
  cbnz r4, f64_mul_a_normal
  clz lr, r1
  cmp r1, #0
  bne f64_mul_a_upper
  clz lr, r0
  add lr, lr, #32
f64_mul_a_upper:                @ leading zeros of 64 bits; 11 are right
  sub lr, lr, #11
  rsb r4, lr, #1
  lsl r1, r1, lr
  rsb r12, lr, #32
  lsr r12, r0, r12
  orr r1, r1, r12
  sub r12, lr, #32
  lsl r12, r0, r12
  orr r1, r1, r12
  lsl r0, r0, lr
f64_mul_a_normal:
  cbnz r5, f64_mul_b_normal
  clz lr, r3
  cmp r3, #0
  bne f64_mul_b_upper
  clz lr, r2
  add lr, lr, #32
f64_mul_b_upper:
  sub lr, lr, #11
  rsb r5, lr, #1
  lsl r3, r3, lr
  rsb r12, lr, #32
  lsr r12, r2, r12
  orr r3, r3, r12
  sub r12, lr, #32
  lsl r12, r2, r12
  orr r3, r3, r12
  lsl r2, r2, lr
f64_mul_b_normal:
  orr r1, r1, r6
  b f64_mul_normal
f64_mul_by_zero:                @ not a number times zero is none, and infinity times zero is none either
  cmp r4, r12
  it ne
  cmpne r5, r12
  bne f64_mul_zero
  b f64_mul_nan
f64_mul_by_infinity:
  lsls r1, r1, #12              @ a factor with the greatest exponent and a fraction is no number
  orrs r1, r1, r0
  lsls r3, r3, #12
  orrs r3, r3, r2
  cmp r4, r12
  it ne
  movne r1, #0
  cmp r5, r12
  it ne
  movne r3, #0
  orrs r1, r1, r3
  beq f64_mul_infinite
f64_mul_nan:
  movs r0, #0
  movw r1, #0
  movt r1, #0x7ff8
  pop {r4, r5, r6, pc}
