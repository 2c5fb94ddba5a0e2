@ Integers to floats.
@
@ In: r0 or r1:r0. Out: r0 or r1:r0. The magnitude is moved up until its leading one is at the top of its words, the result is
@ made of its upper bits, whose leading one counts in the exponent, and of a sign; what is below decides the rounding.

f32_from_i64:
  ands r3, r1, #0x80000000
  bpl f32_from_words
  rsbs r0, r0, #0
  sbc r1, r1, r1, lsl #1
f32_from_words:                 @ the sign in r3
  cbz r1, f32_from_word
  clz r2, r1
  rsb r12, r2, #32
  lsls r1, r1, r2
  lsr r12, r0, r12
  orrs r1, r1, r12
  rsb r12, r2, #189
  add r3, r3, r12, lsl #23
  lsls r0, r0, r2
  lsl r12, r1, #24
  it ne
  orrne r12, r12, #1
  cmp r12, #0x80000000
  adc r0, r3, r1, lsr #8
  it eq
  biceq r0, r0, #1
  bx lr
f32_from_u64:
  movs r3, #0
  b f32_from_words

f32_from_i32:
  ands r3, r0, #0x80000000
  it mi
  rsbmi r0, r0, #0
f32_from_word:                  @ the sign in r3
  clz r2, r0
  lsls r0, r0, r2
  beq f32_from_done
  rsb r2, r2, #157
  add r3, r3, r2, lsl #23
  lsl r1, r0, #24
  cmp r1, #0x80000000
  adc r0, r3, r0, lsr #8
  it eq
  biceq r0, r0, #1
f32_from_done:
  bx lr
f32_from_u32:
  movs r3, #0
  b f32_from_word

f64_from_i64:
  ands r2, r1, #0x80000000
  bpl f64_from_words
  rsbs r0, r0, #0
  sbc r1, r1, r1, lsl #1
f64_from_words:                 @ the sign in r2
  cbz r1, f64_from_word
  clz r3, r1
  rsb r12, r3, #32
  lsls r1, r1, r3
  lsr r12, r0, r12
  orrs r1, r1, r12
  lsls r0, r0, r3
  movw r12, #1085
  sub r3, r12, r3
  add r2, r2, r3, lsl #20
  lsls r3, r0, #21
  lsrs r0, r0, #11
  orr r0, r0, r1, lsl #21
  cmp r3, #0x80000000
  it eq
  lsrseq r12, r0, #1
  adcs r0, r0, #0
  adc r1, r2, r1, lsr #11
  bx lr
f64_from_u64:
  movs r2, #0
  b f64_from_words

f64_from_i32:
  ands r2, r0, #0x80000000
  it mi
  rsbmi r0, r0, #0
f64_from_word:                  @ the sign in r2
  clz r3, r0
  lsls r0, r0, r3
  beq f64_from_zero
  movw r12, #1053
  sub r3, r12, r3
  add r2, r2, r3, lsl #20
  add r1, r2, r0, lsr #11
  lsls r0, r0, #21
  bx lr
f64_from_zero:
  movs r1, #0
  bx lr
f64_from_u32:
  movs r2, #0
  b f64_from_word
