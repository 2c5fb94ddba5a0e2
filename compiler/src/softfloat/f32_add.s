@ Sum and difference of f32.
@
@ In: r0, r1. Out: r0. The operand of the greater magnitude is a, in r0; b is aligned to it: its significand above the point in
@ r1, what falls below in r3, exactly, since it is at most 25 places away. The sum is made on a as it is encoded, so that
@ carries of rounding run into the exponent and on to infinity by themselves.

f32_sub:
  eor r1, r1, #0x80000000
f32_add:
  lsls r2, r0, #1
  cmp r2, r1, lsl #1
  bhs f32_add_ordered
  mov r2, r0
  mov r0, r1
  mov r1, r2
f32_add_ordered:
  ubfx r2, r0, #23, #8
  ubfx r3, r1, #23, #8
  cmp r2, #255
  beq f32_add_special
  sub r12, r2, r3
  cmp r12, #25
  it hi
  bxhi lr
  cmp r3, #0
  beq f32_add_tiny
  teq r0, r1
  bic r1, r1, #0xff000000
  orr r1, r1, #0x00800000
f32_add_align:                  @ N: the signs differ; r12: how far b is below a
  rsb r3, r12, #32
  lsl r3, r1, r3
  lsr r1, r1, r12
  bmi f32_add_differ
  adds r1, r0, r1
  ubfx r12, r1, #23, #8
  cmp r12, r2
  bne f32_add_carry
f32_add_round:                  @ the encoded sum in r1, what is below it in r3
  cmp r3, #0x80000000
  adc r0, r1, #0
  it eq
  biceq r0, r0, #1
  bx lr

f32_add_carry:                  @ the significand has a bit more: halve what is above the next power of two
  lsrs r0, r0, #23
  adds r0, r0, #1
  lsls r0, r0, #23
  subs r1, r1, r0
  lsrs r1, r1, #1
  rrx r3, r3
  adds r1, r1, r0
  cmp r2, #254
  bne f32_add_round
  bx lr                         @ infinity, which r0 is already

f32_add_differ:
  rsbs r3, r3, #0
  sbc r1, r0, r1
  ubfx r12, r1, #23, #8
  cmp r12, r2
  beq f32_add_round
  cmp r2, #1
  beq f32_add_least
  ubfx r12, r1, #0, #23         @ the significand, below its leading place
  tst r1, #0x00400000
  beq f32_add_cancelled
  adds r3, r3, r3
  adc r1, r1, r12
  sub r1, r1, #0x00800000
  b f32_add_round

f32_add_cancelled:              @ exact: only operands next to each other cancel more than one bit
  adds r3, r3, r3
  adcs r12, r12, r12
  beq f32_add_zero
  and r0, r0, #0x80000000
  clz r3, r12
  subs r3, r3, #8
  subs r2, r2, #2
  cmp r3, r2
  it hi
  movhi r3, r2
  subs r2, r2, r3
  lsl r12, r12, r3
  add r0, r0, r12
  add r0, r0, r2, lsl #23
  bx lr
f32_add_zero:
  movs r0, #0
  bx lr

f32_add_least:                  @ below the normal numbers nothing is shifted
  mov r0, r1
  lsls r1, r1, #1
  it eq
  moveq r0, #0
  bx lr

f32_add_tiny:                   @ b is zero or subnormal
  lsls r3, r1, #1
  beq f32_add_nothing
  teq r0, r1
  bic r1, r1, #0x80000000
  cbz r2, f32_add_both_tiny
  sub r12, r12, #1
  b f32_add_align
f32_add_both_tiny:
  ite mi
  submi r0, r0, r1
  addpl r0, r0, r1
  lsls r1, r0, #1
  it eq
  moveq r0, #0
  bx lr
f32_add_nothing:
  lsls r3, r0, #1
  it eq
  andeq r0, r0, r1
  bx lr

f32_add_special:                @ a is infinite or no number
  lsls r2, r0, #9
  bne f32_add_nan
  eor r2, r0, r1
  cmp r2, #0x80000000
  it ne
  bxne lr
f32_add_nan:
  movw r0, #0
  movt r0, #0x7fc0
  bx lr
