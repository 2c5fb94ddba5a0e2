@ Quotient of f64.
@
@ In: r1:r0, r3:r2. Out: r1:r0. The dividend is doubled if its significand is the smaller one, so that the quotient has 54 bits:
@ those of the result, and one that decides the rounding, since a quotient of normal numbers is never half way. The divisor's
@ reciprocal gives two digits of 27 bits, each too small by less than 2, with their remainders modulo 2^64.
@
@ The reciprocal: h is the divisor's upper 32 bits, x = (2^32 - 2^15 - 1) / (h >> 16) is within -1.5 and +1.5 times 2^-16 of
@ 2^48/h, and a Newton step, from t = -(h/4 + 1) * x modulo 2^32, makes of it less than 2^63/h by at most 0.77 * 2^-28 of it.

f64_div:
  push {r4, r5, r6, r7, r8, lr}
  movw r12, #2047
  ands r4, r12, r1, lsr #20
  ittt ne
  andsne r5, r12, r3, lsr #20
  teqne r4, r12
  teqne r5, r12
  beq f64_div_special
f64_div_normal:                 @ exponents in r4 and r5, leading ones at bit 52
  eor r6, r1, r3
  subs r4, r4, r5
  bfc r1, #20, #12
  orr r1, r1, #0x00100000
  bfc r3, #20, #12
  orr r3, r3, #0x00100000
  lsls r5, r3, #11
  orr r5, r5, r2, lsr #21
  cmp r0, r2
  sbcs r7, r1, r3
  bhs f64_div_ordered
  adds r0, r0, r0
  adcs r1, r1, r1
  subs r4, r4, #1
f64_div_ordered:
  and r6, r6, #0x80000000
  addw r4, r4, #1022            @ one less than the exponent, because the leading one is added to it
  lsrs r7, r5, #16
  mvn r12, #0x8000
  udiv r7, r12, r7
  mvn r5, r5, lsr #2
  mul r5, r5, r7
  lsl r12, r7, #1
  smull r12, r5, r5, r12
  add lr, r5, r7, lsl #15
  lsl r12, r1, #10
  orr r12, r12, r0, lsr #22
  umull r5, r7, r12, lr
  lsrs r7, r7, #4               @ the upper digit
  lsls r1, r1, #26
  orr r1, r1, r0, lsr #6
  lsls r0, r0, #26
  umull r5, r12, r7, r2
  subs r0, r0, r5
  sbc r1, r1, r12
  mls r1, r7, r3, r1
  lsl r12, r1, #10
  orr r12, r12, r0, lsr #22
  umull r5, r12, r12, lr
  lsr r12, r12, #3              @ the lower digit
  lsls r1, r1, #27
  orr r1, r1, r0, lsr #5
  lsls r0, r0, #27
  umull r5, r8, r12, r2
  subs r0, r0, r5
  sbc r1, r1, r8
  mls r1, r12, r3, r1
  cmp r0, r2
  sbcs r5, r1, r3               @ C: the quotient is one more
  lsr r5, r7, #5
  adcs r12, r12, r7, lsl #27
  adc r5, r5, #0
  cmp r4, #0x7f0
  bhs f64_div_range
f64_div_round:
  lsrs r5, r5, #1
  rrxs r12, r12
  adcs r0, r12, #0
  adc r1, r5, r4, lsl #20
  orr r1, r1, r6
  pop {r4, r5, r6, r7, r8, pc}

f64_div_range:
  movw r7, #2046
  cmp r4, r7
  blo f64_div_round
  rsbs r4, r4, #0
  ble f64_div_infinite
  cmp r4, #54
  bhs f64_div_zero
  orrs r7, r0, r1               @ is nothing left, now or after one more subtraction?
  itt ne
  eorne r0, r0, r2
  eorne r1, r1, r3
  it ne
  orrsne r7, r0, r1
  it ne
  movne r7, #1
  adds r12, r12, r12
  adcs r5, r5, r5
  orr r12, r12, r7
  adds r4, r4, #2               @ the quotient of 55 bits, the last one sticky, is as far too high
  mov r0, r12
  mov r1, r5
  movs r7, #0
  cmp r4, #32
  bls f64_div_shift
  mov r7, r0
  mov r0, r1
  movs r1, #0
  subs r4, r4, #32
f64_div_shift:
  rsb r5, r4, #32
  cmp r7, #0
  lsl r12, r0, r5
  it ne
  orrne r12, r12, #1
  lsrs r0, r0, r4
  lsl r5, r1, r5
  orrs r0, r0, r5
  lsrs r1, r1, r4
  cmp r12, #0x80000000
  it eq
  lsrseq r5, r0, #1
  adcs r0, r0, #0
  adc r1, r1, r6
  pop {r4, r5, r6, r7, r8, pc}

f64_div_special:
  ubfx r5, r3, #20, #11
  eor r6, r1, r3
  and r6, r6, #0x80000000
  bic r1, r1, #0x80000000
  bic r3, r3, #0x80000000
  cmp r4, r12
  beq f64_div_of_large
  cmp r5, r12
  beq f64_div_by_large
  orrs lr, r2, r3
  beq f64_div_by_zero
  orrs lr, r0, r1
  beq f64_div_zero
  cbnz r4, f64_div_a_normal
  clz r4, r1
  subs r4, r4, #11
  cbnz r1, f64_div_a_upper
  clz r4, r0
  adds r4, r4, #21
f64_div_a_upper:                @ leading zeros, of which 11 are right
  lsls r1, r1, r4
  rsb r12, r4, #32
  lsr r12, r0, r12
  orr r1, r1, r12
  sub r12, r4, #32
  lsl r12, r0, r12
  orr r1, r1, r12
  lsls r0, r0, r4
  rsb r4, r4, #1
f64_div_a_normal:
  cbnz r5, f64_div_b_normal
  clz r5, r3
  subs r5, r5, #11
  cbnz r3, f64_div_b_upper
  clz r5, r2
  adds r5, r5, #21
f64_div_b_upper:
  lsls r3, r3, r5
  rsb r12, r5, #32
  lsr r12, r2, r12
  orr r3, r3, r12
  sub r12, r5, #32
  lsl r12, r2, r12
  orr r3, r3, r12
  lsls r2, r2, r5
  rsb r5, r5, #1
f64_div_b_normal:
  orr r1, r1, r6
  b f64_div_normal
f64_div_of_large:               @ infinity, unless either is no number or both are infinite
  orrs lr, r0, r1, lsl #12
  bne f64_div_nan
  cmp r5, r12
  beq f64_div_nan
f64_div_infinite:
  movs r0, #0
  orr r1, r6, #0x7f000000
  orr r1, r1, #0x00f00000
  pop {r4, r5, r6, r7, r8, pc}
f64_div_by_large:
  orrs lr, r2, r3, lsl #12
  bne f64_div_nan
f64_div_zero:
  movs r0, #0
  mov r1, r6
  pop {r4, r5, r6, r7, r8, pc}
f64_div_by_zero:
  orrs lr, r0, r1
  bne f64_div_infinite
f64_div_nan:
  movs r0, #0
  movw r1, #0
  movt r1, #0x7ff8
  pop {r4, r5, r6, r7, r8, pc}
