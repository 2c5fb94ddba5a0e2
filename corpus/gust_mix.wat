;; The seed function: clamp(1500 + ((256 * (ch - 1024)) >> 8), 1000, 2000) for a 16-bit channel value.
(module
  (func $gust_mix (export "gust_mix") (param $ch i32) (result i32)
    (local $v i32)
    (local.set $v
      (i32.shr_s
        (i32.sub
          (i32.shl (i32.and (local.get $ch) (i32.const 65535)) (i32.const 8))
          (i32.const 262144))
        (i32.const 8)))
    (local.set $v
      (select (local.get $v) (i32.const 500)
        (i32.lt_s (local.get $v) (i32.const 500))))
    (i32.add
      (select (local.get $v) (i32.const -500)
        (i32.gt_s (local.get $v) (i32.const -500)))
      (i32.const 1500))))
;; call gust_mix 0
;; call gust_mix 524
;; call gust_mix 1024
;; call gust_mix 1524
;; call gust_mix 0xffff
;; call gust_mix 0xabcd0400
