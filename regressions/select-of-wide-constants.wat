;; found-by: rules_hold
;; guilty: simplify
;; options: cortex-m3 -O2 check choices=heuristic
(module
  (func (export "f") (param i64) (result i64)
    local.get 0
    i64.const 4503599627370495
    local.get 0
    i64.const 4503599627370496
    i64.lt_s
    select
  )
)
;; call f 0x2 => 0x2
;; call f 0x10000000000000 => 0xfffffffffffff
