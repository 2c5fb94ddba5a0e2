@ Square roots.
@
@ In: r0 or r1:r0. Out: the same. With t the significand in [1, 4), its exponent even, N = t * 2^30 is one word. A line is within
@ 3 % of the root and a step of Heron within 2^-11. A root is never half way between two floats, so one bit more than the
@ result's decides the rounding; it is made right by the sign of the exact remainder modulo a power of two.

f32_sqrt:
  sub r1, r0, #0x00800000
  cmp r1, #0x7f000000
  bhs f32_sqrt_special
  lsrs r2, r0, #23
  lsls r0, r0, #8
  orr r0, r0, #0x80000000
f32_sqrt_normal:                @ the exponent in r2, the leading one at the top of r0
  asrs r2, r2, #1               @ C: the exponent less 127 is even
  adc r2, r2, #62               @ one less than the result's, because the leading one is added to it
  it hs
  lsrhs r0, r0, #1
  movw r3, #44958
  umull r3, r1, r0, r3
  movw r3, #22479
  adds r1, r1, r3
  udiv r3, r0, r1
  adds r1, r1, r3
  lsrs r1, r1, #1
  udiv r3, r0, r1
  adds r1, r1, r3
  lsrs r1, r1, #1               @ the root of N, but for 1 or 2
  mls r3, r1, r1, r0
  lsls r3, r3, #8
  sdiv r3, r3, r1
  add r1, r3, r1, lsl #9        @ that of t * 2^48, 25 bits, but for 1
  mul r3, r1, r1
  rsbs r3, r3, r0, lsl #18
  it mi
  submi r1, r1, #1
  cmp r3, r1, lsl #1
  it gt
  addgt r1, r1, #1
  lsrs r1, r1, #1
  adc r0, r1, r2, lsl #23
  bx lr
f32_sqrt_special:
  lsls r1, r0, #1
  beq f32_sqrt_done
  cmp r0, #0x7f800000
  beq f32_sqrt_done
  bhi f32_sqrt_nan
  clz r2, r0
  lsls r0, r0, r2
  rsb r2, r2, #9
  b f32_sqrt_normal
f32_sqrt_nan:
  movw r0, #0
  movt r0, #0x7fc0
f32_sqrt_done:
  bx lr

@ r5 becomes y = 2^32 / sqrt(t): 16 bits of it by a division, then two steps of Newton, and less than it by at most 2^-28 of it.
@ N * y gives s, 28 bits of the root, less than it by d < 2.5. What remains times y gives 25 bits more. They leave out
@ d^2 * 2^24 / s, but y is too small: together they are too great by less than an eighth. So with two sixteenths less the
@ 54 bits are never too great, and too small by 1 at most.

f64_sqrt:
  lsrs r2, r1, #20
  subs r3, r2, #1
  movw r12, #2046
  cmp r3, r12
  bhs f64_sqrt_special
f64_sqrt_normal:                @ the exponent in r2, the leading one at bit 52
  push {r4, r5, r6, lr}
  bfc r1, #20, #12
  orr r1, r1, #0x00100000
  asrs r2, r2, #1               @ C: the exponent less 1023 is even
  adc r2, r2, #510              @ one less than the result's, because the leading one is added to it
  bhs f64_sqrt_even
  adds r0, r0, r0
  adcs r1, r1, r1
f64_sqrt_even:
  lsls r4, r1, #10
  orr r4, r4, r0, lsr #22       @ N
  movw r3, #44958
  umull r3, r5, r4, r3
  movw r3, #22479
  adds r5, r5, r3
  udiv r3, r4, r5
  adds r5, r5, r3
  lsrs r5, r5, #1
  mov r3, #0x80000000
  udiv r5, r3, r5
  mul r3, r5, r5
  umull r12, r3, r3, r4
  rsb r3, r3, #0x40000000
  asrs r3, r3, #5
  muls r3, r5, r3
  lsls r5, r5, #16
  add r5, r5, r3, asr #10
  umull r12, r3, r5, r5
  umull r12, r3, r3, r4
  rsb r3, r3, #0x40000000
  subs r3, r3, #4
  lsrs r6, r5, #16
  muls r3, r6, r3
  add r5, r5, r3, asr #15
  umull r12, r6, r4, r5
  lsrs r6, r6, #2               @ the upper digit
  lsls r3, r0, #4
  mls r3, r6, r6, r3
  umull r12, r3, r3, r5
  subs r3, r3, #2
  lsrs r3, r3, #4
  adds r3, r3, r6, lsl #25
  lsr r6, r6, #7
  adc r6, r6, #0                @ the root in r6:r3, 54 bits, or one less
  umull r4, r5, r3, r3
  mul r12, r3, r6
  add r5, r5, r12, lsl #1
  lsls r0, r0, #22
  rsbs r4, r4, #0
  sbcs r5, r0, r5
  adds r12, r3, r3
  adc r0, r6, r6
  cmp r12, r4
  sbcs r12, r0, r5
  blt f64_sqrt_more
f64_sqrt_round:
  lsrs r6, r6, #1
  rrxs r0, r3
  adcs r0, r0, #0
  adc r1, r6, r2, lsl #20
  pop {r4, r5, r6, pc}
f64_sqrt_more:
  adds r3, r3, #1
  adc r6, r6, #0
  b f64_sqrt_round

f64_sqrt_special:
  orrs r3, r0, r1, lsl #1
  beq f64_sqrt_done
  cmp r2, #0
  bne f64_sqrt_large
  clz r2, r1
  subs r2, r2, #11
  cbnz r1, f64_sqrt_upper
  clz r2, r0
  adds r2, r2, #21
f64_sqrt_upper:                 @ leading zeros, of which 11 are right
  lsls r1, r1, r2
  rsb r12, r2, #32
  lsr r12, r0, r12
  orr r1, r1, r12
  sub r12, r2, #32
  lsl r12, r0, r12
  orr r1, r1, r12
  lsls r0, r0, r2
  rsb r2, r2, #1
  b f64_sqrt_normal
f64_sqrt_large:
  cmp r1, #0x80000000
  bhs f64_sqrt_nan
  orrs r3, r0, r1, lsl #12
  beq f64_sqrt_done
f64_sqrt_nan:
  movs r0, #0
  movw r1, #0
  movt r1, #0x7ff8
f64_sqrt_done:
  bx lr
