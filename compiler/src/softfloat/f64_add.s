@ Sum and difference of f64.
@
@ In: r1:r0, r3:r2. Out: r1:r0. As for f32: a is the operand of the greater magnitude; b is aligned to it in r3:r2, what falls
@ below is in r5 with its last bit sticky, and the sum is made on a as it is encoded. r4 is the exponent of a, r6 how far b
@ is below it, lr has the difference of the signs.

f64_sub:
  eor r3, r3, #0x80000000
f64_add:
  lsl r12, r1, #1
  cmp r12, r3, lsl #1
  it eq
  cmpeq r0, r2
  bhs f64_add_ordered
  mov r12, r0
  mov r0, r2
  mov r2, r12
  mov r12, r1
  mov r1, r3
  mov r3, r12
f64_add_ordered:
  push {r4, r5, r6, lr}
  ubfx r4, r1, #20, #11
  ubfx r5, r3, #20, #11
  cmp r4, #0x7f0
  bhs f64_add_large
f64_add_finite:
  subs r6, r4, r5
  cmp r6, #54
  bhi f64_add_done
  eor lr, r1, r3
  cbz r5, f64_add_tiny
  bfc r3, #20, #12
  orr r3, r3, #0x00100000
f64_add_align:
  rsbs r12, r6, #32
  blo f64_add_far
  lsl r5, r2, r12
  lsrs r2, r2, r6
  lsl r12, r3, r12
  orr r2, r2, r12
  lsrs r3, r3, r6
f64_add_aligned:
  cmp lr, #0
  bmi f64_add_differ
  adds r0, r0, r2
  adcs r3, r3, r1
  ubfx r12, r3, #20, #11
  cmp r12, r4
  bne f64_add_carry
f64_add_round:                  @ the encoded sum in r3:r0, what is below it in r5
  cmp r5, #0x80000000
  it eq
  lsrseq r12, r0, #1
  adcs r0, r0, #0
  adc r1, r3, #0
f64_add_done:
  pop {r4, r5, r6, pc}

f64_add_far:
  subs r6, r6, #32
  rsb r12, r6, #32
  lsls r5, r2, r12
  lsr r5, r2, r6
  it ne
  orrne r5, r5, #1
  lsl r12, r3, r12
  orr r5, r5, r12
  lsrs r3, r3, r6
  mov r2, r3
  movs r3, #0
  b f64_add_aligned

f64_add_carry:                  @ the significand has a bit more: halve what is above the next power of two
  lsrs r1, r1, #20
  adds r1, r1, #1
  lsls r1, r1, #20
  subs r3, r3, r1
  orr r5, r5, r5, lsl #1        @ the last bit is lost, but not that there was one
  lsrs r3, r3, #1
  rrxs r0, r0
  rrx r5, r5
  adds r3, r3, r1
  lsls r2, r1, #1
  cmn r2, #0x00200000
  bne f64_add_round
  movs r0, #0
  pop {r4, r5, r6, pc}

f64_add_differ:
  rsbs r5, r5, #0
  sbcs r0, r0, r2
  sbc r3, r1, r3
  ubfx r12, r3, #20, #11
  cmp r12, r4
  beq f64_add_round
  cmp r4, #1
  beq f64_add_least
  ubfx r12, r3, #0, #20         @ the significand, below its leading place
  tst r3, #0x00080000
  beq f64_add_cancelled
  adds r5, r5, r5
  adcs r0, r0, r0
  adc r3, r3, r12
  sub r3, r3, #0x00100000
  b f64_add_round

f64_add_cancelled:              @ exact: only operands next to each other cancel more than one bit
  adds r5, r5, r5
  adcs r0, r0, r0
  adc r3, r12, r12
  orrs r12, r0, r3
  beq f64_add_zero
  and r1, r1, #0x80000000
  clz r2, r3
  subs r2, r2, #11
  cbnz r3, f64_add_shift
  clz r2, r0
  adds r2, r2, #21
f64_add_shift:
  subs r4, r4, #2
  cmp r2, r4
  it hi
  movhi r2, r4
  subs r4, r4, r2
  lsls r3, r3, r2
  rsb r12, r2, #32
  lsr r12, r0, r12
  orr r3, r3, r12
  sub r12, r2, #32
  lsl r12, r0, r12
  orr r3, r3, r12
  lsls r0, r0, r2
  adds r1, r1, r3
  add r1, r1, r4, lsl #20
  pop {r4, r5, r6, pc}
f64_add_zero:
  movs r1, #0
  pop {r4, r5, r6, pc}

f64_add_least:                  @ below the normal numbers nothing is shifted
  mov r1, r3
f64_add_signed_zero:
  orrs r12, r0, r1, lsl #1
  it eq
  moveq r1, #0
  pop {r4, r5, r6, pc}

f64_add_tiny:                   @ b is zero or subnormal
  orrs r12, r2, r3, lsl #1
  beq f64_add_nothing
  bic r3, r3, #0x80000000
  cbz r4, f64_add_both_tiny
  subs r6, r6, #1
  b f64_add_align
f64_add_both_tiny:
  cmp lr, #0
  bmi f64_add_tiny_differ
  adds r0, r0, r2
  adcs r1, r1, r3
  pop {r4, r5, r6, pc}
f64_add_tiny_differ:
  subs r0, r0, r2
  sbcs r1, r1, r3
  b f64_add_signed_zero
f64_add_nothing:
  orrs r12, r0, r1, lsl #1
  it eq
  andeq r1, r1, r3
  pop {r4, r5, r6, pc}

f64_add_large:
  movw r12, #2047
  cmp r4, r12
  bne f64_add_finite
  orrs r12, r0, r1, lsl #12
  bne f64_add_nan
  eor r12, r1, r3               @ a is infinite: is b its opposite?
  cmp r12, #0x80000000
  it eq
  cmpeq r2, #0
  bne f64_add_done
f64_add_nan:
  movs r0, #0
  movw r1, #0
  movt r1, #0x7ff8
  pop {r4, r5, r6, pc}
