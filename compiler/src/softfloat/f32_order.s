@ Comparison, minimum and maximum of f32.
@
@ In: r0, r1. Out: the flags, or r0. Words of the same sign are ordered as integers, negative ones the other way round; different
@ signs are ordered by the sign alone, except that zeros compare equal.

f32_cmp:
  mov r3, #0xff000000
  cmp r3, r0, lsl #1
  it hs
  cmphs r3, r1, lsl #1
  blo f32_cmp_unordered
  orrs r2, r0, r1
  bmi f32_cmp_negative
  cmp r0, r1
  bx lr
f32_cmp_negative:
  teq r0, r1
  bmi f32_cmp_signs
  cmp r1, r0
  bx lr
f32_cmp_signs:
  lsls r2, r2, #1               @ both zero: equal, and V is clear since the comparison above
  beq f32_cmp_done
  lsrs r2, r1, #31
  cmp r2, r0, lsr #31
f32_cmp_done:
  bx lr
f32_cmp_unordered:              @ the least integer less one: V; and no borrow: C
  mov r2, #0x80000000
  cmp r2, #1
  bx lr

f32_min:
  mov r3, #0xff000000
  cmp r3, r0, lsl #1
  it hs
  cmphs r3, r1, lsl #1
  blo f32_min_nan
  orrs r2, r0, r1
  bmi f32_min_negative
f32_min_lower:
  cmp r0, r1
  it hi
  movhi r0, r1
  bx lr
f32_max:
  mov r3, #0xff000000
  cmp r3, r0, lsl #1
  it hs
  cmphs r3, r1, lsl #1
  blo f32_min_nan
  ands r2, r0, r1
  bmi f32_min_lower
  cmp r0, r1
  it lt
  movlt r0, r1
  bx lr
f32_min_negative:               @ the greater word has the sign, and the greater magnitude if both have it
  cmp r0, r1
  it lo
  movlo r0, r1
  bx lr
f32_min_nan:
  movw r0, #0
  movt r0, #0x7fc0
  bx lr
