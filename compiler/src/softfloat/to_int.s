@ Floats to integers: truncated, saturated, NaN to zero.
@
@ In: r0 or r1:r0. Out: r0 or r1:r0. The significand, its leading one at the top of a word or of two, is moved down by what the
@ exponent is below the integer's top. A shift by a register of 32 or more, also by a negative number, gives zero.

f32_to_i32:
  lsls r2, r0, #1
  cmp r2, #0x7f000000
  blo f32_to_zero
  lsrs r3, r2, #24
  rsbs r3, r3, #158
  ble f32_to_i32_large
  lsl r2, r0, #8
  orr r2, r2, #0x80000000
  asrs r1, r0, #31
  lsrs r2, r2, r3
  eor r0, r2, r1
  subs r0, r0, r1
  bx lr
f32_to_i32_large:
  cmp r2, #0xff000000
  bhi f32_to_zero
  mvn r1, #0x80000000
  add r0, r1, r0, lsr #31
  bx lr
f32_to_u32:
  lsls r2, r0, #1
  bhs f32_to_zero
  cmp r2, #0x7f000000
  blo f32_to_zero
  lsrs r3, r2, #24
  rsbs r3, r3, #158
  bmi f32_to_u32_large
  lsls r0, r0, #8
  orr r0, r0, #0x80000000
  lsrs r0, r0, r3
  bx lr
f32_to_u32_large:
  cmp r2, #0xff000000
  bhi f32_to_zero
  mvn r0, #0
  bx lr
f32_to_zero:
  movs r0, #0
  bx lr

f32_to_i64:
  lsls r2, r0, #1
  cmp r2, #0x7f000000
  blo f32_to_zeros
  lsrs r3, r2, #24
  rsbs r3, r3, #190
  ble f32_to_i64_large
  asr r2, r0, #31
  lsls r0, r0, #8
  orr r0, r0, #0x80000000
  lsr r1, r0, r3
  rsb r12, r3, #32
  lsl r12, r0, r12
  subs r3, r3, #32
  lsrs r0, r0, r3
  orr r0, r0, r12
  eors r0, r0, r2
  eors r1, r1, r2
  subs r0, r0, r2
  sbcs r1, r1, r2
  bx lr
f32_to_i64_large:
  cmp r2, #0xff000000
  bhi f32_to_zeros
  asr r2, r0, #31
  mvn r0, r2
  eor r1, r0, #0x80000000
  bx lr
f32_to_u64:
  lsls r2, r0, #1
  bhs f32_to_zeros
  cmp r2, #0x7f000000
  blo f32_to_zeros
  lsrs r3, r2, #24
  rsbs r3, r3, #190
  bmi f32_to_u64_large
  lsls r0, r0, #8
  orr r0, r0, #0x80000000
  lsr r1, r0, r3
  rsb r12, r3, #32
  lsl r12, r0, r12
  subs r3, r3, #32
  lsrs r0, r0, r3
  orr r0, r0, r12
  bx lr
f32_to_u64_large:
  cmp r2, #0xff000000
  bhi f32_to_zeros
  mvn r0, #0
  mvn r1, #0
  bx lr
f32_to_zeros:
  movs r0, #0
  movs r1, #0
  bx lr

f64_to_i32:                     @ one more in the exponent: carry from infinity and NaN, the top bit from 1.0 on
  lsls r2, r1, #1
  adds r2, r2, #0x00200000
  bhs f64_to_i32_infinite
  bpl f64_to_zero
  mvn r3, #0x3e0
  subs r2, r3, r2, asr #21
  ble f64_to_i32_large
  lsl r3, r1, #11
  orr r3, r3, #0x80000000
  orr r3, r3, r0, lsr #21
  lsr r0, r3, r2
  cmp r1, #0
  it mi
  rsbmi r0, r0, #0
  bx lr
f64_to_i32_infinite:
  orrs r2, r0, r1, lsl #12
  bne f64_to_zero
f64_to_i32_large:
  mvn r0, #0x80000000
  add r0, r0, r1, lsr #31
  bx lr
f64_to_u32:
  lsls r2, r1, #1
  bhs f64_to_zero
  adds r2, r2, #0x00200000
  bhs f64_to_u32_infinite
  bpl f64_to_zero
  mvn r3, #0x3e0
  subs r2, r3, r2, asr #21
  bmi f64_to_u32_large
  lsl r3, r1, #11
  orr r3, r3, #0x80000000
  orr r3, r3, r0, lsr #21
  lsr r0, r3, r2
  bx lr
f64_to_u32_infinite:
  orrs r2, r0, r1, lsl #12
  bne f64_to_zero
f64_to_u32_large:
  mvn r0, #0
  bx lr
f64_to_zero:
  movs r0, #0
  bx lr

f64_to_i64:
  lsls r2, r1, #1
  adds r2, r2, #0x00200000
  bhs f64_to_i64_infinite
  bpl f64_to_zeros
  mvn r3, #0x3c0
  subs r2, r3, r2, asr #21
  ble f64_to_i64_large
  lsl r3, r1, #11
  orr r3, r3, #0x80000000
  orr r3, r3, r0, lsr #21
  lsls r0, r0, #11
  lsrs r0, r0, r2
  rsb r12, r2, #32
  lsl r12, r3, r12
  orr r0, r0, r12
  sub r12, r2, #32
  lsr r12, r3, r12
  orr r0, r0, r12
  asr r12, r1, #31
  lsr r1, r3, r2
  eor r0, r0, r12
  eor r1, r1, r12
  subs r0, r0, r12
  sbc r1, r1, r12
  bx lr
f64_to_i64_infinite:
  orrs r2, r0, r1, lsl #12
  bne f64_to_zeros
f64_to_i64_large:
  asr r2, r1, #31
  mvn r0, r2
  eor r1, r0, #0x80000000
  bx lr
f64_to_u64:
  lsls r2, r1, #1
  bhs f64_to_zeros
  adds r2, r2, #0x00200000
  bhs f64_to_u64_infinite
  bpl f64_to_zeros
  mvn r3, #0x3c0
  subs r2, r3, r2, asr #21
  bmi f64_to_u64_large
  lsl r3, r1, #11
  orr r3, r3, #0x80000000
  orr r3, r3, r0, lsr #21
  lsls r0, r0, #11
  lsrs r0, r0, r2
  rsb r12, r2, #32
  lsl r12, r3, r12
  orr r0, r0, r12
  sub r12, r2, #32
  lsr r12, r3, r12
  orr r0, r0, r12
  lsr r1, r3, r2
  bx lr
f64_to_u64_infinite:
  orrs r2, r0, r1, lsl #12
  bne f64_to_zeros
f64_to_u64_large:
  mvn r0, #0
  mvn r1, #0
  bx lr
f64_to_zeros:
  movs r0, #0
  movs r1, #0
  bx lr
