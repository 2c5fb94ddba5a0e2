;; 64-bit division from 32-bit division, after Warren, "Hacker's Delight", second edition, 9-4 and 9-5.
;; No divisor is zero here: the check stands at the caller. Below them copies and fills, whose ranges are checked too.
;; Their addresses are machine addresses; a word need not be aligned, as no access of the compiler's need be.
(module
  ;; The quotient and remainder of (hi:lo) / v, for hi < v.
  (func $div_wide (param $hi i32) (param $lo i32) (param $v i32) (result i32 i32)
    (local $s i32) (local $v1 i32) (local $v0 i32) (local $u1 i32) (local $u0 i32)
    (local $q1 i32) (local $q0 i32) (local $r i32)
    (local.set $s (i32.clz (local.get $v)))
    (local.set $v (i32.shl (local.get $v) (local.get $s)))
    (local.set $v1 (i32.shr_u (local.get $v) (i32.const 16)))
    (local.set $v0 (i32.and (local.get $v) (i32.const 0xffff)))
    (local.set $hi (i32.or
      (i32.shl (local.get $hi) (local.get $s))
      (i32.shr_u (i32.shr_u (local.get $lo) (i32.const 1)) (i32.sub (i32.const 31) (local.get $s)))))
    (local.set $lo (i32.shl (local.get $lo) (local.get $s)))
    (local.set $u1 (i32.shr_u (local.get $lo) (i32.const 16)))
    (local.set $u0 (i32.and (local.get $lo) (i32.const 0xffff)))
    (local.set $q1 (i32.div_u (local.get $hi) (local.get $v1)))
    (local.set $r (i32.sub (local.get $hi) (i32.mul (local.get $q1) (local.get $v1))))
    (block $done (loop $again
      (br_if $done (i32.and
        (i32.lt_u (local.get $q1) (i32.const 0x10000))
        (i32.le_u (i32.mul (local.get $q1) (local.get $v0))
                  (i32.or (i32.shl (local.get $r) (i32.const 16)) (local.get $u1)))))
      (local.set $q1 (i32.sub (local.get $q1) (i32.const 1)))
      (local.set $r (i32.add (local.get $r) (local.get $v1)))
      (br_if $again (i32.lt_u (local.get $r) (i32.const 0x10000)))))
    (local.set $hi (i32.sub
      (i32.add (i32.shl (local.get $hi) (i32.const 16)) (local.get $u1))
      (i32.mul (local.get $q1) (local.get $v))))
    (local.set $q0 (i32.div_u (local.get $hi) (local.get $v1)))
    (local.set $r (i32.sub (local.get $hi) (i32.mul (local.get $q0) (local.get $v1))))
    (block $done (loop $again
      (br_if $done (i32.and
        (i32.lt_u (local.get $q0) (i32.const 0x10000))
        (i32.le_u (i32.mul (local.get $q0) (local.get $v0))
                  (i32.or (i32.shl (local.get $r) (i32.const 16)) (local.get $u0)))))
      (local.set $q0 (i32.sub (local.get $q0) (i32.const 1)))
      (local.set $r (i32.add (local.get $r) (local.get $v1)))
      (br_if $again (i32.lt_u (local.get $r) (i32.const 0x10000)))))
    (i32.add (i32.shl (local.get $q1) (i32.const 16)) (local.get $q0))
    (i32.shr_u
      (i32.sub (i32.add (i32.shl (local.get $hi) (i32.const 16)) (local.get $u0))
               (i32.mul (local.get $q0) (local.get $v)))
      (local.get $s)))

  (func $divmod (param $a i64) (param $b i64) (result i64 i64)
    (local $ah i32) (local $al i32) (local $bl i32) (local $n i64) (local $q i64) (local $r i64)
    (local.set $ah (i32.wrap_i64 (i64.shr_u (local.get $a) (i64.const 32))))
    (local.set $al (i32.wrap_i64 (local.get $a)))
    (local.set $bl (i32.wrap_i64 (local.get $b)))
    (if (i64.eqz (i64.shr_u (local.get $b) (i64.const 32)))
      (then
        (if (i32.eqz (local.get $ah))
          (then (return
            (i64.extend_i32_u (i32.div_u (local.get $al) (local.get $bl)))
            (i64.extend_i32_u (i32.rem_u (local.get $al) (local.get $bl))))))
        (call $div_wide
          (i32.rem_u (local.get $ah) (local.get $bl)) (local.get $al) (local.get $bl))
        (local.set $r (i64.extend_i32_u))
        (local.set $q (i64.extend_i32_u))
        (return
          (i64.or (local.get $q)
            (i64.shl (i64.extend_i32_u (i32.div_u (local.get $ah) (local.get $bl))) (i64.const 32)))
          (local.get $r))))
    (local.set $n (i64.clz (local.get $b)))
    (local.set $r (i64.shr_u (local.get $a) (i64.const 1)))
    (call $div_wide
      (i32.wrap_i64 (i64.shr_u (local.get $r) (i64.const 32)))
      (i32.wrap_i64 (local.get $r))
      (i32.wrap_i64 (i64.shr_u (i64.shl (local.get $b) (local.get $n)) (i64.const 32))))
    (drop)
    (local.set $q (i64.shr_u (i64.shl (i64.extend_i32_u) (local.get $n)) (i64.const 31)))
    (if (i32.eqz (i64.eqz (local.get $q)))
      (then (local.set $q (i64.sub (local.get $q) (i64.const 1)))))
    (local.set $r (i64.sub (local.get $a) (i64.mul (local.get $q) (local.get $b))))
    (if (i64.ge_u (local.get $r) (local.get $b))
      (then
        (local.set $q (i64.add (local.get $q) (i64.const 1)))
        (local.set $r (i64.sub (local.get $r) (local.get $b)))))
    (local.get $q)
    (local.get $r))

  (func $abs (param $a i64) (result i64)
    (i64.sub (i64.xor (local.get $a) (i64.shr_s (local.get $a) (i64.const 63)))
             (i64.shr_s (local.get $a) (i64.const 63))))

  (func $div_u64 (param $a i64) (param $b i64) (result i64)
    (call $divmod (local.get $a) (local.get $b))
    (drop))

  (func $rem_u64 (param $a i64) (param $b i64) (result i64)
    (local $r i64)
    (call $divmod (local.get $a) (local.get $b))
    (local.set $r)
    (drop)
    (local.get $r))

  (func $div_s64 (param $a i64) (param $b i64) (result i64)
    (local $sign i64)
    (local.set $sign (i64.shr_s (i64.xor (local.get $a) (local.get $b)) (i64.const 63)))
    (call $divmod (call $abs (local.get $a)) (call $abs (local.get $b)))
    (drop)
    (i64.sub (i64.xor (local.get $sign)) (local.get $sign)))

  (func $rem_s64 (param $a i64) (param $b i64) (result i64)
    (local $r i64) (local $sign i64)
    (local.set $sign (i64.shr_s (local.get $a) (i64.const 63)))
    (call $divmod (call $abs (local.get $a)) (call $abs (local.get $b)))
    (local.set $r)
    (drop)
    (i64.sub (i64.xor (local.get $r) (local.get $sign)) (local.get $sign)))

  ;; Bytes from one machine address to another, from the end that keeps what is still to be read where they overlap.
  (memory 0)
  (func $memory_copy (param $to i32) (param $from i32) (param $n i32)
    (if (i32.ge_u (i32.sub (local.get $to) (local.get $from)) (local.get $n))
      (then
        (block $words (loop $blocks
          (br_if $words (i32.lt_u (local.get $n) (i32.const 16)))
          (i32.store (local.get $to) (i32.load (local.get $from)))
          (i32.store offset=4 (local.get $to) (i32.load offset=4 (local.get $from)))
          (i32.store offset=8 (local.get $to) (i32.load offset=8 (local.get $from)))
          (i32.store offset=12 (local.get $to) (i32.load offset=12 (local.get $from)))
          (local.set $to (i32.add (local.get $to) (i32.const 16)))
          (local.set $from (i32.add (local.get $from) (i32.const 16)))
          (local.set $n (i32.sub (local.get $n) (i32.const 16)))
          (br $blocks)))
        (block $bytes (loop $up
          (br_if $bytes (i32.lt_u (local.get $n) (i32.const 4)))
          (i32.store (local.get $to) (i32.load (local.get $from)))
          (local.set $to (i32.add (local.get $to) (i32.const 4)))
          (local.set $from (i32.add (local.get $from) (i32.const 4)))
          (local.set $n (i32.sub (local.get $n) (i32.const 4)))
          (br $up)))
        (block $done (loop $up
          (br_if $done (i32.eqz (local.get $n)))
          (i32.store8 (local.get $to) (i32.load8_u (local.get $from)))
          (local.set $to (i32.add (local.get $to) (i32.const 1)))
          (local.set $from (i32.add (local.get $from) (i32.const 1)))
          (local.set $n (i32.sub (local.get $n) (i32.const 1)))
          (br $up))))
      (else
        ;; More than nothing is left, and the ranges overlap. The odd bytes at the end come first.
        (if (i32.and (local.get $n) (i32.const 3)) (then
          (loop $down
            (local.set $n (i32.sub (local.get $n) (i32.const 1)))
            (i32.store8 (i32.add (local.get $to) (local.get $n))
              (i32.load8_u (i32.add (local.get $from) (local.get $n))))
            (br_if $down (i32.and (local.get $n) (i32.const 3))))))
        (block $done (loop $down
          (br_if $done (i32.eqz (local.get $n)))
          (local.set $n (i32.sub (local.get $n) (i32.const 4)))
          (i32.store (i32.add (local.get $to) (local.get $n))
            (i32.load (i32.add (local.get $from) (local.get $n))))
          (br $down))))))

  (func $memory_fill (param $to i32) (param $v i32) (param $n i32)
    (local.set $v (i32.mul (i32.and (local.get $v) (i32.const 255)) (i32.const 0x01010101)))
    (block $words (loop $blocks
      (br_if $words (i32.lt_u (local.get $n) (i32.const 16)))
      (i32.store (local.get $to) (local.get $v))
      (i32.store offset=4 (local.get $to) (local.get $v))
      (i32.store offset=8 (local.get $to) (local.get $v))
      (i32.store offset=12 (local.get $to) (local.get $v))
      (local.set $to (i32.add (local.get $to) (i32.const 16)))
      (local.set $n (i32.sub (local.get $n) (i32.const 16)))
      (br $blocks)))
    (block $bytes (loop $up
      (br_if $bytes (i32.lt_u (local.get $n) (i32.const 4)))
      (i32.store (local.get $to) (local.get $v))
      (local.set $to (i32.add (local.get $to) (i32.const 4)))
      (local.set $n (i32.sub (local.get $n) (i32.const 4)))
      (br $up)))
    (block $done (loop $up
      (br_if $done (i32.eqz (local.get $n)))
      (i32.store8 (local.get $to) (local.get $v))
      (local.set $to (i32.add (local.get $to) (i32.const 1)))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br $up)))))
