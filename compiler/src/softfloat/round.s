@ Rounding to integers: up, down, to zero, to the nearest and even.
@
@ In: r0 or r1:r0. Out: the same. The fraction's bits are cleared in the number as it is encoded, after one less than a unit, or
@ than half a unit and what makes it even, is added to the magnitude: a carry runs into the exponent by itself. The exponent's
@ last bit is that of the unit of 1.0.

f32_ceil:
  mvn r1, r0
  b f32_round
f32_trunc:
  movs r1, #0
  b f32_round
f32_floor:
  mov r1, r0
f32_round:                      @ N of r1: a fraction counts as one more
  ubfx r2, r0, #23, #8
  subs r2, r2, #126
  ble f32_round_below
  cmp r2, #24
  bhs f32_round_whole
  mvn r3, #0xff000000
  lsrs r3, r3, r2
  and r1, r3, r1, asr #31
  adds r0, r0, r1
  bics r0, r0, r3
  bx lr
f32_round_below:
  lsls r2, r0, #1
  beq f32_round_done
  and r0, r0, #0x80000000
  cmp r1, #0
  it mi
  orrmi r0, r0, #0x3f800000
f32_round_done:
  bx lr
f32_round_whole:
  lsls r2, r0, #1
  cmp r2, #0xff000000
  bls f32_round_done
  movw r0, #0
  movt r0, #0x7fc0
  bx lr

f32_nearest:
  ubfx r2, r0, #23, #8
  subs r2, r2, #126
  ble f32_nearest_below
  cmp r2, #24
  bhs f32_round_whole
  mvn r3, #0xff000000
  lsrs r3, r3, r2
  rsb r2, r2, #25
  lsrs r2, r0, r2               @ C: the unit is odd
  adc r0, r0, r3, lsr #1
  bics r0, r0, r3
  bx lr
f32_nearest_below:
  lsls r2, r0, #1
  and r0, r0, #0x80000000
  cmp r2, #0x7e000000           @ more than a half?
  it hi
  orrhi r0, r0, #0x3f800000
  bx lr

f64_ceil:
  mvn r12, r1
  b f64_round
f64_trunc:
  mov r12, #0
  b f64_round
f64_floor:
  mov r12, r1
f64_round:                      @ N of r12: a fraction counts as one more
  ubfx r2, r1, #20, #11
  subw r2, r2, #1022
  mvn r3, #0
  cmp r2, #21
  bge f64_round_lower
  cmp r2, #0
  ble f64_round_below
  lsrs r3, r3, #11
  lsrs r3, r3, r2
  asr r12, r12, #31
  adds r0, r0, r12
  and r12, r12, r3
  adc r1, r1, r12
  bics r1, r1, r3
  movs r0, #0
  bx lr
f64_round_lower:                @ the unit is the upper word's last bit or below
  cmp r2, #53
  bge f64_round_whole
  subs r2, r2, #21
  lsrs r3, r3, r2
  and r12, r3, r12, asr #31
  adds r0, r0, r12
  adc r1, r1, #0
  bics r0, r0, r3
  bx lr
f64_round_below:
  orrs r2, r0, r1, lsl #1
  beq f64_round_done
  movs r0, #0
  and r1, r1, #0x80000000
  cmp r12, #0
  bpl f64_round_done
f64_round_one:
  orr r1, r1, #0x3f000000
  orr r1, r1, #0x00f00000
f64_round_done:
  bx lr
f64_round_whole:
  cmp r0, #1
  adc r2, r1, r1
  cmn r2, #0x00200000
  bls f64_round_done
  movs r0, #0
  movw r1, #0
  movt r1, #0x7ff8
  bx lr

f64_nearest:
  ubfx r2, r1, #20, #11
  subw r2, r2, #1022
  mvn r3, #0
  cmp r2, #21
  bge f64_nearest_lower
  cmp r2, #0
  ble f64_nearest_below
  lsrs r3, r3, #11
  lsrs r3, r3, r2
  rsb r2, r2, #22
  lsrs r2, r1, r2               @ C: the unit is odd
  adcs r0, r0, #0xffffffff
  adc r1, r1, r3, lsr #1
  bics r1, r1, r3
  movs r0, #0
  bx lr
f64_nearest_lower:
  cmp r2, #53
  bge f64_round_whole
  rsb r12, r2, #53              @ 32 if the unit is the upper word's
  lsr r12, r0, r12
  subs r2, r2, #21
  lsrs r3, r3, r2
  lsl r2, r1, r2
  orrs r2, r2, r12
  lsrs r2, r2, #1               @ C: the unit is odd
  adcs r0, r0, r3, lsr #1
  adc r1, r1, #0
  bics r0, r0, r3
  bx lr
f64_nearest_below:              @ Z: from a half up, of which only the half itself goes to zero
  bne f64_nearest_zero
  orrs r2, r0, r1, lsl #12
  beq f64_nearest_zero
  movs r0, #0
  and r1, r1, #0x80000000
  b f64_round_one
f64_nearest_zero:
  movs r0, #0
  and r1, r1, #0x80000000
  bx lr
