@ Comparison, minimum and maximum of f64.
@
@ In: r1:r0, r3:r2. Out: the flags, or r1:r0. As for f32; a number is none if twice its upper word, and one more if the lower
@ word is not zero, is above that of infinity.

f64_cmp:
  cmp r0, #1
  adc r12, r1, r1
  cmn r12, #0x00200000
  bhi f64_cmp_unordered
  cmp r2, #1
  adc r12, r3, r3
  cmn r12, #0x00200000
  bhi f64_cmp_unordered
  orrs r12, r1, r3
  bmi f64_cmp_negative
  cmp r1, r3
  beq f64_cmp_lower
  bx lr
f64_cmp_lower:
  cmp r0, r2
f64_cmp_words:                  @ from an unsigned comparison: 0 or 2 against 1, or equal
  beq f64_cmp_equal
  ite hi
  movhi r2, #2
  movls r2, #0
  cmp r2, #1
  bx lr
f64_cmp_negative:
  teq r1, r3
  bmi f64_cmp_signs
  cmp r3, r1
  beq f64_cmp_lower_negative
  bx lr
f64_cmp_lower_negative:
  cmp r2, r0
  b f64_cmp_words
f64_cmp_signs:
  orr r0, r0, r2
  orrs r0, r0, r12, lsl #1
  beq f64_cmp_equal
  lsrs r2, r3, #31
  cmp r2, r1, lsr #31
  bx lr
f64_cmp_equal:
  cmp r0, r0
  bx lr
f64_cmp_unordered:              @ the least integer less one: V; and no borrow: C
  mov r2, #0x80000000
  cmp r2, #1
  bx lr

f64_min:
  cmp r0, #1
  adc r12, r1, r1
  cmn r12, #0x00200000
  bhi f64_min_nan
  cmp r2, #1
  adc r12, r3, r3
  cmn r12, #0x00200000
  bhi f64_min_nan
  orrs r12, r1, r3
  bmi f64_min_negative
f64_min_lower:
  cmp r0, r2
  sbcs r12, r1, r3
  bhs f64_min_second
  bx lr
f64_max:
  cmp r0, #1
  adc r12, r1, r1
  cmn r12, #0x00200000
  bhi f64_min_nan
  cmp r2, #1
  adc r12, r3, r3
  cmn r12, #0x00200000
  bhi f64_min_nan
  ands r12, r1, r3
  bmi f64_min_lower
  cmp r0, r2
  sbcs r12, r1, r3
  blt f64_min_second
  bx lr
f64_min_negative:               @ the greater words have the sign, and the greater magnitude if both have it
  cmp r0, r2
  sbcs r12, r1, r3
  blo f64_min_second
  bx lr
f64_min_second:
  mov r0, r2
  mov r1, r3
  bx lr
f64_min_nan:
  movs r0, #0
  movw r1, #0
  movt r1, #0x7ff8
  bx lr
